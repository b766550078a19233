"""What is left out when more arrives than one core can take: by the card's policy, counted, and drawn by a seed."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from momus.core.samples import NumpyArray
from momus.core.seeds import derive

LEAST = 0.001  # of the events are looked at, however many wait
_MASK = (1 << 64) - 1


class Shedder:
    """Decides by nothing but how many events wait.

    ``sample``: over ``behind``, an event is kept with the chance (behind / waiting) squared, whoever sent it and
    whatever it says, so that shares and means stay unbiased. It settles where what is kept can be kept up with: at
    twice the load that is 1.4 times ``behind``, at ten times the load 3.2 times. ``dear``: over ``behind`` the dear
    detectors rest until half of it is left, and over twice ``behind`` events are drawn as well. Which events are kept
    depends on the seed and on their number since the watch began, not on how they were read.
    """

    def __init__(self, policy: Literal["sample", "dear", "never"], behind: int, seed: int) -> None:
        self._policy = policy
        self._behind = behind
        self._seed = derive(seed, "shed")
        self._number = 0  # of the next record
        self.share = 1.0
        self.dear = False

    def look(self, waiting: int) -> None:
        """Decide for what is read next."""
        if self._policy == "never":
            return
        line = self._behind if self._policy == "sample" else 2 * self._behind
        self.share = max(LEAST, min(1.0, (line / waiting) ** 2)) if waiting > line else 1.0
        if self._policy == "dear":
            self.dear = waiting > self._behind or (self.dear and waiting > self._behind / 2)

    def keep(self, n: int) -> NumpyArray | None:
        """Which of the next ``n`` records are kept; None: all."""
        first = self._number
        self._number += n
        if self.share >= 1.0:
            return None
        kept: NumpyArray = _even(self._seed, first, n) < self.share
        return kept

    def plain(self) -> dict[str, Any]:
        """What goes on after a restart."""
        return {"number": self._number, "dear": self.dear}

    def restore(self, plain: dict[str, Any]) -> None:
        self._number, self.dear = int(plain["number"]), bool(plain["dear"])


def _even(seed: int, first: int, n: int) -> NumpyArray:
    """Numbers in [0, 1), each of its own place: splitmix64 of seed and place."""
    with np.errstate(over="ignore"):
        z = np.arange(first, first + n, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(seed & _MASK)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return (z >> np.uint64(11)).astype(np.float64) * 2.0**-53
