"""Whatever Python's own readers get past, the scan gets past: spellings of protocol 0 in front of a program."""

from __future__ import annotations

import io
import pickle
from typing import Any

import pytest

from momus.methods.artifacts import scan_bytes

PROGRAM = b"cposix\nsystem\n(S'true'\ntR."
NUMBERS = (b"1", b"0x10", b"0b1", b"0o7", b"0X1F", b"1_0", b"+1", b" 1", b"1\r", b"1L", b"007", b"1\0", b"1.0", b"nan")
TEXTS = (b"'a'", b"'" + b"a" * 5000 + b"'", b"'" + b"\\x41" * 3000 + b"'", b'"a"', b"'\\''")
PREFIXES = (
    *(b"I" + n + b"\n0" for n in NUMBERS), *(b"L" + n + b"\n0" for n in NUMBERS), *(b"F" + n + b"\n0" for n in NUMBERS),
    *(b"S" + t + b"\n0" for t in TEXTS), *(b"Np" + n + b"\n0" for n in NUMBERS),
    *(b"Np" + n + b"\ng1\n00" for n in NUMBERS), b"V" + b"a" * 5000 + b"\n0", b"S'" + b"a" * (2 << 20) + b"'\n0",
)  # fmt: skip


class _Reached(Exception):
    pass


def _reaches(data: bytes, reader: type[Any]) -> bool:
    class Watching(reader):  # type: ignore[misc]
        def find_class(self, module: str, name: str) -> object:
            raise _Reached

    try:
        Watching(io.BytesIO(data)).load()
    except _Reached:
        return True
    except Exception:
        return False
    return False


@pytest.mark.parametrize("prefix", PREFIXES, ids=lambda p: ascii(p[:24]))
def test_what_a_reader_of_python_gets_past(prefix: bytes) -> None:
    data = prefix + PROGRAM
    reached = any(_reaches(data, reader) for reader in (pickle.Unpickler, pickle._Unpickler))
    assert scan_bytes(data).verdict == "dangerous" or not reached


def test_an_import_behind_a_place_where_reading_breaks_off() -> None:
    assert scan_bytes(b"I1 and more\n0" + PROGRAM).verdict == "suspicious"
    assert scan_bytes(b"Is\ncos\nsin\ntan\nlog\n").verdict == "nothing found", "a list of words"
