"""PyTorch checkpoints, zip and from before 1.6, into named tensors: the storages are read, nothing is unpickled."""

from __future__ import annotations

import json
import math
import mmap
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from momus.methods.conversion.safetensors_file import WIDTHS, Tensor
from momus.methods.conversion.values import Storage, View, read_values, refuse

_MAGIC = 0x1950A86A20F9469CFC6C
_KINDS = {
    "DoubleStorage": "F64", "FloatStorage": "F32", "HalfStorage": "F16", "BFloat16Storage": "BF16",
    "LongStorage": "I64", "IntStorage": "I32", "ShortStorage": "I16", "CharStorage": "I8", "ByteStorage": "U8",
    "BoolStorage": "BOOL", "UntypedStorage": "U8",
    "float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16", "int64": "I64", "int32": "I32",
    "int16": "I16", "int8": "I8", "uint8": "U8", "bool": "BOOL", "uint16": "U16", "uint32": "U32", "uint64": "U64",
    "float8_e4m3fn": "F8_E4M3", "float8_e5m2": "F8_E5M2",
}  # fmt: skip
_DEEP = 50
_MOST, _TIMES = 1 << 30, 16  # bytes written out where tensors repeat their numbers, beyond this many times the file


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Named tensors, which of the names share their numbers, and what is no tensor, as JSON by name."""

    tensors: dict[str, Tensor]
    shared: tuple[tuple[str, ...], ...]
    aside: dict[str, Any]

    @property
    def metadata(self) -> dict[str, str]:
        """What goes into the header of a safetensors file beside the tensors."""
        told = {"format": "pt"}
        if self.shared:
            told["shared"] = json.dumps(self.shared)
        if self.aside:
            told["aside"] = json.dumps(self.aside)
        return told


def read_checkpoint(path: Path) -> Checkpoint:
    """The tensors of a state dict or a nested dictionary of tensors; DataError for anything else."""
    value, storages = _zip(path) if zipfile.is_zipfile(path) else _legacy(path)
    if not isinstance(value, dict):
        refuse("it holds no dictionary of tensors")
    tensors: dict[str, Tensor] = {}
    aside: dict[str, Any] = {}
    total, size = 0, path.stat().st_size
    places: dict[tuple[Any, ...], list[str]] = {}
    for name, leaf in _leaves(value, "", 0):
        if name in tensors or name in aside:
            refuse(f"two of its entries would both be called '{name}'")
        if name == "__metadata__":
            refuse("one of its entries has the name that safetensors keeps for itself, '__metadata__'")
        if isinstance(leaf, View):
            tensors[name] = _tensor(leaf, storages)
            total += len(tensors[name].data)
            if total > max(_MOST, _TIMES * size):
                refuse("its tensors repeat few numbers very often; they would be written out in full")
            places.setdefault((leaf.storage.key, leaf.offset, leaf.shape, leaf.stride), []).append(name)
        else:
            aside[name] = leaf
    if not tensors:
        refuse("it holds no tensors")
    shared = tuple(tuple(names) for names in places.values() if len(names) > 1)
    return Checkpoint(tensors, shared, aside)


def _leaves(value: Any, name: str, depth: int) -> Iterator[tuple[str, Any]]:
    """(dotted name, tensor or plain value); lists that hold tensors are counted through."""
    if depth > _DEEP:
        refuse(f"it is nested more than {_DEEP} deep")
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            if not isinstance(key, str | int):
                refuse(f"it has a key that is neither text nor a number: {type(key).__name__}")
            yield from _leaves(inner, f"{name}.{key}" if name else str(key), depth + 1)
    elif isinstance(value, list | tuple) and _holds_view(value, depth):
        for i, inner in enumerate(value):
            yield from _leaves(inner, f"{name}.{i}", depth + 1)
    elif isinstance(value, View):
        yield name, value
    else:
        try:
            yield name, json.loads(json.dumps(value))
        except (TypeError, ValueError):
            refuse(f"'{name}' is neither a tensor nor a plain value")


def _holds_view(value: Any, depth: int) -> bool:
    if depth > _DEEP:
        refuse(f"it is nested more than {_DEEP} deep")
    if isinstance(value, dict):
        return any(_holds_view(v, depth + 1) for v in value.values())
    return isinstance(value, View) or (
        isinstance(value, list | tuple) and any(_holds_view(v, depth + 1) for v in value)
    )


def _tensor(view: View, storages: dict[str, bytes | memoryview]) -> Tensor:
    """The numbers of one tensor in row-major order; every index is held against its storage."""
    dtype = _KINDS.get(view.kind or view.storage.kind)
    if dtype is None:
        refuse(f"safetensors has no place for numbers of the type {view.kind or view.storage.kind}")
    raw, width = storages.get(view.storage.key), WIDTHS[dtype]
    if raw is None:
        refuse(f"the numbers of storage '{view.storage.key}' are missing")
    flat = np.frombuffer(raw, dtype=f"<u{width}", count=len(raw) // width)
    total = math.prod(view.shape)
    last = view.offset + sum((n - 1) * s for n, s in zip(view.shape, view.stride, strict=True) if n)
    if total and last >= flat.size:
        refuse("a tensor reaches beyond its storage")
    if total > flat.size and total > 1 << 24:
        refuse("a tensor repeats few numbers very often; it would be written out in full")
    if not total:
        return Tensor(dtype, view.shape, b"")
    steps = [s * width for s in view.stride]
    if view.stride == _row_major(view.shape):
        return Tensor(dtype, view.shape, memoryview(raw)[view.offset * width : (view.offset + total) * width])
    laid = np.lib.stride_tricks.as_strided(flat[view.offset :], view.shape, steps, writeable=False)
    return Tensor(dtype, view.shape, np.ascontiguousarray(laid).tobytes())


def _row_major(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(math.prod(shape[i + 1 :]) for i in range(len(shape)))


def _sized(storage: Storage) -> int:
    kind = _KINDS.get(storage.kind)
    if kind is None:
        refuse(f"safetensors has no place for numbers of the type {storage.kind}")
    return storage.count * WIDTHS[kind]


def _storages(value: Any, depth: int = 0) -> Iterator[Storage]:
    """Every storage that a value refers to."""
    if depth > _DEEP:
        refuse(f"it is nested more than {_DEEP} deep")
    if isinstance(value, View):
        yield value.storage
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _storages(inner, depth + 1)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _storages(inner, depth + 1)


def mapped(path: Path) -> mmap.mmap:
    """A file's bytes without holding them: the kernel brings and drops them as they are read."""
    with path.open("rb") as stream:
        return mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)


