"""TensorFlow checkpoints: the index (a LevelDB table) that says which bytes of the data files are which tensor.

Source: tensorflow/core/util/tensor_bundle and core/lib/io/{format,table_format}: blocks, footer, BundleEntryProto.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from typing import NamedTuple

from momus.methods.artifacts.pickles import also_pickle
from momus.methods.artifacts.protos import NotProtobuf, fields, known, varint
from momus.methods.artifacts.report import Job, Region, TooMuch
from momus.methods.artifacts.rulings import printable

_MAGIC = (0xDB4775248B80FB57).to_bytes(8, "little")
_ENTRIES = 1_000_000
_CHECKED = 1 << 20
_TEXT, _RESOURCE, _VARIANT = 7, 20, 21
_ENTRY = {1: "v", 2: "l", 3: "v", 4: "v", 5: "v", 6: "4", 7: "l"}
# bytes of one number, by TensorFlow's type numbers; 4-bit numbers take a byte each
_WIDTH = {1: 4, 2: 8, 3: 4, 4: 1, 5: 2, 6: 1, 8: 8, 9: 8, 10: 1, 11: 1, 12: 1, 13: 4, 14: 2, 15: 2, 16: 2, 17: 2,
          18: 16, 19: 2, 22: 4, 23: 8, 24: 1, 25: 1, 29: 1, 30: 1}  # fmt: skip
_DATA_NAME = re.compile(r"(.+)\.data-(\d{5})-of-(\d{5})\Z")


class Entry(NamedTuple):
    """A tensor: where it lies in which shard."""

    name: str
    kind: int
    shard: int
    start: int
    size: int


class Broken(Exception):
    """The table does not hold; the message says where."""


def is_index(region: Region) -> bool:
    return len(region) >= 48 and region.take(len(region) - 8, 8) == _MAGIC


def scan_index(job: Job, region: Region, where: str) -> str:
    """An index alone: every byte of the table has an owner; the data lies in other files."""
    read_index(job, region, where)
    return "tensorflow checkpoint index"


def read_index(job: Job, region: Region, where: str) -> tuple[int, list[Entry]]:
    """(number of shards, tensors); marks whatever is not as TensorFlow writes it."""
    shards, found = 0, []
    try:
        for key, value in _table(job, region, where):
            if not key:
                shards = next((a for n, w, a, _ in fields(value) if n == 1 and w == 0), 0)
                continue
            entry = _entry(job, key, value, where)
            if entry is not None:
                found.append(entry)
        _overlaps(job, found, where)
    except (Broken, NotProtobuf) as error:
        job.mark("suspicious", f"the checkpoint's index does not hold: {error or 'a message breaks off'}", None, where)
    return shards, found


def _entry(job: Job, key: bytes, value: Region, where: str) -> Entry | None:
    kind = shard = start = size = 0
    dims: list[int] | None = []
    sliced = False
    for number, _, a, b in known(job, value, _ENTRY, "BundleEntryProto", where):
        if number == 2:
            dims = _dims(value.part(a, b - a))
        elif number == 7:
            sliced = True
        else:
            kind, shard, start, size = (
                a if number == n else v for n, v in ((1, kind), (3, shard), (4, start), (5, size))
            )
    name = printable(key.decode("utf-8", "replace"), 80)
    if sliced and not size:
        return None  # its slices are entries of their own
    width = _WIDTH.get(kind)
    if kind in (_RESOURCE, _VARIANT):
        job.mark("not understood", f"tensor {name!r} holds a variant, which is not read here", value.start, where)
    elif width is None and kind != _TEXT:
        job.mark("suspicious", f"tensor {name!r} is of an unknown type {kind}", value.start, where)
    elif width is not None and (dims is None or math.prod(dims) * width != size):
        job.mark(
            "suspicious", f"tensor {name!r} takes {size:,} bytes, which does not fit its shape", value.start, where
        )
    return Entry(name, kind, shard, start, size)


def _dims(region: Region) -> list[int] | None:
    """Sizes of a TensorShapeProto; None where one is not a size."""
    found = []
    for number, wire, a, b in fields(region):
        if number != 2 or wire != 2:
            return None
        found.append(next((c for n, w, c, _ in fields(region.part(a, b - a)) if n == 1 and w == 0), 0))
    return None if any(n >> 62 for n in found) else found


def _overlaps(job: Job, found: list[Entry], where: str) -> None:
    last: dict[int, int] = {}
    for entry in sorted(found, key=lambda e: (e.shard, e.start)):
        if entry.start < last.get(entry.shard, 0):
            job.mark("suspicious", f"tensor {entry.name!r} overlaps another", None, where)
        last[entry.shard] = max(last.get(entry.shard, 0), entry.start + entry.size)


def _table(job: Job, region: Region, where: str) -> Iterator[tuple[bytes, Region]]:
    """Keys and values of the table, in order; every byte in front of the footer must belong to a block."""
    size = len(region)
    meta, at = _handle(region, size - 48, size - 8)
    index, at = _handle(region, at, size - 8)
    if region.take(at, size - 8 - at).strip(b"\0"):
        raise Broken("bytes in its footer that say nothing")
    extents, taken = [meta, index], {meta, index}
    count = 0
    for _, _ in _block(job, region, *meta):
        raise Broken("a filter, which is not read here")
    for _, value in _block(job, region, *index):
        block, _ = _handle(value, 0, len(value))
        if block in taken:
            raise Broken("a block that is listed twice")
        taken.add(block)
        extents.append(block)
        for key, content in _block(job, region, *block):
            count += 1
            if count > _ENTRIES:
                raise TooMuch(f"lists more than {_ENTRIES:,} tensors")
            yield key, content
    at = 0
    for start, length in sorted(extents):
        if start != at:
            raise Broken(f"bytes at {min(at, start):,} that belong to no block or to two")
        at = start + length + 5
    if at != size - 48:
        raise Broken(f"{size - 48 - at:,} bytes in front of its footer")


def _handle(region: Region, at: int, end: int) -> tuple[tuple[int, int], int]:
    """((offset, size), next place) of a block handle."""
    offset, place = varint(region.buf, region.start + at, region.start + end)
    size, place = varint(region.buf, place, region.start + end)
    return (offset, size), place - region.start


def _block(job: Job, region: Region, start: int, size: int) -> Iterator[tuple[bytes, Region]]:
    """Entries of one block: keys share their beginnings with the one before."""
    job.check_time()
    trailer = region.take(start + size, 5)
    if len(trailer) < 5 or size < 4 or start + size + 5 > len(region) - 48:
        raise Broken("a block outside the file")
    if trailer[0]:
        raise Broken("a compressed block, which is not read here")
    raw = region.take(start, size + 1)
    if size <= _CHECKED and masked(crc32c(raw)) != int.from_bytes(trailer[1:], "little"):
        raise Broken("the checksum of a block is wrong")
    restarts = int.from_bytes(raw[size - 4 : size], "little")
    stop = size - 4 - 4 * restarts
    if stop < 0:
        raise Broken("a block whose entries do not fit")
    at, key = 0, b""
    while at < stop:
        shared, at = varint(raw, at, stop)
        own, at = varint(raw, at, stop)
        length, at = varint(raw, at, stop)
        if shared > len(key) or at + own + length > stop:
            raise Broken("a block whose entries do not fit")
        fresh = key[:shared] + raw[at : at + own]
        if fresh <= key and key:
            raise Broken("keys out of order")
        key = fresh
        yield key, region.part(start + at + own, length)
        at += own + length


def is_data_name(name: str) -> tuple[str, int] | None:
    """(name of the index, number of the shard) where a file is called as data files are."""
    match = _DATA_NAME.match(name)
    return (f"{match[1]}.index", int(match[2])) if match else None


def beside(path: str) -> bool:
    """Whether a file is called as data files are and its index lies beside it."""
    named = is_data_name(path)
    return named is not None and os.path.isfile(named[0])  # noqa: PTH113 (pathlib costs more than the question)


def scan_beside(job: Job, region: Region, where: str) -> str:
    """A data file whose index lies beside it, opened for reading and nothing else."""
    named = is_data_name(getattr(job, "path", ""))
    if named is None:
        raise TooMuch("has no name of a data file")
    with open(named[0], "rb") as stream:
        raw = stream.read(job.limits.text + 1)
    index = Region(raw, 0, len(raw))
    if len(raw) > job.limits.text or not is_index(index):
        job.mark("not understood", "data of a checkpoint whose index cannot be read", None, where)
        return "tensorflow checkpoint data"
    return scan_data(job, region, index, named[1], where)


def scan_data(job: Job, region: Region, index: Region, shard: int, where: str) -> str:
    """A data file beside its index: tensors must tile it; text is looked into."""
    _, found = read_index(job, index, where)
    at = 0
    for entry in sorted((e for e in found if e.shard == shard), key=lambda e: e.start):
        if entry.start != at:
            job.mark(
                "suspicious", f"{entry.start - at:,} bytes in front of tensor {entry.name!r} are no tensor", at, where
            )
        at = max(at, entry.start + entry.size)
        if entry.kind == _TEXT:
            _content(job, region.part(entry.start, entry.size), where)
    left = len(region) - at
    if left:
        what = f"{left:,} bytes follow the tensors" if left > 0 else f"{-left:,} bytes of the tensors are missing"
        job.mark("suspicious", what, min(at, len(region)), where)
        if left > 0:
            job.examine(region.part(at, left), f"{where}!bytes@{at}")
    return "tensorflow checkpoint data"


def _content(job: Job, region: Region, where: str) -> None:
    """Text tensors: lengths, a checksum, then the texts. A text could be a pickle for whoever takes it out."""
    raw = region.take(0, min(len(region), job.limits.text))
    for at in (m.start() for m in re.finditer(rb"\x80[\x02-\x05][\x95}\](cXK\x8c]", raw)):
        also_pickle(job, region.part(at, len(region)), f"{where}!bytes@{at}")
        job.check_time()


_POLYNOMIAL = 0x82F63B78
_TABLE: list[int] = []


def crc32c(data: bytes) -> int:
    """Castagnoli's checksum."""
    if not _TABLE:
        for i in range(256):
            value = i
            for _ in range(8):
                value = value >> 1 ^ (_POLYNOMIAL if value & 1 else 0)
            _TABLE.append(value)
    crc, table = 0xFFFFFFFF, _TABLE
    for b in data:
        crc = crc >> 8 ^ table[(crc ^ b) & 255]
    return crc ^ 0xFFFFFFFF


def masked(crc: int) -> int:
    """The way LevelDB keeps a checksum."""
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
