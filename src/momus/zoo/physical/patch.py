"""Cases for physical.patch."""

from __future__ import annotations

from momus.zoo import Case, torch_digits
from momus.zoo.physical import _systems as systems


def cases(seed: int = 0) -> tuple[Case, ...]:
    """Classifiers ruled by their loudest place fall to a patch; those that bound what a place can say do not."""
    test = {"test": systems.stripes(seed)}
    grey = {"test": systems.stripes(seed + 50, 40, size=(40, 28), channels=1)}
    quick = {"steps": 40, "batch": 8, "views": 3, "area": 0.08, "sweep": 0}
    return (
        Case("loudest", True, systems.target("loudest"), test, {**quick, "sweep": 2}),
        Case("votes", False, systems.target("votes"), test, quick),
        Case("mean", True, systems.target("mean"), test, {**quick, "area": 0.12}),
        Case("halves", False, systems.halves_target(), {"test": systems.halves(seed)}, quick),
        Case("loudest-saturated", True, systems.target("loudest", saturated=True), test, quick, held_out=True),
        Case(
            "mean-grey",
            True,
            systems.target("mean", size=(40, 28), channels=1),
            grey,
            {**quick, "target_class": "upright"},
            held_out=True,
        ),
        Case(
            "digits",
            True,
            systems.digits(seed),
            {"test": torch_digits.samples(60, 8)},
            {**quick, "area": 0.12, "noise": 0.02, "views": 4},
            held_out=True,
        ),
        Case("capped", False, systems.target("capped"), test, quick, held_out=True),
        Case("votes-grey", False, systems.target("votes", size=(40, 28), channels=1), grey, quick, held_out=True),
    )
