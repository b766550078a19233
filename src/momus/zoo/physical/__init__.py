"""Planted and clean systems for the probes of mode 7."""
