"""Cases for physical.object."""

from __future__ import annotations

from typing import Any

from momus.zoo import Case
from momus.zoo.physical import _shapes as shapes

QUICK: dict[str, Any] = {"views": 48, "steps": 80, "batch": 8, "pool": 64, "texels": 48}


def cases(seed: int = 0) -> tuple[Case, ...]:
    """Networks that go by paint are turned from all sides; those that see the outline alone are not."""
    cone, ball = (shapes.as_object(n) for n in ("cone", "ball"))
    narrow = (28, 40)
    paint = shapes.target("by-paint", seed, own=0.9, outline=False)
    outline = shapes.target("by-outline", seed, own=0.0, outline=True)
    grey = shapes.target("by-grey-paint", seed + 1, narrow, 1, own=0.9, outline=False, width=8)
    grey_outline = shapes.target("by-grey-outline", seed + 1, narrow, 1, own=0.0, outline=True, width=16)
    return (
        Case("by-paint", True, paint, {"object": cone}, {**QUICK, "true_class": "cone", "colour": "#4059f2"}),
        Case("by-outline", False, outline, {"object": cone}, {**QUICK, "true_class": "cone"}),
        Case(
            "by-paint-to-a-class", True, paint, {"object": ball},
            {**QUICK, "true_class": "ball", "target_class": "rod", "colour": "#33cc4d"}, held_out=True,
        ),
        Case(
            "by-grey-paint", True, grey, {"object": ball},
            {**QUICK, "true_class": "ball", "colour": "#333333"}, held_out=True,
        ),
        Case(
            "by-grey-outline", False, grey_outline, {"object": ball}, {**QUICK, "true_class": "ball"}, held_out=True
        ),
    )  # fmt: skip
