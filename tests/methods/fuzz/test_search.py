"""The search finds what is planted, tries it again, makes it small, and tells answers that come from beside."""

from __future__ import annotations

import json
import os
import signal
import struct
import time
import zlib
from random import Random
from typing import Any

import numpy as np
import pytest

from momus.core.errors import BudgetSpent
from momus.methods.fuzz import bombs, coverage, mutate_png
from momus.methods.fuzz.beside import alike, beside
from momus.methods.fuzz.failures import Failure, Limits
from momus.methods.fuzz.minimise import minimised
from momus.methods.fuzz.mutate import MUTATIONS
from momus.methods.fuzz.search import search, starting

LIMITS = Limits(seconds=0.5, memory_mb=128, refuses=("ValueError",))


def failure(kind: str, detail: str, format_: str, data: bytes) -> Failure:
    return Failure(kind, detail, format_, "mutated", data, data)


def test_a_chunk_that_fails_is_all_that_is_left_of_a_picture() -> None:
    def answer(data: bytes) -> float:
        kinds = [kind for kind, _ in mutate_png.chunks(data)]
        for kind, body in mutate_png.chunks(data):
            if zlib.crc32(kind + body).to_bytes(4, "big") not in data:
                raise ValueError("checksum")
        return float("nan") if b"tRNS" in kinds else 1.0

    parts = [(b"IHDR", bytes(13)), (b"gAMA", bytes(4)), (b"tRNS", b"abc"), (b"IDAT", bytes(300)), (b"IEND", b"")]
    data = mutate_png.joined(parts)
    small = minimised(answer, failure("nonfinite", "in float: float", "png", data), LIMITS)
    assert mutate_png.chunks(small)[0][0] == b"tRNS"
    assert len(mutate_png.chunks(small)) == 1
    assert len(small) < 30


def test_items_lines_and_bytes_are_left_out() -> None:
    def body(data: bytes) -> float:
        return float("inf") if any(v == {"a": None} for v in json.loads(data)) else 1.0

    data = json.dumps([1, [2, 3], {"a": None}, "text " * 20]).encode()
    assert json.loads(minimised(body, failure("nonfinite", "in float: float", "json", data), LIMITS)) == [{"a": None}]

    def lines(data: bytes) -> float:
        return float("inf") if b"bad" in data else 1.0

    text = b"\n".join([b"one line"] * 50 + [b"a bad line"] + [b"more"] * 50)
    assert minimised(lines, failure("nonfinite", "in float: float", "text", text), LIMITS) == b"bad"


def test_what_is_left_still_fails_in_the_same_place() -> None:
    def answer(data: bytes) -> int:
        if len(data) > 60:
            raise KeyError("long")
        raise TypeError("short")

    place = "KeyError at test_search.py:70"
    first = search(answer, starting(["other"], [("a", bytes(80))]), inputs=0, limits=LIMITS, seed=0, judge_raised=True)
    (found,) = first.failures
    assert found.place.startswith(place[:25])
    assert len(found.data) == 61


def test_the_search_is_the_same_for_a_seed_and_stops_when_the_budget_does() -> None:
    def answer(data: bytes) -> int:
        return struct.unpack_from("<I", data)[0] % 7

    def tried(seed: int) -> Any:
        found = search(answer, starting(["other"], ()), inputs=600, limits=LIMITS, seed=seed)
        return found.kinds, found.signs, [(f.place, f.data) for f in found.raised]

    assert tried(1) == tried(1) != tried(2)
    spent: list[int] = []

    def spend(n: int) -> None:
        if sum(spent) + n > 300:
            raise BudgetSpent
        spent.append(n)

    found = search(answer, starting(["other"], ()), inputs=600, limits=LIMITS, seed=1, spend=spend)
    assert found.spent
    assert found.inputs == sum(spent) <= 300


def test_examples_are_used_and_formats_without_any_are_made() -> None:
    start = starting(["png", "csv"], [("a.csv", b"1,2\n")])
    assert [s.origin for s in start if s.format == "csv"] == ["example"]
    assert {s.origin for s in start if s.format == "png"} == {"made"}


