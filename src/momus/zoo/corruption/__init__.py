"""Systems that common corruption does or does not hurt."""
