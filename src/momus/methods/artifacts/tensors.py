"""Plain tensor files: NPY, safetensors, GGUF. Headers are read in full, numbers are accounted for by their extents."""

from __future__ import annotations

import ast
import re
import struct

from momus.methods.artifacts.jsons import Repeated, parse, template
from momus.methods.artifacts.pickles import scan_pickles
from momus.methods.artifacts.report import Job, Region
from momus.methods.artifacts.rulings import printable

_HEADER_CAP = 100_000_000  # the safetensors library's own cap
_ST_WIDTH = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16,
    "I32": 32, "U32": 32, "F32": 32, "C64": 64, "F64": 64, "I64": 64, "U64": 64, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
}  # fmt: skip
_NPY_PLAIN = re.compile(r"[<>|=]?([?bBhHiIuUlLqQefdgFDGSaVmMc])(\d+)(\[[\w ]+\])?\Z")
_NPY_HEADER = re.compile(rb"[\w '\",:()\[\]{}<>|=.+\-\n]*\Z")
_GGUF_WIDTH = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
# ggml type -> (elements per block, bytes per block)
_GGML = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 36), 10: (256, 84),
    11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292), 16: (256, 66), 17: (256, 74),
    18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82), 23: (256, 136), 24: (1, 1), 25: (1, 2),
    26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2), 34: (256, 54), 35: (256, 66),
}  # fmt: skip


def scan_npy(job: Job, region: Region, where: str) -> str:
    """NPY: a header that is a Python literal, then raw numbers, or a pickle where elements are objects."""
    major = region.take(6, 1)
    width = 2 if major == b"\x01" else 4
    length = int.from_bytes(region.take(8, width), "little")
    start = 8 + width + length
    if major not in (b"\x01", b"\x02", b"\x03") or length > 1 << 16 or start > len(region):
        job.mark("suspicious", "an NPY header of impossible length or version", 0, where)
        return "npy"
    try:
        raw = region.take(8 + width, length)
        if not _NPY_HEADER.match(raw):
            raise ValueError("characters that no description needs")
        header = ast.literal_eval(re.sub(r"(\d)L\b", r"\1", raw.decode("ascii")))  # Python 2 wrote 5L
        descr, shape = header["descr"], header["shape"]
        total = 1
        for n in shape:
            total *= int(n)
        plain = all(type(n) is int and n >= 0 for n in shape) and header["fortran_order"] in (True, False)
    except (ValueError, SyntaxError, KeyError, TypeError, MemoryError, RecursionError):
        job.mark("suspicious", "an NPY header that is no plain description", 0, where)
        return "npy"
    size = _item(descr)
    if not plain or size is None:
        job.mark("suspicious", f"an array of unknown type {printable(str(descr), 60)}", 0, where)
    elif size < 0:
        scan_pickles(job, region.part(start, len(region)), where)
        return "npy of objects"
    elif start + total * size != len(region):
        difference = len(region) - start - total * size
        what = f"{difference:,} bytes follow the array" if difference > 0 else f"{-difference:,} bytes are missing"
        job.mark("suspicious" if difference > -(1 << 32) else "dangerous", what, len(region), where)
    return "npy"


def _item(descr: object, depth: int = 0) -> int | None:
    """Bytes of one element; -1 where it is a Python object; None where it is not understood."""
    if isinstance(descr, str):
        if descr.lstrip("<>|=") in ("O", "O8", "O4"):
            return -1
        match = _NPY_PLAIN.match(descr)
        return int(match[2]) * (4 if match[1] == "U" else 1) if match else None
    if isinstance(descr, list) and depth < 8:
        total = 0
        for part in descr:
            if not isinstance(part, tuple) or len(part) not in (2, 3):
                return None
            size = _item(part[1], depth + 1)
            if size is None or size < 0:
                return size
            for n in part[2] if len(part) == 3 and isinstance(part[2], tuple) else ():
                size *= n
            total += size
        return total
    return None


def scan_safetensors(job: Job, region: Region, where: str) -> str:
    """safetensors: the header's extents must tile the rest of the file exactly."""
    length = int.from_bytes(region.take(0, 8), "little")
    if length > _HEADER_CAP or 8 + length > len(region):
        job.mark("suspicious", f"the header claims {length:,} bytes (cap {_HEADER_CAP:,})", 0, where)
        return "safetensors"
    header = parse(job, region.part(8, length), where)
    if not isinstance(header, dict):
        return "safetensors"
    if isinstance(header, Repeated):
        job.mark("suspicious", "a tensor stands twice in the header", 8, where)
    extents = []
    for name, item in header.items():
        if name == "__metadata__":
            if not isinstance(item, dict) or not all(isinstance(v, str) for v in item.values()):
                job.mark("suspicious", "metadata that is not text", 8, where)
            continue
        extent = _extent(item)
        if extent is None:
            job.mark("suspicious", f"tensor {printable(name, 60)} has an extent that does not fit its shape", 8, where)
        else:
            extents.append(extent)
    at = 0
    for start, end in sorted(extents):
        if start != at:
            job.mark("suspicious", "tensors overlap" if start < at else "bytes between tensors", 8 + length + at, where)
        at = max(at, end)
    if 8 + length + at != len(region):
        difference = len(region) - 8 - length - at
        what = f"{difference:,} bytes follow the tensors" if difference > 0 else f"{-difference:,} bytes are missing"
        job.mark("suspicious", what, min(8 + length + at, len(region)), where)
        if difference > 0:
            job.examine(region.part(8 + length + at, difference), f"{where}!bytes@{8 + length + at}")
    return "safetensors"


