"""Premise rules: which facts make a mode apply, evaluated in three values."""

from __future__ import annotations

SLUGS = (
    "perturbation", "poisoning", "inversion", "membership", "stealing", "reprogramming", "physical", "provider",
    "supply_chain", "backdoor", "dependencies", "reward_hacking", "side_effects", "shift", "natural", "corruption",
    "incomplete_testing",
)  # fmt: skip


def slug_of(name: str) -> str | None:
    """The slug of a mode given as slug, ``M04`` or ``m4``; None when it names no mode."""
    word = name.strip().lower().replace("-", "_").replace(" ", "_")
    if word in SLUGS:
        return word
    number = word.removeprefix("m")
    return SLUGS[int(number) - 1] if number.isascii() and number.isdigit() and 1 <= int(number) <= 17 else None
