"""Cases for physical.glasses."""

from __future__ import annotations

from momus.zoo import Case
from momus.zoo.physical import _faces as faces


def cases(seed: int = 0) -> tuple[Case, ...]:
    """Recognisers that read the eyes' surroundings, or one loud place, against some that glasses cannot reach."""
    test, grey = {"faces": faces.heads(seed)}, {"faces": faces.heads(seed + 9, people=13, size=(40, 32), channels=1)}
    quick = {"steps": 16, "batch": 4, "views": 2, "sweep": 0}
    return (
        Case("by-the-brow", True, faces.target("brow"), test, {**quick, "sweep": 1}),
        Case("by-the-chin", False, faces.target("chin"), test, quick),
        Case("loudest", True, faces.target("loudest"), test, {**quick, "impersonate": True}),
        Case("votes", False, faces.target("votes"), test, {**quick, "impersonate": True}),
        Case("brow-saturated", True, faces.target("brow", scale=1e4), test, quick, held_out=True),
        Case("loudest-grey", True, faces.target("loudest", 13, (40, 32), 1), grey, quick, held_out=True),
        Case("chin-grey", False, faces.target("chin", 13, (40, 32), 1), grey, quick, held_out=True),
        Case("votes-dodged", False, faces.target("votes"), test, quick, held_out=True),
    )
