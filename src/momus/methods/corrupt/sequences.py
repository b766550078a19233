"""Picture sequences in which little changes from frame to frame, after ImageNet-P: does an answer flip?

Hendrycks & Dietterich 2019, arXiv:1903.12261, section 3.2, at their first difficulty. Lengths in pixels are given for a
side of 224 and grow with the picture. Differences from the published films, which were cut from 256-pixel photographs
and compressed: these start from the picture as the model sees it, nothing is compressed, and where the camera turns
past the border the picture is mirrored (published: a little more of the photograph, then black).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from scipy import sparse

from momus.core.errors import DataError
from momus.core.samples import NumpyArray
from momus.methods.corrupt import noise, planes, weather
from momus.methods.corrupt.blur import motion_blur
from momus.methods.corrupt.image import check_pictures

FRAMES: dict[str, int] = {
    "tilt": 31,
    "rotate": 31,
    "translate": 41,
    "scale": 31,
    "brightness": 31,
    "gaussian_noise": 31,
    "shot_noise": 31,
    "motion_blur": 31,
    "zoom_blur": 31,
    "snow": 31,
}
"""Frames of each sequence."""

NOISE = ("gaussian_noise", "shot_noise")
"""Sequences without an order: every frame is compared with the first, which is clean."""

CLEAN: dict[str, int] = {
    "tilt": 15,
    "rotate": 15,
    "translate": 20,
    "scale": 24,
    "brightness": 15,
    "gaussian_noise": 0,
    "shot_noise": 0,
    "zoom_blur": 0,
}
"""The frame that is the picture itself, where there is one."""


def strength(name: str, frame: int) -> float:
    """What changes, in its own unit: degrees, pixels at a side of 224, scale, or brightness; 0 to 1 otherwise."""
    if name in ("tilt", "rotate"):
        return float(frame - 15)
    if name == "translate":
        return float(frame - 20)
    if name == "scale":
        return 0.4 + 0.025 * frame
    if name == "brightness":
        return (frame - 15) * 0.02
    return frame / (FRAMES[name] - 1)


def film(x: NumpyArray, name: str, chance: Sequence[np.random.Generator]) -> Iterator[NumpyArray]:
    """The frames of one sequence, each (n, h, w, c) uint8, for all pictures at once.

    Parameters
    ----------
    x : (n, h, w, 1, 3 or 4) uint8, sides of 8 pixels and up; a fourth channel, alpha, passes unchanged.
    name : one of :data:`FRAMES`.
    chance : one generator a frame. Handed on from batch to batch, they give every picture the same film however the
        pictures are cut into batches. Used by the noises and by snow only.

    Raises
    ------
    DataError for an unknown name, another type or shape, or a side under 8 pixels.

    Cost
    ----
    Per frame one sparse matrix for all pictures (tilt, rotate, scale, part-pixel translate), a look-up (brightness,
    shot noise) or a short sum (the rest).
    """
    if name not in FRAMES:
        raise DataError(f"no sequence '{name}'", hint=f"One of: {', '.join(FRAMES)}")
    check_pictures(x)
    if x.shape[-1] == 4:
        colours = np.ascontiguousarray(x[..., :3])
        return (np.concatenate([frame, x[..., 3:]], axis=-1) for frame in _MAKERS[name](colours, chance))
    return _MAKERS[name](x, chance)


def flips(answers: NumpyArray, *, to_first: bool) -> NumpyArray:
    """(n,) share of frames whose answer differs from the frame before (or from the first): (n, frames) -> (n,)."""
    before = answers[:, :1] if to_first else answers[:, :-1]
    made: NumpyArray = (answers[:, 1:] != before).mean(axis=1)
    return made


def top5_distances(scores: NumpyArray, *, to_first: bool) -> NumpyArray:
    """(n,) mean top-5 distance between frames: (n, frames, k) scores, k of at least 6 -> (n,).

    The five best classes of the one frame keep or lose their places in the other: the sum over i of 1 to 5 of
    |i - min(rank of the i-th class, 6)|; 0 for the same order, 15 at most.
    """
    order = np.argsort(-scores, axis=-1, kind="stable")
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(order.shape[-1])[None, None], axis=-1)
    one = np.repeat(order[:, :1], order.shape[1] - 1, axis=1) if to_first else order[:, :-1]
    places = np.take_along_axis(ranks[:, 1:], one[..., :5], axis=-1)
    made: NumpyArray = np.abs(np.arange(5) - np.minimum(places, 5)).sum(axis=-1).mean(axis=1)
    return made


def _unit(x: NumpyArray) -> float:
    return float(min(x.shape[1:3])) / 224


def _bent(x: NumpyArray, frames: Iterator[NumpyArray], *, black: bool = False) -> Iterator[NumpyArray]:
    """Each frame by its (3, 3) map from a pixel (across, down, 1) of the frame to the place in the picture."""
    n, h, w, c = x.shape
    columns = np.ascontiguousarray(x.reshape(n, h * w, c).transpose(1, 0, 2), dtype=np.float32).reshape(h * w, n * c)
    across, down = np.meshgrid(np.arange(w, dtype=float), np.arange(h, dtype=float))
    points = np.stack([across.ravel(), down.ravel(), np.ones(h * w)])
    for matrix in frames:
        if np.allclose(matrix, np.eye(3)):
            yield x.copy()
            continue
        place = matrix @ points
        taken = _taking(place[1] / place[2], place[0] / place[2], (h, w), black=black) @ columns
        np.rint(taken, out=taken)
        yield np.ascontiguousarray(taken.astype(np.uint8).reshape(h, w, n, c).transpose(2, 0, 1, 3))


def _taking(down: NumpyArray, across: NumpyArray, size: tuple[int, int], *, black: bool) -> sparse.csr_array:
    """(h w, h w) linear interpolation at places (h w,); beyond the border mirrored, or black."""
    h, w = size
    top, left = np.floor(down).astype(np.int64), np.floor(across).astype(np.int64)
    part_down, part_across = down - top, across - left
    rows, weights = [], []
    for dy, wy in ((0, 1 - part_down), (1, part_down)):
        for dx, wx in ((0, 1 - part_across), (1, part_across)):
            y, x = top + dy, left + dx
            weight = wy * wx
            if black:
                weight = weight * ((y >= 0) & (y < h) & (x >= 0) & (x < w))
                y, x = np.clip(y, 0, h - 1), np.clip(x, 0, w - 1)
            else:
                y, x = _mirrored(y, h), _mirrored(x, w)
            rows.append(y * w + x)
            weights.append(weight)
    values = np.stack(weights, axis=1).astype(np.float32).ravel()
    where = np.stack(rows, axis=1).astype(np.int32).ravel()
    ends = np.arange(0, 4 * h * w + 1, 4, dtype=np.int32)
    return sparse.csr_array((values, where, ends), shape=(h * w, h * w))


def _mirrored(index: NumpyArray, size: int) -> NumpyArray:
    index = np.mod(index, 2 * size)
    made: NumpyArray = np.minimum(index, 2 * size - 1 - index)
    return made


def _tilt(x: NumpyArray, _chance: Sequence[np.random.Generator]) -> Iterator[NumpyArray]:
    """The picture turned about both of its axes in space, seen from one diagonal away."""
    h, w = x.shape[1:3]
    far = float(np.hypot(w, h))
    lift = np.array([[1, 0, -w / 2], [0, 1, -h / 2], [0, 0, 1], [0, 0, 1]], dtype=float)
    back = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, far], [0, 0, 0, 1]], dtype=float)
    view = np.array([[far, 0, w / 2, 0], [0, far, h / 2, 0], [0, 0, 1, 0]], dtype=float)

    def maps() -> Iterator[NumpyArray]:
        for frame in range(FRAMES["tilt"]):
            angle = np.deg2rad(strength("tilt", frame))
            c, s = np.cos(angle), np.sin(angle)
            about_x = np.array([[1, 0, 0, 0], [0, c, -s, 0], [0, s, c, 0], [0, 0, 0, 1]])
            about_y = np.array([[c, 0, -s, 0], [0, 1, 0, 0], [s, 0, c, 0], [0, 0, 0, 1]])
            seen = view @ back @ about_x @ about_y @ lift
            inverse = np.linalg.inv(seen)
            yield np.eye(3) if angle == 0 else inverse / inverse[2, 2]

    return _bent(x, maps())


def _rotate(x: NumpyArray, _chance: Sequence[np.random.Generator]) -> Iterator[NumpyArray]:
    angles = np.deg2rad([strength("rotate", f) for f in range(FRAMES["rotate"])])
    turns = ([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]] for a in angles)
    return _bent(x, (_about_middle(np.array(t), x.shape) for t in turns))


def _scale(x: NumpyArray, _chance: Sequence[np.random.Generator]) -> Iterator[NumpyArray]:
    factors = (strength("scale", f) for f in range(FRAMES["scale"]))
    return _bent(x, (_about_middle(np.eye(2) / f, x.shape) for f in factors), black=True)


def _about_middle(turn: NumpyArray, shape: tuple[int, ...]) -> NumpyArray:
    """(3, 3): a linear map (2, 2) of (across, down) about the middle of the picture."""
    middle = np.array([(shape[2] - 1) / 2, (shape[1] - 1) / 2])
    made = np.eye(3)
    made[:2, :2], made[:2, 2] = turn, middle - turn @ middle
    return made


def _translate(x: NumpyArray, _chance: Sequence[np.random.Generator]) -> Iterator[NumpyArray]:
    for frame in range(FRAMES["translate"]):
        move = strength("translate", frame) * _unit(x)
        if move == int(move):  # whole pixels are looked up
            yield x[:, :, _mirrored(np.arange(x.shape[2]) - int(move), x.shape[2])]
        else:
            yield from _bent(x, iter([np.array([[1, 0, -move], [0, 1, 0], [0, 0, 1]])]))


def _brightness(x: NumpyArray, _chance: Sequence[np.random.Generator]) -> Iterator[NumpyArray]:
    for frame in range(FRAMES["brightness"]):
        more = strength("brightness", frame)
        yield x.copy() if frame == CLEAN["brightness"] else weather.brightness(x, more, {})


def _gaussian_noise(x: NumpyArray, chance: Sequence[np.random.Generator]) -> Iterator[NumpyArray]:
    yield x.copy()
    for rng in chance[1:]:
        yield noise.gaussian_noise(x, 0.03, noise.draw_gaussian_noise(rng, _shape(x), 0.03))


def _shot_noise(x: NumpyArray, chance: Sequence[np.random.Generator]) -> Iterator[NumpyArray]:
    yield x.copy()
    for rng in chance[1:]:
        yield noise.shot_noise(x, 300.0, noise.draw_shot_noise(rng, _shape(x), 300.0))


def _shape(x: NumpyArray) -> noise.Shape:
    n, h, w, c = x.shape
    return n, h, w, c


def _motion_blur(x: NumpyArray, _chance: Sequence[np.random.Generator]) -> Iterator[NumpyArray]:
    setting = max(10 * _unit(x), 1), max(3 * _unit(x), 0.5)
    for frame in range(FRAMES["motion_blur"]):
        yield motion_blur(x, setting, {"angle": np.full(len(x), (frame - 30) * 4.0)})


def _zoom_blur(x: NumpyArray, _chance: Sequence[np.random.Generator]) -> Iterator[NumpyArray]:
    """The mean of ever more enlargements."""
    _, h, w, c = x.shape
    picture = planes.to_planes(x)
    total = np.zeros_like(picture)
    for frame in range(FRAMES["zoom_blur"]):
        rows, columns = (_closer(size, 1 + 0.004 * frame) for size in (h, w))
        total += planes.separable(picture, rows, columns) if frame else picture
        yield planes.from_planes(planes.grey(total / np.float32(frame + 1)), c)


def _closer(size: int, factor: float) -> sparse.csr_array:
    """(size, size) enlargement about the middle by ``factor`` of at least 1, linear interpolation."""
    middle = (size - 1) / 2
    at = middle + (np.arange(size) - middle) / factor
    low = np.minimum(at.astype(np.intp), size - 2)
    part = at - low
    where = np.tile(np.arange(size), 2), np.concatenate([low, low + 1])
    weights = np.concatenate([1 - part, part]).astype(np.float32)
    return sparse.csr_array((weights, where), shape=(size, size))


def _snow(x: NumpyArray, chance: Sequence[np.random.Generator]) -> Iterator[NumpyArray]:
    """The same flakes, driven by a wind that turns."""
    unit = _unit(x)
    setting = (0.05, 0.3, max(3 * unit, 1.0), 0.5, max(14 * unit, 1), max(4 * unit, 0.5), 0.85)
    drawn = weather.draw_snow(chance[0], _shape(x), setting)
    for frame in range(FRAMES["snow"]):
        drawn["angle"] = np.full(len(x), frame * 4.0 - 150)
        yield weather.snow(x, setting, drawn)


_MAKERS: dict[str, Callable[[NumpyArray, Sequence[np.random.Generator]], Iterator[NumpyArray]]] = {
    "tilt": _tilt,
    "rotate": _rotate,
    "translate": _translate,
    "scale": _scale,
    "brightness": _brightness,
    "gaussian_noise": _gaussian_noise,
    "shot_noise": _shot_noise,
    "motion_blur": _motion_blur,
    "zoom_blur": _zoom_blur,
    "snow": _snow,
}
