"""LZ4 frames, block by block: a decoder that never writes more than a block may hold, with its checksums.

Source: LZ4 Frame Format Description 1.6.4 and LZ4 Block Format Description, both by Y. Collet.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator

from momus.methods.artifacts.report import Job, Region

FRAME = b"\x04\x22\x4d\x18"
_LEGACY = b"\x02\x21\x4c\x18"
_BLOCK = {4: 1 << 16, 5: 1 << 18, 6: 1 << 20, 7: 1 << 22}
_WINDOW = 1 << 16
_SUMMED = 8 << 20  # a frame's own checksum is computed up to this many bytes: it costs a second for ten of them
_M = 0xFFFFFFFF
_P1, _P2, _P3, _P4, _P5 = 2654435761, 2246822519, 3266489917, 668265263, 374761393


def frames(job: Job, region: Region) -> Iterator[tuple[bytes, int]]:
    """Pieces of content, each with the number of bytes read so far. Raises ValueError where the data does not hold."""
    at = 0
    while at < len(region):
        magic = region.take(at, 4)
        if magic[1:] == b"\x2a\x4d\x18" and 0x50 <= magic[0] <= 0x5F:
            raise ValueError(f"a frame for skipping at byte {at:,}, whose content nobody reads")
        if magic == _LEGACY:
            raise ValueError("the legacy frame format")
        if magic != FRAME:
            raise ValueError(f"{len(region) - at:,} bytes follow the data")
        at = yield from _frame(job, region, at)


def _frame(job: Job, region: Region, at: int) -> Generator[tuple[bytes, int], None, int]:
    head = region.take(at, 19)
    if len(head) < 7:
        raise ValueError("a frame header that is cut short")
    flags, size = head[4], _BLOCK.get(head[5] >> 4 & 7)
    if flags >> 6 != 1 or flags & 2 or size is None or head[5] & 0x8F:
        raise ValueError("a frame header with reserved bits")
    if flags & 1:
        raise ValueError("a dictionary that is not in the file")
    width = 8 if flags & 8 else 0
    promised = int.from_bytes(head[6 : 6 + width], "little") if width else -1
    if xxh32(head[4 : 6 + width]) >> 8 & 255 != head[6 + width]:
        raise ValueError("a frame header with a wrong checksum")
    at, total, window, whole = at + 7 + width, 0, b"", bytearray()
    while True:
        raw = region.take(at, 4)
        if len(raw) < 4:
            raise ValueError("the frame ends too early")
        length, at = int.from_bytes(raw, "little"), at + 4
        if length == 0:
            break
        plain, length = length >> 31, length & 0x7FFFFFFF
        packed = region.take(at, length)
        if len(packed) < length or length > size + 64:
            raise ValueError("a block reaches beyond its bounds")
        at += length
        if flags & 16:
            if xxh32(packed) != int.from_bytes(region.take(at, 4), "little"):
                raise ValueError("a block with a wrong checksum")
            at += 4
        data = packed if plain else block(packed, size, window)
        total += len(data)
        job.check_time()
        yield data, at
        if not flags & 32:
            window = (window + data)[-_WINDOW:]
        if flags & 4 and total <= _SUMMED:
            whole += data
    if promised >= 0 and promised != total:
        raise ValueError(f"holds {total:,} bytes where its header says {promised:,}")
    if flags & 4:
        if total <= _SUMMED and xxh32(bytes(whole)) != int.from_bytes(region.take(at, 4), "little"):
            raise ValueError("content with a wrong checksum")
        at += 4
    if at > len(region):
        raise ValueError("the frame ends too early")
    return at


def block(packed: bytes, limit: int, window: bytes = b"") -> bytes:
    """One block expanded behind ``window``; raises ValueError beyond ``limit`` bytes or where it does not hold."""
    out, at, end, base = bytearray(window), 0, len(packed), len(window)
    while at < end:
        token = packed[at]
        count, at = _length(packed, at + 1, token >> 4)
        if count > end - at:
            raise ValueError("literals reach beyond the block")
        out += packed[at : at + count]
        at += count
        if at == end:
            break
        offset = int.from_bytes(packed[at : at + 2], "little")
        if at + 2 > end or offset == 0 or offset > len(out):
            raise ValueError("a match points outside the data")
        count, at = _length(packed, at + 2, token & 15)
        count += 4
        if len(out) - base + count > limit:
            raise ValueError("a block grows beyond its bounds")
        start = len(out) - offset
        if offset >= count:
            out += out[start : start + count]
        else:
            piece = bytes(out[start:])
            out += (piece * (count // offset + 1))[:count]
    if len(out) - base > limit:
        raise ValueError("a block grows beyond its bounds")
    return bytes(out[base:])


def _length(packed: bytes, at: int, count: int) -> tuple[int, int]:
    if count == 15:
        while True:
            if at >= len(packed):
                raise ValueError("a length without an end")
            more, at = packed[at], at + 1
            count += more
            if more != 255:
                break
    return count, at


def _turn(value: int, by: int) -> int:
    return (value << by | value >> (32 - by)) & _M


def xxh32(data: bytes, seed: int = 0) -> int:
    """The 32-bit xxHash of ``data``."""
    size, at = len(data), 0
    if size >= 16:
        lanes = [(seed + _P1 + _P2) & _M, (seed + _P2) & _M, seed, (seed - _P1) & _M]
        a, b, c, d = lanes
        view = memoryview(data)[: size // 16 * 16].cast("I")
        for i in range(0, len(view), 4):
            a = (a + view[i] * _P2) & _M
            a = ((a << 13 | a >> 19) & _M) * _P1 & _M
            b = (b + view[i + 1] * _P2) & _M
            b = ((b << 13 | b >> 19) & _M) * _P1 & _M
            c = (c + view[i + 2] * _P2) & _M
            c = ((c << 13 | c >> 19) & _M) * _P1 & _M
            d = (d + view[i + 3] * _P2) & _M
            d = ((d << 13 | d >> 19) & _M) * _P1 & _M
        at = size // 16 * 16
        value = (_turn(a, 1) + _turn(b, 7) + _turn(c, 12) + _turn(d, 18)) & _M
    else:
        value = (seed + _P5) & _M
    value = (value + size) & _M
    while at + 4 <= size:
        value = _turn((value + int.from_bytes(data[at : at + 4], "little") * _P3) & _M, 17) * _P4 & _M
        at += 4
    for byte in data[at:]:
        value = _turn((value + byte * _P5) & _M, 11) * _P1 & _M
    value = (value ^ value >> 15) * _P2 & _M
    value = (value ^ value >> 13) * _P3 & _M
    return value ^ value >> 16
