"""Corruptions that happen without an attacker: noise, blur, weather, digital damage, with five severities each."""
