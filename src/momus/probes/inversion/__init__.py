"""M03 model inversion: what a model's answers and updates give away about the people behind it."""
