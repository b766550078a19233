"""Smaller inputs that fail in the same way: pieces of the format first, then bytes left out, then bytes made plain."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from momus.methods.fuzz import mutate_jpeg, mutate_png
from momus.methods.fuzz.failures import Failure, Limits
from momus.methods.fuzz.harness import Harness
from momus.methods.fuzz.mutate_sound import flac_blocks, flac_joined, ogg_pages
from momus.methods.fuzz.riff import riff, riff_joined

_TRIES = {"hung": 40, "memory": 80}  # such a try costs time, or memory
_MOST_TRIES = 400
_LARGEST = 200_000
Pieces = Any  # a list of parts, or bytes


def minimised(function: Callable[[bytes], Any], failure: Failure, limits: Limits) -> bytes:
    """The smallest input found, within a number of tries, that fails as this one does."""
    left, at_once = _TRIES.get(failure.kind, _MOST_TRIES), 1 if failure.kind in _TRIES else 32
    with limits.harness(function) as harness:
        harness.patience = limits.hurry / 4 if failure.kind == "hung" else limits.seconds
        hunt = _Shrinking(harness, failure, left, at_once)
        data = failure.data
        for take_apart, join in _forms(failure.format):
            pieces = take_apart(data)
            if len(pieces) > 1 and join(pieces) == data:
                data = join(hunt.fewest(pieces, join))
        if len(data) <= _LARGEST:
            data = bytes(hunt.fewest(data, bytes))
            data = hunt.plain(data)
    return data if limits.fails(function, failure, data) else failure.data


class _Shrinking:
    """Tries candidates against one harness as long as tries are left."""

    def __init__(self, harness: Harness, failure: Failure, tries: int, at_once: int) -> None:
        self._harness, self._failure = harness, failure
        self._left, self._at_once = tries, at_once
        # Memory runs out, and loops are caught, on any of several lines.
        self._anywhere = failure.kind in _TRIES

    def _first(self, candidates: Iterator[Any], made: Callable[[Any], bytes]) -> Any | None:
        """The first candidate that still fails in the same way."""
        while self._left > 0:
            some = list(islice(candidates, min(self._at_once, self._left)))
            if not some:
                return None
            self._left -= len(some)
            for candidate, outcome in zip(some, self._harness.run([made(c) for c in some]), strict=True):
                same = outcome.place == self._failure.place or self._anywhere
                if outcome.kind == self._failure.kind and same:
                    return candidate
        return None

    def fewest(self, pieces: Pieces, join: Callable[[Any], bytes]) -> Pieces:
        """Pieces left out, large runs first (Zeller and Hildebrandt's ddmin, by complements)."""
        size = max(1, len(pieces) // 2)
        while pieces and self._left > 0:
            step = size
            runs = (pieces[:i] + pieces[i + step :] for i in range(0, len(pieces), step))
            smaller = self._first(runs, join)
            if smaller is not None:
                pieces = smaller
                size = max(1, min(size, len(pieces) // 2))
            elif size == 1:
                break
            else:
                size = max(1, size // 2)
        return pieces

    def plain(self, data: bytes) -> bytes:
        """Bytes set to 0, long runs first: what is left stands out."""
        step = max(1, len(data) // 2)
        while step and self._left > 0:
            at = 0
            while at < len(data) and self._left > 0:
                runs = [i for i in range(at, len(data), step) if any(data[i : i + step])]
                made = (data[:i] + bytes(len(data[i : i + step])) + data[i + step :] for i in runs)
                smaller = self._first(made, bytes)
                if smaller is None:
                    break
                at = next(i for i in runs if smaller[i : i + step] != data[i : i + step]) + step
                data = smaller
            step //= 2
        return data


def _forms(format_: str) -> list[tuple[Callable[[bytes], Pieces], Callable[[Any], bytes]]]:
    """Ways to take a file of a format apart and put it together again, checksums and lengths mended."""
    if format_ == "png":
        return [(mutate_png.chunks, mutate_png.joined)]
    if format_ == "jpeg":
        return [(mutate_jpeg.segments, mutate_jpeg.joined)]
    if format_ in ("wav", "webp"):
        form = b"WAVE" if format_ == "wav" else b"WEBP"
        return [(lambda d: riff(d)[1], lambda p: riff_joined(form, list(p)))]
    if format_ == "flac":
        return [(lambda d: flac_blocks(d)[0], lambda p: flac_joined(list(p), b""))]
    if format_ == "ogg":
        return [(ogg_pages, b"".join)]
    if format_ in ("csv", "text", "jsonl", "xml"):
        return [(lambda d: d.splitlines(keepends=True), b"".join), (_words, b"".join)]
    if format_ == "json":
        return [(_items, _dumped), (_words, b"".join)]
    return []


def _words(data: bytes) -> list[bytes]:
    """Runs between marks that separate, each with its mark."""
    found, start = [], 0
    for i, byte in enumerate(data):
        if byte in b", ;<>[]{}\t\n":
            found.append(data[start : i + 1])
            start = i + 1
    return [*found, data[start:]] if start < len(data) else found


def _items(data: bytes) -> list[Any]:
    """Items or pairs of the outermost list or object."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return []
    return list(value.items()) if isinstance(value, dict) else value if isinstance(value, list) else []


def _dumped(items: Any) -> bytes:
    paired = bool(items) and all(isinstance(i, tuple) for i in items)
    return json.dumps(dict(items) if paired else list(items)).encode()
