"""M03 twins: systems that carry what a person looks like or has, and systems that do not."""
