"""Planted and clean artifact files for mode 9, the ML supply chain."""
