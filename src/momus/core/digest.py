"""Digests of files, arrays and plain values: the keys under which results are found again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np


def of_bytes(data: bytes) -> str:
    """sha256 of bytes, 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def of_file(path: str | Path) -> str:
    """sha256 of a file's content, read in blocks."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def of_files(paths: Iterable[str | Path]) -> str:
    """One digest over several files: names and contents, in the order of their names."""
    listing = sorted((Path(p).name, of_file(p)) for p in paths)
    return of_value(listing)


def recorded(path: str | Path, digests: Mapping[str, str]) -> str | None:
    """The sha256 somebody recorded for a file: by its path, by the end of its path, or by its name."""
    text = Path(path).as_posix()
    for name, value in digests.items():
        if text == name or text.endswith("/" + name.removeprefix("./")):
            return value.lower()
    return None


def of_array(*arrays: np.ndarray[Any, Any] | None) -> str:
    """sha256 over type, shape and content of arrays. Object arrays are digested by their text form."""
    h = hashlib.sha256()
    for a in arrays:
        if a is None:
            h.update(b"none;")
            continue
        h.update(f"{a.dtype.str}{a.shape};".encode())
        if a.dtype.kind in "OUST":
            h.update(json.dumps([str(v) for v in a.ravel()]).encode())
        else:
            h.update(np.ascontiguousarray(a).tobytes())
    return h.hexdigest()


def of_value(value: Any) -> str:
    """sha256 of a JSON-able value with sorted keys; other objects count by their text form."""
    return of_bytes(json.dumps(value, sort_keys=True, separators=(",", ":"), default=str).encode())
