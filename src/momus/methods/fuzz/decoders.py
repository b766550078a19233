"""Files that people see one way and a careless reader another, and how a reader took one.

A trick comes with a plain file of what people see and a plain file of something else. A reader is judged by itself: did
it make of the trick what it makes of the plain file? So no reader has to be trusted, and resizing or normalising inside
the path does not matter.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from momus.core.samples import NumpyArray
from momus.methods.fuzz.harness import Outcome

Reading = Literal["as seen", "otherwise", "refused", "failed", "unread", "cannot tell"]
# Shares of the distance between the two plain files: lossy writing stays far below the first, another picture nears 1.
AS_SEEN, OTHERWISE = 0.2, 0.4
_FIRM = 3.0  # times what one picture, read again and again, differs from itself
_LABEL = 32  # characters: what is longer is a text, and texts differ by degrees
_TEXT = 100_000


@dataclass(frozen=True, slots=True)
class Trick:
    """``data`` is the file; ``seen`` and ``other`` are plain files of what people see and of something else.

    ``truth`` is False where the format leaves open which of the two is meant: readers can then only be held against
    each other. ``hides`` says what a careless reader misses.
    """

    name: str
    data: bytes
    seen: bytes
    other: bytes
    hides: str
    truth: bool = True


Maker = Callable[[Sequence[bytes], np.random.Generator], Sequence[Trick]]


def tricks(format_: str, examples: Sequence[bytes], rng: np.random.Generator) -> tuple[Trick, ...]:
    """Every trick that is known for a format, showing what the examples show; none where nothing can be shown.

    ``examples`` are honest files of the format, two that are answered differently first. Pictures need none.
    """
    from momus.methods.fuzz import decoders_images, decoders_texts, decoders_waves

    makers: Mapping[str, Maker] = {**decoders_images.MAKERS, **decoders_waves.MAKERS, **decoders_texts.MAKERS}
    make = makers.get(format_)
    return () if make is None else tuple(make(examples, rng))


def nearly(format_: str, data: bytes, rng: np.random.Generator) -> bytes:
    """A plain file that nobody tells from ``data``; the same bytes where a format says exactly what it says."""
    from momus.methods.fuzz import decoders_images, decoders_waves

    changed = decoders_images.nearly(format_, data, rng)
    return decoders_waves.nearly(data, rng) if format_ == "wav" else data if changed is None else changed


def reading(trick: Outcome, seen: Outcome, other: Outcome) -> Reading:
    """What a reader made of a trick, from what it answered to the trick and to the two plain files.

    ``unread``: it refuses the plain file too, so that its refusal says nothing of the trick.
    """
    if trick.kind in ("crashed", "hung", "memory"):
        return "failed"
    if trick.kind in ("refused", "raised"):
        return "refused" if seen.kind in ("answered", "nonfinite") else "unread"
    if seen.kind not in ("answered", "nonfinite") or other.kind not in ("answered", "nonfinite"):
        return "cannot tell"
    scale, moved = distance(seen.answer, other.answer), distance(trick.answer, seen.answer)
    if moved == 0:
        return "as seen" if scale > 0 else "cannot tell"
    if scale == 0 or not np.isfinite(moved):
        return "otherwise"
    share = moved / scale
    if share <= AS_SEEN:
        return "as seen"
    return "otherwise" if share >= OTHERWISE else "cannot tell"


def firm(trick: Sequence[Outcome], seen: Sequence[Outcome]) -> bool:
    """Whether a misreading is more than chance: readings of one trick, and of files that show what it should show.

    The first of each belong together. A reader that crops or turns at random differs as much from itself, and an answer
    near its limit changes with a pixel.
    """
    if any(o.kind not in ("answered", "nonfinite") for o in (*trick, *seen)):
        return False
    moved = distance(trick[0].answer, seen[0].answer)
    drift = max(distance(group[0].answer, o.answer) for group in (trick, seen) for o in group[1:])
    return moved > _FIRM * drift


def distance(a: Any, b: Any) -> float:
    """Mean absolute difference of numbers, a share for long texts, 0 or 1 for labels; infinite where shapes differ."""
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        if a.keys() != b.keys():
            return float("inf")
        return float(np.mean([distance(a[k], b[k]) for k in a])) if a else 0.0
    if isinstance(a, str) and isinstance(b, str) and max(len(a), len(b)) > _LABEL:
        return _apart(a[:_TEXT], b[:_TEXT])
    if isinstance(a, bytes) and isinstance(b, bytes):  # pixels or samples, as likely as not
        return distance(np.frombuffer(a, np.uint8), np.frombuffer(b, np.uint8))
    if isinstance(a, str | bytes | int | None) or isinstance(b, str | bytes | int | None):
        # Class 3 is not nearer to class 4 than to class 9.
        return float(type(a) is not type(b) or a != b)
    left, right = _plain(a), _plain(b)
    if left is None or right is None:
        return float(repr(a) != repr(b))
    if left.shape != right.shape:
        return float("inf")
    if left.size == 0:
        return 0.0
    if left.dtype.kind not in "biuf" or right.dtype.kind not in "biuf":
        return float(np.mean(left.astype(str) != right.astype(str)))
    gaps = np.abs(left.astype(np.float64) - right.astype(np.float64))
    same = (left == right) | (np.isnan(left.astype(np.float64)) & np.isnan(right.astype(np.float64)))
    return float(np.mean(np.where(same, 0.0, np.nan_to_num(gaps, nan=1.0, posinf=1e9))))


def _apart(a: str, b: str) -> float:
    """Share of the pairs of neighbouring characters that two texts do not have in common."""
    left, right = (Counter(zip(" " + t, t + " ", strict=True)) for t in (a, b))
    return 1.0 - (left & right).total() / max(left.total(), right.total())


def _plain(value: Any) -> NumpyArray | None:
    """An answer as an array; pictures as (h, w, 3), so that a fourth channel does not look like another size."""
    try:
        a = np.asarray(value)
    except (ValueError, TypeError):
        return None
    return picture(a) if a.ndim in (2, 3, 4) else a


def picture_in(answer: Any) -> NumpyArray | None:
    """The array in an answer that may be a picture: itself, the first under a name, a square laid out as a line."""
    if isinstance(answer, Mapping):
        return next((a for a in map(picture_in, answer.values()) if a is not None), None)
    a = np.frombuffer(answer, np.uint8) if isinstance(answer, bytes) else np.asarray(answer)
    if a.dtype.kind not in "fiub" or not a.size:
        return None
    for channels in (1, 3):
        side = math.isqrt(a.size // channels)
        if a.ndim == 1 and side > 4 and side * side * channels == a.size:
            return a.reshape(side, side, channels)
    return a if a.ndim in (2, 3, 4) else None


def picture(a: NumpyArray) -> NumpyArray:
    """(h, w, 3) of what looks like one picture, channels first or last, with or without a batch axis; else as it is."""
    found = a[0] if a.ndim == 4 and a.shape[0] == 1 else a
    if found.ndim == 3 and found.shape[0] in (1, 3, 4) and found.shape[-1] not in (1, 3, 4):
        found = np.moveaxis(found, 0, -1)
    if found.ndim == 3 and found.shape[-1] in (1, 3, 4) and min(found.shape[:2]) > 4:
        return found[..., :3] if found.shape[-1] > 1 else np.repeat(found, 3, axis=-1)
    if found.ndim == 2 and min(found.shape) > 4:
        return np.repeat(found[..., None], 3, axis=-1)
    return a
