"""The user's own path from received bytes to an answer, asked with files that nobody meant it to see."""
