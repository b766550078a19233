"""Policies that break, lose or disable something on their way, and twins that do not."""
