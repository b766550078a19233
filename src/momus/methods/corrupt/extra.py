"""The extra corruptions of ImageNet-C that are kept for validation: Gaussian blur, spatter, saturation.

Speckle noise, the fourth, stands with its kin in :mod:`.noise`. They never enter the mean corruption error, which is
published over the fifteen.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import ndimage

from momus.core.samples import NumpyArray
from momus.methods.corrupt import planes
from momus.methods.corrupt.noise import Draws, Shape, normals

WATER = (175, 238, 238)  # grey levels, red first
MUD = (63, 42, 20)
_EDGE_LOW, _EDGE_HIGH = 50, 150
_FARTHEST = 20.0
_STEPS = ((0, 1, 1.0), (1, 0, 1.0), (1, 1, 1.4), (1, 2, 2.1969), (2, 1, 2.1969))  # chamfer 5 x 5 (Borgefors 1986)
_LUMA = np.array([0.2126, 0.7152, 0.0722])


def gaussian_blur(x: NumpyArray, sigma: float, _draws: Draws) -> NumpyArray:
    """Gaussian of ``sigma`` pixels cut at four sigmas; beyond the border the edge repeats."""
    rows, columns = (planes.gaussian(size, float(sigma), 4.0, "nearest") for size in x.shape[1:3])
    return planes.from_planes(planes.grey(planes.separable(planes.to_planes(x), rows, columns)), x.shape[-1])


def saturate(x: NumpyArray, setting: tuple[float, float], _draws: Draws) -> NumpyArray:
    """Scales the saturation of HSV by ``setting[0]`` and adds ``setting[1]``, cut to [0, 1]; hue and value stay.

    A channel c then becomes v - (v - c) k, where v is the largest channel and k the new saturation over the old one.
    Without any colour the hue is red, as published. Grey pictures of one channel have no saturation and stay.
    """
    if x.shape[-1] != 3:
        return x.copy()
    factor, more = setting
    largest = np.maximum(np.maximum(x[..., 0], x[..., 1]), x[..., 2])
    least = np.minimum(np.minimum(x[..., 0], x[..., 1]), x[..., 2])
    cell = (largest.astype(np.uint16) << 8) | least
    spread = _spread(factor, more).take(cell)[..., None]
    light = largest[..., None].astype(np.float32)
    out = light - (light - x) * spread
    if more > 0:
        colourless = largest == least
        red = np.array([0.0, more, more], dtype=np.float32)
        out[colourless] = light[colourless] * (1 - red)
    return planes.grey(out)


@lru_cache(maxsize=16)
def _spread(factor: float, more: float) -> NumpyArray:
    """(65536,) float32: new saturation over old one at ``largest * 256 + least``; 1 where there is no colour."""
    largest, least = np.arange(256.0)[:, None], np.arange(256.0)[None]
    old = np.divide(largest - least, largest, out=np.zeros((256, 256)), where=(largest > least))
    new = np.clip(old * factor + more, 0, 1)
    made: NumpyArray = np.divide(new, old, out=np.ones((256, 256)), where=old > 0)
    return made.ravel().astype(np.float32)


def draw_spatter(rng: np.random.Generator, shape: Shape, _setting: tuple[float, ...]) -> Draws:
    return {"normal": normals(rng, shape[:3])}


def spatter(x: NumpyArray, setting: tuple[float, ...], draws: Draws) -> NumpyArray:
    """Splashes on the lens: water that refracts at its rims, or mud that covers.

    ``setting`` = (mean, spread, blur px, threshold, weight, mud): ``normal`` (n, h, w) is blurred and cut at the
    threshold. Water: brightness follows the embossed distance from the drops' edges, times the weight. Mud: the mask is
    blurred by ``weight`` pixels and what stays under 0.8 is dropped.
    """
    mean, spread, sigma, threshold, weight, mud = setting
    c = x.shape[-1]
    out: NumpyArray = np.empty(x.shape, dtype=np.float32)
    colour = np.array(MUD if mud else WATER, dtype=np.float32)
    paint = colour if c == 3 else (colour @ _LUMA.astype(np.float32))[None]
    for i, normal in enumerate(draws["normal"]):
        picture, made = x[i], out[i]
        layer = ndimage.gaussian_filter(normal.astype(float) * spread + mean, sigma, mode="nearest", truncate=4.0)
        layer[layer < threshold] = 0
        if mud:
            cover = ndimage.gaussian_filter((layer > threshold).astype(np.float32), weight, mode="nearest")
            cover[cover < 0.8] = 0
            np.multiply(picture, (1 - cover)[..., None], out=made)
            made += cover[..., None] * paint
        else:
            made[...] = picture
            made += (weight * _water(layer)).astype(np.float32)[..., None] * paint
    return planes.grey(out)


def _water(layer: NumpyArray) -> NumpyArray:
    """(h, w) brightness of drops in [0, 1] from their thickness in [0, 1 and a little more]."""
    thick = np.minimum(layer * 255, 255).astype(np.uint8)
    distance = np.minimum(_from_edges(_edges(thick)), _FARTHEST)
    smooth = _equalised(_mean3(distance).astype(np.uint8)).astype(np.int32)
    kernel = np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]])
    embossed = np.clip(ndimage.correlate(smooth, kernel, mode="mirror"), 0, 255)
    shine = thick * np.rint(_mean3(embossed.astype(float)))
    most = shine.max()
    found: NumpyArray = shine / most if most > 0 else shine
    return found


def _mean3(a: NumpyArray) -> NumpyArray:
    """Mean of 3 x 3, mirrored at the border without repeating the edge."""
    found: NumpyArray = ndimage.uniform_filter(np.asarray(a, dtype=float), 3, mode="mirror")
    return found + 1e-9  # whole numbers stay whole when they are cut


def _equalised(a: NumpyArray) -> NumpyArray:
    """Histogram equalisation of uint8; a picture of one level stays."""
    counts = np.bincount(a.ravel(), minlength=256)
    first = int(np.flatnonzero(counts)[0])
    rest = a.size - counts[first]
    if rest == 0:
        return a
    table = np.cumsum(np.where(np.arange(256) > first, counts, 0)) * np.float32(255 / rest)
    return np.rint(table).astype(np.uint8)[a]


def _from_edges(edge: NumpyArray) -> NumpyArray:
    """Chamfer distance (5 x 5 mask) to the nearest True, correct up to :data:`_FARTHEST`, (h, w)."""
    h, w = edge.shape
    # In thousandths of a pixel, since whole numbers of 16 bits are compared eight times as fast as floats. Nothing
    # under the farthest distance is reached by more moves than that: every move costs at least a pixel.
    far = np.full((h + 4, w + 4), 2 * _FARTHEST * 1000, dtype=np.uint16)
    far[2:-2, 2:-2][edge] = 0
    inner = far[2:-2, 2:-2]
    moves = {(sy * dy, sx * dx, round(cost * 1000)) for dy, dx, cost in _STEPS for sy in (1, -1) for sx in (1, -1)}
    farther = np.empty_like(edge, dtype=np.uint16)
    for _ in range(int(_FARTHEST) + 1):
        before = inner.copy()
        for dy, dx, cost in sorted(moves):
            np.add(far[2 + dy : 2 + dy + h, 2 + dx : 2 + dx + w], np.uint16(cost), out=farther)
            np.minimum(inner, farther, out=inner)
        if np.array_equal(before, inner):
            break
    return inner / 1000


def _edges(a: NumpyArray) -> NumpyArray:
    """Canny's (1986) edges of a uint8 picture: Sobel, |dx| + |dy|, thinning across, two thresholds. (h, w) bool."""
    wide = np.pad(a.astype(np.int32), 1, mode="edge")
    down, across = np.array([1, 2, 1]), np.array([-1, 0, 1])
    dx = ndimage.correlate1d(ndimage.correlate1d(wide, down, 0), across, 1)[1:-1, 1:-1]
    dy = ndimage.correlate1d(ndimage.correlate1d(wide, across, 0), down, 1)[1:-1, 1:-1]
    size = np.abs(dx) + np.abs(dy)
    ring = np.pad(size, 1)

    def beside(row: int, column: int) -> NumpyArray:
        h, w = size.shape
        return ring[1 + row : 1 + row + h, 1 + column : 1 + column + w]

    flat, steep = np.abs(dx).astype(np.int64) * 13573, np.abs(dy).astype(np.int64) << 15  # tan 22.5 degrees in 2^-15
    level, upright = steep < flat, steep > flat + (np.abs(dx).astype(np.int64) << 16)
    same = (dx ^ dy) >= 0
    along = (size > beside(0, -1)) & (size >= beside(0, 1))
    up = (size > beside(-1, 0)) & (size >= beside(1, 0))
    falling = (size > beside(-1, -1)) & (size > beside(1, 1))
    rising = (size > beside(-1, 1)) & (size > beside(1, -1))
    kept = np.where(level, along, np.where(upright, up, np.where(same, falling, rising))) & (size > _EDGE_LOW)
    groups, count = ndimage.label(kept, structure=np.ones((3, 3)))
    strong = np.zeros(count + 1, dtype=bool)
    strong[groups[kept & (size > _EDGE_HIGH)]] = True
    strong[0] = False
    found: NumpyArray = strong[groups]
    return found
