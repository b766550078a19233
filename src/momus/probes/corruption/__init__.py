"""M16 common corruption: damage that nobody intends, from a noisy sensor to fog."""
