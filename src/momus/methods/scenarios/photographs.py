"""Cut-out things composed on photographs: upright, fallen over, half hidden; and pictures with nothing in them.

Geometry is a pinhole camera's (:mod:`momus.methods.viewing.maps`), colours go through paper, light and sensor
(:mod:`momus.methods.viewing.light`). Where there are no cut-outs, whole pictures are turned and covered.
"""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy import ndimage

from momus.core.samples import NumpyArray
from momus.methods.scenarios.stock import Made, Stock, chosen, labels
from momus.methods.viewing.light import Light
from momus.methods.viewing.maps import plane

_FOCUS = 0.35  # blur of the camera in pixels of a 64-pixel picture
OCCLUDERS = ("post", "leaves", "snow", "sticker")


def upright(stock: Stock, n: int, rng: np.random.Generator, *, size: float = 0.5) -> Made:
    """Things as they should stand, ``size`` of the picture's shorter side wide, before a photograph."""
    if stock.objects is None:
        rows = chosen(stock.test, n, rng)
        return Made(stock.test.x[rows], labels(stock.test, rows), ("as it is",) * n)
    rows = chosen(stock.objects, n, rng)
    pictures = [scene(stock, int(i), rng, size=size * rng.uniform(0.8, 1.2), rotation=rng.normal(0, 4)) for i in rows]
    return Made(stacked(pictures, stock), labels(stock.objects, rows), ("upright",) * n)


def fallen_over(stock: Stock, n: int, rng: np.random.Generator, *, size: float = 0.5) -> Made:
    """Things blown over: leaning at 50 to 130 degrees, half of them flat on the ground with a shadow under them.

    Without cut-outs the whole picture is turned so far, its edges mirrored.
    """
    angle = rng.uniform(50, 130, n) * rng.choice([-1, 1], n)
    kinds = tuple(f"turned by {a:.0f} degrees" for a in angle)
    if stock.objects is None:
        rows = chosen(stock.test, n, rng)
        turned = [
            ndimage.rotate(stock.test.x[i], a, axes=(0, 1), reshape=False, order=1, mode="reflect")
            for i, a in zip(rows, angle, strict=True)
        ]
        return Made(np.stack(turned), labels(stock.test, rows), kinds)
    rows = chosen(stock.objects, n, rng)
    pictures = []
    for i, a in zip(rows, angle, strict=True):
        flat = rng.random() < 0.5
        lean = rng.uniform(40, 60) if flat else rng.uniform(5, 25)
        wide = size * rng.uniform(0.9, 1.3)
        pictures.append(scene(stock, int(i), rng, size=wide, rotation=a, tilt=lean, low=True, shadow=0.55))
    return Made(stacked(pictures, stock), labels(stock.objects, rows), kinds)


def occluded(stock: Stock, n: int, rng: np.random.Generator, *, size: float = 0.5, share: float = 0.25) -> Made:
    """Things of which ``share`` in (0, 1) of their square is behind a post, leaves, snow or a sticker."""
    if not 0 < share < 1:
        raise ValueError(f"share is {share:g}, which is no part of a picture")
    source = stock.test if stock.objects is None else stock.objects
    rows = chosen(source, n, rng)
    kinds = tuple(OCCLUDERS[k] for k in rng.integers(0, len(OCCLUDERS), n))
    pictures = []
    for i, kind in zip(rows, kinds, strict=True):
        if stock.objects is None:
            whole = unit(stock.test.x[i])
            box = (0.5 * whole.shape[1], 0.5 * whole.shape[0], 0.7 * min(whole.shape[:2]))
            pictures.append(cover(whole, box, kind, share, rng))
        else:
            where: list[tuple[float, float, float]] = []
            whole = scene(stock, int(i), rng, size=size * rng.uniform(0.8, 1.2), rotation=rng.normal(0, 4), where=where)
            pictures.append(cover(whole, where[0], kind, share, rng))
    return Made(stacked(pictures, stock), labels(source, rows), kinds)


def out_of_scope(stock: Stock, n: int, rng: np.random.Generator) -> Made:
    """Photographs of places without any of the things; without photographs, test pictures cut up and shuffled."""
    if stock.backgrounds is not None:
        pictures = [background(stock, rng) for _ in range(n)]
        return Made(stacked(pictures, stock), None, ("a photograph",) * n)
    pieces = []
    for i in chosen(stock.test, n, rng):
        x = stock.test.x[i]
        rows, columns = (np.array_split(np.arange(s), min(4, s)) for s in x.shape[:2])
        order = rng.permutation(len(rows))
        strips = [np.concatenate([x[r][:, columns[c]] for c in rng.permutation(len(columns))], axis=1) for r in rows]
        pieces.append(np.concatenate([strips[k] for k in order], axis=0))
    return Made(np.stack(pieces), None, ("cut up and shuffled",) * n)


