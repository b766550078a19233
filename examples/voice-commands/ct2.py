"""Reads the tensors of a CTranslate2 model file: names, shapes, little-endian values, no code."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np

KINDS = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}
LONGEST = 1 << 28


class Reader:
    """A cursor over the bytes that refuses to read past their end."""

    def __init__(self, data: bytes, name: str) -> None:
        self.data, self.at, self.name = data, 0, name

    def number(self, form: str) -> int:
        return int(struct.unpack("<" + form, self.take(struct.calcsize(form)))[0])

    def text(self) -> str:
        """A length that counts the closing zero, then the characters and the zero."""
        return self.take(self.number("H"))[:-1].decode("utf-8")

    def take(self, n: int) -> bytes:
        if n > LONGEST or self.at + n > len(self.data):
            raise ValueError(f"{self.name}: not a CTranslate2 file that this reader knows (ends at byte {self.at})")
        self.at += n
        return self.data[self.at - n : self.at]


def tensors(path: Path) -> dict[str, Any]:
    """Every variable of the file as float32 or integers; aliases name the same array twice.

    Layout: version, name and revision of the model; the number of variables; for each its name, rank, sizes, type and
    bytes; then aliases as pairs of names.
    """
    reader = Reader(path.read_bytes(), path.name)
    reader.number("I"), reader.text(), reader.number("I")
    found: dict[str, Any] = {}
    for _ in range(reader.number("I")):
        name = reader.text()
        shape = [reader.number("I") for _ in range(reader.number("B"))]
        kind = np.dtype(KINDS[reader.number("B")])
        values = np.frombuffer(reader.take(reader.number("I")), dtype=kind).reshape(shape)
        found[name] = values.astype(np.float32) if kind.kind == "f" else values
    for _ in range(reader.number("I")):
        alias = reader.text()
        found[alias] = found[reader.text()]
    return found