def _member(archive: zipfile.ZipFile, whole: mmap.mmap, name: str) -> bytes | memoryview:
    """A member's bytes where they lie, if they lie there as they are, which is how PyTorch writes them."""
    info = archive.getinfo(name)
    if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
        return archive.read(name)
    head = whole[info.header_offset : info.header_offset + 30]
    start = info.header_offset + 30 + int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little")
    found = memoryview(whole)[start : start + info.file_size]
    if head[:4] != b"PK\3\4" or len(found) != info.file_size or zlib.crc32(found) != info.CRC:
        refuse(f"the member '{name[:80]}' of the archive is damaged")
    return found


def _zip(path: Path) -> tuple[Any, dict[str, bytes | memoryview]]:
    whole = mapped(path)
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        inner = [n for n in names if n.count("/") == 1 and n.endswith("/data.pkl")]
        if len(inner) != 1:
            refuse("it is no checkpoint: a zip file without one data.pkl")
        folder = inner[0].removesuffix("data.pkl")
        if f"{folder}byteorder" in names and archive.read(f"{folder}byteorder") != b"little":
            refuse("its numbers are big-endian")
        value, _ = read_values(archive.read(inner[0]))
        found: dict[str, bytes | memoryview] = {}
        for storage in _storages(value):
            if storage.key in found:
                continue
            member = f"{folder}data/{storage.key}"
            if member not in names or archive.getinfo(member).file_size != _sized(storage):
                refuse(f"storage '{storage.key}' is missing or has another size than its pickle says")
            found[storage.key] = _member(archive, whole, member)
        return value, found


def _legacy(path: Path) -> tuple[Any, dict[str, bytes | memoryview]]:
    """Five pickles, the last a list of keys; then for each key a count and its numbers."""
    data, position, read = mapped(path), 0, []
    for _ in range(5):
        value, position = read_values(data, position)
        read.append(value)
        if read[0] != _MAGIC:
            refuse("it is no PyTorch checkpoint")
    sizes = {s.key: _sized(s) for s in _storages(read[3])}
    system = read[2]
    if not isinstance(system, dict) or system.get("little_endian") is not True or not isinstance(read[4], list):
        refuse("its numbers are big-endian")
    found: dict[str, bytes | memoryview] = {}
    view = memoryview(data)
    for key in read[4]:
        size = sizes.get(key)
        if size is None or position + 8 + size > len(data):
            refuse("its list of storages does not fit its tensors")
        found[key] = view[position + 8 : position + 8 + size]
        position += 8 + size
    return read[3], found
