"""The harness survives whatever an input does, says what it was, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from momus.methods.fuzz import family, wire
from momus.methods.fuzz.area import Area
from momus.methods.fuzz.harness import Harness

HELD: list[bytearray] = []
NAP = f"4711.{os.getpid()}"  # seconds: another run of these tests beside this one sleeps others


def path(data: bytes) -> object:
    """One way to misbehave a word."""
    what = data.decode("latin-1")
    if what == "segv":
        return ctypes.string_at(0)
    if what == "abort":
        os.abort()
    if what == "exit":
        sys.exit(3)
    if what == "_exit":
        os._exit(4)
    if what == "loop":
        while True:
            pass
    if what == "sleep":
        time.sleep(60)
    if what == "swallow":
        while True:
            with contextlib.suppress(BaseException):
                time.sleep(60)
    if what == "2 GB":
        return len(bytearray(2 << 30))
    if what == "2 GB told otherwise":
        try:
            return len(bytearray(2 << 30))
        except MemoryError as error:
            raise ValueError("too large") from error
    if what == "80 MB":
        return int(np.ones(80 << 17).sum())
    if what == "300 MB":
        return int(np.ones(300 << 17).sum())
    if what == "leak":
        HELD.append(bytearray(b"x" * (30 << 20)))
    if what == "deep":
        return path(data) if len(what) else None
    if what == "value":
        raise UnicodeDecodeError("utf-8", b"a", 0, 1, "no text")
    if what == "key":
        raise KeyError("key")
    if what == "flood":
        print("x" * 5_000_000)
        print("x" * 5_000_000, file=sys.stderr)
        os.write(2, b"x" * 1_000_000)
    if what == "thread":
        threading.Thread(target=time.sleep, args=(60,)).start()
    if what == "daemon":
        subprocess.Popen(["sleep", NAP], start_new_session=True)
    if what == "large file":
        with tempfile.TemporaryFile() as out:
            out.seek(300 << 20)
            out.write(b"x")
            out.flush()
    if what == "nan":
        return {"scores": [1.0, {"a": np.array([1.0, np.nan])}]}
    if what == "inf":
        return float("inf")
    return len(what)


def outcomes(*words: str, **settings_: object) -> list[object]:
    given_ = {"seconds": 0.4, "memory_mb": 256, "refuses": ["ValueError"], **settings_}
    with Harness(path, **given_) as harness:  # type: ignore[arg-type]
        return list(harness.run([w.encode("latin-1") for w in words]))


@pytest.mark.parametrize(
    ("word", "kind", "told"),
    [
        ("fine", "answered", "int: 4"),
        ("segv", "crashed", "SIGSEGV at ctypes/__init__.py"),
        ("abort", "crashed", "SIGABRT at test_harness.py"),
        ("exit", "crashed", "SystemExit at test_harness.py"),
        ("_exit", "crashed", "exit status 4"),
        ("loop", "hung", "no answer at test_harness.py in path: 0.4 s"),
        ("sleep", "hung", "no answer at test_harness.py in path"),
        ("swallow", "hung", "no answer at test_harness.py in path"),
        ("2 GB", "memory", "MemoryError at test_harness.py"),
        ("2 GB told otherwise", "memory", "ValueError at test_harness.py"),
        ("80 MB", "answered", "int"),
        ("deep", "raised", "RecursionError at test_harness.py"),
        ("value", "refused", "UnicodeDecodeError at test_harness.py"),
        ("key", "raised", "KeyError at test_harness.py"),
        ("flood", "answered", "int: 5"),
        ("daemon", "answered", "int: 6"),
        ("large file", "raised", "OSError"),
        ("nan", "nonfinite", "in mapping: mapping of 1"),
        ("inf", "nonfinite", "in float"),
    ],
)
def test_each_input_gets_its_outcome_and_the_next_one_too(word: str, kind: str, told: str) -> None:
    first, got, after = outcomes("fine", word, "after")
    assert (first.kind, got.kind, after.kind) == ("answered", kind, "answered")
    assert told in got.detail
    assert after.detail == "int: 5"
    assert str(Path(__file__).parent) not in got.detail


def test_place_is_the_same_for_one_failure_and_another_for_another() -> None:
    one, other, third = outcomes("key", "key", "deep")
    assert one.place == other.place != third.place
    assert not one.harmful
    assert outcomes("segv")[0].harmful


def test_memory_is_told_in_megabytes_and_small_inputs_after_it_take_none() -> None:
    small, large, after = outcomes("fine", "80 MB", "fine")
    assert small.peak_mb < 5
    assert 60 < large.peak_mb < 120  # more than what an allocator gives out of memory that the process holds anyway
    most = outcomes("fine", "300 MB", "fine", seconds=10.0)
    assert [o.kind for o in most] == ["answered", "memory", "answered"]
    assert most[1].peak_mb > 256
    assert after.peak_mb < 5


def test_what_is_left_behind_adds_up_and_hurts_no_other_input() -> None:
    HELD.clear()
    got = outcomes(*["leak", "fine"] * 12)
    assert {o.kind for o in got} == {"answered"}
    assert not HELD


def test_threads_left_running_are_ended_with_their_child() -> None:
    with Harness(path, seconds=2, memory_mb=256) as harness:
        assert {o.kind for o in harness.run([b"thread"] * 20)} == {"answered"}
        assert harness.children > 1
    assert threading.active_count() < 20


def test_nothing_is_left_behind() -> None:
    before = family.children_of(os.getpid())
    outcomes("daemon", "segv", "daemon", "loop", "thread")
    assert family.children_of(os.getpid()) <= before
    assert not family.STARTED
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert f"sleep {NAP}" not in listed


def test_many_inputs_come_back_in_order_over_many_batches_and_children() -> None:
    words = ["x" * (i % 90) if i % 333 else "segv" for i in range(2000)]
    got = outcomes(*words)
    assert [o.kind for o in got] == ["answered" if w != "segv" else "crashed" for w in words]
    assert [o.detail for o in got if o.kind == "answered"] == [f"int: {len(w)}" for w in words if w != "segv"]


def test_answers_come_back_as_plain_values_and_arrays() -> None:
    made = {"a": [1, 2.5, None, True, "é\ud800", b"\0"], "b": np.arange(6, dtype=np.float32).reshape(2, 3)}
    with Harness(lambda _: made, seconds=2, memory_mb=64, keep=True) as harness:
        (got,) = harness.run([b""])
    assert got.answer["a"] == made["a"]
    assert got.answer["b"].dtype == np.float32
    assert (got.answer["b"] == made["b"]).all()
    with Harness(lambda _: object(), seconds=2, memory_mb=64, keep=True) as harness:
        assert harness.run([b""])[0].answer == "(object)"
    assert outcomes("nan")[0].answer is None


def test_answers_larger_than_the_memory_between_come_in_several_turns() -> None:
    with Harness(lambda d: np.zeros(len(d) << 20), seconds=5, memory_mb=512, keep=True) as harness:
        got = harness.run([b"abc"] * 5 + [b"abcdefghij"] + [b"a"])  # 24 MB each, then one of 80 MB
    assert [o.kind for o in got] == ["answered"] * 7
    assert [None if o.answer is None else o.answer.size >> 20 for o in got] == [3] * 5 + [None, 1]


def test_a_large_input_fits() -> None:
    with Harness(lambda d: len(d), seconds=5, memory_mb=256, keep=True) as harness:
        got = harness.run([b"a", bytes(40 << 20), b"bb", *[bytes(1 << 20)] * 50])
    assert [o.answer for o in got] == [1, 40 << 20, 2] + [1 << 20] * 50


def test_a_child_that_wrote_over_the_memory_between_is_not_believed() -> None:
    area = Area()
    area.put([b"a", b"b"])
    area.write(0, 1.0, 0.0, b"fine", b"")
    area.write(0, 1.0, 0.0, b"fine", wire.encode([1, 2]))
    assert len(area.outcomes(2)) == 2
    for at in (64, 66, 64 + 17, 64 + 21):
        kept = area.outbox[at]
        area.outbox[at : at + 4] = b"\xff" * 4
        assert len(area.outcomes(2)) <= 2
        area.outbox[at] = kept
    area.outbox[8:16] = b"\xff" * 8
    assert area.outcomes(2) == []
    area.close()


_PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 63), (1 << 63) - 1) | st.floats(allow_nan=False) | st.text()
    | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@settings(deadline=None, max_examples=200)
@given(_PLAIN)
def test_plain_values_survive_the_border(value: object) -> None:
    assert wire.decode(wire.encode(value)) == value


@settings(deadline=None, max_examples=50)
@given(arrays(st.sampled_from(["<f8", ">i4", "?", "<c16", "<f2"]), (2, 3)))
def test_arrays_survive_the_border(value: np.ndarray) -> None:  # type: ignore[type-arg]
    got = wire.decode(wire.encode(value))
    np.testing.assert_array_equal(got, value)
    assert wire.finite(value) == bool(np.isfinite(value).all())


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=80) | _PLAIN.map(wire.encode).flatmap(lambda b: st.just(b[:-1] + b"\xff")))
def test_bytes_that_are_no_answer_are_a_value_error(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        wire.decode(data)


def test_finite_looks_everywhere() -> None:
    nan = float("nan")
    for bad in (nan, [1, [nan]], {"a": (1, nan)}, np.array([nan]), complex(nan, 0), np.float32("inf"), [[1.0, nan]]):
        assert not wire.finite(bad)
    for good in (1, 10**400, [10**400, 1.0], "nan", None, {"a": [1.0, 2]}, np.array([1]), np.array(["nan"]), object()):
        assert wire.finite(good)
