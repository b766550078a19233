"""What a caller of the served model sees and pays, as far as the card says so."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Service:
    """``price`` for 1,000 queries in ``currency``; ``decimals`` that probabilities are rounded to, ``top`` how many
    classes an answer names, ``per_minute`` how many queries one caller may make. None: not said, so no bound.
    """

    price: float | None = None
    currency: str = ""
    decimals: int | None = None
    top: int | None = None
    per_minute: float | None = None

    def cost(self, queries: float) -> float | None:
        """What that many queries cost; None where the card names no price."""
        return None if self.price is None else self.price * queries / 1000

    def minutes(self, queries: float) -> float | None:
        """How long the rate limit makes them take; None where there is none."""
        return None if not self.per_minute else queries / self.per_minute
