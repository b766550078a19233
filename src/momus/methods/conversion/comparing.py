"""Whether two sets of tensors are the same to the last bit, and how far apart they are where they are not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from momus.methods.conversion.safetensors_file import Tensor

_NUMPY = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1", "U8": "u1",
          "U16": "<u2", "U32": "<u4", "U64": "<u8", "BOOL": "u1"}  # fmt: skip


def compare_tensors(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> dict[str, Any]:
    """What was compared, how many, the greatest difference between numbers, and what differs by name (first ten)."""
    differs = sorted(set(a) ^ set(b))
    greatest, numbers = 0.0, 0
    for name in sorted(set(a) & set(b)):
        x, y = a[name], b[name]
        numbers += len(x.data)
        if (x.dtype, x.shape) != (y.dtype, y.shape) or not _same(x, y):
            differs.append(name)
            greatest = max(greatest, _apart(x, y))
    return {
        "what": "names, types, shapes and bytes of tensors",
        "compared": len(a),
        "bytes": numbers,
        "equal": not differs,
        "greatest_difference": greatest,
        "differing": differs[:10],
    }


def _same(x: Tensor, y: Tensor) -> bool:
    return np.array_equal(np.frombuffer(x.data, np.uint8), np.frombuffer(y.data, np.uint8))


def _apart(x: Tensor, y: Tensor) -> float:
    if x.dtype != y.dtype or x.shape != y.shape or x.dtype not in _NUMPY:
        return float("inf")
    p, q = (np.frombuffer(t.data, _NUMPY[x.dtype]).astype(np.float64) for t in (x, y))
    gap = np.abs(p - q)
    return float(np.nanmax(gap)) if gap.size and not np.all(np.isnan(gap)) else float("inf")
