"""MessagePack, as Flax keeps parameters: walked value by value; extension types other than its arrays are refused.

Source: the MessagePack specification; flax.serialization (types 1 to 3).
"""

from __future__ import annotations

from momus.methods.artifacts.report import Job, Region, TooMuch

_FIXED = {
    0xC0: 0,
    0xC2: 0,
    0xC3: 0,
    0xCA: 4,
    0xCB: 8,
    0xCC: 1,
    0xCD: 2,
    0xCE: 4,
    0xCF: 8,
    0xD0: 1,
    0xD1: 2,
    0xD2: 4,
    0xD3: 8,
}
_SIZED = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4}
_EXT = {0xC7: 1, 0xC8: 2, 0xC9: 4}
_FIX_EXT = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16}
_MANY = {0xDC: (2, 1), 0xDD: (4, 1), 0xDE: (2, 2), 0xDF: (4, 2)}
_FLAX = {1: "an array", 2: "a complex number", 3: "a number", -1: "a time"}
_VALUES = 20_000_000


def scan_msgpack(job: Job, region: Region, where: str) -> str:
    """Every value must end where the file ends; MessagePack itself builds nothing."""
    try:
        at = _walk(job, region, where)
    except ValueError as error:
        job.mark("not understood", f"no MessagePack that holds: {error}", 0, where)
        return "unknown"
    if at != len(region):
        job.mark("suspicious", f"{len(region) - at:,} bytes follow the data", at, where)
        if len(region) - at > 8:
            job.examine(region.part(at, len(region)), f"{where}!bytes@{at}")
    return "msgpack"


def _walk(job: Job, region: Region, where: str) -> int:
    at, left, total, size = 0, [1], 0, len(region)
    while left:
        if left[-1] == 0:
            left.pop()
            continue
        left[-1] -= 1
        total += 1
        if total % 8192 == 0:
            job.check_time()
            if total > _VALUES:
                raise TooMuch(f"holds more than {_VALUES:,} values")
        head = region.take(at, 1)
        if not head:
            raise ValueError("it ends too early")
        kind, at = head[0], at + 1
        inside, skip = _one(job, region, kind, at, where)
        at += skip
        if at > size or inside > size - at:
            raise ValueError("it claims more than there is")
        if inside:
            left.append(inside)
            if len(left) > min(job.limits.depth, 1000):
                raise TooMuch("nests too deeply")
    return at


def _bytes(job: Job, held: Region, where: str) -> None:
    """Bytes that are a pickle, as some libraries keep attributes: whoever reads them unpickles them."""
    head = held.take(0, 2)
    if head[:1] == b"\x80" and head[1:] in (b"\2", b"\3", b"\4", b"\5") and held.take(len(held) - 1, 1) == b".":
        waiting = Job(job.limits, job.allow, deadline=job.deadline, look=job.look)
        if (
            waiting.examine(held, f"{where}!bytes@{held.start}") in ("pickle", "joblib")
            and waiting.names
            and waiting.worst > 1
        ):
            job.examine(held, f"{where}!bytes@{held.start}")


def _one(job: Job, region: Region, kind: int, at: int, where: str) -> tuple[int, int]:
    """(values inside, bytes to pass over) of one value whose type byte was read."""
    if kind < 0x80 or kind >= 0xE0:
        return 0, 0
    if kind < 0x90:
        return 2 * (kind & 15), 0
    if kind < 0xA0:
        return kind & 15, 0
    if kind < 0xC0:
        return 0, kind & 31
    if kind in _FIXED:
        return 0, _FIXED[kind]
    if kind in _SIZED:
        size = int.from_bytes(region.take(at, _SIZED[kind]), "big")
        if kind < 0xC7:
            _bytes(job, region.part(at + _SIZED[kind], size), where)
        return 0, _SIZED[kind] + size
    if kind in _MANY:
        width, each = _MANY[kind]
        return each * int.from_bytes(region.take(at, width), "big"), width
    if kind in _EXT or kind in _FIX_EXT:
        width = _EXT.get(kind, 0)
        size = int.from_bytes(region.take(at, width), "big") if width else _FIX_EXT[kind]
        code = int.from_bytes(region.take(at + width, 1), "big", signed=True)
        if code not in _FLAX:
            job.mark("suspicious", f"a value of the extension type {code}", at, where,
                     opcode=f"ext {code}", reason="some reader turns it into an object")  # fmt: skip
        elif code == 1 and region.take(at + width + 1, 1) not in (b"\x93", b"\x94"):
            job.mark("suspicious", "an array that is none of Flax's", at, where, opcode="ext 1")
        return 0, width + 1 + size
    raise ValueError(f"byte 0x{kind:02x} is no type")
