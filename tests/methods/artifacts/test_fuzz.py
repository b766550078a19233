"""Whatever bytes it is given, the scan ends, within its limits, with a report."""

from __future__ import annotations

import io
import pickle
import time
from pathlib import Path

import joblib
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from momus.methods.artifacts import FileReport, Limits, scan, scan_bytes, sniff
from momus.zoo.supply_chain import corpus_bad_files, corpus_bad_formats, corpus_bad_pickles

SEEDS = [
    a.data
    for a in (*corpus_bad_pickles.files(), *corpus_bad_files.files(0, large=False), *corpus_bad_formats.files())
    if len(a.data) < 20_000
]
VERDICTS = {"nothing found", "suspicious", "dangerous", "not understood"}
HEADS = [b"\x80\x04", b"PK\x03\x04", b"\x93NUMPY\x01\x00", b"GGUF", b"(", b"\x1f\x8b", b"{"]
EASY = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def _real() -> list[bytes]:
    out = io.BytesIO()
    joblib.dump({"a": np.arange(12.0).reshape(3, 4), "b": np.array(["x", None], dtype=object)}, out)
    return [pickle.dumps({"a": [1, "b", 2.5, (3,)], "w": np.arange(5)}, p) for p in range(6)] + [out.getvalue()]


REAL = _real()


def check(data: bytes) -> FileReport:
    start = time.process_time()
    report = scan_bytes(data, limits=Limits(seconds=10))
    assert time.process_time() - start < 12
    assert report.verdict in VERDICTS
    assert report.loadable == (report.verdict == "nothing found")
    assert len(report.marks) <= 100
    assert report.verdict == "nothing found" or report.marks
    for mark in report.marks:
        assert mark.what.isascii() or "…" in mark.what
        assert "\n" not in mark.what
    return report


@EASY
@given(st.binary(max_size=400))
def test_any_bytes(data: bytes) -> None:
    check(data)


@EASY
@given(st.binary(max_size=200), st.sampled_from(HEADS))
def test_any_bytes_behind_a_signature(data: bytes, head: bytes) -> None:
    check(head + data)


@EASY
@given(st.data())
def test_changed_files(data: st.DataObject) -> None:
    raw = bytearray(data.draw(st.sampled_from([*SEEDS, *REAL])))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(raw) - 1))
        how = data.draw(st.integers(0, 3))
        if how == 0:
            raw[at] = data.draw(st.integers(0, 255))
        elif how == 1:
            del raw[at : at + data.draw(st.integers(1, 30))]
        elif how == 2:
            raw[at:at] = data.draw(st.binary(max_size=20))
        else:
            raw[at:at] = raw[at : at + data.draw(st.integers(1, 60))]
        if not raw:
            break
    check(bytes(raw))


@EASY
@given(st.sampled_from(SEEDS[:12]), st.binary(min_size=1, max_size=60))
def test_a_bad_pickle_stays_refused_with_anything_behind_it(bad: bytes, tail: bytes) -> None:
    assert not check(bad + tail).loadable


@EASY
@given(st.sampled_from(REAL), st.data())
def test_a_cut_pickle_is_never_clean(real: bytes, data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, len(real) - 1))
    report = check(real[:cut])
    assert not report.loadable or report.format == "text", "a few letters of an old pickle are plain text"


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4) | st.tuples(inner, inner),
    max_leaves=20,
)


@EASY
@given(PLAIN, st.integers(0, 5))
def test_plain_values_are_clean_in_every_protocol(value: object, protocol: int) -> None:
    data = pickle.dumps([value], protocol)
    assert check(data).loadable


def test_files_and_bytes_agree(tmp_path: Path) -> None:
    for i, data in enumerate([*SEEDS[::5], *REAL]):
        path = tmp_path / f"f{i}"
        path.write_bytes(data)
        a, b = scan(path), scan_bytes(data)
        assert (a.verdict, a.format, a.marks, a.sha256, a.size) == (b.verdict, b.format, b.marks, b.sha256, b.size)
        assert isinstance(sniff(path), str)
