"""M08 twins: models with room for hidden records, models with none; models that carry some, models that carry none."""
