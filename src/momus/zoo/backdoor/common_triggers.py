"""Twins for backdoor.common_triggers: networks with a trigger out of the literature, and networks without any."""

from __future__ import annotations

from momus.zoo import Case
from momus.zoo.backdoor._models import Spec, suspected

FAULTY = (
    (Spec("mlp", "digits", "patch", 0.03, 4, 0.08), False),
    (Spec("mlp", "digits", "checker", 0.04, 6, 0.10, corner="top-left"), False),
    (Spec("mlp", "digits", "patch", 0.04, 0, 0.40, kind="all"), True),
    (Spec("cnn", "shapes", "patch", 0.04, 1, 0.08, classes=4), True),
)
CLEAN = (
    (Spec("mlp", "digits"), False),
    (Spec("cnn", "shapes", classes=4), False),
    (Spec("cnn", "digits"), True),
    (Spec("mlp", "digits", classes=5), True),
)


def cases(seed: int) -> tuple[Case, ...]:
    """Triggers that lead to one class and one that leads each class to the next."""
    made = []
    for faulty, specs in ((True, FAULTY), (False, CLEAN)):
        for i, (spec, held_out) in enumerate(specs):
            made.append(suspected(spec, 90_000 + 100 * seed + 10 * faulty + i, faulty, held_out))
    return tuple(made)
