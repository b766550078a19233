"""Reads PyTorch models from files: state dict (.pt, .safetensors) with a factory, or an exported program (.pt2)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from momus.core.errors import TargetError

_TYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64,
    "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8, "BOOL": torch.bool,
    "U16": torch.uint16, "U32": torch.uint32, "U64": torch.uint64,
    "F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2,
}  # fmt: skip
_NESTED = ("state_dict", "model_state_dict", "model")
MAX_HEADER = 100_000_000


def load_weights(module: Any, path: Path) -> Any:
    """``module`` with the state dict at ``path``; TargetError lists the keys that do not fit."""
    state = read_state(path)
    if not isinstance(module, torch.nn.Module):
        raise TargetError(
            f"the factory returned {type(module).__name__}, not a torch.nn.Module",
            code="target/factory",
            place=str(path),
        )
    try:
        missing, unexpected = module.load_state_dict(state, strict=False)
    except RuntimeError as error:  # shapes that differ
        line = next((t.strip() for t in str(error).splitlines()[1:] if t.strip()), str(error))
        raise TargetError(f"the weights do not fit the module: {line[:300]}", place=str(path)) from error
    if missing or unexpected:
        parts = [
            f"{len(v)} {word} ({', '.join(v[:3])})" for v, word in ((missing, "missing"), (unexpected, "unknown")) if v
        ]
        raise TargetError(
            f"the weights do not fit the module: {'; '.join(parts)}",
            code="target/weights",
            place=str(path),
            hint="Let the factory build the architecture the file was saved from",
        )
    return module


def load_exported(path: Path) -> Any:
    """The module of an exported program (torch.export.save)."""
    try:
        return torch.export.load(str(path)).module()
    except Exception as error:
        raise TargetError(
            f"not an exported program that this PyTorch reads ({type(error).__name__}: {_line(error)})",
            place=str(path),
            hint="Save it with torch.export.save under the installed version",
        ) from error


def read_state(path: Path) -> dict[str, Any]:
    """A state dict from .safetensors, or from any other ending by torch.load with weights_only=True.

    Checkpoints that hold it under ``state_dict``, ``model_state_dict`` or ``model`` are opened, and the prefix
    ``module.`` of DataParallel is taken off.
    """
    state = read_safetensors(path) if path.suffix == ".safetensors" else _read_pt(path)
    for key in _NESTED:
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
            break
    if not isinstance(state, dict) or not all(isinstance(k, str) for k in state):
        raise TargetError(
            f"the file holds a {type(state).__name__}, not a state dict", place=str(path),
            hint="Save model.state_dict()",
        )  # fmt: skip
    if state and all(k.startswith("module.") for k in state):
        state = {k.removeprefix("module."): v for k, v in state.items()}
    return state


def read_safetensors(path: Path) -> dict[str, Any]:
    """Tensors of a .safetensors file: 8 bytes header length, a JSON header, then raw little-endian values.

    Every offset is checked against the file before it is used.
    """
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > min(len(data) - 8, MAX_HEADER):
        raise _broken(path, "its header is longer than the file")
    try:
        header = json.loads(data[8 : 8 + length])
    except ValueError as error:
        raise _broken(path, "its header is no JSON") from error
    body = bytearray(data[8 + length :])
    found: dict[str, Any] = {}
    for key, entry in header.items():
        if key == "__metadata__":
            continue
        try:
            kind, shape, (start, end) = _TYPES[entry["dtype"]], [int(s) for s in entry["shape"]], entry["data_offsets"]
        except (KeyError, TypeError, ValueError) as error:
            raise _broken(path, f"the entry '{key}' is malformed or of an unknown type") from error
        count = 1
        for s in shape:
            count *= s
        if not 0 <= start <= end <= len(body) or end - start != count * kind.itemsize or min(shape, default=0) < 0:
            raise _broken(path, f"the entry '{key}' does not lie within the file")
        flat = torch.frombuffer(body, dtype=kind, count=count, offset=start) if count else torch.empty(0, dtype=kind)
        found[key] = flat.reshape(shape).clone()  # a tensor may start at any byte; the copy is aligned
    return found


def _read_pt(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise TargetError(
            f"torch.load with weights_only=True refused it ({type(error).__name__}: {_line(error)})",
            code="target/weights",
            place=str(path),
            hint="Save torch.save(model.state_dict(), path), without whole modules or other objects",
        ) from error


def _broken(path: Path, why: str) -> TargetError:
    return TargetError(f"not a readable safetensors file: {why}", code="target/weights", place=str(path))


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
