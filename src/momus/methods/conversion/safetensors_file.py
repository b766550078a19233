"""safetensors files: eight bytes of length, a JSON header, raw little-endian numbers. Written and read here in full."""

from __future__ import annotations

import json
import mmap
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from momus.core.errors import DataError

WIDTHS = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1,
          "U16": 2, "U32": 4, "U64": 8, "F8_E4M3": 1, "F8_E5M2": 1}  # fmt: skip
_MAX_HEADER = 100_000_000


@dataclass(frozen=True, slots=True)
class Tensor:
    """Numbers in row-major, little-endian order. ``dtype`` is the name of the format: F32, BF16, I64, …"""

    dtype: str
    shape: tuple[int, ...]
    data: bytes | memoryview


def write_safetensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write the tensors, widest first and then by name, so that each starts where its numbers may start."""
    order = sorted(tensors, key=lambda k: (-WIDTHS[tensors[k].dtype], k))
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    position = 0
    for key in order:
        t = tensors[key]
        header[key] = {"dtype": t.dtype, "shape": list(t.shape), "data_offsets": [position, position + len(t.data)]}
        position += len(t.data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("xb") as out:
        out.write(len(text).to_bytes(8, "little") + text)
        for key in order:
            out.write(tensors[key].data)


def read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """(tensors, metadata); every offset is held against the file, and every byte must belong to one tensor."""
    with path.open("rb") as stream:
        data = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) if os.fstat(stream.fileno()).st_size else b""
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > min(len(data) - 8, _MAX_HEADER):
        raise _broken(path, "its header is longer than the file")
    try:
        header = json.loads(data[8 : 8 + length])
        metadata = header.pop("__metadata__", {})
        body, found, spans = memoryview(data)[8 + length :], {}, []
        for key, entry in header.items():
            start, end = entry["data_offsets"]
            shape, count = tuple(entry["shape"]), WIDTHS[entry["dtype"]]
            for n in shape:
                count *= n
            if not 0 <= start <= end <= len(body) or end - start != count:
                raise _broken(path, f"'{key}' does not lie where it says")
            found[key] = Tensor(entry["dtype"], shape, body[start:end])
            spans.append((start, end))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise _broken(path, "its header is malformed") from error
    position = 0
    for start, end in sorted(spans):
        if start != position:
            raise _broken(path, "its tensors overlap or leave a gap")
        position = end
    if position != len(body):
        raise _broken(path, "bytes follow the tensors")
    return found, metadata


def _broken(path: Path, why: str) -> DataError:
    return DataError(why, code="convert/malformed", place=str(path))
