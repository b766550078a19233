"""A corpus of hostile and benign model files, built from code; ``build.py`` writes it to a folder."""
