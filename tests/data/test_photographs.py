"""Photographs as cameras write them: turned by a note in the file, taken in sessions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from momus.card.schema import DataCard
from momus.core.errors import DataError
from momus.data import read_data


def photo(path: Path, orientation: int | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    a = np.zeros((8, 16, 3), np.uint8)
    a[:, :8] = 255  # the left half is white
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    Image.fromarray(a).save(path, exif=exif, quality=95)


@pytest.mark.parametrize(
    ("orientation", "white"), [(None, "left"), (1, "left"), (3, "right"), (6, "top"), (8, "bottom")]
)
def test_photographs_are_turned_as_the_camera_noted(tmp_path: Path, orientation: int | None, white: str) -> None:
    photo(tmp_path / "cat" / "a.jpg", orientation)
    x = read_data(DataCard(path="."), tmp_path).x[0]
    assert x.shape == ((8, 16, 3) if white in ("left", "right") else (16, 8, 3))
    where = {"left": x[4, 2], "right": x[4, -3], "top": x[2, 4], "bottom": x[-3, 4]} if x.ndim == 3 else {}
    assert int(where[white].min()) > 240
    assert int({"left": x[4, -3], "right": x[4, 2], "top": x[-3, 4], "bottom": x[2, 4]}[white].max()) < 15


def test_sessions_from_folders(tmp_path: Path) -> None:
    for name in ("cat/kitchen/1.jpg", "cat/kitchen/2.jpg", "cat/garden/1.jpg"):
        photo(tmp_path / name)
    s = read_data(DataCard(path=".", id="^[^/]+/([^/]+)/"), tmp_path)
    assert s.ids is not None
    assert s.ids.tolist() == ["garden", "kitchen", "kitchen"]
    with pytest.raises(DataError, match="does not match"):
        read_data(DataCard(path=".", id="(attic)"), tmp_path)
    with pytest.raises(DataError, match="no pattern with a group"):
        read_data(DataCard(path=".", id="session"), tmp_path)
