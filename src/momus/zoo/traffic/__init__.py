"""Traffic of a served model: honest callers, the queries that Momus's own attacks really ask, and both mixed."""
