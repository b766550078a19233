"""CTranslate2 models are walked to their last byte."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from momus.methods.artifacts.scan import scan_bytes


def text(value: str) -> bytes:
    raw = value.encode() + b"\0"
    return struct.pack("<H", len(raw)) + raw


def array(name: str, a: np.ndarray, kind: int) -> bytes:
    head = text(name) + struct.pack("<B", a.ndim) + b"".join(struct.pack("<I", n) for n in a.shape)
    return head + struct.pack("<BI", kind, a.nbytes) + a.tobytes()


def model(
    *arrays: bytes, aliases: tuple[tuple[str, str], ...] = (), version: int = 6, spec: str = "WhisperSpec"
) -> bytes:
    body = struct.pack("<I", version) + text(spec) + struct.pack("<II", 3, len(arrays)) + b"".join(arrays)
    return body + struct.pack("<I", len(aliases)) + b"".join(text(a) + text(b) for a, b in aliases)


WEIGHT = array("encoder/weight", np.ones((3, 4), np.float32), 0)
SCALE = array("scale", np.arange(5, dtype=np.int8), 1)
GOOD = model(WEIGHT, SCALE, aliases=(("decoder/weight", "encoder/weight"),))


def test_an_honest_model_is_read_to_its_end() -> None:
    report = scan_bytes(GOOD)
    assert (report.format, report.verdict) == ("ctranslate2", "nothing found")


@pytest.mark.parametrize("length", range(20, len(GOOD)))
def test_a_cut_model_is_never_called_fine(length: int) -> None:
    assert scan_bytes(GOOD[:length]).verdict != "nothing found"


@pytest.mark.parametrize(
    ("data", "verdict"),
    [
        (GOOD + b"cposix\nsystem\n(S'x'\ntR.", "dangerous"),
        (GOOD + b"\0", "suspicious"),
        (model(WEIGHT, WEIGHT), "suspicious"),
        (model(WEIGHT, aliases=(("a", "nowhere"),)), "suspicious"),
        (model(array("w", np.ones(4, np.float32), 1)), "suspicious"),
        (model(array("w", np.ones(4, np.float32), 77)), "suspicious"),
        (model(WEIGHT, version=2), "not understood"),
    ],
)
def test_what_does_not_hold_is_told(data: bytes, verdict: str) -> None:
    assert scan_bytes(data).verdict == verdict


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_changed_models_never_raise(data: st.DataObject) -> None:
    raw = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    assert scan_bytes(bytes(raw)).verdict in ("dangerous", "suspicious", "not understood", "nothing found")
