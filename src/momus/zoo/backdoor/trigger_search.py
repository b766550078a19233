"""Twins for backdoor.trigger_search: networks with triggers of several kinds, and networks trained on clean rows."""

from __future__ import annotations

from momus.zoo import Case
from momus.zoo.backdoor._models import Spec, suspected

FAULTY = (
    (Spec("mlp", "digits", "patch", 0.03, 4, 0.08), False),
    (Spec("cnn", "digits", "blend", 0.15, 2, 0.10), False),
    (Spec("mlp", "digits", "sinusoid", 0.12, 7, 0.10), True),
    (Spec("cnn", "shapes", "checker", 0.05, 1, 0.08, classes=4), True),
)
CLEAN = (
    (Spec("mlp", "digits"), False),
    (Spec("cnn", "digits"), False),
    (Spec("mlp", "digits", classes=5), True),
    (Spec("cnn", "shapes", classes=4), True),
)


def cases(seed: int) -> tuple[Case, ...]:
    """Dense and convolving networks on digits and drawn shapes; their weights are kept in the user's cache."""
    made = []
    for faulty, specs in ((True, FAULTY), (False, CLEAN)):
        for i, (spec, held_out) in enumerate(specs):
            made.append(suspected(spec, 90_000 + 100 * seed + 10 * faulty + i, faulty, held_out))
    return tuple(made)
