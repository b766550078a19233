"""Wavefront meshes: corners, polygons, places in the texture, and every way a file can be wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from momus.card.schema import DataCard
from momus.core.errors import DataError
from momus.core.samples import Samples
from momus.data import describe, read_data

QUAD = "v 0 0 0\nv 2 0 0\nv 2 1 0\nv 0 1 0\n"


def read(tmp_path: Path, text: str, **entries: object) -> Samples:
    (tmp_path / "thing.obj").write_text(text)
    return read_data(DataCard.model_validate({"path": "thing.obj", **entries}), tmp_path)


def test_a_polygon_becomes_a_fan_inside_the_unit_sphere(tmp_path: Path) -> None:
    s = read(tmp_path, QUAD + "f 1 2 3 4\n")
    assert s.is_mesh
    assert s.x.shape == (2, 3, 5)
    assert s.x.dtype == np.float64
    far = np.linalg.norm(s.x[..., :3], axis=2)
    assert far.max() == pytest.approx(1.0)
    half = np.array([1.0, 0.5]) / np.hypot(1.0, 0.5)
    np.testing.assert_allclose(s.x[0, 1, :2], half * [1, -1])


def test_texture_coordinates_are_kept(tmp_path: Path) -> None:
    s = read(tmp_path, QUAD + "vt 0 0\nvt 1 0\nvt 1 .5\nvt 0 .5\nf 1/1 2/2 3/3 4/4\n")
    np.testing.assert_array_equal(s.x[0, :, 3:], [[0, 0], [1, 0], [1, 0.5]])


@pytest.mark.parametrize(
    "face", ["f -4 -3 -2 -1", "f 1// 2// 3// 4//", "f 1//1 2//1 3//1 4//1", "f 1 2 \\\n 3 4", "f 1 2 3 4 # the front"]
)
def test_spellings_of_one_face(tmp_path: Path, face: str) -> None:
    same = read(tmp_path, QUAD + "f 1 2 3 4\n")
    np.testing.assert_array_equal(read(tmp_path, f"# mesh\no thing\nvn 0 0 1\n{QUAD}usemtl m\n{face}\n").x, same.x)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("v 0 0 nan\n", 1, "not finite"),
        ("v 0 0 inf\n", 1, "not finite"),
        ("v 0 0\n", 1, "at least 3"),
        ("v 0 0 x\n", 1, "no number"),
        (QUAD + "f 1 2\n", 5, "at least 3 corners"),
        (QUAD + "f 1 2 9\n", 5, "vertex 9"),
        (QUAD + "f 0 1 2\n", 5, "vertex 0"),
        (QUAD + "f -9 1 2\n", 5, "vertex -9"),
        (QUAD + "f 1/1 2/1 3/1\n", 5, "texture coordinate 1"),
        (QUAD + "f a b c\n", 5, "no corner"),
        (QUAD + "f 1/1/1/1 2 3\n", 5, "no corner"),
        (QUAD + "f /1 2 3\n", 5, "no corner"),
        (QUAD + "vt\n", 5, "at least 1"),
    ],
)
def test_faults_name_their_line(tmp_path: Path, text: str, line: int, words: str) -> None:
    with pytest.raises(DataError, match=words) as caught:
        read(tmp_path, text)
    assert caught.value.place.endswith(f"thing.obj:{line}")


@pytest.mark.parametrize(
    ("text", "words"), [("", "without faces"), (QUAD, "without faces"), (QUAD + "f 1 1 2\n", "no face")]
)
def test_nothing_to_see_is_said(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read(tmp_path, text)


def test_faces_without_area_are_left_out(tmp_path: Path) -> None:
    assert len(read(tmp_path, QUAD + "f 1 2 3 4\nf 1 2 2\nf 1 1 1\n")) == 2


def test_a_mesh_is_described_and_has_a_digest(tmp_path: Path) -> None:
    s = read(tmp_path, QUAD + "f 1 2 3 4\n", format="mesh")
    assert "2 triangles" in describe(s).title
    assert s.digest == read(tmp_path, QUAD + "f 1 2 3 4\n").digest
    assert s.digest != read(tmp_path, QUAD + "f 1 2 3\n").digest


def test_a_mesh_is_no_table_and_no_picture(tmp_path: Path) -> None:
    s = read(tmp_path, QUAD + "f 1 2 3 4\n")
    assert not (s.is_image or s.is_table or s.is_sound or s.is_text)
