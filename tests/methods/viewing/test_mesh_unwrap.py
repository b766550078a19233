"""Unfolding: every triangle keeps its shape, no two lie over each other, everything is on the sheet."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from momus.methods.viewing.mesh_unwrap import centred, printed, stretch, unwrapped
from momus.zoo.physical import _shapes as shapes


def sides(corners: np.ndarray) -> np.ndarray:
    return np.linalg.norm(np.roll(corners, -1, axis=1) - corners, axis=2)


@pytest.mark.parametrize("name", shapes.CLASSES)
def test_unfolding_keeps_every_triangle(name: str) -> None:
    mesh = shapes.shape(name)
    lengths, flat = sides(mesh[..., :3]), sides(mesh[..., 3:])
    np.testing.assert_allclose(lengths / flat, stretch(mesh)[0], rtol=1e-5)
    assert mesh[..., 3:].min() >= 0
    assert mesh[..., 3:].max() <= 1


@pytest.mark.parametrize("name", shapes.CLASSES)
def test_no_two_triangles_share_paper(name: str) -> None:
    """The union on a fine grid has the area of the sum."""
    mesh = shapes.shape(name)
    edges = mesh[:, 1:, 3:] - mesh[:, :1, 3:]
    whole = np.abs(edges[:, 0, 0] * edges[:, 1, 1] - edges[:, 0, 1] * edges[:, 1, 0]).sum() / 2
    n = 300
    y, x = np.mgrid[:n, :n]
    at = np.stack([(x + 0.5) / n, (y + 0.5) / n], axis=-1)
    hits = np.zeros((n, n), int)
    for a, b, c in mesh[..., 3:]:
        d = [
            (q[0] - p[0]) * (at[..., 1] - p[1]) - (q[1] - p[1]) * (at[..., 0] - p[0])
            for p, q in ((a, b), (b, c), (c, a))
        ]
        hits += (np.min(d, axis=0) > 1e-9) | (np.max(d, axis=0) < -1e-9)
    assert hits.max() == 1
    assert (hits > 0).mean() == pytest.approx(whole, abs=0.02)
    assert printed(mesh, (n, n)).mean() == pytest.approx(whole, abs=0.05)


def test_a_cube_is_unfolded_in_one_piece() -> None:
    """Six squares that share edges on the sheet: twelve triangles with eleven shared edges."""
    mesh = shapes.shape("cube")
    ends = np.round(np.sort(np.stack([mesh[..., 3:], np.roll(mesh[..., 3:], -1, axis=1)], axis=2), axis=2), 4)
    edges = {tuple(map(tuple, e)) for e in ends.reshape(-1, 2, 2)}
    assert len(edges) == 3 * 12 - 11


def test_true_size_follows_from_the_mesh() -> None:
    cube = shapes.shape("cube")
    area = np.linalg.norm(np.cross(cube[:, 1, :3] - cube[:, 0, :3], cube[:, 2, :3] - cube[:, 0, :3]), axis=1).sum() / 2
    edges = cube[:, 1:, 3:] - cube[:, :1, 3:]
    sheet = np.abs(edges[:, 0, 0] * edges[:, 1, 1] - edges[:, 0, 1] * edges[:, 1, 0]).sum() / 2
    side, low, high = stretch(cube)
    assert side**2 * sheet == pytest.approx(area)
    assert (low, high) == (pytest.approx(side), pytest.approx(side))


def test_stretch_is_seen() -> None:
    mesh = shapes.shape("cube").copy()
    mesh[:6, :, 3:] *= 0.5
    side, low, high = stretch(mesh)
    assert low < side < high
    assert high / low == pytest.approx(2.0)
    assert stretch(np.zeros((2, 3, 5))) == (1.0, 1.0, 1.0)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 20))
def test_any_soup_of_triangles_is_laid_out(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    xyz = centred(rng.normal(size=(n, 3, 3)))
    uv = unwrapped(xyz)
    np.testing.assert_allclose(sides(xyz) / sides(uv), (sides(xyz) / sides(uv)).mean(), rtol=1e-3)
    assert uv.min() >= 0
    assert uv.max() <= 1
