"""The records of a dump one after the other, whatever it is kept in, each within bounds."""

from __future__ import annotations

import json
import mmap
import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

RECORD = 16 << 20  # most of one record
_FILE = 256 << 20  # most of one JSON file that has to be parsed at once
_TOTAL = 8 << 30  # most that a zip may expand to
_ENTRIES = 2_000_000
_ENDINGS = (".json", ".yaml", ".yml")
_PACKED = (".zip", ".gz", ".bz2", ".xz", ".zst", ".7z", ".tar", ".jsonl", ".ndjson")  # records may lie in these

# ("json" or "yaml", bytes) for one record, ("record", object), ("safety", object), or ("unread", reason)
Item = tuple[str, Any]


def records(path: Path) -> Iterator[Item]:
    """All records of a zip, a folder, a JSON lines file or a JSON file. OSError or ValueError: nothing can be read."""
    if path.is_dir():
        yield from _folder(path)
    elif zipfile.is_zipfile(path):
        yield from _zip(path)
    else:
        yield from _file(path)


def _folder(path: Path) -> Iterator[Item]:
    seen = 0
    for base, folders, files in os.walk(path):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        for name in sorted(files):
            seen += 1
            if seen > _ENTRIES:
                yield "unread", "too many files"
                return
            whole = Path(base, name)
            if name.endswith(".zip") and zipfile.is_zipfile(whole):
                yield from _zip(whole)
            elif name.lower().endswith(_ENDINGS) and not name.startswith("."):
                yield _small(whole)
            elif name.lower().endswith(_PACKED):
                yield "unread", name


def _small(path: Path) -> Item:
    try:
        with path.open("rb") as file:
            data = file.read(RECORD + 1)
    except OSError as error:
        return "unread", type(error).__name__
    return _kind(path.name, data) if len(data) <= RECORD else ("unread", "too long")


def _kind(name: str, data: bytes) -> Item:
    return ("json" if name.lower().endswith(".json") else "yaml"), data


def _zip(path: Path) -> Iterator[Item]:
    """Members by the directory of the archive, read where they lie: hundreds of thousands take seconds."""
    total = 0
    try:
        with (
            zipfile.ZipFile(path) as archive,
            path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as bytes_,
        ):
            members = archive.infolist()
            if len(members) > _ENTRIES:
                yield "unread", "too many members"
            for member in members[:_ENTRIES]:
                if member.filename.lower().endswith(_PACKED):
                    yield "unread", member.filename
                if not member.filename.lower().endswith(_ENDINGS):
                    continue
                total += member.file_size
                if total > _TOTAL:
                    yield "unread", "expands to too much"
                    return
                data = _member(bytes_, member)
                yield ("unread", member.filename) if data is None else _kind(member.filename, data)
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise ValueError(str(error)) from error


def _member(archive: mmap.mmap, member: zipfile.ZipInfo) -> bytes | None:
    start = member.header_offset
    head = archive[start : start + 30]
    if len(head) < 30 or head[:4] != b"PK\x03\x04" or member.flag_bits & 1 or member.file_size > RECORD:
        return None
    start += 30 + int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little")
    data = archive[start : start + member.compress_size]
    if member.compress_type == zipfile.ZIP_DEFLATED:
        try:
            inflate = zlib.decompressobj(-15)
            data = inflate.decompress(data, member.file_size + 1)
        except zlib.error:
            return None
    elif member.compress_type != zipfile.ZIP_STORED:
        return None
    return data if len(data) == member.file_size and zlib.crc32(data) == member.CRC else None


def _file(path: Path) -> Iterator[Item]:
    if path.name.endswith((".yaml", ".yml")):
        yield _small(path)
        return
    with path.open("rb") as file:
        first = file.readline(RECORD + 1)
        if len(first) <= RECORD and _whole_line(first) and file.read(1):
            file.seek(0)
            yield from _lines(file)
            return
        file.seek(0)
        data = file.read(_FILE + 1)
    if len(data) > _FILE:
        raise ValueError(f"one JSON document of more than {_FILE >> 20} MiB")
    yield from _document(json.loads(data))


def _whole_line(line: bytes) -> bool:
    """Whether the first line is a document of its own: then the file is JSON lines."""
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _lines(file: Any) -> Iterator[Item]:
    while line := file.readline(RECORD + 1):
        if len(line) > RECORD:
            yield "unread", "a line is too long"
            return
        if line.strip():
            yield "json", line


def _document(content: Any) -> Iterator[Item]:
    if isinstance(content, Mapping) and isinstance(content.get("vulns"), list):
        content = content["vulns"]
    if isinstance(content, list):
        yield from (("record", r) for r in content)
    elif isinstance(content, Mapping) and "id" not in content and _is_safety(content):
        yield "safety", content
    else:
        yield "record", content


def _is_safety(content: Mapping[str, Any]) -> bool:
    rows = [v for k, v in content.items() if k != "$meta"]
    return bool(rows) and all(isinstance(r, list) and r and isinstance(r[0], dict) for r in rows)
