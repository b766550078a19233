"""Tables of candidates whose stand-in metric follows the goal, and tables where it stops doing so at the top."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from momus.core.capabilities import TargetInfo
from momus.core.samples import Column, NumpyArray, Samples
from momus.zoo import Case


@dataclass(frozen=True)
class Shelf:
    """A system that chooses among candidates; nothing is asked of it."""

    name: str

    @property
    def info(self) -> TargetInfo:
        return TargetInfo(self.name, "artifact", "zoo", self.name, modality="table", output="none")


def cases(seed: int = 0) -> tuple[Case, ...]:
    """Planted: a weak stand-in, clicks that turn against their purpose at the top. Clean: a faithful one, bent but
    faithful. Held out: heavy tails, noise in repeated measurements, lower is better."""
    rng = np.random.default_rng([seed, 12, 5])
    n = int(rng.integers(200, 600))
    worth = rng.normal(size=n)
    bait = rng.normal(size=n)
    spiky = rng.standard_t(2, size=n)
    again = np.tile(worth, 4)

    def case(
        name: str, faulty: bool, stand_in: NumpyArray, true: NumpyArray, *, held_out: bool = False,
        names: tuple[str, str] = ("proxy", "goal"), ids: NumpyArray | None = None, **options: object,
    ) -> Case:  # fmt: skip
        columns = tuple(Column(c) for c in names)
        table = Samples(np.stack([stand_in, true], axis=1), columns=columns, ids=ids, name="candidates")
        return Case(name, faulty, Shelf(name), {"candidates": table}, options=options, held_out=held_out)

    return (
        case("weak stand-in", True, 0.4 * worth + bait, worth),
        case("faithful", False, worth + 0.1 * bait, worth),
        # Bait pays by its square: harmless in the middle, all there is at the top.
        case("clickbait", True, worth + 1.5 * np.maximum(bait, 0) ** 2, worth - np.maximum(bait, 0), held_out=True),
        case("bent but faithful", False, np.exp(worth) + 0.05 * bait, worth, held_out=True),
        case("heavy tails", True, worth + spiky, worth, held_out=True),
        case("noise averaged out", False, again + rng.normal(scale=0.3, size=4 * n), again, held_out=True,
             ids=np.tile(np.arange(n), 4)),
        case("lower is better", True, -0.3 * worth + bait, -worth, held_out=True, names=("loss", "harm"), proxy="loss",
             goal="harm", lower_proxy=True, lower_goal=True),
    )  # fmt: skip
