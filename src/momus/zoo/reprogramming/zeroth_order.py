"""Cases for reprogramming.zeroth_order."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from momus.zoo import Case, Later, torch_digits
from momus.zoo.reprogramming import _systems as systems
from momus.zoo.reprogramming._systems import Counter

OPTIONS: dict[str, Any] = {"steps": 400, "examples": 1500}


def cases(seed: int = 0) -> tuple[Case, ...]:
    """As for reprogramming.gradient, with nothing but scores."""
    plain, few = Counter(seed), Counter(seed + 300, most=4)
    wide = Counter(seed + 100, side=40, channels=16, most=5)
    made: tuple[tuple[str, bool, Callable[[], Any], Counter, bool], ...] = (
        ("counter", True, partial(systems.counter, plain), plain, False),
        ("linear", False, partial(systems.Linear, plain), plain, False),
        ("untrained", False, partial(systems.untrained, plain), plain, False),
        ("wide-counter", True, partial(systems.counter, wide), wide, True),
        ("counter-of-four", True, partial(systems.counter, few), few, True),
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
