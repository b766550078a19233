"""Trees and heaps inside HDF5: members of groups, attributes kept apart, chunks of datasets, values of free length.

Source: the HDF5 File Format Specification, version 3.0, section III.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from momus.methods.artifacts.hdf5 import Broken, Hdf5

_DEPTH = 40


class Unsupported(Exception):
    """A structure that is known and not read here; the message names it."""


def old_members(file: Hdf5, tree: int, heap: int) -> Iterator[tuple[bytes, int, int, bytes, int]]:
    """(name, header address, cache type, scratch bytes, place) of each member of a group in the old style."""
    names = _local_heap(file, heap)
    for _, node in tree_one(file, tree, 0, 0):
        file.expect(node, b"SNOD", 1)
        count, width = file.number(node + 6, 2), 2 * file.wide + 24
        if not file.claim(node, 8 + count * width, "group"):
            raise Broken("a group holds the same members twice")
        for i in range(count):
            at = node + 8 + i * width
            name, header = file.number(at, file.wide), file.address(at + file.wide)
            kind = file.number(at + 2 * file.wide, 4)
            scratch = file.region.take(at + 2 * file.wide + 8, 16)
            text = names.text(name)
            if kind == 2:
                scratch = names.text(int.from_bytes(scratch[:4], "little"))
            yield text, header, kind, scratch, at
    names.free()


@dataclass
class _Names:
    """The data of a local heap: text by offset; what is used is claimed, so that the rest can be looked at."""

    file: Hdf5
    data: int
    size: int
    first: int
    used: set[int] = field(default_factory=set)

    def text(self, offset: int) -> bytes:
        if offset >= self.size:
            raise Broken("a name outside its heap")
        raw = self.file.region.take(self.data + offset, min(self.size - offset, 1 << 16))
        stop = raw.find(b"\0")
        if stop < 0:
            raise Broken("a name without an end")
        if offset not in self.used:
            self.used.add(offset)
            self.file.claim(self.data + offset, min(-(-(stop + 1) // 8) * 8, self.size - offset), "name")
        return raw[:stop]

    def free(self) -> None:
        """Claim the links of the free list: they are bytes with a meaning of their own."""
        at, seen, long = self.first, 0, self.file.long
        while at not in (1, (1 << 8 * long) - 1) and seen < 10_000:
            if at + 2 * long > self.size:
                raise Broken("a free block outside its heap")
            if not self.file.claim(self.data + at, 2 * long, "free block"):
                raise Broken("a list of free blocks that runs in a circle")
            at, seen = self.file.number(self.data + at, long), seen + 1


def _local_heap(file: Hdf5, at: int) -> _Names:
    file.expect(at, b"HEAP", 0)
    file.claim(at, 8 + 2 * file.long + file.wide, "heap")
    size, first = file.number(at + 8, file.long), file.number(at + 8 + file.long, file.long)
    data = file.address(at + 8 + 2 * file.long)
    if size and (data < 0 or data + size > len(file.region)):
        raise Broken("a heap lies beyond the end of the file")
    names = _Names(file, data, size, first)
    if size:
        names.text(0)
    return names


def tree_one(file: Hdf5, root: int, kind: int, rank: int) -> Iterator[tuple[int, int]]:
    """(place of the key, child) of each leaf entry of a version 1 tree; ``rank`` counts a chunk's dimensions + 1."""
    if root < 0:
        return
    key = file.long if kind == 0 else 8 + 8 * rank
    stack = [(root, -1)]
    while stack:
        at, wanted = stack.pop()
        file.expect(at, b"TREE", kind)
        level, count = file.number(at + 5, 1), file.number(at + 6, 2)
        if level > _DEPTH or (wanted >= 0 and level != wanted):
            raise Broken("a tree whose levels do not fit")
        start = at + 8 + 2 * file.wide
        if not file.claim(at, 8 + 2 * file.wide + count * (key + file.wide) + key, "tree"):
            raise Broken("a tree that contains itself")
        for i in range(count):
            place = start + i * (key + file.wide)
            child = file.address(place + key)
            if level:
                stack.append((child, level - 1))
            else:
                yield place, child


