"""Cases for reprogramming.gradient."""

from __future__ import annotations

from typing import Any

from momus.zoo import Case
from momus.zoo.reprogramming import _systems as systems
from momus.zoo.reprogramming._systems import Counter

OPTIONS: dict[str, Any] = {"steps": 250, "examples": 1500}


def cases(seed: int = 0) -> tuple[Case, ...]:
    """Counters of spots can be made to count squares; linear, coarse and blurred models cannot."""
    plain, wide = Counter(seed), Counter(seed + 100, side=40, channels=16, most=5)
    deep = Counter(seed + 200, deep=True)
    made = (
        ("counter", True, systems.counter(plain), plain, False),
        ("linear", False, systems.Linear(plain), plain, False),
        ("wide-counter", True, systems.counter(wide), wide, True),
        ("deep-counter", True, systems.counter(deep), deep, True),
        ("four-quarters", False, systems.Brightness(plain), plain, True),
        ("blurred-counter", False, systems.Guarded(systems.counter(plain)), plain, True),
    )
    return tuple(
        Case(
            name, faulty, systems.target(module, name, recipe.side, systems.counts(recipe)),
            {"test": systems.slides(recipe)}, OPTIONS, held_out=held_out,
        )
        for name, faulty, module, recipe, held_out in made
    )  # fmt: skip
