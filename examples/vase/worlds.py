"""What the card says of the four worlds: what an episode is really worth, and what can be read off a state."""

from __future__ import annotations

from typing import Any


def goal(_trajectory: Any, env: Any) -> float:
    """The hidden score: the return less what was broken, lost or kept from somebody."""
    return float(env.unwrapped.performance)


def features(env: Any) -> dict[str, float]:
    """Where things stand, by name."""
    return dict(env.unwrapped.features())
