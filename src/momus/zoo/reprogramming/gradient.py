"""Cases for reprogramming.gradient."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from momus.zoo import Case, Later, torch_digits
from momus.zoo.reprogramming import _systems as systems
from momus.zoo.reprogramming._systems import Counter

OPTIONS: dict[str, Any] = {"steps": 250, "examples": 1500}


def cases(seed: int = 0) -> tuple[Case, ...]:
    """Counters of spots can be made to count squares; linear, untrained and coarse models and digit readers cannot."""
    plain, wide = Counter(seed), Counter(seed + 100, side=40, channels=16, most=5)
    deep = Counter(seed + 200, deep=True)
    made: tuple[tuple[str, bool, Callable[[], Any], Counter, bool], ...] = (
        ("counter", True, partial(systems.counter, plain), plain, False),
        ("linear", False, partial(systems.Linear, plain), plain, False),
        ("untrained", False, partial(systems.untrained, plain), plain, False),
        ("wide-counter", True, partial(systems.counter, wide), wide, True),
        ("deep-counter", True, partial(systems.counter, deep), deep, True),
        ("four-quarters", False, partial(systems.Brightness, plain), plain, True),
        ("one-eye", False, lambda: systems.OneEye(systems.counter(plain)), plain, True),
    )
    found = [
        Case(
            name, faulty, Later(partial(systems.later, build, name, recipe)), {"test": systems.slides(recipe)},
            OPTIONS, held_out=held_out,
        )
        for name, faulty, build, recipe, held_out in made
    ]  # fmt: skip
    pictures = {"test": torch_digits.samples(200)}
    return (*found, Case("digit-reader", False, Later(systems.digit_reader), pictures, OPTIONS, held_out=True))
