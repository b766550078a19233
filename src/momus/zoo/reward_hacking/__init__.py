"""Policies that hack their reward, and twins that earn it."""
