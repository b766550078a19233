"""What the corpus is made of: one entry a file, with what makes it fire, and small parts of pickles."""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from momus.zoo.supply_chain.corpus import COMMAND, MARKER, blob, call, named, payload, stream, text

# An expression and a statement at once: eval and exec both take it.
SOURCE = f"__import__('os').system('{COMMAND}')"


@dataclass(frozen=True)
class Item:
    """One file of the corpus.

    ``loader`` names what opens it in the wild and makes it fire (see ``fire.py``); empty where firing is not shown
    here: the loader is not installed, or the harm is another one (time, memory, a file read). ``beside`` holds files
    that lie next to it. ``kind`` is ``code``, ``file``, ``bomb`` or ``lie`` (readers disagree), or ``benign``.
    """

    name: str
    carrier: str
    trick: str
    file: str
    data: bytes
    loader: str = ""
    kind: str = "code"
    beside: tuple[tuple[str, bytes], ...] = ()

    @property
    def held_out(self) -> bool:
        """A third of the hostile files, drawn by name: no rule may be changed because of one of these."""
        return self.kind != "benign" and zlib.crc32(self.name.encode()) % 3 == 0


def glob(module: str, name: str) -> bytes:
    """STACK_GLOBAL, which takes dotted names."""
    return text(module) + text(name) + b"\x93"


def value(plain: Any) -> bytes:
    """Instructions that build a plain value."""
    return blob(plain) if isinstance(plain, bytes) else pickle.dumps(plain, 2)[2:-1]


def asks(module: str, name: str, *arguments: Any) -> bytes:
    """A call of a name over plain values or instructions (given as ``bytearray``)."""
    return call(glob(module, name), *(bytes(a) if isinstance(a, bytearray) else value(a) for a in arguments))


def code(*instructions: bytes) -> bytearray:
    """Instructions as an argument of :func:`asks`."""
    return bytearray(b"".join(instructions))


def named_apart(items: Iterable[Item]) -> list[Item]:
    """The items, after a check that no two share a name."""
    out = list(items)
    names = [i.name for i in out]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise ValueError(f"names given twice: {twice}")
    return out


def table(carrier: str, rows: Sequence[tuple[Any, ...]], kind: str = "code") -> list[Item]:
    """Items from rows of (name, trick, file, data, loader)."""
    return [Item(name, carrier, trick, file, data, loader, kind) for name, trick, file, data, loader in rows]


__all__ = [
    "COMMAND", "MARKER", "SOURCE", "Item", "asks", "blob", "call", "code", "glob", "named", "named_apart", "payload",
    "stream", "table", "text", "value",
]  # fmt: skip
