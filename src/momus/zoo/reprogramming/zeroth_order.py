"""Cases for reprogramming.zeroth_order."""

from __future__ import annotations

from typing import Any

from momus.zoo import Case, torch_digits
from momus.zoo.reprogramming import _systems as systems
from momus.zoo.reprogramming._systems import Counter

OPTIONS: dict[str, Any] = {"steps": 400, "examples": 1500}


def cases(seed: int = 0) -> tuple[Case, ...]:
    """As for reprogramming.gradient, with nothing but scores."""
    plain, few = Counter(seed), Counter(seed + 300, most=4)
    wide = Counter(seed + 100, side=40, channels=16, most=5)
    digits = torch_digits.model(torch_digits.STD)
    made = (
        ("counter", True, systems.counter(plain), plain, False),
        ("linear", False, systems.Linear(plain), plain, False),
        ("untrained", False, systems.untrained(plain), plain, False),
        ("wide-counter", True, systems.counter(wide), wide, True),
        ("counter-of-four", True, systems.counter(few), few, True),
        ("four-quarters", False, systems.Brightness(plain), plain, True),
        ("one-eye", False, systems.OneEye(systems.counter(plain)), plain, True),
    )
    found = [
        Case(
            name, faulty, systems.target(module, name, recipe.side, systems.counts(recipe)),
            {"test": systems.slides(recipe)}, OPTIONS, held_out=held_out,
        )
        for name, faulty, module, recipe, held_out in made
    ]  # fmt: skip
    reader = systems.target(digits, "digit-reader", 28, torch_digits.CLASSES)
    pictures = {"test": torch_digits.samples(200)}
    return (*found, Case("digit-reader", False, reader, pictures, OPTIONS, held_out=True))
