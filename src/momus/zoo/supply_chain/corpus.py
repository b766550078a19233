"""A corpus of artifact files, built from code: bad ones whose payload only touches a marker file, and benign ones.

Nothing here is executed when the corpus is built. A bad file that names a ``loader`` really fires when that loader
opens it: it creates an empty file called ``momus-marker`` in the working directory, and does nothing else. ``held_out``
files were written without looking at the scanner's rules.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

MARKER = "momus-marker"
COMMAND = f"touch {MARKER}"


@dataclass(frozen=True)
class Artifact:
    """One file of the corpus. ``loader``: what makes it fire (pickle, joblib, torch, numpy, twice), if anything."""

    name: str
    group: str
    file: str
    data: bytes
    loader: str = ""
    held_out: bool = False


# -- a small assembler for pickles -------------------------------------------------------------------------------------
def text(value: str) -> bytes:
    """A short text."""
    raw = value.encode()
    return b"\x8c" + bytes([len(raw)]) + raw if len(raw) < 256 else b"X" + struct.pack("<I", len(raw)) + raw


def named(module: str, name: str) -> bytes:
    """GLOBAL in text form."""
    return f"c{module}\n{name}\n".encode()


def blob(data: bytes) -> bytes:
    """Bytes."""
    return b"B" + struct.pack("<I", len(data)) + data


def call(function: bytes, *arguments: bytes) -> bytes:
    """REDUCE of a function over arguments."""
    return function + b"(" + b"".join(arguments) + b"tR"


def stream(body: bytes, protocol: int = 4) -> bytes:
    """A whole pickle."""
    return b"\x80" + bytes([protocol]) + body + b"."


def payload(command: str = COMMAND) -> bytes:
    """A pickle that touches the marker."""
    return stream(call(named("posix", "system"), text(command)))


# -- a small assembler for zip files -----------------------------------------------------------------------------------
@dataclass(frozen=True)
class Member:
    """A zip member with every field open to lies."""

    name: str
    data: bytes
    deflate: bool = False
    crc: int | None = None
    flags: int = 0
    local_name: str | None = None
    size: int | None = None


def zipped(members: list[Member], prefix: bytes = b"", suffix: bytes = b"") -> bytes:
    """A zip file; offsets are correct with regard to ``prefix``."""
    out, directory = bytearray(prefix), bytearray()
    for m in members:
        packed = _deflate(m.data) if m.deflate else m.data
        crc = zlib.crc32(m.data) if m.crc is None else m.crc
        size = len(m.data) if m.size is None else m.size
        fields = struct.pack("<HHHHHIII", 20, m.flags, 8 if m.deflate else 0, 0, 33, crc, len(packed), size)
        local, name = (m.local_name or m.name).encode(), m.name.encode()
        directory += b"PK\x01\x02" + struct.pack("<H", 20) + fields
        directory += struct.pack("<HHHHHII", len(name), 0, 0, 0, 0, 0, len(out)) + name
        out += b"PK\x03\x04" + fields + struct.pack("<HH", len(local), 0) + local + packed
    end = struct.pack("<HHHHIIH", 0, 0, len(members), len(members), len(directory), len(out), 0)
    return bytes(out) + bytes(directory) + b"PK\x05\x06" + end + suffix


def _deflate(data: bytes) -> bytes:
    machine = zlib.compressobj(9, zlib.DEFLATED, -15)
    return machine.compress(data) + machine.flush()


def torch_zip(pickled: bytes, extra: list[Member] | None = None, **fields: object) -> bytes:
    """The members torch.load looks for, around a given data.pkl."""
    first = Member("model/data.pkl", pickled, **fields)  # type: ignore[arg-type]
    rest = [Member("model/byteorder", b"little"), Member("model/version", b"3\n")]
    return zipped([first, *rest, *(extra or [])])


def corpus(seed: int = 0) -> tuple[tuple[Artifact, ...], tuple[Artifact, ...]]:
    """(bad files, benign files). The benign ones hold models that are trained here, from ``seed``."""
    from momus.zoo.supply_chain import corpus_bad_files, corpus_bad_formats, corpus_bad_pickles, corpus_benign

    bad = (*corpus_bad_pickles.files(), *corpus_bad_files.files(seed), *corpus_bad_formats.files())
    return bad, corpus_benign.files(seed)
