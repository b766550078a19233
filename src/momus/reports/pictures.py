"""Pictures made light enough for a page: photographs compressed, drawings and differences kept pixel by pixel.

A picture is evidence. What was lost on its way to the page is told by :attr:`Shown.kept`, so that a page can say it;
a picture whose pixels are the proof, a difference above all, is never compressed: what does not fit is cut out of it.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Literal

import numpy as np
from PIL import Image

from momus.core.samples import NumpyArray

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# A larger one may be a few bytes that unfold to gigabytes; the JSON report keeps its bytes.
MOST_PIXELS = 4096 * 4096
_MOST_SIDE = 16_383  # of a WebP
_PHOTO = 160  # from this width on a picture is shown smooth and smaller than it is
_BAD = (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning)
_COLOURS = 256  # with so few colours a picture is a drawing
_LEAST_CUT = 16


@dataclass(frozen=True)
class Fit:
    """How much room a picture gets."""

    side: int = 400  # pixels of a photograph's longer side: twice of what is shown
    quality: int = 75
    exact: int = 36_000  # bytes that an exact picture may take
    pixels: int = 64 * 64  # a photograph of no more pixels is kept exact


@dataclass(frozen=True)
class Shown:
    """A picture as it goes into a page. ``kept`` says what became of its pixels."""

    media: str
    data: bytes
    width: int
    height: int
    photo: bool
    kept: Literal["exact", "compressed", "cut"]
    part: tuple[int, int] = (0, 0)  # column and row where a cut-out begins
    whole: tuple[int, int] = (0, 0)  # width and height of the picture as it is kept elsewhere


def is_photo(png: bytes) -> bool:
    """True for a picture so large that it is shown smaller than it is; small ones keep their pixels square."""
    return len(png) > 24 and int.from_bytes(png[16:20], "big") >= _PHOTO


def is_difference(caption: str) -> bool:
    """Whether the picture's very pixels are the proof."""
    return "differ" in caption.casefold()


def _size(png: bytes) -> tuple[int, int]:
    return int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")


def as_it_is(png: bytes) -> Shown | None:
    """The bytes themselves; None for bytes that are no PNG."""
    if not png.startswith(_SIGNATURE) or len(png) < 33:
        return None
    size = _size(png)
    return Shown("image/png", png, *size, is_photo(png), "exact", whole=size)


def unshown(png: bytes) -> str:
    """Why bytes that :func:`fitted` makes nothing of are not shown."""
    whole = as_it_is(png)
    if whole is None or whole.width * whole.height <= MOST_PIXELS:
        return "bytes that no picture can be made of"
    return f"{whole.width} × {whole.height} pixels are too many for a page"


def fitted(png: bytes, caption: str, fit: Fit) -> Shown | None:
    """The picture in as much room as it gets; None for bytes that cannot be shown."""
    whole = as_it_is(png)
    if whole is None or not 0 < whole.width * whole.height <= MOST_PIXELS:
        return None
    return _fitted(_Bytes(png), is_difference(caption), fit)


def first_frame(gif: bytes, fit: Fit) -> Shown | None:
    """The first picture of a film; None where it cannot be read."""
    try:
        with Image.open(io.BytesIO(gif), formats=["GIF"]) as opened:
            if opened.width * opened.height > MOST_PIXELS:
                return None
            out = io.BytesIO()
            opened.convert("RGB").save(out, "PNG", compress_level=1)
    except _BAD:
        return None
    return fitted(out.getvalue(), "", fit)


class _Bytes:
    """Bytes that are compared by their digest, so that a cache does not keep them."""

    def __init__(self, data: bytes) -> None:
        self.data: bytes | None = data
        self.digest = sha256(data).digest()

    def __hash__(self) -> int:
        return hash(self.digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Bytes) and other.digest == self.digest

    def taken(self) -> bytes:
        """The bytes, once."""
        data, self.data = self.data or b"", None
        return data


@lru_cache(maxsize=2048)
def _fitted(png: _Bytes, difference: bool, fit: Fit) -> Shown | None:
    data = png.taken()
    photo = is_photo(data)
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as opened:
            if opened.size != _size(data):  # a second header, larger than the one that was looked at
                return None
            image = opened.convert(_mode(opened))
    except _BAD:
        return None
    whole = image.size
    exact = difference or image.getcolors(_COLOURS) is not None
    small = _unfolded(np.asarray(image))
    if exact or small.shape[0] * small.shape[1] <= fit.pixels:
        made = _lossless(small) if max(small.shape) <= _MOST_SIDE else b""
        if made and (len(made) <= fit.exact or not (difference or exact)):
            return _shown(made, small, photo, "exact", whole)
        if difference:
            return _cut(np.asarray(image), fit.exact, photo, len(made) or small.size)
    image.thumbnail((fit.side, fit.side), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    image.save(out, "WEBP", quality=fit.quality, method=4)
    return Shown("image/webp", out.getvalue(), *image.size, photo, "compressed", whole=whole)


def _mode(image: Image.Image) -> str:
    return "RGBA" if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info else "RGB"


def _shown(
    data: bytes, pixels: NumpyArray, photo: bool, kept: Literal["exact", "cut"], whole: tuple[int, int],
    part: tuple[int, int] = (0, 0),
) -> Shown:  # fmt: skip
    return Shown("image/webp", data, pixels.shape[1], pixels.shape[0], photo, kept, part, whole)


def _lossless(pixels: NumpyArray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "WEBP", lossless=True, exact=True, quality=50, method=3)
    return out.getvalue()


def _unfolded(pixels: NumpyArray) -> NumpyArray:
    """The pixels before each was repeated by a whole factor: a small picture was enlarged so that it can be seen."""
    factor = math.gcd(_step(pixels), _step(np.swapaxes(pixels, 0, 1)))
    return pixels[::factor, ::factor] if factor > 1 else pixels


def _step(pixels: NumpyArray) -> int:
    """Every how many columns a picture changes."""
    changes = np.flatnonzero((pixels[:, 1:] != pixels[:, :-1]).any(axis=(0, 2))) + 1
    return math.gcd(pixels.shape[1], *map(int, changes))


def _cut(pixels: NumpyArray, room: int, photo: bool, takes: int) -> Shown:
    """The square with the most to be seen, as large as its exact pixels fit the room; all of it would take so much."""
    whole = (pixels.shape[1], pixels.shape[0])
    # What the busiest square takes is more than its share of the whole.
    side = max(_LEAST_CUT, min(*whole, math.ceil(math.sqrt(whole[0] * whole[1] * room / takes))))
    side = min(*whole, side)
    middle = np.median(pixels[..., :3], axis=(0, 1)).astype(np.int16)
    far = np.abs(pixels[..., :3].astype(np.int16) - middle).sum(axis=-1, dtype=np.int64)
    sums = np.pad(far.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    while True:
        boxes = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
        top, left = (int(v) for v in np.unravel_index(int(boxes.argmax()), boxes.shape))
        square = np.ascontiguousarray(pixels[top : top + side, left : left + side])
        made = _lossless(square)
        if len(made) <= room or side <= _LEAST_CUT:
            return _shown(made, square, photo, "cut", whole, (left, top))
        side = max(_LEAST_CUT, min(side - 8, int(side * math.sqrt(room / len(made)) * 0.98)))
