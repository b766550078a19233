"""Production: events of a served model in, the same Findings out. `momus monitor`; see docs/monitor.md."""