def tree_two(file: Hdf5, at: int) -> Iterator[int]:
    """Places of all records of a version 2 tree."""
    file.expect(at, b"BTHD", 0)
    size, width, depth = file.number(at + 6, 4), file.number(at + 10, 2), file.number(at + 12, 2)
    length = 16 + file.wide + 2 + file.long
    file.claim(at, length + 4, "tree")
    file.checksum(at, length, "a tree")
    root, count = file.address(at + 16), file.number(at + 16 + file.wide, 2)
    if root < 0:
        return
    if depth > _DEPTH or not width or size < 16:
        raise Broken("a tree of impossible depth or width")
    shape = _shape(file, size, width, depth)
    stack = [(root, count, depth)]
    while stack:
        node, count, level = stack.pop()
        yield from _node(file, node, count, level, width, shape, stack)


def _shape(file: Hdf5, size: int, width: int, depth: int) -> list[tuple[int, int]]:
    """For each level: bytes that count the records of a node, and those that count all records below it."""
    most = (size - 10) // width
    sizes, total = [(most, 0)], most
    lead = (most.bit_length() + 7) // 8
    for level in range(1, depth + 1):
        below = (total.bit_length() + 7) // 8 if level > 1 else 0
        most = (size - 10 - file.wide - lead - below) // (width + file.wide + lead + below)
        total = (most + 1) * total + most
        sizes.append((lead, below))
    return [(lead, below) for lead, below in [(lead, 0), *sizes[1:]]]


def _node(
    file: Hdf5,
    at: int,
    count: int,
    level: int,
    width: int,
    shape: list[tuple[int, int]],
    stack: list[tuple[int, int, int]],
) -> Iterator[int]:
    file.expect(at, b"BTIN" if level else b"BTLF", 0)
    lead, below = shape[level]
    pointer = file.wide + lead + below if level else 0
    length = 6 + count * width + (count + 1) * pointer * bool(level)
    if not file.claim(at, length + 4, "tree"):
        raise Broken("a tree that contains itself")
    file.checksum(at, length, "a tree")
    for i in range(count):
        yield at + 6 + i * width
    for i in range(count + 1 if level else 0):
        place = at + 6 + count * width + i * pointer
        stack.append((file.address(place), file.number(place + file.wide, lead), level - 1))


