"""Cases for physical.object_search: as for physical.object, other networks and seeds."""

from __future__ import annotations

from typing import Any

from momus.zoo import Case
from momus.zoo.physical import _shapes as shapes

QUICK: dict[str, Any] = {"views": 48, "queries": 1600, "batch": 16, "pool": 48, "texels": 48}


def cases(seed: int = 0) -> tuple[Case, ...]:
    """Networks that go by paint are turned by trial and error; those that see the outline alone are not."""
    cone, ball, rod = (shapes.as_object(n) for n in ("cone", "ball", "rod"))
    narrow = (28, 40)
    paint = shapes.target("by-paint", seed, own=0.9, outline=False)
    outline = shapes.target("by-outline", seed, own=0.0, outline=True)
    grey_outline = shapes.target("by-grey-outline", seed + 1, narrow, 1, own=0.0, outline=True, width=16)
    return (
        Case("by-paint", True, paint, {"object": cone}, {**QUICK, "true_class": "cone", "colour": "#4059f2"}),
        Case("by-outline", False, outline, {"object": cone}, {**QUICK, "true_class": "cone"}),
        Case(
            "by-paint-ball", True, paint, {"object": ball},
            {**QUICK, "true_class": "ball", "colour": "#33cc4d"}, held_out=True,
        ),
        Case("by-outline-rod", False, outline, {"object": rod}, {**QUICK, "true_class": "rod"}, held_out=True),
        Case(
            "by-grey-outline", False, grey_outline, {"object": ball}, {**QUICK, "true_class": "ball"}, held_out=True
        ),
    )  # fmt: skip
