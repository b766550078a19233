"""The rasteriser against what geometry says: areas, colours at known places, depth, and the exact adjoint."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from momus.methods.viewing.maps import FIELD
from momus.methods.viewing.mesh import Mesh, Pose, view
from momus.zoo.physical import _shapes as shapes

FLAT = {"lamp": (0.0, 0.0), "ambient": 1.0}


def card(half: float = 0.5, z: float = 0.0) -> np.ndarray:
    """A square facing +z as two triangles, its texture upright."""
    a, b, c, d = ((-half, -half, z, 0, 0), (half, -half, z, 1, 0), (half, half, z, 1, 1), (-half, half, z, 0, 1))
    return np.array([[a, b, c], [a, c, d]], dtype=float)


def picture(mesh: np.ndarray, pose: Pose, texture: np.ndarray, side: int = 60, ground: float = 0.0) -> np.ndarray:
    seen = view(Mesh(mesh), pose, (side, side), texture.shape[:2])
    return seen.render(texture, np.full((side, side, texture.shape[2]), ground, np.float32))


def quarters() -> np.ndarray:
    """Red, green / blue, white: upper left, upper right, lower left, lower right."""
    t = np.zeros((32, 32, 3), np.float32)
    t[:16, :16, 0] = t[:16, 16:, 1] = t[16:, :16, 2] = 1
    t[16:, 16:] = 1
    return t


@pytest.mark.parametrize("shape", [(96, 96), (64, 120), (120, 64)])
@pytest.mark.parametrize("distance", [2.0, 5.0])
def test_a_square_covers_its_area(shape: tuple[int, int], distance: float) -> None:
    seen = view(Mesh(card()), Pose(distance=distance, **FLAT), shape, (8, 8), samples=4)
    side = FIELD * min(shape) / distance
    assert float(seen.cover.sum()) == pytest.approx(side**2, rel=0.03)


@pytest.mark.parametrize("azimuth", [0, 40, 75])
def test_a_turned_square_covers_its_trapezium(azimuth: float) -> None:
    """The corners by hand, the area between them by the surveyor's formula."""
    d, a = 2.5, np.radians(azimuth)
    x, y = np.array([-0.5, 0.5, 0.5, -0.5]), np.array([-0.5, -0.5, 0.5, 0.5])
    depth = d - x * np.sin(a)
    u, v = FIELD * 90 * x * np.cos(a) / depth, FIELD * 90 * y / depth
    area = abs((u * np.roll(v, -1) - np.roll(u, -1) * v).sum()) / 2
    seen = view(Mesh(card()), Pose(azimuth=azimuth, distance=d, **FLAT), (90, 90), (8, 8), samples=4)
    assert float(seen.cover.sum()) == pytest.approx(area, rel=0.02)


def test_a_ball_covers_a_disc() -> None:
    d = 3.0
    seen = view(Mesh(shapes.shape("ball")), Pose(distance=d, **FLAT), (120, 120), (8, 8), samples=2)
    radius = FIELD * 120 / np.sqrt(d**2 - 1)
    assert float(seen.cover.sum()) == pytest.approx(np.pi * radius**2, rel=0.04)  # the ball has 16 flat sectors


def test_colours_land_where_they_belong() -> None:
    p = picture(card(), Pose(distance=2.0, **FLAT), quarters())
    np.testing.assert_allclose(p[20, 20], [1, 0, 0], atol=1e-6)
    np.testing.assert_allclose(p[20, 40], [0, 1, 0], atol=1e-6)
    np.testing.assert_allclose(p[40, 20], [0, 0, 1], atol=1e-6)
    np.testing.assert_allclose(p[40, 40], [1, 1, 1], atol=1e-6)
    np.testing.assert_allclose(p[2, 2], [0, 0, 0])


@pytest.mark.parametrize(("roll", "corner"), [(90, (40, 20)), (-90, (20, 40)), (180, (40, 40))])
def test_roll_turns_the_picture(roll: float, corner: tuple[int, int]) -> None:
    """A camera that rolls to one side sees the thing turned to the other."""
    p = picture(card(), Pose(distance=2.0, roll=roll, **FLAT), quarters())
    found = [(y, x) for y in (20, 40) for x in (20, 40) if np.allclose(p[y, x], [1, 0, 0], atol=1e-6)]
    assert len(found) == 1
    assert found[0] == corner or roll != 180
    assert found[0] != (20, 20)


def test_seen_from_behind_it_is_mirrored() -> None:
    p = picture(card(), Pose(azimuth=180, distance=2.0, **FLAT), quarters())
    np.testing.assert_allclose(p[20, 40], [1, 0, 0], atol=1e-6)


def test_perspective_is_correct() -> None:
    """The middle of a tilted square shows the middle of its texture, though its picture's middle lies elsewhere."""
    ramp = np.repeat(np.linspace(0, 1, 64, dtype=np.float32)[None, :, None], 64, axis=0)
    p = picture(card(), Pose(azimuth=60, distance=2.0, **FLAT), ramp, side=101)
    assert float(p[50, 50, 0]) == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_what_is_nearer_hides_what_is_behind(order: tuple[int, int]) -> None:
    near, far = card(0.2, 0.3), card(0.5, -0.3)
    near[..., 3], far[..., 3] = 0.9, 0.1  # right and left half of the texture
    halves = np.zeros((8, 8, 1), np.float32)
    halves[:, 4:] = 1
    both = np.concatenate([(near, far)[i] for i in order])
    assert picture(both, Pose(distance=2.0, **FLAT), halves)[30, 30, 0] > 0.999
    assert picture(both, Pose(azimuth=180, distance=2.0, **FLAT), halves)[30, 30, 0] < 0.001


