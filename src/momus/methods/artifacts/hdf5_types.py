"""What an HDF5 object says of its values: datatype, shape, layout, filters; from the messages of its header.

Source: the HDF5 File Format Specification, version 3.0, section IV.A.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from momus.methods.artifacts.hdf5 import Broken, Hdf5

_DEPTH = 32
_MEMBERS = 10_000


@dataclass(slots=True)
class Datatype:
    """A datatype: class number, bytes of one element, inner types, and the length of its description."""

    kind: int
    size: int
    length: int = 0
    text: bool = False  # a variable-length string
    inner: list[tuple[int, Datatype]] = field(default_factory=list)
    tag: bytes = b""

    def any(self, *kinds: int) -> bool:
        return self.kind in kinds or any(t.any(*kinds) for _, t in self.inner)


@dataclass(slots=True)
class Layout:
    """Where values lie: ``kind`` is compact, contiguous, chunked or virtual."""

    kind: str
    address: int = -1
    size: int = 0
    dims: tuple[int, ...] = ()
    index: str = "tree"
    filtered_size: int = -1
    page_bits: int = 0


def datatype(file: Hdf5, at: int, depth: int = 0) -> Datatype:
    """The datatype described at ``at``."""
    if depth > _DEPTH:
        raise Broken("a datatype nested too deeply")
    file.step()
    head, size = file.number(at, 4), file.number(at + 4, 4)
    kind, version, bits = head & 15, head >> 4 & 15, head >> 8
    if not 1 <= version <= 5:
        raise Broken(f"a datatype of version {version}")
    made = Datatype(kind, size)
    made.length = 8 + _properties(file, at + 8, made, version, bits, depth)
    return made


def _properties(file: Hdf5, at: int, made: Datatype, version: int, bits: int, depth: int) -> int:
    kind = made.kind
    if kind in (0, 4):
        return 4
    if kind in (1, 2):
        return 12 if kind == 1 else 2
    if kind in (3, 7):
        return 0
    if kind == 5:
        made.tag = file.region.take(at, bits & 0xFF).rstrip(b"\0")
        return -(-(bits & 0xFF) // 8) * 8
    if kind == 6:
        return _compound(file, at, made, version, bits & 0xFFFF, depth)
    if kind == 8:
        return _enumeration(file, at, made, version, bits & 0xFFFF, depth)
    if kind == 9:
        made.text = bits & 15 == 1
        made.inner.append((0, datatype(file, at, depth + 1)))
        return made.inner[0][1].length
    if kind == 10:
        rank = file.number(at, 1)
        start = at + 1 + (3 if version < 3 else 0)
        dims = [file.number(start + 4 * i, 4) for i in range(rank)]
        start += rank * (8 if version < 3 else 4)
        made.inner.append((math.prod(dims), datatype(file, start, depth + 1)))
        return start + made.inner[0][1].length - at
    if kind == 11:
        made.inner.append((0, datatype(file, at, depth + 1)))
        return made.inner[0][1].length
    raise Broken(f"a datatype of class {kind}")


def _name(file: Hdf5, at: int, version: int) -> int:
    """Length of a member's name with its end and padding."""
    raw = file.region.take(at, 4096).find(b"\0")
    if raw < 0:
        raise Broken("a member's name without an end")
    return raw + 1 if version >= 3 else -(-(raw + 1) // 8) * 8


def _compound(file: Hdf5, at: int, made: Datatype, version: int, count: int, depth: int) -> int:
    start = at
    if count > _MEMBERS:
        raise Broken(f"a datatype of {count:,} members")
    width = (max(made.size, 1).bit_length() + 7) // 8 if version >= 3 else 4
    for _ in range(count):
        start += _name(file, start, version)
        offset = file.number(start, width)
        start += width
        total = 1
        if version == 1:
            rank = file.number(start, 1)
            total = math.prod(file.number(start + 12 + 4 * i, 4) for i in range(min(rank, 4)))
            start += 28
        inner = datatype(file, start, depth + 1)
        start += inner.length
        if total > 1:
            inner = Datatype(10, inner.size * total, 0, inner=[(total, inner)])
        if offset + inner.size > made.size:
            raise Broken("a member outside its record")
        made.inner.append((offset, inner))
    return start - at


def _enumeration(file: Hdf5, at: int, made: Datatype, version: int, count: int, depth: int) -> int:
    base = datatype(file, at, depth + 1)
    start = at + base.length
    if count > _MEMBERS:
        raise Broken(f"a datatype of {count:,} values")
    for _ in range(count):
        start += _name(file, start, version)
    return start + count * base.size - at


def dataspace(file: Hdf5, at: int) -> tuple[int, ...] | None:
    """The shape; () for one value, None for no values at all."""
    version, rank, flags = (file.number(at + i, 1) for i in range(3))
    if version not in (1, 2) or rank > 32:
        raise Broken(f"a dataspace of version {version} and {rank} dimensions")
    start = at + (8 if version == 1 else 4)
    if version == 2 and file.number(at + 3, 1) == 2:
        return None
    if version == 1 and flags & 2:
        raise Broken("a dataspace with permuted dimensions")
    return tuple(file.number(start + i * file.long, file.long) for i in range(rank))


def layout(file: Hdf5, at: int) -> Layout:
    """Where a dataset's values lie."""
    version = file.number(at, 1)
    if version in (1, 2):
        return _layout_old(file, at)
    if version not in (3, 4, 5):
        raise Broken(f"a layout of version {version}")
    kind = file.number(at + 1, 1)
    if kind == 0:
        return Layout("compact", at + 4, file.number(at + 2, 2))
    if kind == 1:
        return Layout("contiguous", file.address(at + 2), file.number(at + 2 + file.wide, file.long))
    if kind == 3:
        return Layout("virtual")
    if kind != 2:
        raise Broken(f"a layout of class {kind}")
    if version == 3:
        rank = file.number(at + 2, 1)
        start = at + 3 + file.wide
        return Layout("chunked", file.address(at + 3), 0, tuple(file.number(start + 4 * i, 4) for i in range(rank)))
    return _layout_new(file, at)


def _layout_old(file: Hdf5, at: int) -> Layout:
    rank, kind = file.number(at + 1, 1), file.number(at + 2, 1)
    start = at + 8 + (file.wide if kind else 0)
    dims = tuple(file.number(start + 4 * i, 4) for i in range(rank))
    if kind == 0:
        return Layout("compact", start + 4 * rank + 4, file.number(start + 4 * rank, 4))
    if kind == 1:
        return Layout("contiguous", file.address(at + 8), -1)
    return Layout("chunked", file.address(at + 8), 0, dims)


def _layout_new(file: Hdf5, at: int) -> Layout:
    flags, rank, width = (file.number(at + 2 + i, 1) for i in range(3))
    if not 1 <= width <= 8:
        raise Broken("chunks of an impossible size")
    dims = tuple(file.number(at + 5 + i * width, width) for i in range(rank))
    start = at + 5 + rank * width
    kind, filtered, bits = file.number(start, 1), -1, 0
    start += 1
    if kind == 1 and flags & 2:
        filtered = file.number(start, file.long)
        start += file.long + 4
    elif kind == 3:
        bits = file.number(start, 1)
    start += {3: 1, 4: 5, 5: 6}.get(kind, 0)
    names = {1: "single", 2: "implicit", 3: "fixed array", 4: "extensible array", 5: "second tree"}
    if kind not in names:
        raise Broken(f"a chunk index of type {kind}")
    return Layout("chunked", file.address(start), 0, dims, names[kind], filtered, bits)


def filters(file: Hdf5, at: int) -> list[tuple[int, tuple[int, ...]]]:
    """The filter pipeline: (identifier, parameters) of each."""
    version, count = file.number(at, 1), file.number(at + 1, 1)
    if version not in (1, 2) or count > 32:
        raise Broken("a filter pipeline of unknown version")
    start, found = at + (8 if version == 1 else 2), []
    for _ in range(count):
        number, name = file.number(start, 2), 0
        start += 2
        if version == 1 or number >= 256:
            name = file.number(start, 2)
            start += 2
        values = file.number(start + 2, 2)
        start += 4 + (-(-name // 8) * 8 if version == 1 else name)
        found.append((number, tuple(file.number(start + 4 * i, 4) for i in range(values))))
        start += 4 * values + (4 if version == 1 and values % 2 else 0)
    return found
