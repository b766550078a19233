"""Pictures of a textured mesh from any side: a z-buffer whose result is a sparse linear map of the texture.

Where the surface is and which triangle hides which does not depend on its colours, so it is settled once a view; the
picture is then linear in the texture and :class:`~momus.methods.viewing.maps.Projection` gives the exact gradient.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from momus.core.samples import NumpyArray
from momus.methods.viewing.maps import FIELD, Projection, bilinear, nothing

NEAREST = 1.25  # object radii from its middle: closer, the camera would touch it
_CANDIDATES = 600_000  # (triangle, point) pairs looked at together
_CREASE = 0.5  # cosine from which on two faces at a corner are shaded as one smooth surface


@dataclass(frozen=True)
class Pose:
    """From where the object is seen, and where the lamp stands.

    The camera sits on a sphere around the object (radius 1, y upwards) at ``azimuth`` and ``elevation`` in degrees,
    ``distance`` in object radii, and looks at its middle: from 2.6 on the whole object is in the picture. ``roll``
    turns the picture, ``shift`` (x, y) moves it, in shares of its shorter side. The lamp is far away at ``lamp``
    (azimuth, elevation); ``ambient`` in [0, 1] is the light that comes from everywhere.
    """

    azimuth: float = 0.0
    elevation: float = 0.0
    distance: float = 3.0
    roll: float = 0.0
    shift: tuple[float, float] = (0.0, 0.0)
    lamp: tuple[float, float] = (30.0, 50.0)
    ambient: float = 0.6

    def axes(self) -> NumpyArray:
        """Rows: right, up and towards the camera, in the object's coordinates."""
        a, e, r = (math.radians(v) for v in (self.azimuth, self.elevation, self.roll))
        out = np.array([math.cos(e) * math.sin(a), math.sin(e), math.cos(e) * math.cos(a)])
        right = np.array([math.cos(a), 0.0, -math.sin(a)])
        up = np.cross(out, right)
        turned = math.cos(r) * right + math.sin(r) * up, math.cos(r) * up - math.sin(r) * right
        return np.stack([*turned, out])


