"""Where each texel of an object's surface lands in a picture, as a sparse linear map with its exact adjoint.

A view of a textured surface is linear in the texture: each picture pixel is a weighted mean of a few texels, shaded by
the geometry, over what stands behind it. So the gradient by the texture needs no renderer that differentiates: it is
the transposed map. Flat things come from :func:`plane`; other surfaces make a :class:`Projection` of their own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from momus.core.samples import NumpyArray

FIELD = 1.2  # focal length in units of the picture's longer side: a field of view of 45 degrees


@dataclass(frozen=True, eq=False)
class Projection:
    """One view of one surface.

    ``matrix``: CSR (h*w, th*tw), rows sum to 1 where the object is seen and are empty elsewhere. ``cover`` (h, w) in
    [0, 1]: how much of each pixel the object covers. ``shading`` (h, w): a factor from the geometry, 1 for flat
    things. ``shape`` (h, w) of the picture, ``texture`` (th, tw).
    """

    matrix: Any
    cover: NumpyArray
    shading: NumpyArray
    shape: tuple[int, int]
    texture: tuple[int, int]

    def render(self, texture: NumpyArray, background: NumpyArray) -> NumpyArray:
        """(th, tw, c) over (h, w, c) -> (h, w, c). Linear, so not clipped: a shading above 1 may leave [0, 1]."""
        channels = background.shape[-1]
        seen = (self.matrix @ texture.reshape(-1, channels)).reshape(*self.shape, channels)
        cover = self.cover[..., None]
        picture: NumpyArray = (cover * self.shading[..., None]) * seen + (1 - cover) * background
        return picture.astype(np.float32, copy=False)

    def pull(self, gradient: NumpyArray) -> NumpyArray:
        """The exact adjoint: (h, w, c) gradient by the picture -> (th, tw, c) gradient by the texture."""
        channels = gradient.shape[-1]
        weighted = gradient * (self.cover * self.shading)[..., None]
        pulled = self.matrix.T @ weighted.reshape(-1, channels)
        texture: NumpyArray = np.asarray(pulled).reshape(*self.texture, channels)
        return texture.astype(np.float32, copy=False)

    @property
    def share(self) -> float:
        """The share of the picture that the object covers."""
        return float(self.cover.mean())


def homography(
    shape: tuple[int, int],
    texture: tuple[int, int],
    *,
    width: float,
    centre: tuple[float, float],
    rotation: float = 0.0,
    scale: float = 1.0,
    tilt: float = 0.0,
    axis: float = 0.0,
) -> NumpyArray:
    """(3, 3) map from texel coordinates (u, v, 1) to pixel coordinates (x, y, 1), corners at whole numbers.

    ``width``: pixels that the texture's width takes, seen frontally at scale 1; its height follows from the texels.
    ``centre``: (x, y) in pixels where its middle lands. ``rotation``: degrees, clockwise as seen. ``tilt``: degrees out
    of the picture's plane, about the line through the middle at ``axis`` degrees to the texture's own horizontal.
    """
    th, tw = texture
    step = width / tw * scale  # pixels a texel
    focal = FIELD * max(shape)
    turn, lean, line = (math.radians(a) for a in (rotation, tilt, axis))
    along = np.array([math.cos(line), math.sin(line), 0.0])
    cross = np.array([[0, -along[2], along[1]], [along[2], 0, -along[0]], [-along[1], along[0], 0]])
    out_of_plane = np.eye(3) + math.sin(lean) * cross + (1 - math.cos(lean)) * cross @ cross
    in_plane = np.array([[math.cos(turn), -math.sin(turn), 0], [math.sin(turn), math.cos(turn), 0], [0, 0, 1.0]])
    pose = in_plane @ out_of_plane
    place = np.array([[step, 0, -step * tw / 2], [0, step, -step * th / 2], [0, 0, 1.0]])
    # A point (X, Y, Z) of the surface is seen at centre + focal (X, Y) / (focal + Z).
    camera = np.array([[focal, 0, 0], [0, focal, 0], [0, 0, 1.0]])
    flat = np.column_stack([pose[:, 0], pose[:, 1], [0, 0, focal]])
    shift = np.array([[1, 0, centre[0]], [0, 1, centre[1]], [0, 0, 1.0]])
    made: NumpyArray = shift @ camera @ flat @ place
    return made / made[2, 2] if made[2, 2] else made


def plane(
    shape: tuple[int, int],
    texture: tuple[int, int],
    *,
    width: float,
    centre: tuple[float, float],
    rotation: float = 0.0,
    scale: float = 1.0,
    tilt: float = 0.0,
    axis: float = 0.0,
    alpha: NumpyArray | None = None,
    samples: int = 3,
) -> Projection:
    """A flat rectangle seen by a pinhole camera; see :func:`homography` for where it lands.

    ``alpha`` (th, tw) in [0, 1] cuts a shape out of the rectangle. ``samples``: each pixel is looked at ``samples`` x
    ``samples`` times, so that edges and fine textures do not flicker.
    """
    map_ = homography(shape, texture, width=width, centre=centre, rotation=rotation, scale=scale, tilt=tilt, axis=axis)
    return warp(shape, texture, map_, alpha=alpha, samples=samples)


def warp(
    shape: tuple[int, int],
    texture: tuple[int, int],
    map_: NumpyArray,
    *,
    alpha: NumpyArray | None = None,
    samples: int = 3,
) -> Projection:
    """The Projection of a flat texture under any (3, 3) homography from texels to pixels."""
    h, w = shape
    th, tw = texture
    corners = map_ @ np.array([[0, tw, tw, 0], [0, 0, th, th], [1, 1, 1, 1.0]])
    if not np.isfinite(corners).all() or (corners[2] <= 0).any() or abs(np.linalg.det(map_)) < 1e-12:
        return nothing(shape, texture)  # edge-on, or reaching behind the camera: nothing is to be seen of it
    xs, ys = corners[0] / corners[2], corners[1] / corners[2]
    x0, x1 = max(0, math.floor(xs.min())), min(w, math.ceil(xs.max()))
    y0, y1 = max(0, math.floor(ys.min())), min(h, math.ceil(ys.max()))
    if x0 >= x1 or y0 >= y1:
        return nothing(shape, texture)
    sub = (np.arange(samples) + 0.5) / samples
    px = (np.arange(x0, x1)[:, None] + sub).ravel()
    py = (np.arange(y0, y1)[:, None] + sub).ravel()
    gx, gy = np.meshgrid(px, py)
    back = np.linalg.inv(map_)
    u, v, z = (back[i, 0] * gx + back[i, 1] * gy + back[i, 2] for i in range(3))
    u, v = u / z, v / z
    inside = (u >= 0) & (u < tw) & (v >= 0) & (v < th)
    row = (np.floor(gy[inside]).astype(np.int64) * w + np.floor(gx[inside]).astype(np.int64)).ravel()
    return bilinear(shape, texture, row, u[inside], v[inside], 1.0 / samples**2, alpha=alpha)


def bilinear(
    shape: tuple[int, int],
    texture: tuple[int, int],
    pixel: NumpyArray,
    u: NumpyArray,
    v: NumpyArray,
    weight: float | NumpyArray,
    *,
    alpha: NumpyArray | None = None,
    shading: NumpyArray | None = None,
) -> Projection:
    """A Projection from looks at the surface.

    ``pixel`` (n,): flat index of the pixel a look belongs to; ``u`` and ``v`` (n,): where it meets the texture, in
    texels, texel centres at half numbers; ``weight``: the share of the pixel that a look stands for.
    """
    h, w = shape
    th, tw = texture
    a, b = np.clip(u - 0.5, 0, tw - 1), np.clip(v - 0.5, 0, th - 1)
    i, j = np.minimum(a.astype(np.int64), max(tw - 2, 0)), np.minimum(b.astype(np.int64), max(th - 2, 0))
    fa, fb = a - i, b - j
    right, down = np.minimum(i + 1, tw - 1), np.minimum(j + 1, th - 1)
    parts = ((i, j, (1 - fa) * (1 - fb)), (right, j, fa * (1 - fb)), (i, down, (1 - fa) * fb), (right, down, fa * fb))
    rows = np.concatenate([pixel] * 4)
    columns = np.concatenate([y * tw + x for x, y, _ in parts])
    values = np.concatenate([k * weight for _, _, k in parts])
    if alpha is not None:
        values = values * np.asarray(alpha, dtype=float).ravel()[columns]
    used = values > 0
    matrix = sparse.coo_matrix(
        (values[used].astype(np.float32), (rows[used].astype(np.int32), columns[used].astype(np.int32))),
        shape=(h * w, th * tw),
    ).tocsr()
    owner = np.repeat(np.arange(h * w), np.diff(matrix.indptr))
    cover = np.bincount(owner, matrix.data, h * w)
    matrix.data = (matrix.data / cover[owner]).astype(np.float32)
    whole = np.minimum(cover, 1.0).reshape(h, w).astype(np.float32)
    flat = np.ones((h, w), dtype=np.float32) if shading is None else shading.astype(np.float32)
    return Projection(matrix, whole, flat, (h, w), (th, tw))


def nothing(shape: tuple[int, int], texture: tuple[int, int]) -> Projection:
    """The object is out of sight."""
    h, w = shape
    empty = sparse.csr_matrix((h * w, texture[0] * texture[1]), dtype=np.float32)
    return Projection(empty, np.zeros((h, w), np.float32), np.ones((h, w), np.float32), (h, w), texture)
