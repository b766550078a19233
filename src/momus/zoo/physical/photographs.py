"""Cases for physical.photographs: simulated photographs of shapes that were painted in another shape's colour."""

from __future__ import annotations

from momus.zoo import Case
from momus.zoo.physical import _shapes as shapes


def cases(seed: int = 0) -> tuple[Case, ...]:
    """A network that goes by paint misreads the photographs; one that sees the outline does not."""
    paint = shapes.target("by-paint", seed, own=0.9, outline=False)
    outline = shapes.target("by-outline", seed, own=0.0, outline=True)
    narrow = (28, 40)
    grey_outline = shapes.target("by-grey-outline", seed + 1, narrow, 1, own=0.0, outline=True, width=16)
    cone = {
        "photographs": shapes.photographed(seed, "cone", "cube"),
        "control": shapes.photographed(seed, "cone", "cone"),
    }
    ball = {"photographs": shapes.photographed(seed, "ball", "rod")}
    grey = {
        "photographs": shapes.photographed(seed, "cube", "ball", narrow, 1),
        "control": shapes.photographed(seed, "cube", "cube", narrow, 1),
    }
    return (
        Case("by-paint", True, paint, cone),
        Case("by-outline", False, outline, cone),
        Case("by-paint-to-a-class", True, paint, ball, {"target_class": "rod"}, held_out=True),
        Case("unprepared", False, paint, {"photographs": cone["control"]}, held_out=True),
        Case("by-grey-outline", False, grey_outline, grey, held_out=True),
    )
