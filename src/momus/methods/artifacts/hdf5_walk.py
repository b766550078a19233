"""A walk over all objects of an HDF5 file: groups, links, attributes, datasets and the extents of their values."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from momus.methods.artifacts.hdf5 import Broken, Hdf5, Message
from momus.methods.artifacts.hdf5_links import Link, link_message, old_links
from momus.methods.artifacts.hdf5_tree import FractalHeap, GlobalHeap, Unsupported, tree_one, tree_two
from momus.methods.artifacts.hdf5_types import Datatype, Layout, dataspace, datatype, filters, layout
from momus.methods.artifacts.report import TooMuch

_VALUES = 16 << 20  # bytes of attributes and values of free length that are looked into, each
_CHUNKS = 1_000_000
_SPOTS = 10_000


@dataclass(slots=True)
class Value:
    """An attribute or a dataset: its type, shape, and (for attributes) where its bytes lie."""

    name: bytes
    type: Datatype
    shape: tuple[int, ...] | None
    place: int = -1
    size: int = 0

    @property
    def bytes_needed(self) -> int:
        return 0 if self.shape is None else math.prod(self.shape) * self.type.size


@dataclass(slots=True)
class Object:
    """One object of the file: what its header says, before anybody judges it."""

    path: str
    attributes: list[Value]
    links: list[Link]
    data: Value | None
    layout: Layout | None
    filters: list[tuple[int, tuple[int, ...]]]
    external: list[bytes]
    odd: list[str]


class Walk:
    """All objects of a file, each once. Whatever stands in a header and is not known makes an entry in ``odd``."""

    def __init__(self, file: Hdf5) -> None:
        self.file = file
        self.values = GlobalHeap(file)
        self.seen: set[int] = set()

    def objects(self) -> Iterator[Object]:
        if self.file.extension >= 0:
            yield self.read(self.file.extension, "superblock extension")
        stack = [(self.file.root, "")]
        while stack:
            at, path = stack.pop()
            if at in self.seen:
                continue
            self.seen.add(at)
            if len(self.seen) > self.file.job.limits.members:
                raise TooMuch(f"has more than {self.file.job.limits.members:,} objects")
            found = self.read(at, path)
            yield found
            stack += [
                (k.address, f"{path}/{k.name.decode('utf-8', 'replace')[:80]}"[-400:])
                for k in found.links
                if k.kind == 0
            ]

    def read(self, at: int, path: str) -> Object:
        made = Object(path, [], [], None, None, [], [], [])
        kind: Datatype | None = None
        shape: tuple[int, ...] | None = None
        for m in self.file.header(at):
            if m.kind == 1:
                shape = dataspace(self.file, m.start)
            elif m.kind == 3:
                kind = self._type(m.start, m.flags)
            else:
                self._message(m, made)
        if made.layout is not None:
            if kind is None:
                raise Broken("a dataset without a type")
            made.data = Value(b"", kind, shape)
        return made

    def _message(self, m: Message, made: Object) -> None:
        file = self.file
        if m.flags & 2 and m.kind not in (0xC, 0):
            raise Unsupported("messages shared between objects")
        if m.kind == 2:
            self._link_info(m.start, made)
        elif m.kind == 6:
            made.links.append(link_message(file, m.start, m.size))
        elif m.kind == 7:
            self._external(m.start, made)
        elif m.kind == 8:
            made.layout = layout(file, m.start)
        elif m.kind == 0xB:
            made.filters = filters(file, m.start)
        elif m.kind == 0xC:
            made.attributes.append(self._attribute(m.start, m.size))
        elif m.kind == 0x11:
            made.links += old_links(file, file.address(m.start), file.address(m.start + file.wide))
        elif m.kind == 0x15:
            self._attribute_info(m.start, made)
        elif m.kind not in (0, 4, 5, 0xA, 0xD, 0xE, 0x10, 0x12, 0x13, 0x16):
            made.odd.append({0xF: "shared messages", 0x14: "a storage driver", 0x17: "free space kept in the file"}.get(
                m.kind, f"a message of type {m.kind}"))  # fmt: skip

    def _type(self, at: int, flags: int) -> Datatype:
        """A datatype in place, or the one that is committed to the file elsewhere."""
        if not flags & 2:
            return datatype(self.file, at)
        version, kind = self.file.number(at, 1), self.file.number(at + 1, 1)
        if version not in (1, 2, 3) or (version == 3 and kind != 2):
            raise Unsupported("messages shared between objects")
        header = self.file.address(at + (8 if version == 1 else 2))
        if header not in self.seen:
            self.seen.add(header)
        for m in self.file.header(header):
            if m.kind == 3 and not m.flags & 2:
                return datatype(self.file, m.start)
        raise Broken("a type that is not where it should be")

    def _link_info(self, at: int, made: Object) -> None:
        heap_at = self.file.address(at + 2 + (8 if self.file.number(at + 1, 1) & 1 else 0))
        names = at + 2 + (8 if self.file.number(at + 1, 1) & 1 else 0) + self.file.wide
        if heap_at < 0:
            return
        heap = FractalHeap(self.file, heap_at)
        for record in tree_two(self.file, self.file.address(names)):
            made.links.append(link_message(self.file, *heap.place(record + 4, 7)))
        if self.file.number(at + 1, 1) & 2:
            for _ in tree_two(self.file, self.file.address(names + self.file.wide)):
                pass  # a second order of the same links: its bytes are claimed

    def _attribute_info(self, at: int, made: Object) -> None:
        flags = self.file.number(at + 1, 1)
        start = at + 2 + (2 if flags & 1 else 0)
        heap_at = self.file.address(start)
        if heap_at < 0:
            return
        heap = FractalHeap(self.file, heap_at)
        for record in tree_two(self.file, self.file.address(start + self.file.wide)):
            if self.file.number(record + 8, 1) & 2:
                raise Unsupported("messages shared between objects")
            made.attributes.append(self._attribute(*heap.place(record, 8)))
        if flags & 2:
            for _ in tree_two(self.file, self.file.address(start + 2 * self.file.wide)):
                pass

    def _attribute(self, at: int, size: int) -> Value:
        file = self.file
        version, flags = file.number(at, 1), file.number(at + 1, 1)
        if version not in (1, 2, 3):
            raise Broken("an attribute of unknown version")
        name, kind, space = (file.number(at + 2 + 2 * i, 2) for i in range(3))
        start = at + (9 if version == 3 else 8)
        unit = 8 if version == 1 else 1
        text = file.region.take(start, name).split(b"\0", 1)[0]
        start += -(-name // unit) * unit
        found = self._type(start, 2 if version > 1 and flags & 1 else 0)
        if version > 1 and flags & 2:
            raise Unsupported("messages shared between objects")
        start += -(-kind // unit) * unit
        made = Value(text, found, dataspace(file, start))
        made.place, made.size = start + -(-space // unit) * unit, made.bytes_needed
        if made.place + made.size > at + size:
            raise Broken("an attribute that reaches beyond its message")
        return made

    def _external(self, at: int, made: Object) -> None:
        file = self.file
        used, heap = file.number(at + 6, 2), file.address(at + 8)
        for i in range(used):
            slot = at + 8 + file.wide + i * (3 * file.long)
            place = heap
            file.expect(place, b"HEAP", 0)
            data = file.address(place + 8 + 2 * file.long) + file.number(slot, file.long)
            made.external.append(file.region.take(data, 4096).split(b"\0", 1)[0])

    def pieces(self, made: Object) -> Iterator[tuple[int, int]]:
        """(place, stored bytes) of a dataset's values; each is claimed. Checks what must agree."""
        file, where, value = self.file, made.layout, made.data
        if where is None or value is None:
            return
        if where.kind == "compact":
            yield where.address, where.size
        elif where.kind == "contiguous" and where.address >= 0 and not made.external:
            size = value.bytes_needed if where.size < 0 else where.size
            if size != value.bytes_needed:
                raise Broken(f"values of {value.bytes_needed:,} bytes in {size:,}")
            if not file.claim(where.address, size, "values") and size:
                raise Broken("two datasets in the same bytes")
            yield where.address, size
        elif where.kind == "chunked" and where.address >= 0:
            yield from self._chunks(made, where)

    def _chunks(self, made: Object, where: Layout) -> Iterator[tuple[int, int]]:
        file = self.file
        plain = math.prod(where.dims)
        for count, (at, size) in enumerate(self._index(made, where, plain)):
            if count > _CHUNKS:
                raise TooMuch(f"has a dataset of more than {_CHUNKS:,} chunks")
            if not made.filters and size != plain:
                raise Broken(f"a chunk of {size:,} bytes instead of {plain:,}")
            if not file.claim(at, size, "values"):
                raise Broken("two chunks in the same bytes")
            yield at, size

    def _index(self, made: Object, where: Layout, plain: int) -> Iterator[tuple[int, int]]:
        file = self.file
        if where.index == "tree":
            for key, child in tree_one(file, where.address, 1, len(where.dims)):
                yield child, file.number(key, 4)
        elif where.index == "single":
            yield where.address, plain if where.filtered_size < 0 else where.filtered_size
        elif where.index == "implicit":
            shape = made.data.shape if made.data is not None and made.data.shape else ()
            for i in range(math.prod(-(-n // max(d, 1)) for n, d in zip(shape, where.dims, strict=False))):
                yield where.address + i * plain, plain
        elif where.index == "second tree":
            width = file.number(where.address + 10, 2)
            for record in tree_two(file, where.address):
                size = plain
                if made.filters:
                    size = file.number(record + file.wide, width - file.wide - 4 - 8 * (len(where.dims) - 1))
                yield file.address(record), size
        elif where.index == "fixed array":
            yield from self._fixed(made, where, plain)
        else:
            raise Unsupported(f"chunks listed by an {where.index}")

    def _fixed(self, made: Object, where: Layout, plain: int) -> Iterator[tuple[int, int]]:
        file, at = self.file, where.address
        file.expect(at, b"FAHD", 0)
        width, bits, count = file.number(at + 6, 1), file.number(at + 7, 1), file.number(at + 8, file.long)
        block = file.address(at + 8 + file.long)
        file.claim(at, 12 + file.long + file.wide, "chunk list")
        file.checksum(at, 8 + file.long + file.wide, "a chunk list")
        if block < 0:
            return
        if count > 1 << bits or width < file.wide:
            raise Unsupported("a chunk list of several pages")
        file.expect(block, b"FADB", 0)
        start = block + 6 + file.wide
        file.claim(block, 6 + file.wide + count * width + 4, "chunk list")
        file.checksum(block, 6 + file.wide + count * width, "a chunk list")
        for i in range(count):
            child = file.address(start + i * width)
            size = file.number(start + i * width + file.wide, width - file.wide - 4) if made.filters else plain
            if child >= 0:
                yield child, size

    def content(self, made: Object, at: int, size: int) -> bytes | None:
        """Values of one piece as the filters give them back; None where a filter is not read here."""
        raw = self.file.region.take(at, size)
        plain = math.prod(made.layout.dims) if made.layout is not None and made.layout.dims else size
        for number, parameters in reversed(made.filters):
            if number == 1:
                machine = zlib.decompressobj()
                try:
                    raw = machine.decompress(raw, min(plain + 4, _VALUES))
                except zlib.error:
                    raise Broken("compressed values that break off") from None
                self.file.job.spend_expanded(len(raw))
            elif number == 2:
                raw = _unshuffled(raw, parameters[0] if parameters else 1)
            elif number == 3:
                raw = raw[:-4]
            else:
                return None
        return raw

    def free_values(self, kind: Datatype, raw: bytes, count: int) -> Iterator[tuple[int, int, Datatype]]:
        """(place, size, type) of each value of free length inside ``count`` elements of ``raw``."""
        spots = list(islice(_spots(kind, 0, 0), _SPOTS + 1))
        if len(spots) > _SPOTS:
            raise Unsupported("records with very many values of free length")
        for i in range(count if spots else 0):
            if i % 4096 == 4095:
                self.file.job.check_time()
            for offset, inner in spots:
                at = i * kind.size + offset
                length = int.from_bytes(raw[at : at + 4], "little")
                heap = int.from_bytes(raw[at + 4 : at + 4 + self.file.wide], "little")
                number = int.from_bytes(raw[at + 4 + self.file.wide : at + 8 + self.file.wide], "little")
                if heap in (0, (1 << 8 * self.file.wide) - 1) or number == 0:
                    continue
                place, size = self.values.place(heap, number)
                if length * inner.inner[0][1].size > size:
                    raise Broken("a value longer than its heap holds")
                yield place, length * inner.inner[0][1].size, inner


def _unshuffled(raw: bytes, width: int) -> bytes:
    """Bytes of values whose first bytes were laid down first, then all second ones. Widths are those of numbers."""
    if not 0 < width <= 1 << 16:
        raise Broken("values shuffled by a width that no value has")
    n = len(raw) // width
    out = bytearray(n * width)
    for i in range(width):
        out[i::width] = raw[i * n : (i + 1) * n]
    return bytes(out) + raw[n * width :]


def _spots(kind: Datatype, offset: int, depth: int) -> Iterator[tuple[int, Datatype]]:
    """Where an element holds references to values of free length."""
    if kind.kind == 9:
        yield offset, kind
    elif kind.kind == 6:
        for at, inner in kind.inner:
            yield from _spots(inner, offset + at, depth + 1)
    elif kind.kind == 10 and kind.any(9):
        total, inner = kind.inner[0]
        if total > 4096:
            raise Unsupported("long arrays of values of free length")
        for i in range(total):
            yield from _spots(inner, offset + i * inner.size, depth + 1)
