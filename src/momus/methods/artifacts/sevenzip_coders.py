"""How 7z packs its members: chains of coders, undone by the standard library's raw decoders within bounds."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from momus.methods.artifacts.expand import Broken
from momus.methods.artifacts.report import Region

_STEP = 1 << 18
_SIMPLE = {
    b"\x03\x03\x01\x03": lzma.FILTER_X86, b"\x04": lzma.FILTER_X86, b"\x03\x03\x02\x05": lzma.FILTER_POWERPC,
    b"\x05": lzma.FILTER_POWERPC, b"\x03\x03\x04\x01": lzma.FILTER_IA64, b"\x06": lzma.FILTER_IA64,
    b"\x03\x03\x05\x01": lzma.FILTER_ARM, b"\x07": lzma.FILTER_ARM, b"\x03\x03\x07\x01": lzma.FILTER_ARMTHUMB,
    b"\x08": lzma.FILTER_ARMTHUMB, b"\x03\x03\x08\x05": lzma.FILTER_SPARC, b"\x09": lzma.FILTER_SPARC,
}  # fmt: skip
NAMED = {
    b"\x03\x03\x01\x1b": "the BCJ2 filter", b"\x03\x04\x01": "PPMd", b"\x04\x01\x09": "Deflate64",
    b"\x06\xf1\x07\x01": "encryption by AES", b"\x06\xf1\x01\x01": "encryption by ZipCrypto",
    b"\x04\xf7\x11\x01": "zstd", b"\x04\xf7\x11\x02": "Brotli", b"\x04\xf7\x11\x04": "LZ4", b"\x0a": "the ARM64 filter",
}  # fmt: skip


class Unknown(Exception):
    """A way of packing that is not read here."""


@dataclass(slots=True)
class Folder:
    """Packed streams that one chain of coders turns into one stream of files."""

    coders: list[tuple[bytes, bytes]] = field(default_factory=list)  # (method, properties)
    order: list[int] = field(default_factory=list)
    odd: str = ""
    packed: int = 1
    sizes: list[int] = field(default_factory=list)
    crc: int | None = None
    files: list[tuple[int, int | None]] = field(default_factory=list)  # (size, checksum)

    @property
    def size(self) -> int:
        """Bytes that the last coder writes."""
        return self.sizes[self.order[-1] if self.order else 0]


def decoded(part: Region, folder: Folder) -> Iterator[tuple[bytes, int]]:
    """Content of a folder, in pieces. Raises Unknown for a coder that is not read here, before anything else."""
    for method, _ in folder.coders:
        if method in NAMED or not (method in _SIMPLE or method in _MAIN or method == b"\x03"):
            raise Unknown(NAMED.get(method, f"the method {method.hex() or 'without a number'}"))
    if folder.odd:
        raise Unknown(folder.odd)
    return _chain(part, folder)


def _chain(part: Region, folder: Folder) -> Iterator[tuple[bytes, int]]:
    steps = [(folder.coders[i], folder.sizes[i]) for i in folder.order]
    (method, properties), size = steps[0]
    if method not in _MAIN:
        raise Broken("a filter where a compression is due")
    pieces = _expanded(part, method, properties, size)
    for (method, properties), size in steps[1:]:
        pieces = _filtered(pieces, method, properties, size)
    yield from pieces


def _expanded(part: Region, method: bytes, properties: bytes, size: int) -> Iterator[tuple[bytes, int]]:
    if method == b"\0":
        if len(part) != size:
            raise Broken("stored members of two sizes")
        for at in range(0, size, _STEP):
            yield part.take(at, _STEP), min(at + _STEP, size)
        return
    machine, at, made = _MAIN[method](properties, size), 0, 0
    piece = b""
    while made < size:
        if not piece and getattr(machine, "needs_input", True):
            piece = part.take(at, _STEP)
            at += len(piece)
            if not piece and at >= len(part):
                raise Broken("the 7z data ends too early")
        data = machine.decompress(piece, min(_STEP, size - made))
        piece = getattr(machine, "unconsumed_tail", b"")
        made += len(data)
        yield data, at
        if machine.eof and made < size:
            raise Broken("the 7z data ends too early")
    behind = len(part) - at + len(getattr(machine, "unused_data", b""))
    if behind:
        raise Broken(f"{behind:,} bytes follow the packed data")


def _lzma1(properties: bytes, size: int) -> Any:
    if len(properties) != 5 or properties[0] >= 225:
        raise Broken("properties of LZMA that do not hold")
    rest, lc = divmod(properties[0], 9)
    pb, lp = divmod(rest, 5)
    room = _dictionary(int.from_bytes(properties[1:5], "little"), size)
    filters = [{"id": lzma.FILTER_LZMA1, "dict_size": room, "lc": lc, "lp": lp, "pb": pb}]
    return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters)


def _lzma2(properties: bytes, size: int) -> Any:
    if len(properties) != 1 or properties[0] > 40:
        raise Broken("properties of LZMA2 that do not hold")
    code = properties[0]
    room = 0xFFFFFFFF if code == 40 else (2 | code & 1) << code // 2 + 11
    return lzma.LZMADecompressor(
        lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": _dictionary(room, size)}]
    )


def _dictionary(asked: int, size: int) -> int:
    """No more memory than the content needs: a dictionary larger than what is written out is never used."""
    return max(4096, min(asked, size + 4096, 256 << 20))


_MAIN: dict[bytes, Any] = {
    b"\0": None,
    b"\x03\x01\x01": _lzma1,
    b"\x21": _lzma2,
    b"\x04\x01\x08": lambda properties, size: zlib.decompressobj(-15),
    b"\x04\x02\x02": lambda properties, size: bz2.BZ2Decompressor(),
}


def _filtered(
    pieces: Iterator[tuple[bytes, int]], method: bytes, properties: bytes, size: int
) -> Iterator[tuple[bytes, int]]:
    """A filter undone. The content is handed to liblzma as stored blocks of LZMA2, whose end makes it let go of all."""
    if method == b"\x03" and len(properties) == 1:
        chosen: dict[str, Any] = {"id": lzma.FILTER_DELTA, "dist": properties[0] + 1}
    elif method in _SIMPLE:
        chosen = {"id": _SIMPLE[method]}
    else:
        raise Broken("a chain of two compressions")
    machine = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[chosen, {"id": lzma.FILTER_LZMA2, "dict_size": 1 << 16}])
    read, made, first = 0, 0, True
    for data, read in pieces:
        for i in range(0, len(data), 1 << 16):
            block = data[i : i + (1 << 16)]
            out = machine.decompress((b"\x01" if first else b"\x02") + (len(block) - 1).to_bytes(2, "big") + block)
            first, made = False, made + len(out)
            yield out, read
    out = machine.decompress(b"\0")
    if made + len(out) != size:
        raise Broken("a filter changes the size")
    yield out, read
