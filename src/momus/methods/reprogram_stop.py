"""What would stop a reprogrammed model: filters of what comes in or goes out, and detectors of strange callers."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from momus.core.samples import NumpyArray

Filter = Callable[[NumpyArray], NumpyArray]


def smoothed(x: NumpyArray) -> NumpyArray:
    """(n, c, h, w) averaged over 3 x 3 pixels."""
    return np.asarray(ndimage.uniform_filter(x, size=(1, 1, 3, 3), mode="nearest"))


def shrunk(x: NumpyArray) -> NumpyArray:
    """Scaled to half the side and back, bilinearly."""
    out = ndimage.zoom(x, (1, 1, 0.5, 0.5), order=1, mode="nearest", grid_mode=True)
    back = (1, 1, x.shape[2] / out.shape[2], x.shape[3] / out.shape[3])
    again = ndimage.zoom(out, back, order=1, mode="nearest", grid_mode=True)
    return np.asarray(np.clip(again, 0, 1), dtype=x.dtype)


def jpeg(x: NumpyArray, quality: int = 50) -> NumpyArray:
    """Stored as JPEG and read again; channels other than three go one by one as grey."""
    from PIL import Image

    out = np.empty_like(x)
    for i, picture in enumerate(np.round(np.clip(x, 0, 1) * 255).astype(np.uint8)):
        planes = [np.moveaxis(picture, 0, -1)] if len(picture) == 3 else list(picture)
        for j, plane in enumerate(planes):
            stream = io.BytesIO()
            Image.fromarray(np.ascontiguousarray(plane)).save(stream, "JPEG", quality=quality)
            read = np.asarray(Image.open(stream), dtype=np.float32) / 255
            if len(picture) == 3:
                out[i] = np.moveaxis(read, -1, 0)
            else:
                out[i, j] = read
    return out


def shifted(rng: np.random.Generator) -> Filter:
    """A random crop of seven eighths of the side, scaled back: what a service with test-time augmentation does."""

    def crop(x: NumpyArray) -> NumpyArray:
        out = np.empty_like(x)
        h, w = x.shape[2:]
        kh, kw = max(1, round(h * 7 / 8)), max(1, round(w * 7 / 8))
        for i, picture in enumerate(x):
            top, left = int(rng.integers(0, h - kh + 1)), int(rng.integers(0, w - kw + 1))
            part = picture[:, top : top + kh, left : left + kw]
            out[i] = ndimage.zoom(part, (1, h / kh, w / kw), order=1, mode="nearest", grid_mode=True)
        return np.clip(out, 0, 1)

    return crop


def input_filters(rng: np.random.Generator) -> Mapping[str, Filter]:
    """Filters of (n, c, h, w) float32 pictures in [0, 1], by what a person would call them."""
    return {
        "smoothing 3 x 3": smoothed,
        "JPEG, quality 50": jpeg,
        "half size and back": shrunk,
        "random crop of 7/8": shifted(rng),
    }


def rounded(outputs: NumpyArray, digits: int) -> NumpyArray:
    """Log-probabilities of softmax outputs told to ``digits`` decimals; what is rounded to nothing is very small."""
    e = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    p = np.round(e / e.sum(axis=1, keepdims=True), digits)
    return np.asarray(np.log(np.maximum(p, 10.0 ** -(digits + 2))))


def named_most(answers: NumpyArray, y: NumpyArray, outputs: int, labels: int) -> NumpyArray:
    """(outputs,) label to read from each named class: the one it was named for most often, label 0 where never."""
    counts = np.zeros((outputs, labels))
    np.add.at(counts, (answers, y), 1)
    return np.asarray(counts.argmax(axis=1), dtype=np.int64)


@dataclass(frozen=True)
class Caught:
    """How many strange pictures a detector sees and how often it cries wolf, on pictures it was not fitted on."""

    name: str
    seen: int
    of: int
    false: int
    honest: int


def far_from(honest: NumpyArray, strange: NumpyArray, rng: np.random.Generator, rate: float = 0.01) -> Caught | None:
    """Distance from the owner's pictures: Mahalanobis distance of 8 x 8 thumbnails in their leading 16 directions.

    Fitted on half of ``honest``; the alarm stands at the ``rate`` tail of its other half's first half, and is judged on
    the rest. None with fewer than 40 honest pictures.
    """
    if len(honest) < 40:
        return None
    order = rng.permutation(len(honest))
    thirds = np.array_split(order, [len(order) // 2, 3 * len(order) // 4])
    small = [_thumbnails(honest[part]) for part in thirds]
    mean = small[0].mean(axis=0)
    _, values, directions = np.linalg.svd(small[0] - mean, full_matrices=False)
    keep = min(16, len(values), len(small[0]) - 1)
    scale = values[:keep] / np.sqrt(max(1, len(small[0]) - 1)) + 1e-3

    def distance(a: NumpyArray) -> NumpyArray:
        inside = (a - mean) @ directions[:keep].T
        outside = ((a - mean) ** 2).sum(axis=1) - (inside**2).sum(axis=1)
        return np.asarray(((inside / scale) ** 2).sum(axis=1) + np.maximum(outside, 0) / 1e-3)

    alarm = float(np.quantile(distance(small[1]), 1 - rate))
    seen = int((distance(_thumbnails(strange)) > alarm).sum())
    return Caught("far from the owner's pictures", seen, len(strange), _over(distance(small[2]), alarm), len(small[2]))


def same_frame(honest: NumpyArray, strange: NumpyArray, rng: np.random.Generator, window: int = 8) -> Caught | None:
    """Callers whose pictures share a constant part: share of pixels that hardly change over ``window`` requests.

    The alarm stands where no window of the first half of the owner's pictures reaches, judged on windows of the rest.
    """
    if len(honest) < 4 * window or len(strange) < window:
        return None
    order = rng.permutation(len(honest))
    still = [_still(honest[part], window) for part in np.array_split(order, 2)]
    alarm = float(still[0].max()) + 0.02
    marks = _still(strange, window)
    name = f"the same frame in {window} requests of one caller"
    return Caught(name, _over(marks, alarm), len(marks), _over(still[1], alarm), len(still[1]))


def _over(values: NumpyArray, alarm: float) -> int:
    return int((values > alarm).sum())


def _still(x: NumpyArray, window: int) -> NumpyArray:
    """Share of pixels whose value keeps within one of 255 steps, for each run of ``window`` pictures."""
    runs = len(x) // window
    grouped = x[: runs * window].reshape(runs, window, -1)
    return np.asarray((np.ptp(grouped, axis=1) <= 1.5 / 255).mean(axis=1))


def _thumbnails(x: NumpyArray) -> NumpyArray:
    """(n, c, h, w) to (n, c * 64) block means, or the pixels where there are fewer."""
    h, w = x.shape[2:]
    rows, columns = min(8, h), min(8, w)
    parts = [[b.mean(axis=(2, 3)) for b in np.array_split(a, columns, axis=3)] for a in np.array_split(x, rows, axis=2)]
    return np.asarray(np.stack([np.stack(r, axis=-1) for r in parts], axis=-2).reshape(len(x), -1), dtype=np.float64)
