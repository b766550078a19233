"""Uncertainty: intervals, the least n that can pass, two-sample tests, several looks."""
