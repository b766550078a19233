"""The service: bytes of a TDI file to a digit, by a native decoder and a linear classifier. Built by prepare.py."""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np
import tdi

BUILT = Path(__file__).resolve().parent / "build"
CODES = {-1: "no TDI picture", -2: "no size that is taken", -3: "cut short", -4: "an empty run", -5: "runs too long"}
if not (BUILT / "model.npz").exists():
    raise FileNotFoundError("build/ is empty. Run: python examples/decoder-bug/prepare.py")
VULNERABLE, MENDED = (ctypes.CDLL(str(BUILT / f"{name}.so")) for name in ("vulnerable", "mended"))
with np.load(BUILT / "model.npz", allow_pickle=False) as held:
    WEIGHTS, OFFSETS = held["weights"], held["offsets"]


def _at(array: np.ndarray) -> ctypes.c_void_p:  # type: ignore[type-arg]
    return ctypes.c_void_p(array.ctypes.data)


def _answer(library: ctypes.CDLL, data: bytes) -> dict[str, object]:
    scores = np.zeros(10, dtype=np.float32)
    code = library.tdi_answer(data, ctypes.c_size_t(len(data)), _at(WEIGHTS), _at(OFFSETS), _at(scores))
    if code:
        raise ValueError(CODES.get(code, "refused"))
    return {"digit": int(scores.argmax()), "scores": scores}


def vulnerable(data: bytes) -> dict[str, object]:
    return _answer(VULNERABLE, data)


def mended(data: bytes) -> dict[str, object]:
    return _answer(MENDED, data)


def shown(data: bytes) -> np.ndarray:  # type: ignore[type-arg]
    """The picture that people see, by the second decoder."""
    return tdi.read(data)
