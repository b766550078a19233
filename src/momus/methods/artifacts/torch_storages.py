"""PyTorch's storages: which raw bytes a checkpoint's pickle lays claim to, so that every byte has an owner."""

from __future__ import annotations

from momus.methods.artifacts.report import Job, Region
from momus.methods.artifacts.values import KEPT, Name, Node, brings_source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAGIC = 0x1950A86A20F9469CFC6C  # first pickle of a checkpoint in the format before torch 1.6
_WIDTH = {
    "DoubleStorage": 8,
    "FloatStorage": 4,
    "HalfStorage": 2,
    "BFloat16Storage": 2,
    "LongStorage": 8,
    "IntStorage": 4,
    "ShortStorage": 2,
    "CharStorage": 1,
    "ByteStorage": 1,
    "BoolStorage": 1,
    "ComplexFloatStorage": 8,
    "ComplexDoubleStorage": 16,
    "QInt8Storage": 1,
    "QUInt8Storage": 1,
    "QInt32Storage": 4,
    "QUInt4x2Storage": 1,
    "QUInt2x4Storage": 1,
    "UntypedStorage": 1,
}


def claimed(job: Job, persistent: list[Any], where: str) -> dict[str, int] | None:
    """Storage key -> bytes, from persistent ids ('storage', type, key, location, count, ...). None if malformed."""
    found: dict[str, int] = {}
    for pid in persistent:
        if brings_source(pid):
            continue
        items = pid.items if type(pid) is Node and pid.kind == "tuple" else []
        kind = items[1] if len(items) > 4 and items[0] == "storage" else None
        if type(kind) is not Name or type(items[2]) is not str or type(items[4]) is not int or items[4] < 0:
            job.mark("suspicious", "a persistent id that is no tensor storage", None, where)
            return None
        width = _WIDTH.get(kind.name) if kind.module.split(".")[0] == "torch" else None
        if width is None:
            job.mark("suspicious", f"a storage of unknown type {kind.name[:60]!r}", None, where)
            return None
        size = items[4] * width
        if found.setdefault(items[2], size) != size:
            job.mark("suspicious", f"storage {items[2][:60]!r} is claimed with two sizes", None, where)
            return None
    return found


def scan_storages(job: Job, region: Region, start: int, body: Any, keys: Any, where: str) -> str:
    """The raw part of a checkpoint before torch 1.6: for each key a count (8 bytes) and that many elements."""
    kind = "torch, before 1.6"
    sizes = claimed(job, body.persistent, where)
    if sizes is None:
        return kind
    order = keys.items if type(keys) is Node and keys.kind == "list" else []
    counted = keys.size if type(keys) is Node else -1
    position = start
    if counted != len(sizes) or (counted <= KEPT and set(order) != set(sizes)):
        job.mark("suspicious", "the list of storages does not fit the tensors", start, where)
        return kind
    if counted <= KEPT:
        for key in order:
            width = sizes[key]
            number = int.from_bytes(region.buf[position : min(position + 8, region.end)], "little")
            if number > width:
                job.mark(
                    "suspicious", f"storage {key[:60]!r} holds {number:,} elements, more than claimed", position, where
                )
            position += 8 + width
    else:
        position += 8 * counted + sum(sizes.values())
    if position != region.end:
        difference = region.end - position
        what = f"{difference:,} bytes follow the tensors" if difference > 0 else f"{-difference:,} bytes are missing"
        job.mark("suspicious", what, min(position, region.end), where)
    return kind
