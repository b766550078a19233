"""Planted twins for the failure mode 'dependencies'."""
