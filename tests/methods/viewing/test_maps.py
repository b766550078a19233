"""Where texels land: known homographies, exact adjoints, coverage."""

from __future__ import annotations

import numpy as np
import pytest

from momus.methods.viewing.maps import FIELD, Projection, homography, nothing, plane

VIEWS = [
    {"width": 9.0, "centre": (10.0, 7.0)},
    {"width": 9.0, "centre": (10.0, 7.0), "rotation": 33.0, "scale": 1.3},
    {"width": 12.0, "centre": (3.0, 2.0), "tilt": 50.0, "axis": 70.0, "rotation": -20.0},
    {"width": 60.0, "centre": (8.0, 8.0)},
]


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("channels", [1, 3])
def test_pull_is_the_exact_adjoint(view: dict[str, float], channels: int) -> None:
    rng = np.random.default_rng(0)
    p = plane((14, 21), (6, 8), **view)  # type: ignore[arg-type]
    t = rng.random((6, 8, channels)).astype(np.float32)
    b = rng.random((14, 21, channels)).astype(np.float32)
    g = rng.standard_normal((14, 21, channels)).astype(np.float32)
    behind = p.render(np.zeros_like(t), b)
    assert np.sum((p.render(t, b) - behind).astype(float) * g) == pytest.approx(
        np.sum(t.astype(float) * p.pull(g)), abs=1e-4
    )


def test_a_frontal_view_at_full_size_is_the_texture_itself() -> None:
    rng = np.random.default_rng(1)
    t = rng.random((5, 7, 3)).astype(np.float32)
    p = plane((5, 7), (5, 7), width=7.0, centre=(3.5, 2.5), samples=1)
    assert np.allclose(p.render(t, np.zeros_like(t)), t, atol=1e-6)
    assert (p.cover == 1).all()


def test_a_quarter_turn_is_a_quarter_turn() -> None:
    """Clockwise as seen: the top row of the texture becomes the right column."""
    t = np.arange(16, dtype=np.float32).reshape(4, 4, 1) / 16
    p = plane((4, 4), (4, 4), width=4.0, centre=(2.0, 2.0), rotation=90.0, samples=1)
    assert np.allclose(p.render(t, np.zeros_like(t))[..., 0], np.rot90(t[..., 0], -1), atol=1e-5)


def test_tilt_shrinks_by_the_cosine_and_perspective() -> None:
    """A rectangle leaning about its vertical: the nearer edge appears longer by the ratio of the depths."""
    shape, size, angle = (100, 100), 40.0, 40.0
    h = homography(shape, (10, 10), width=size, centre=(50.0, 50.0), tilt=angle, axis=90.0)
    corner = h @ np.array([[0, 10, 10, 0], [0, 0, 10, 10], [1, 1, 1, 1.0]])
    x, y = corner[:2] / corner[2]
    f = FIELD * 100
    depth = size / 2 * np.sin(np.radians(angle))
    lengths = sorted([abs(y[3] - y[0]), abs(y[2] - y[1])])
    assert lengths == pytest.approx([size * f / (f + depth), size * f / (f - depth)])
    reach = size / 2 * np.cos(np.radians(angle))
    assert x.max() - x.min() == pytest.approx(reach * f / (f + depth) + reach * f / (f - depth))


@pytest.mark.parametrize(("scale", "rotation"), [(1.0, 0.0), (1.7, 0.0), (1.0, 45.0), (0.5, 17.0)])
def test_covers_the_area_it_should(scale: float, rotation: float) -> None:
    p = plane((80, 90), (4, 6), width=30.0, centre=(45.0, 40.0), scale=scale, rotation=rotation, samples=4)
    assert p.cover.sum() == pytest.approx(30 * 20 * scale**2, rel=0.02)
    assert p.share == pytest.approx(p.cover.mean())


def test_rows_sum_to_one_where_seen_and_to_nothing_elsewhere() -> None:
    p = plane((20, 20), (9, 9), width=11.0, centre=(8.0, 9.0), rotation=20.0)
    sums = np.asarray(p.matrix.sum(axis=1)).reshape(20, 20)
    assert np.allclose(sums[p.cover > 0], 1, atol=1e-5) and (sums[p.cover == 0] == 0).all()


def test_what_lies_behind_stays() -> None:
    b = np.random.default_rng(2).random((12, 12, 3)).astype(np.float32)
    out = plane((12, 12), (3, 3), width=4.0, centre=(6.0, 6.0)).render(np.zeros((3, 3, 3), np.float32), b)
    assert (out[0] == b[0]).all() and (out[6, 6] == 0).all()


def test_alpha_cuts_a_shape() -> None:
    alpha = np.zeros((10, 10))
    alpha[:, :5] = 1
    p = plane((10, 10), (10, 10), width=10.0, centre=(5.0, 5.0), alpha=alpha)
    assert (p.cover[:, :4] > 0.99).all() and (p.cover[:, 6:] == 0).all()
    white = p.render(np.ones((10, 10, 1), np.float32), np.zeros((10, 10, 1), np.float32))
    assert np.allclose(white[..., 0], p.cover)


@pytest.mark.parametrize("texture", [(1, 1), (1, 5), (40, 3)])
def test_any_texture_size_works(texture: tuple[int, int]) -> None:
    p = plane((16, 16), texture, width=6.0, centre=(8.5, 8.5))
    out = p.render(np.ones((*texture, 3), np.float32), np.zeros((16, 16, 3), np.float32))
    assert out.max() == pytest.approx(1.0)


@pytest.mark.parametrize("view", [{"centre": (-50.0, 5.0)}, {"centre": (5.0, 5.0), "tilt": 90.0}])
def test_out_of_sight_is_no_error(view: dict[str, object]) -> None:
    p = plane((10, 10), (4, 4), width=4.0, **view)  # type: ignore[arg-type]
    assert isinstance(p, Projection) and p.cover.sum() == 0
    assert not nothing((3, 3), (2, 2)).pull(np.ones((3, 3, 1))).any()
