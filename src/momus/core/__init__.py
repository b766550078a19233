"""The words every room speaks: records, evidence, capabilities, probe, trial, meter, registry, errors, seeds, digest."""
