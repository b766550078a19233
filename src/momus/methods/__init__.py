"""The mathematics that probes share: arrays and callables in, arrays out. No target, no files, no verdicts."""
