"""M14 distributional shift: the world the model meets is not the one it was fitted to."""