def _extent(item: object) -> tuple[int, int] | None:
    if not isinstance(item, dict) or set(item) != {"dtype", "shape", "data_offsets"}:
        return None
    bits, shape, offsets = _ST_WIDTH.get(str(item["dtype"])), item["shape"], item["data_offsets"]
    if bits is None or not isinstance(shape, list) or not isinstance(offsets, list) or len(offsets) != 2:
        return None
    total = bits
    for n in shape:
        if type(n) is not int or n < 0:
            return None
        total *= n
    start, end = offsets
    if type(start) is not int or type(end) is not int or start < 0 or (end - start) * 8 != total:
        return None
    return start, end


class _Cursor:
    """Reads little-endian fields of a GGUF header; ValueError at the end or beyond a plausible length."""

    def __init__(self, region: Region) -> None:
        self.region, self.at = region, 0

    def number(self, width: int) -> int:
        raw = self.region.take(self.at, width)
        if len(raw) < width:
            raise ValueError("it ends inside the header")
        self.at += width
        return int.from_bytes(raw, "little")

    def text(self) -> bytes:
        size = self.number(8)
        if size > len(self.region) - self.at:
            raise ValueError(f"text of {size:,} bytes")
        self.at += size
        return self.region.take(self.at - size, min(size, 1 << 20))

    def value(self, kind: int, depth: int = 0) -> bytes | None:
        """Skips one value; returns it if it is text."""
        if kind == 8:
            return self.text()
        if kind == 9 and depth < 4:
            inner, count = self.number(4), self.number(8)
            if inner in _GGUF_WIDTH:
                self.skip(count * _GGUF_WIDTH[inner])
                return None
            if count > 2_000_000:
                raise ValueError(f"a list of {count:,} items")
            for _ in range(count):
                self.value(inner, depth + 1)
            return None
        if kind not in _GGUF_WIDTH:
            raise ValueError(f"a value of unknown type {kind}")
        self.skip(_GGUF_WIDTH[kind])
        return None

    def skip(self, count: int) -> None:
        if count > len(self.region) - self.at:
            raise ValueError(f"a list of {count:,} bytes")
        self.at += count


def scan_gguf(job: Job, region: Region, where: str) -> str:
    """GGUF: every key is read, chat templates are searched, tensors must lie within the file."""
    cursor = _Cursor(region)
    try:
        cursor.skip(8)
        tensors, keys = cursor.number(8), cursor.number(8)
        if tensors > 1_000_000 or keys > 1_000_000:
            raise ValueError(f"claims {tensors:,} tensors and {keys:,} keys")
        align = 32
        for _ in range(keys):
            name, kind = cursor.text(), cursor.number(4)
            at = cursor.at
            text = cursor.value(kind)
            if text is not None and b"chat_template" in name:
                template(job, text.decode("utf-8", "replace"), where)
            if name == b"general.alignment" and kind == 4:
                align = struct.unpack("<I", region.take(at, 4))[0] or 32
        end = max((_gguf_tensor(cursor) for _ in range(tensors)), default=0)
    except ValueError as error:
        job.mark("suspicious", f"a GGUF header that does not hold: {error}", cursor.at, where)
        return "gguf"
    start = -(-cursor.at // align) * align
    slack = len(region) - start - end
    if slack < 0 or slack >= max(align, 64):
        what = f"{slack:,} bytes follow the tensors" if slack > 0 else f"{-slack:,} bytes are missing"
        job.mark("suspicious", what, min(start + end, len(region)), where)
    elif any(region.take(cursor.at, start - cursor.at)) or any(region.take(start + end, slack)):
        job.mark("suspicious", "bytes where a GGUF file has zeros", cursor.at, where)
    return "gguf"


def _gguf_tensor(cursor: _Cursor) -> int:
    cursor.text()
    total = 1
    dims = cursor.number(4)
    if dims > 8:
        raise ValueError(f"a tensor of {dims} dimensions")
    for _ in range(dims):
        total *= cursor.number(8)
    block = _GGML.get(cursor.number(4))
    offset = cursor.number(8)
    if block is None:
        raise ValueError("a tensor of unknown type")
    return offset + -(-total // block[0]) * block[1]
