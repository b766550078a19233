"""M05 twins: services whose answers give the model away, and services whose answers do not."""
