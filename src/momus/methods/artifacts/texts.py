"""Formats that are data by design: UBJSON, LightGBM's text; and what makes a file a text or HDF5."""

from __future__ import annotations

import re

from momus.methods.artifacts.report import Job, Region, TooMuch

_FIXED = {b"Z": 0, b"N": 0, b"T": 0, b"F": 0, b"i": 1, b"U": 1, b"C": 1, b"I": 2, b"l": 4, b"d": 4, b"L": 8, b"D": 8}
_INTS = {b"i": (1, True), b"U": (1, False), b"I": (2, True), b"l": (4, True), b"L": (8, True)}
_PROGRAMS = (
    (b"\x7fELF", "a native program or library"),
    (b"MZ", "a Windows program or library"),
    (b"\xfe\xed\xfa", "a macOS program or library"),
    (b"\xcf\xfa\xed\xfe", "a macOS program or library"),
    (b"#!", "a script"),
)
_PYC_FLAGS = (b"\0\0\0\0", b"\1\0\0\0", b"\3\0\0\0")
_HDF5 = b"\x89HDF\r\n\x1a\n"


def program(region: Region) -> str:
    """What kind of program a file is, or nothing."""
    head = region.take(0, 16)
    for magic, what in _PROGRAMS:
        if head.startswith(magic):
            return what
    return "compiled Python" if len(head) == 16 and head[2:4] == b"\r\n" and head[4:8] in _PYC_FLAGS else ""


def hdf5_start(region: Region) -> int:
    """Offset of an HDF5 signature (0 or a power of two from 512), or -1."""
    at = 0
    while at < min(len(region), 1 << 20):
        if region.take(at, 8) == _HDF5:
            return at
        at = 512 if at == 0 else at * 2
    return -1


def is_ubjson(region: Region) -> bool:
    """An object whose first key has a length in binary, as XGBoost writes it."""
    head = region.take(0, 2)
    return len(head) == 2 and head[:1] == b"{" and (head[1:] in _INTS or head[1:] in (b"#", b"$"))


class _Ubjson:
    """Checks that a file is well-formed UBJSON; every byte is visited or lies in a typed array of numbers."""

    def __init__(self, job: Job, region: Region) -> None:
        self.job, self.region, self.at, self.steps = job, region, 0, 0
        self.keys: list[bytes] = []

    def take(self, count: int) -> bytes:
        if count < 0 or count > len(self.region) - self.at:
            raise ValueError("it claims more bytes than there are")
        self.at += count
        return self.region.take(self.at - count, min(count, 1 << 16))

    def length(self) -> int:
        width = _INTS.get(self.take(1))
        if width is None:
            raise ValueError("a length that is no number")
        return int.from_bytes(self.take(width[0]), "big", signed=width[1])

    def value(self, kind: bytes, depth: int) -> None:
        self.steps += 1
        if self.steps > 5_000_000:
            raise TooMuch("holds more than 5,000,000 values")
        if kind in _FIXED:
            self.take(_FIXED[kind])
        elif kind in (b"S", b"H"):
            self.take(self.length())
        elif kind in (b"[", b"{") and depth < 200:
            self.container(kind == b"{", depth)
        else:
            raise ValueError(f"byte 0x{kind.hex()} is no type")

    def container(self, is_object: bool, depth: int) -> None:
        inner, count = b"", -1
        if self.region.take(self.at, 1) == b"$":
            self.take(1)
            inner = self.take(1)
        if self.region.take(self.at, 1) == b"#":
            self.take(1)
            count = self.length()
        elif inner:
            raise ValueError("a typed list without a length")
        if inner in _FIXED and not is_object:
            self.take(count * _FIXED[inner])
            return
        close = b"}" if is_object else b"]"
        while count != 0:
            if count < 0 and self.region.take(self.at, 1) == close:
                self.take(1)
                return
            if is_object:
                key = self.take(self.length())
                if depth == 0:
                    self.keys.append(key)
            self.value(inner or self.take(1), depth + 1)
            count -= 1


def scan_ubjson(job: Job, region: Region, where: str) -> str:
    reader = _Ubjson(job, region)
    try:
        reader.value(reader.take(1), 0)
    except ValueError as error:
        job.mark("suspicious", f"is no valid UBJSON: {error}", reader.at, where)
        return "ubjson"
    if reader.at != len(region):
        job.mark("suspicious", f"{len(region) - reader.at:,} bytes follow the data", reader.at, where)
    return "xgboost ubjson" if {b"learner", b"version"} <= set(reader.keys) else "ubjson"


CONTROL = bytes(b for b in range(32) if b not in b"\t\n\r\f\x1b")  # what no text holds; terminals colour by escape


def is_plain_text(region: Region) -> bool:
    """Whether the first 64 KiB are text without control characters: UTF-8, UTF-16 with its mark, or Latin-1."""
    data = region.take(0, 1 << 16)
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        try:
            text = data[: len(data) // 2 * 2].decode("utf-16")
        except UnicodeDecodeError as error:
            return error.start > len(data) - 4
        return len(text.encode("utf-8", "replace").translate(None, CONTROL)) == len(text.encode("utf-8", "replace"))
    if len(data.translate(None, CONTROL)) != len(data):
        return False
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(data) - 4:
            high = len(data) - len(data.translate(None, _HIGH))
            return len(data) > 32 and high * 4 < len(data) and not high_controls(data)
    return True


_HIGH = bytes(range(0x80, 0x100))
_UNUSED = b"\x81\x8d\x8f\x90\x9d"  # what Windows leaves without a character


def high_controls(data: bytes) -> bool:
    """Whether there are bytes that stand for nothing in Latin-1 as Windows writes it."""
    return len(data.translate(None, _UNUSED)) != len(data)


def scan_lightgbm(job: Job, region: Region, where: str) -> str:
    """LightGBM's text format: lines of key=value, read by a parser that knows numbers and names only."""
    data = region.take(0, job.limits.text + 1)
    if len(data) > job.limits.text:
        raise TooMuch(f"has more than {job.limits.text >> 20} MiB of text")
    bad = re.search(rb"[\x00-\x08\x0b\x0e-\x1f\x7f]", data)
    if bad:
        job.mark("suspicious", "control characters in a text format", bad.start(), where)
    if b"\nend of trees" not in data:
        job.mark("suspicious", "the list of trees has no end", len(data), where)
    return "lightgbm text"
