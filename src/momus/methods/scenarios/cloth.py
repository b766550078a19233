"""A picture printed on a shirt that somebody wears: folds bend and shade it, the body curves it, the cloth fades it."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from momus.core.samples import NumpyArray
from momus.methods.scenarios.photographs import background, colour, lighting, resized, stacked, unit
from momus.methods.scenarios.stock import Made, Stock, chosen, labels

_SIDE = 256  # the scene is drawn this large and shrunk
_SKIN = ((0.93, 0.76, 0.65), (0.78, 0.57, 0.44), (0.55, 0.38, 0.28), (0.36, 0.24, 0.18))


def on_a_shirt(stock: Stock, n: int, rng: np.random.Generator, *, size: float = 0.45, folds: float = 1.0) -> Made:
    """The thing (or the whole picture) printed on the chest of a shirt, ``size`` of the picture wide.

    ``folds`` scales how deep the cloth falls into folds; 0 is ironed flat.
    """
    source = stock.test if stock.objects is None else stock.objects
    rows = chosen(source, n, rng)
    pictures = [_worn(unit(source.x[i]), stock, rng, size, folds) for i in rows]
    return Made(stacked(pictures, stock), labels(source, rows), ("on a shirt",) * n)


def _worn(print_: NumpyArray, stock: Stock, rng: np.random.Generator, size: float, folds: float) -> NumpyArray:
    shirt, skin = _torso(rng)
    place = ndimage.gaussian_filter(resized(background(stock, rng), (_SIDE, _SIDE)), (2.5, 2.5, 0))
    height = _folds(rng) * folds
    dy, dx = (np.asarray(slope) for slope in np.gradient(height))
    columns = np.broadcast_to(np.arange(_SIDE) / _SIDE, (_SIDE, _SIDE))
    round_ = np.sqrt(np.maximum(0.0, 1 - ((columns - 0.5) / 0.47) ** 2))  # the chest turns away at its sides
    lamp = rng.uniform(-1, 1)
    shade = np.clip(
        (0.45 + 0.55 * round_) * (1 + 0.1 * lamp * (columns - 0.5)) + 14 * (0.8 * lamp * dx - dy), 0.25, 1.25
    )
    base = rng.uniform(0.75, 1.0) * np.ones(3) if rng.random() < 0.5 else rng.uniform(0.1, 0.9, 3)
    cloth = np.broadcast_to(base, (_SIDE, _SIDE, 3)).copy()
    ink, seen = _printed(print_, rng, size, dx, dy)
    faded = 0.06 + 0.88 * ink + 0.04 * ndimage.gaussian_filter(rng.normal(size=ink.shape), (0.7, 0.7, 0))
    cloth = cloth * (1 - seen) + faded * seen
    weave = 1 + 0.02 * rng.normal(size=(_SIDE, _SIDE, 1))
    person = place * (1 - skin[1]) + skin[0] * skin[1] * (0.6 + 0.4 * round_[..., None])
    scene = person * (1 - shirt) + np.clip(cloth * shade[..., None] * weave, 0, 1) * shirt
    picture = resized(np.clip(scene, 0, 1).astype(np.float32), stock.shape)
    light = lighting(rng, min(stock.shape))
    return light.forward(picture)


def _torso(rng: np.random.Generator) -> tuple[NumpyArray, tuple[NumpyArray, NumpyArray]]:
    """Mask (s, s, 1) of the shirt, and colour and mask of the skin: neck, chin and arms."""
    s, grow = _SIDE, 2
    drop, wide = rng.uniform(0.16, 0.24), rng.uniform(0.36, 0.44)
    left, right = 0.5 - wide, 0.5 + wide
    body = [
        (0.41, drop - 0.05), (0.5, drop + 0.02), (0.59, drop - 0.05), (right, drop + 0.05), (1.12, 0.62), (0.98, 0.75),
        (right - 0.03, 0.45), (right - 0.04, 1.1), (left + 0.04, 1.1), (left + 0.03, 0.45), (0.02, 0.75), (-0.12, 0.62),
        (left, drop + 0.05),
    ]  # fmt: skip
    size = (s * grow, s * grow)
    shirt, skin = Image.new("L", size), Image.new("L", size)
    ImageDraw.Draw(shirt).polygon([(x * s * grow, y * s * grow) for x, y in body], fill=255)
    pen = ImageDraw.Draw(skin)
    neck = [(0.42, -0.1), (0.58, -0.1), (0.6, drop + 0.05), (0.4, drop + 0.05)]
    arms = [[(0.86, 0.6), (1.1, 0.55), (1.0, 1.1), (0.86, 1.1)], [(0.14, 0.6), (-0.1, 0.55), (0.0, 1.1), (0.14, 1.1)]]
    for part in (neck, *arms):
        pen.polygon([(x * s * grow, y * s * grow) for x, y in part], fill=255)
    pen.ellipse([0.36 * s * grow, -0.35 * s * grow, 0.64 * s * grow, (drop - 0.07) * s * grow], fill=255)
    masks = [
        np.asarray(m.resize((s, s), Image.Resampling.BOX), dtype=np.float32)[..., None] / 255 for m in (shirt, skin)
    ]
    tone = np.array(_SKIN[int(rng.integers(len(_SKIN)))], dtype=np.float32)
    return masks[0], (tone, masks[1])


def _folds(rng: np.random.Generator) -> NumpyArray:
    """(s, s) height of the cloth: long folds hanging from the shoulders, short creases across, in picture sides."""
    tall = ndimage.gaussian_filter(rng.normal(size=(_SIDE, _SIDE)), (40, 7))
    across = ndimage.rotate(
        ndimage.gaussian_filter(rng.normal(size=(_SIDE, _SIDE)), (6, 22)),
        rng.uniform(-35, 35),
        reshape=False,
        mode="reflect",
    )
    return np.asarray(0.055 * tall / tall.std() + 0.03 * across / across.std())


def _printed(
    print_: NumpyArray, rng: np.random.Generator, size: float, dx: NumpyArray, dy: NumpyArray
) -> tuple[NumpyArray, NumpyArray]:
    """Colours (s, s, 3) and mask (s, s, 1) of the print where it lies on the cloth."""
    h, w = print_.shape[:2]
    alpha = print_[..., 3:] if print_.shape[-1] == 4 else np.ones((h, w, 1), np.float32)
    rows, columns = np.mgrid[:_SIDE, :_SIDE] / _SIDE
    angle = np.deg2rad(rng.normal(0, 5))
    # Seen from the front, cloth that turns away is seen shortened: the print is looked up further out.
    x = np.arcsin(np.clip((columns - 0.5) / 0.49, -1, 1)) * 0.49 + 0.35 * dx
    y = rows - rng.uniform(0.5, 0.6) + 0.35 * dy
    u = (x * np.cos(angle) + y * np.sin(angle)) / size
    v = (y * np.cos(angle) - x * np.sin(angle)) / (size * h / w)
    at = [(v + 0.5) * h - 0.5, (u + 0.5) * w - 0.5]
    pick = [ndimage.map_coordinates(c, at, order=1, mode="nearest") for c in np.moveaxis(colour(print_), -1, 0)]
    inside = (np.abs(u) < 0.5) & (np.abs(v) < 0.5)
    mask = ndimage.map_coordinates(alpha[..., 0], at, order=1, mode="constant") * inside
    return np.stack(pick, axis=-1), mask[..., None]