class Mesh:
    """Triangles (n, 3, 5) of x, y, z within the unit sphere and u, v in [0, 1], v upwards; beyond that they repeat."""

    def __init__(self, triangles: NumpyArray) -> None:
        if triangles.ndim != 3 or triangles.shape[1:] != (3, 5):
            raise ValueError(f"triangles are (n, 3, 5), not {triangles.shape}")
        if not np.isfinite(triangles).all():
            raise ValueError("triangles contain NaN or infinity")
        self.triangles = np.asarray(triangles, dtype=np.float64)

    def __len__(self) -> int:
        return len(self.triangles)

    @cached_property
    def faces(self) -> NumpyArray:
        """Unit normals (n, 3), zero for triangles without area."""
        xyz = self.triangles[..., :3]
        normal = np.cross(xyz[:, 1] - xyz[:, 0], xyz[:, 2] - xyz[:, 0])
        return np.asarray(normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-300))

    @cached_property
    def normals(self) -> NumpyArray:
        """Unit normals at the corners (n, 3, 3): the mean over the faces there that meet smoothly, by their area."""
        xyz = self.triangles[..., :3]
        area = np.linalg.norm(np.cross(xyz[:, 1] - xyz[:, 0], xyz[:, 2] - xyz[:, 0]), axis=1)
        rounded = np.round(xyz.reshape(-1, 3), 7) + 0.0
        point = np.unique(rounded, axis=0, return_inverse=True)[1].ravel()
        order = np.argsort(point, kind="stable")
        first = np.searchsorted(point[order], point)
        count = np.searchsorted(point[order], point, side="right") - first
        mine = np.repeat(np.arange(len(point)), count)
        other = order[np.repeat(first, count) + np.arange(len(mine)) - np.repeat(np.cumsum(count) - count, count)] // 3
        alike = (self.faces[mine // 3] * self.faces[other]).sum(axis=1)
        # Neighbours wound the other way round are the same surface: they count with their sign turned.
        weight = np.where(np.abs(alike) > _CREASE, np.sign(alike) * area[other], 0.0)
        total = np.stack([np.bincount(mine, weight * self.faces[other, k], len(point)) for k in range(3)], axis=1)
        length = np.linalg.norm(total, axis=1, keepdims=True)
        return np.asarray((total / np.maximum(length, 1e-300)).reshape(-1, 3, 3))


def view(mesh: Mesh, pose: Pose, shape: tuple[int, int], texture: tuple[int, int], *, samples: int = 2) -> Projection:
    """The mesh as a Projection of a texture (th, tw), both sides of every triangle opaque.

    Each pixel is looked at ``samples`` x ``samples`` times. Raises ValueError for a camera nearer than ``NEAREST``.
    """
    h, w = shape
    if not pose.distance >= NEAREST:
        raise ValueError(f"the camera stands at {pose.distance:g} radii; it needs at least {NEAREST}")
    seen = _visible(mesh, pose, (h * samples, w * samples))
    if not len(seen.triangle):
        return nothing(shape, texture)
    corner = mesh.triangles[seen.triangle]
    uv = np.einsum("nk,nkc->nc", seen.weight, corner[..., 3:])
    uv = np.where((uv < 0) | (uv > 1), uv - np.floor(uv), uv)
    pixel = (seen.point // (w * samples) // samples) * w + seen.point % (w * samples) // samples
    shade = np.bincount(pixel, _lambert(mesh, pose, seen), h * w)
    looks = np.bincount(pixel, minlength=h * w)
    shading = np.divide(shade, looks, out=np.ones(h * w), where=looks > 0).reshape(h, w)
    th, tw = texture
    return bilinear(shape, texture, pixel, uv[:, 0] * tw, (1 - uv[:, 1]) * th, 1 / samples**2, shading=shading)


@dataclass(frozen=True)
class _Seen:
    """Points of the picture (n,) that show a triangle (n,), and the corners' weights there (n, 3)."""

    point: NumpyArray
    triangle: NumpyArray
    weight: NumpyArray


def _visible(mesh: Mesh, pose: Pose, shape: tuple[int, int]) -> _Seen:
    """What is nearest to the camera at the middle of each pixel."""
    h, w = shape
    axes = pose.axes()
    at = mesh.triangles[..., :3] @ axes.T
    depth = pose.distance - at[..., 2]
    focal = FIELD * min(h, w)  # of the shorter side, so that one distance shows the whole object in any format
    x = w / 2 + pose.shift[0] * min(h, w) + focal * at[..., 0] / depth
    y = h / 2 + pose.shift[1] * min(h, w) - focal * at[..., 1] / depth
    near = 1 / depth
    plane = _planes(x, y)
    to_camera = (mesh.faces * (axes[2] * pose.distance - mesh.triangles[:, 0, :3])).sum(axis=1)
    # Of two faces at one place, back to back, the one that looks at the camera is seen.
    favour = np.where(to_camera > 0, 1.0, 1 - 1e-6)
    owner = _nearest(x, y, np.einsum("tk,tkc->tc", near, plane) * favour[:, None], plane, shape)
    point = np.flatnonzero(owner < len(mesh))
    triangle = owner[point]
    weight = _at(plane, triangle, point % w + 0.5, point // w + 0.5) * near[triangle]
    weight = np.maximum(weight, 0.0)
    return _Seen(point, triangle, weight / weight.sum(axis=1, keepdims=True))


def _planes(x: NumpyArray, y: NumpyArray) -> NumpyArray:
    """(n, 3, 3): corner k weighs c[0] px + c[1] py + c[2] at (px, py). NaN for triangles seen edge-on."""
    double = (x[:, 1] - x[:, 0]) * (y[:, 2] - y[:, 0]) - (x[:, 2] - x[:, 0]) * (y[:, 1] - y[:, 0])
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.where(np.abs(double) > 1e-9, 1 / double, np.nan)
    out = np.empty((len(x), 3, 3))
    for k in range(3):
        i, j = (k + 1) % 3, (k + 2) % 3
        out[:, k, 0] = (y[:, i] - y[:, j]) * scale
        out[:, k, 1] = (x[:, j] - x[:, i]) * scale
        out[:, k, 2] = (x[:, i] * y[:, j] - x[:, j] * y[:, i]) * scale
    return out


def _at(plane: NumpyArray, triangle: NumpyArray, px: NumpyArray, py: NumpyArray) -> NumpyArray:
    c = plane[triangle]
    return np.asarray(c[..., 0] * px[:, None] + c[..., 1] * py[:, None] + c[..., 2])


def _nearest(x: NumpyArray, y: NumpyArray, near: NumpyArray, plane: NumpyArray, shape: tuple[int, int]) -> NumpyArray:
    """The triangle seen at each point (h*w,), the number of triangles where there is none.

    Every point of every triangle's box is tried, in chunks; the greatest 1/depth wins, the first triangle of equals.
    """
    h, w = shape
    n = len(x)
    owner, best = np.full(h * w, n, dtype=np.int64), np.zeros(h * w)
    x0, x1 = _span(x, w)
    y0, y1 = _span(y, h)
    count = np.where(np.isfinite(plane[:, 0, 0]), np.maximum(x1 - x0, 0) * np.maximum(y1 - y0, 0), 0)
    todo = np.flatnonzero(count)
    for chunk in np.split(todo, np.flatnonzero(np.diff(np.cumsum(count[todo]) // _CANDIDATES)) + 1):
        if not len(chunk):
            continue
        sizes = count[chunk]
        t = np.repeat(chunk, sizes)
        k = np.arange(len(t)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        row, column = np.divmod(k, np.repeat((x1 - x0)[chunk], sizes))
        row, column = row + y0[t], column + x0[t]
        px, py = column + 0.5, row + 0.5
        inside = np.ones(len(t), dtype=bool)
        for corner in range(3):
            c = plane[:, corner]
            inside &= c[t, 0] * px + c[t, 1] * py + c[t, 2] >= -1e-9
        t, px, py, point = t[inside], px[inside], py[inside], (row * w + column)[inside]
        value = near[t, 0] * px + near[t, 1] * py + near[t, 2]
        before = best[point]
        np.maximum.at(best, point, value)
        winner = (value == best[point]) & (value > before)
        owner[point[winner]] = n
        np.minimum.at(owner, point[winner], t[winner])
    return owner


def _span(at: NumpyArray, size: int) -> tuple[NumpyArray, NumpyArray]:
    """First and one past the last pixel whose middle lies within the triangles' extent, within the picture."""
    low = np.clip(np.ceil(at.min(axis=1) - 0.5 - 1e-6), 0, size)
    high = np.clip(np.floor(at.max(axis=1) - 0.5 + 1e-6) + 1, 0, size)
    return low.astype(np.int64), high.astype(np.int64)


def _lambert(mesh: Mesh, pose: Pose, seen: _Seen) -> NumpyArray:
    """Brightness (n,) by the angle between surface and lamp; a surface is lit on the side that is seen."""
    normal = np.einsum("nk,nkc->nc", seen.weight, mesh.normals[seen.triangle])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    camera = pose.axes()[2] * pose.distance
    back = (mesh.faces[seen.triangle] * (camera - mesh.triangles[seen.triangle, 0, :3])).sum(axis=1) < 0
    a, e = (math.radians(v) for v in pose.lamp)
    lamp = np.array([math.cos(e) * math.sin(a), math.sin(e), math.cos(e) * math.cos(a)])
    facing = np.where(back, -1.0, 1.0) * (normal @ lamp)
    return np.asarray(pose.ambient + (1 - pose.ambient) * np.maximum(facing, 0.0))
