"""Links of HDF5 groups: to objects of the file, to paths within it, and to other files.

Source: the HDF5 File Format Specification, version 3.0, sections III.C and IV.A.2.g.
"""

from __future__ import annotations

from typing import NamedTuple

from momus.methods.artifacts.hdf5 import Broken, Hdf5
from momus.methods.artifacts.hdf5_tree import old_members


class Link(NamedTuple):
    """``kind``: 0 an object of this file, 1 a path within it, 64 another file, others are a library user's own."""

    name: bytes
    kind: int
    address: int = -1
    target: bytes = b""


def link_message(file: Hdf5, at: int, size: int) -> Link:
    """A link as a message of a group, or as an object of its heap."""
    stop = at + size
    flags = file.number(at + 1, 1)
    if file.number(at, 1) != 1 or flags & 0xE0:
        raise Broken("a link of unknown version")
    kind, start = 0, at + 2
    if flags & 8:
        kind, start = file.number(start, 1), start + 1
    start += (8 if flags & 4 else 0) + (1 if flags & 16 else 0)
    width = 1 << (flags & 3)
    length = file.number(start, width)
    start += width
    name = file.region.take(start, min(length, max(stop - start, 0)))
    start += length
    if kind == 0:
        made, start = Link(name, 0, file.address(start)), start + file.wide
    else:
        size = file.number(start, 2)
        made, start = Link(name, kind, -1, file.region.take(start + 2, size)), start + 2 + size
    if start > stop:
        raise Broken("a link longer than its message")
    return made


def old_links(file: Hdf5, tree: int, heap: int) -> list[Link]:
    """The members of a group in the old style. The address kept beside an entry must be the one in the member."""
    found = []
    for name, header, kind, scratch, _ in old_members(file, tree, heap):
        if kind == 2:
            found.append(Link(name, 1, -1, scratch))
            continue
        if kind == 1:
            held = [int.from_bytes(scratch[i : i + file.wide], "little") for i in (0, file.wide)]
            own = next((m.start for m in file.header(header) if m.kind == 0x11), -1)
            if own < 0 or held != [file.address(own), file.address(own + file.wide)]:
                raise Broken("a group whose entry and header disagree about its members")
        elif kind:
            raise Broken(f"a group entry of type {kind}")
        found.append(Link(name, 0, header))
    return found
