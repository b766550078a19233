"""CTranslate2's ``model.bin``: named arrays one behind the other, then aliases. Walked to the last byte."""

from __future__ import annotations

import re

from momus.methods.artifacts.report import Job, Region

# Bytes of a value by the number that stands for its type, as versions 4 to 6 of the file have them.
_WIDTHS = {0: 4, 1: 1, 2: 2, 3: 4, 4: 2, 5: 2}
_SPEC = re.compile(rb"[A-Z][A-Za-z0-9]{2,60}Spec\0\Z")
_NAME = re.compile(rb"[\x21-\x7e]{1,400}\0\Z")
_MOST = 200_000
_RANK = 8
_HELD = "a CTranslate2 model that does not hold"


def is_ctranslate(region: Region) -> bool:
    """A version that was ever written, then the name of a specification and its closing zero."""
    length = int.from_bytes(region.take(4, 2), "little")
    version = int.from_bytes(region.take(0, 4), "little")
    return 1 <= version <= 9 and 5 <= length <= 64 and bool(_SPEC.match(region.take(6, length)))


class _Cursor:
    def __init__(self, region: Region) -> None:
        self.region, self.at = region, 4

    def number(self, width: int) -> int:
        raw = self.take(width)
        return int.from_bytes(raw, "little")

    def take(self, count: int) -> bytes:
        raw = self.region.take(self.at, count)
        if len(raw) < count:
            raise ValueError("it ends too early")
        self.at += count
        return raw

    def name(self) -> bytes:
        raw = self.take(self.number(2))
        if not _NAME.match(raw):
            raise ValueError("a name that is none")
        return raw

    def skip(self, count: int) -> None:
        if count > len(self.region) - self.at:
            raise ValueError("an array claims more bytes than there are")
        self.at += count


def scan_ctranslate(job: Job, region: Region, where: str) -> str:
    """Version, name, revision; arrays with shape, type and size; aliases."""
    kind, cursor = "ctranslate2", _Cursor(region)
    version = int.from_bytes(region.take(0, 4), "little")
    if version not in (4, 5, 6):
        job.mark("not understood", f"version {version} of the CTranslate2 format, which is not read here", 0, where)
        return kind
    try:
        _walk(job, cursor)
    except ValueError as error:
        job.mark("suspicious", f"{_HELD}: {error}", cursor.at, where)
        return kind
    if cursor.at < len(region):
        job.mark("suspicious", f"{len(region) - cursor.at:,} bytes behind a CTranslate2 model", cursor.at, where)
        job.examine(region.part(cursor.at, len(region) - cursor.at), f"{where}!behind")
    return kind


def _walk(job: Job, cursor: _Cursor) -> None:
    cursor.name()
    cursor.number(4)
    names: set[bytes] = set()
    count = cursor.number(4)
    if count > _MOST:
        raise ValueError(f"it claims {count:,} arrays")
    for i in range(count):
        if i % 4096 == 4095:
            job.check_time()
        name = cursor.name()
        if name in names:
            raise ValueError("an array whose name stands twice")
        names.add(name)
        rank = cursor.number(1)
        if rank > _RANK:
            raise ValueError(f"an array of {rank} axes")
        values = 1
        for _ in range(rank):
            values *= cursor.number(4)
        width, size = _WIDTHS.get(cursor.number(1)), cursor.number(4)
        if width is None or values * width != size:
            raise ValueError("an array whose size is not that of its shape and type")
        cursor.skip(size)
    for _ in range(min(cursor.number(4), _MOST + 1)):
        alias, of = cursor.name(), cursor.name()
        if of not in names or alias in names:
            raise ValueError("another name for an array that is not there")
