"""Checkpoint: one file that holds where a watch stands, written whole or not at all.

Arrays lie in it as packed bytes, with their types and shapes in JSON in front and a digest at the end. Nothing in it
can be code, and a file that was cut or changed is known as such.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from momus.core.errors import MomusError
from momus.core.samples import NumpyArray

NAME = "watch.state"
_TOLD = "watch.told"
_MAGIC = b"momus watch 2\n\n\n"
_DIGEST = 32
_KINDS = "biufcSU"

Groups = Mapping[str, Mapping[str, NumpyArray]]


@dataclass
class Checkpoint:
    """``plain`` is JSON, ``groups`` hold the arrays of each detector and of the control."""

    plain: dict[str, Any]
    groups: dict[str, dict[str, NumpyArray]] = field(default_factory=dict)


def save(folder: Path, plain: Mapping[str, Any], groups: Groups) -> None:
    """Replace the checkpoint; the one before is kept beside it. On disk when this returns. OSError where it cannot."""
    entries = []
    bodies = []
    press = zlib.compressobj(1)  # a seventh of the bytes, at a window's fraction of the time
    for group, arrays in groups.items():
        for name, given in arrays.items():
            array = np.ascontiguousarray(given)
            if array.dtype.kind not in _KINDS:
                raise ValueError(f"{group}: {name} holds {array.dtype}, which a checkpoint cannot")
            entries.append([group, name, array.dtype.str, list(np.shape(given)), array.nbytes])
            bodies.append(press.compress(array.tobytes()))
    head = json.dumps({"plain": plain, "groups": list(groups), "arrays": entries}).encode()
    content = b"".join([_MAGIC, len(head).to_bytes(8, "little"), head, *bodies, press.flush()])
    part = folder / f"{NAME}.part"
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(handle, "wb") as stream:
        stream.write(content)
        stream.write(hashlib.sha256(content).digest())
        stream.flush()
        os.fsync(stream.fileno())
    now = folder / NAME
    if now.exists():
        now.replace(folder / f"{NAME}.before")
    part.replace(now)
    there = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(there)
    finally:
        os.close(there)


def load(folder: Path) -> tuple[Checkpoint | None, str]:
    """The newest checkpoint that is whole, and what is to be said about it. MomusError where all are damaged."""
    said = ""
    present = [p for p in (folder / NAME, folder / f"{NAME}.before") if p.exists()]
    for path in present:
        try:
            found = _read(path.read_bytes())
        except (OSError, ValueError, KeyError, TypeError, zlib.error) as error:
            said = f"{path.name} is damaged ({error}); the checkpoint before it is used"
            continue
        return found, said
    if present:
        raise MomusError(
            "no checkpoint of this watch can be read", code="monitor/state", place=str(folder),
            hint="Begin anew with --fresh: events that were counted are counted again",
        )  # fmt: skip
    return None, ""


def _read(content: bytes) -> Checkpoint:
    if not content.startswith(_MAGIC):
        raise ValueError("not a checkpoint")
    if hashlib.sha256(content[:-_DIGEST]).digest() != content[-_DIGEST:]:
        raise ValueError("its digest does not fit")
    start = len(_MAGIC) + 8
    end = start + int.from_bytes(content[len(_MAGIC) : start], "little")
    head = json.loads(content[start:end])
    groups: dict[str, dict[str, NumpyArray]] = {name: {} for name in head["groups"]}
    body, at = zlib.decompress(content[end:-_DIGEST]), 0
    for group, name, kind, shape, size in head["arrays"]:
        dtype = np.dtype(kind)
        if dtype.kind not in _KINDS:
            raise ValueError(f"{group} holds {kind}")
        groups[group][name] = np.frombuffer(body[at : at + size], dtype).reshape(shape).copy()
        at += size
    return Checkpoint(head["plain"], groups)


def tell(folder: Path, number: int) -> None:
    """Note that sinks heard of a window. A few bytes without fsync: what a killed process wrote is there.

    A disk that is full or a machine that loses its power costs the note, and sinks hear of the last windows again.
    """
    with contextlib.suppress(OSError):
        handle = os.open(folder / _TOLD, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.pwrite(handle, b"%020d" % number, 0)
        finally:
            os.close(handle)


def told(folder: Path) -> int:
    """The number of the last window that sinks heard of; 0 where there is no note."""
    try:
        return int((folder / _TOLD).read_bytes())
    except (OSError, ValueError):
        return 0


def clear(folder: Path) -> None:
    """Forget where a watch stood."""
    for name in (NAME, f"{NAME}.before", f"{NAME}.part", _TOLD):
        (folder / name).unlink(missing_ok=True)