def blank(stock: Stock, n: int, rng: np.random.Generator) -> Made:
    """Pictures of one colour each, black and white among them."""
    x = np.empty((n, *stock.test.x.shape[1:]), stock.test.x.dtype)
    top = 255 if x.dtype == np.uint8 else 1
    for i in range(n):
        level = (0.0, 1.0)[i % 8] if i % 8 < 2 else rng.random(x.shape[-1])
        x[i] = np.asarray(np.multiply(level, top)).astype(x.dtype)
    return Made(x, None, ("one colour",) * n)


def sensor_off(stock: Stock, n: int, rng: np.random.Generator) -> Made:
    """What a broken camera gives: black, white, noise, or one line repeated."""
    names = ("black", "white", "noise", "one line for all")
    x = stock.test.x[chosen(stock.test, n, rng)].copy()
    top = 255 if x.dtype == np.uint8 else 1
    for i in range(n):
        kind, half = names[i % len(names)], x.shape[1] // 2
        if kind in ("black", "white"):
            x[i] = 0 if kind == "black" else top
        elif kind == "noise":
            x[i] = (rng.random(x.shape[1:]) * top).astype(x.dtype)
        else:
            x[i] = x[i, half][None]
    return Made(x, None, tuple(names[i % len(names)] for i in range(n)))


def scene(
    stock: Stock,
    i: int,
    rng: np.random.Generator,
    *,
    size: float,
    rotation: float = 0.0,
    tilt: float = 0.0,
    low: bool = False,
    shadow: float = 0.0,
    where: list[tuple[float, float, float]] | None = None,
) -> NumpyArray:
    """(h, w, 3) in [0, 1]: one cut-out before one photograph in one light.

    ``low``: towards the bottom of the picture, where the ground is. ``shadow`` in [0, 1]: how dark it is under and
    beside the thing. ``where`` is given the centre and width of the thing in pixels.
    """
    assert stock.objects is not None
    h, w = stock.shape
    cut = unit(stock.objects.x[i])
    colours, alpha = colour(cut[..., :3] if cut.shape[-1] == 4 else cut), cut[..., 3] if cut.shape[-1] == 4 else None
    place = background(stock, rng)
    width = size * min(h, w)
    reach = max(0.0, 0.5 - 0.5 * size)
    x = w * (0.5 + reach * rng.uniform(-0.7, 0.7))
    y = h * (0.5 + (reach * rng.uniform(0.3, 0.9) if low else reach * rng.uniform(-0.7, 0.7)))
    view = plane(
        (h, w), cut.shape[:2], width=width, centre=(x, y), rotation=rotation, tilt=tilt, axis=-rotation, alpha=alpha
    )
    if shadow:
        offset = (0.05 * width, 0.04 * width * rng.choice([-1, 1]))
        dark = ndimage.gaussian_filter(ndimage.shift(view.cover, offset, order=1), 0.05 * width)
        place = place * (1 - shadow * dark[..., None])
    light = lighting(rng, min(h, w))
    if where is not None:
        where.append((x, y, width))
    return light.forward(view.render(light.ink(colours), place))


def lighting(rng: np.random.Generator, side: int) -> Light:
    """A print in daylight before an ordinary camera."""
    return Light(
        gain=float(rng.uniform(0.8, 1.1)),
        gamma=float(rng.uniform(0.85, 1.2)),
        loss=0.4,
        blur=_FOCUS * side / 64,
        noise=0.01,
        seed=int(rng.integers(2**31)),
    )


