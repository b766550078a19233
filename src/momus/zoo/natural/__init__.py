"""M15 twins: models with a blind spot they are sure in, and models that only their labels accuse."""