class FractalHeap:
    """Objects of links and attributes that are kept outside the object's header."""

    def __init__(self, file: Hdf5, at: int) -> None:
        self.file = file
        file.expect(at, b"FRHP", 0)
        long, wide = file.long, file.wide
        self.filters = file.number(at + 7, 2)
        self.flags, self.limit = file.number(at + 9, 1), file.number(at + 10, 4)
        # huge objects, free space and statistics stand before the doubling table
        huge = file.address(at + 14 + long)
        self.free = file.address(at + 14 + 2 * long + wide)
        at_table = at + 14 + 10 * long + 2 * wide
        self.columns, self.first, self.largest = (
            file.number(at_table, 2), file.number(at_table + 2, long), file.number(at_table + 2 + long, long)
        )  # fmt: skip
        self.bits = file.number(at_table + 2 + 2 * long, 2)
        root, rows = file.address(at_table + 6 + 2 * long), file.number(at_table + 6 + 2 * long + wide, 2)
        length = at_table + 8 + 2 * long + wide - at
        if self.filters or huge >= 0:
            raise Unsupported("a heap with filters or huge objects")
        file.claim(at, length + 4, "heap")
        file.checksum(at, length, "a heap")
        if not (self.columns and self.first and 0 < self.bits <= 64 and self.first <= self.largest):
            raise Broken("a heap of impossible shape")
        self.blocks: list[tuple[int, int, int]] = []
        self.lead = 5 + wide + (self.bits + 7) // 8 + (4 if self.flags & 2 else 0)
        if root >= 0:
            self._indirect(root, rows, 0, 0) if rows else self._direct(root, self.first, 0)
        if self.free >= 0:
            _free_space(file, self.free)

    def _size(self, row: int) -> int:
        return self.first << max(row - 1, 0)

    def _direct(self, at: int, size: int, offset: int) -> None:
        self.file.expect(at, b"FHDB", 0)
        if not self.file.claim(at, size, "heap"):
            raise Broken("a heap holds the same block twice")
        self.blocks.append((offset, offset + size, at))

    def _indirect(self, at: int, rows: int, offset: int, depth: int) -> None:
        if depth > 8 or rows > 64:
            raise Broken("a heap nested too deeply")
        file = self.file
        file.expect(at, b"FHIB", 0)
        start = at + 5 + file.wide + (self.bits + 7) // 8
        length = start - at + rows * self.columns * file.wide
        if not file.claim(at, length + 4, "heap"):
            raise Broken("a heap that contains itself")
        file.checksum(at, length, "a heap")
        for i in range(rows * self.columns):
            row = i // self.columns
            size, child = self._size(row), file.address(start + i * file.wide)
            if child >= 0 and size <= self.largest:
                self._direct(child, size, offset)
            elif child >= 0:
                inner = (size // (self.first * self.columns)).bit_length()
                self._indirect(child, inner, offset, depth + 1)
            offset += size

    def place(self, at: int, length: int) -> tuple[int, int]:
        """(place, size) of the object that the identifier of ``length`` bytes at ``at`` stands for."""
        raw = self.file.region.take(at, length)
        kind = raw[0] >> 4 & 3 if raw else -1
        if kind == 2:
            return at + 1, (raw[0] & 15) + 1
        if kind != 0:
            raise Unsupported("a huge object in a heap")
        wide = (self.bits + 7) // 8
        offset = int.from_bytes(raw[1 : 1 + wide], "little")
        size = int.from_bytes(raw[1 + wide :], "little")
        size &= (1 << 8 * ((min(self.limit, self.largest).bit_length() + 7) // 8)) - 1
        for start, stop, block in self.blocks:
            if start <= offset and offset + size <= stop:
                return block + offset - start, size
        raise Broken("an object outside its heap")


def _free_space(file: Hdf5, at: int) -> None:
    """The list of free blocks of a heap: bytes without meaning for a reader, so its extents are claimed unread."""
    file.expect(at, b"FSHD", 0)
    long, wide = file.long, file.wide
    length = 14 + 7 * long + wide
    file.claim(at, length + 4, "free space")
    section = file.address(at + 14 + 5 * long)
    allocated = file.number(at + 14 + 6 * long + wide, long)
    if section >= 0:
        file.expect(section, b"FSSE", 0)
        file.claim(section, allocated, "free space")


class GlobalHeap:
    """Values of free length. A collection is claimed when the first value in it is asked for."""

    def __init__(self, file: Hdf5) -> None:
        self.file = file
        self.found: dict[int, dict[int, tuple[int, int]]] = {}
        self.asked: set[tuple[int, int]] = set()

    def place(self, at: int, number: int) -> tuple[int, int]:
        """(place, size) of object ``number`` in the collection at ``at``."""
        if at not in self.found:
            self.found[at] = self._read(at)
        if number not in self.found[at]:
            raise Broken("a value that its heap does not hold")
        self.asked.add((at, number))
        return self.found[at][number]

    def _read(self, at: int) -> dict[int, tuple[int, int]]:
        file = self.file
        file.expect(at, b"GCOL", 1)
        size = file.number(at + 8, file.long)
        file.claim(at, 8 + file.long, "heap")
        stop, found = at + size, {}
        if stop > len(file.region):
            raise Broken("a heap lies beyond the end of the file")
        at += 8 + file.long
        while at + 8 + file.long <= stop:
            number, length = file.number(at, 2), file.number(at + 8, file.long)
            if number == 0:
                file.claim(at, 8 + file.long, "heap")
                break
            padded = -(-length // 8) * 8
            if at + 8 + file.long + padded > stop or number in found:
                raise Broken("a heap whose values do not fit")
            file.claim(at, 8 + file.long + padded, "value")
            found[number] = (at + 8 + file.long, length)
            at += 8 + file.long + padded
        return found

    def unasked(self) -> list[tuple[int, int]]:
        """Values that nothing refers to."""
        every = ((at, n) for at, held in self.found.items() for n in held)
        return [self.found[at][n] for at, n in every if (at, n) not in self.asked]