def test_of_two_faces_back_to_back_the_one_that_looks_here_is_seen() -> None:
    front, back = card(), card()[:, ::-1].copy()
    front[..., 3], back[..., 3] = 0.9, 0.1
    halves = np.zeros((8, 8, 1), np.float32)
    halves[:, 4:] = 1
    for mesh in (np.concatenate([front, back]), np.concatenate([back, front])):
        assert picture(mesh, Pose(distance=2.0, **FLAT), halves)[30, 30, 0] > 0.999
        assert picture(mesh, Pose(azimuth=180, distance=2.0, **FLAT), halves)[30, 30, 0] < 0.001


@pytest.mark.parametrize("name", shapes.CLASSES)
def test_pull_is_the_adjoint_of_render(name: str) -> None:
    rng = np.random.default_rng(3)
    seen = view(Mesh(shapes.shape(name)), Pose(50, 30, 2.8, 12), (40, 56), (24, 24))
    texture, gradient = rng.random((24, 24, 3)), rng.random((40, 56, 3))
    nothing = np.zeros((40, 56, 3))
    there = float((seen.render(texture.astype(np.float32), nothing).astype(float) * gradient).sum())
    back = float((seen.pull(gradient.astype(np.float32)).astype(float) * texture).sum())
    assert there == pytest.approx(back, rel=1e-4)


@pytest.mark.parametrize("name", shapes.CLASSES)
def test_every_view_is_finite_and_closed(name: str) -> None:
    """A closed shape shows no hole: a white texture in full light is white wherever the shape is."""
    mesh, rng = Mesh(shapes.shape(name)), np.random.default_rng(0)
    for _ in range(20):
        pose = Pose(rng.uniform(0, 360), rng.uniform(-90, 90), rng.uniform(1.3, 6), rng.uniform(-180, 180), **FLAT)
        seen = view(mesh, pose, (32, 32), (16, 16))
        p = seen.render(np.ones((16, 16, 1), np.float32), np.zeros((32, 32, 1), np.float32))
        assert np.isfinite(p).all()
        np.testing.assert_allclose(p[..., 0], seen.cover, atol=1e-5)
        whole = ndimage.binary_fill_holes(seen.cover > 0)
        inside = ndimage.binary_erosion(whole, np.ones((3, 3)))
        assert seen.cover[inside].min(initial=1) > 0.99


@pytest.mark.parametrize("elevation", [-90, 90])
def test_the_poles_are_views_like_any_other(elevation: float) -> None:
    assert view(Mesh(shapes.shape("cube")), Pose(elevation=elevation), (32, 32), (16, 16)).share > 0.1


def test_a_lamp_lights_the_side_it_shines_on() -> None:
    ball, white = Mesh(shapes.shape("ball")), np.ones((8, 8, 1), np.float32)
    seen = view(ball, Pose(distance=3, lamp=(90, 0), ambient=0.2), (60, 60), (8, 8))
    p = seen.render(white, np.zeros((60, 60, 1), np.float32))[..., 0]
    assert p[30, 42] > p[30, 30] > p[30, 18]
    assert p[30, 18] == pytest.approx(0.2, abs=0.01)
    assert p.max() <= 1.0 + 1e-6


def test_corners_are_smooth_on_a_ball_and_sharp_on_a_cube() -> None:
    for name, least in (("ball", 0.97), ("cube", 1.0)):
        mesh = Mesh(shapes.shape(name))
        true = mesh.triangles[..., :3] / np.linalg.norm(mesh.triangles[..., :3], axis=2, keepdims=True)
        alike = (mesh.normals * (true if name == "ball" else mesh.faces[:, None])).sum(axis=2)
        assert alike.min() >= least - 1e-9


def test_repeating_texture_coordinates_wrap() -> None:
    once, twice = card(), card()
    twice[..., 3] += 3
    pose = Pose(distance=2.0, **FLAT)
    inner = (slice(22, 38), slice(22, 38))
    np.testing.assert_allclose(
        picture(once, pose, quarters())[inner], picture(twice, pose, quarters())[inner], atol=1e-5
    )


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    mesh, pose = Mesh(shapes.shape("cone")), Pose(20, 30)
    whole = view(mesh, pose, (48, 48), (16, 16))
    monkeypatch.setattr("momus.methods.viewing.mesh._CANDIDATES", 500)
    parts = view(mesh, pose, (48, 48), (16, 16))
    assert (whole.matrix != parts.matrix).nnz == 0


def test_out_of_sight_and_no_triangles() -> None:
    assert view(Mesh(card()), Pose(shift=(5.0, 0.0), distance=3), (20, 20), (8, 8)).share == 0
    assert view(Mesh(np.zeros((0, 3, 5))), Pose(), (20, 20), (8, 8)).share == 0
    assert view(Mesh(np.zeros((4, 3, 5))), Pose(), (20, 20), (8, 8)).share == 0


def test_bad_meshes_and_cameras_are_refused() -> None:
    with pytest.raises(ValueError, match="NaN"):
        Mesh(np.full((1, 3, 5), np.nan))
    with pytest.raises(ValueError, match="triangles are"):
        Mesh(np.zeros((1, 3, 3)))
    for distance in (1.0, 0.0, float("nan")):
        with pytest.raises(ValueError, match="camera"):
            view(Mesh(card()), Pose(distance=distance), (8, 8), (8, 8))
