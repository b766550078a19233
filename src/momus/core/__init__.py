"""The words every room speaks: records, evidence, capabilities, probe, meter, registry, errors, seeds, digest."""