def cover(
    picture: NumpyArray, box: tuple[float, float, float], kind: str, share: float, rng: np.random.Generator
) -> NumpyArray:
    """The picture with something before ``share`` of the square ``box`` (centre x, centre y, side, in pixels)."""
    h, w = picture.shape[:2]
    x, y, side = box
    rows, columns = np.mgrid[:h, :w] + 0.5
    u, v = (columns - x) / side, (rows - y) / side  # -0.5 to 0.5 within the square
    inside = (np.abs(u) <= 0.5) & (np.abs(v) <= 0.5)
    if kind == "post":  # a round pole, lit from one side
        shift = rng.uniform(-0.2, 0.2)
        across = np.clip((u - shift) / (share / 2), -1, 1)
        mask = (np.abs(u - shift) < share / 2).astype(float)
        tone = (0.25 + 0.45 * np.sqrt(np.maximum(0, 1 - across**2)) + 0.1 * across)[..., None] * np.array(
            [1, 0.98, 0.95]
        )
    elif kind == "sticker":  # a tilted sheet
        angle = rng.uniform(0, np.pi)
        a, b = u * np.cos(angle) + v * np.sin(angle), v * np.cos(angle) - u * np.sin(angle)
        du, dv = rng.uniform(-0.15, 0.15, 2)
        edge = np.sqrt(share) / 2
        mask = ((np.abs(a - du) < edge) & (np.abs(b - dv) < edge)).astype(float)
        tone = np.broadcast_to(rng.uniform(0.4, 1.0, 3) * (1 - 0.1 * b[..., None]), (h, w, 3))
    else:  # leaves are many small blots, snow lies thick from one side
        grain = max(1.0, side * (0.05 if kind == "leaves" else 0.12))
        field = ndimage.gaussian_filter(rng.normal(size=(h, w)), grain)
        field = field / (field.std() + 1e-9) + (0.0 if kind == "leaves" else 4.0 * v)
        mask = (field > np.quantile(field[inside], 1 - share)).astype(float) if inside.any() else np.zeros((h, w))
        mask *= 1.0 if kind == "leaves" else (np.abs(u) < 0.55) & (np.abs(v) < 0.55)
        shade = 0.75 + 0.25 * np.clip(ndimage.gaussian_filter(rng.normal(size=(h, w)), grain / 2) * 3, -1, 1)
        base = np.array([0.16, 0.36, 0.12]) if kind == "leaves" else np.array([0.93, 0.95, 0.98])
        tone = base * shade[..., None] if kind == "leaves" else base * (0.85 + 0.15 * shade[..., None])
    mask = ndimage.gaussian_filter(mask, 0.4 * max(1.0, min(h, w) / 64))[..., None]
    return np.asarray(np.clip((1 - mask) * picture + mask * tone, 0, 1), dtype=np.float32)


def background(stock: Stock, rng: np.random.Generator) -> NumpyArray:
    """(h, w, 3): a random part of a random photograph; without photographs a test picture far out of focus."""
    h, w = stock.shape
    if stock.backgrounds is None:
        x = colour(unit(stock.test.x[int(rng.integers(len(stock.test)))]))
        return np.asarray(ndimage.gaussian_filter(x, (min(h, w) / 6, min(h, w) / 6, 0)))
    photo = colour(unit(stock.backgrounds.x[int(rng.integers(len(stock.backgrounds)))]))
    side = rng.uniform(0.4, 0.9)
    ph, pw = (max(2, int(s * side)) for s in photo.shape[:2])
    top, left = int(rng.integers(photo.shape[0] - ph + 1)), int(rng.integers(photo.shape[1] - pw + 1))
    part = photo[top : top + ph, left : left + pw]
    if rng.random() < 0.5:
        part = part[:, ::-1]
    return resized(part, (h, w))


def resized(picture: NumpyArray, shape: tuple[int, int]) -> NumpyArray:
    """(h, w, c) in [0, 1] at another size, averaged where it shrinks."""
    planes = [Image.fromarray(np.ascontiguousarray(picture[..., k], np.float32)) for k in range(picture.shape[-1])]
    made = [
        np.asarray(p.resize(shape[::-1], Image.Resampling.BOX if p.width > shape[1] else Image.Resampling.BILINEAR))
        for p in planes
    ]
    return np.asarray(np.clip(np.stack(made, axis=-1), 0, 1))


def unit(picture: NumpyArray) -> NumpyArray:
    """(h, w, c) float32 in [0, 1]."""
    scale = 255 if picture.dtype == np.uint8 else 1
    return np.asarray(picture, dtype=np.float32) / np.float32(scale)


def colour(picture: NumpyArray) -> NumpyArray:
    """(h, w, 3) from one, three or four channels."""
    return picture[..., :3] if picture.shape[-1] >= 3 else np.repeat(picture[..., :1], 3, axis=-1)


def stacked(pictures: list[NumpyArray], stock: Stock) -> NumpyArray:
    """Pictures in [0, 1] in the size, channels and type of the test rows."""
    channels, kind = stock.test.x.shape[-1], stock.test.x.dtype
    out = []
    for picture in pictures:
        p = picture if channels >= 3 or picture.shape[-1] == 1 else (colour(picture) @ [0.299, 0.587, 0.114])[..., None]
        if channels == 4:
            p = np.concatenate([colour(p), np.ones_like(p[..., :1])], axis=-1)
        out.append(np.rint(255 * np.clip(p, 0, 1)) if kind == np.uint8 else np.clip(p, 0, 1))
    return np.asarray(np.stack(out), dtype=kind)
