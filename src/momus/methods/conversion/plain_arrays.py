"""NumPy files without objects: .npy and .npz, which no loader runs when it is told not to unpickle."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from momus.core.errors import DataError
from momus.methods.conversion.safetensors_file import Tensor

_KINDS = {"f8": "F64", "f4": "F32", "f2": "F16", "i8": "I64", "i4": "I32", "i2": "I16", "i1": "I8", "u1": "U8",
          "u2": "U16", "u4": "U32", "u8": "U64", "b1": "BOOL"}  # fmt: skip


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a .npy file (as ``array``) or a .npz file by name; arrays of objects are refused."""
    try:
        found = np.load(path, allow_pickle=False)
        if isinstance(found, np.ndarray):
            return {"array": found}
        with found:
            return {name: found[name] for name in found.files}
    except (ValueError, OSError, EOFError, KeyError, SyntaxError, TypeError, zipfile.BadZipFile) as error:
        raise DataError(
            f"it cannot be read as plain arrays ({type(error).__name__}: {str(error)[:100]})",
            code="convert/unsupported",
            place=str(path),
            hint="Arrays of objects are pickles; save the numbers in them",
        ) from error


def write_npz(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """An .npz file; written to a stream, since NumPy would add an ending to a path that has another."""
    out = io.BytesIO()
    np.savez(out, **dict(arrays))  # type: ignore[arg-type]
    with path.open("xb") as stream:
        stream.write(out.getbuffer())


def as_tensors(arrays: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
    """Arrays as tensors in row-major, little-endian order; DataError for types that safetensors does not have."""
    made = {}
    for name, array in arrays.items():
        kind = _KINDS.get(array.dtype.str[1:])
        if kind is None:
            raise DataError(
                f"'{name}' is of the type {array.dtype}, which safetensors does not have",
                code="convert/unsupported",
                hint="Convert it with --to npz",
            )
        plain = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"), copy=False))
        made[name] = Tensor(kind, tuple(array.shape), plain.tobytes())
    return made