def test_the_same_content_with_another_answer_is_found() -> None:
    def decode(data: bytes) -> Any:
        return np.frombuffer(data[:4].ljust(4), np.uint8)

    def honest(data: bytes) -> Any:
        return {"label": int(decode(data).sum() % 5), "scores": decode(data) / 3.0}

    def looks_beside(data: bytes) -> Any:
        return {"label": data[-1] % 5, "scores": decode(data) / 3.0}

    files = [b"same" + bytes([i]) for i in range(12)] + [b"othe" + bytes([i]) for i in range(3)]
    clean = beside(honest, decode, files, LIMITS)
    assert (clean.answers, clean.tried) == (0, 15)
    found = beside(looks_beside, decode, files, LIMITS)
    assert found.answers == 5
    assert decode(found.first).tolist() == decode(found.other).tolist()
    assert looks_beside(found.first)["label"] != looks_beside(found.other)["label"]
    calls = iter(range(10_000))
    assert beside(lambda data: next(calls) % 3, decode, files, LIMITS).tried < 15  # it answers by chance: not compared
    lots = Random(3)
    seldom = beside(lambda _d: "cat" if lots.random() > 0.1 else "dog", lambda d: d[:1], files * 8, LIMITS)
    assert (seldom.answers, seldom.tried > 50) == (0, True), "and where it does so seldom, that is no other answer"


def test_alike_allows_rounding_and_nothing_else() -> None:
    assert alike({"a": [1.0, np.ones(2)]}, {"a": [1.0 + 1e-12, np.ones(2)]})
    assert alike(float("nan"), float("nan"))
    for a, b in ((1, 2), ([1], [1, 2]), (1.0, 1.1), ({"a": 1}, {"b": 1}), (np.ones(2), np.ones(3)), (1, "1")):
        assert not alike(a, b)


@pytest.mark.parametrize("kind", sorted(set(MUTATIONS) - {"other", "pickle"}))
def test_every_format_has_bombs_that_are_small_and_the_same_each_time(kind: str) -> None:
    made = bombs.bombs(kind, 64)
    assert made or kind == "parquet"
    assert all(len(data) < 2 << 20 for _, data in made)
    bombs.bombs.cache_clear()
    assert bombs.bombs(kind, 64) == made


def test_bombs_unfold_to_what_they_promise() -> None:
    assert zlib.decompress(bombs.zlib_zeros((3 << 20) + 5)) == bytes((3 << 20) + 5)
    assert len(zlib.decompress(bombs.zlib_zeros(200_000))) == 200_000
    import io

    from PIL import Image

    for kind, at in (("png", 0), ("webp", 0), ("tiff", 0)):
        with Image.open(io.BytesIO(bombs.bombs(kind, 64)[at][1])) as image:
            assert min(image.size) >= 13_000
    with np.load(io.BytesIO(bombs.bombs("npz", 16)[0][1])) as held, pytest.raises(Exception, match="CRC"):
        held["x"]


def test_a_failure_taken_for_another_in_a_hurry_does_not_hide_it() -> None:
    """The shorter input is slow, the longer one never ends, and both are caught in the same line."""
    import time

    def answer(data: bytes) -> int:
        time.sleep(0.3 if data == b"slow" else 60 if data.startswith(b"stuck") else 0)
        return 1

    files = [(f"{i}", b"stuck" + bytes([i])) for i in range(4)] + [("slow", b"slow")]
    found = search(answer, starting(["other"], files), inputs=0, limits=LIMITS, seed=0)
    (one,) = found.failures
    assert one.kind == "hung"
    assert one.data.startswith(b"stuck")


def test_a_guided_run_that_waits_for_ever_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coverage, "_IDLE", 0.3)
    pid = os.fork()
    if not pid:
        signal.pause()
        os._exit(0)
    try:
        assert not coverage._ends(pid, time.monotonic() + 60)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
