"""M04 twins: models that remember their training rows, and models that do not."""
