"""What a card may leave out or write briefly, brought to the full form before it is checked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

SHARED = frozenset({"format", "label", "columns", "groups", "id", "time", "drop", "classes", "limit", "rules"})
REGISTERED = ("models:/", "runs:/")  # a path of MLflow, which is no file
_ADAPTERS = {
    ".onnx": "onnx", ".pt": "torch", ".pth": "torch", ".pt2": "torch", ".safetensors": "torch",
    ".joblib": "sklearn", ".pkl": "sklearn", ".pickle": "sklearn", ".skops": "sklearn",
    ".json": "sklearn", ".ubj": "sklearn", ".lgb": "sklearn",
}  # fmt: skip


def text_(raw: Any) -> Any:
    """A name written as a number (a column called 7) becomes text."""
    return str(raw) if isinstance(raw, int | float) and not isinstance(raw, bool) else raw


def texts(raw: Any) -> Any:
    """Names written as numbers (``classes: [0, 1]``) become text; a single name becomes a list of one."""
    items = raw if isinstance(raw, list | tuple) else [raw]
    return tuple(str(v) if isinstance(v, bool | int | float) else v for v in items)


def one_or_many(raw: Any) -> Any:
    """A single word stands for a list of one."""
    return (raw,) if isinstance(raw, str) else raw


def corruptions_(raw: Any) -> Any:
    """``[fog, jpeg_compression]`` -> each at every severity, up to 5; a mapping stays as it is."""
    names = one_or_many(raw)
    return dict.fromkeys(names, 5) if isinstance(names, list | tuple) else names


def split_code(address: str) -> tuple[str | None, str]:
    """``model.py:build`` -> (``model.py``, ``build``); an address without a file -> (None, address)."""
    file, colon, name = address.rpartition(":")
    return (file, name) if colon and file.endswith(".py") else (None, address)


def target_defaults(raw: Any) -> Any:
    """Fills in the adapter that a file's ending or the keys present leave no doubt about, and the usual task."""
    if not isinstance(raw, Mapping):
        return raw
    full = dict(raw)
    if "adapter" not in full:
        adapter = _adapter(full)
        if adapter:
            full["adapter"] = adapter
    usual = {"files": "artifact", "served": "artifact", "policy": "policy"}.get(str(full.get("adapter")))
    if usual:
        full.setdefault("task", usual)
    if full.get("adapter") == "mlflow" and str(full.get("path")).startswith(REGISTERED):
        full.setdefault("mlflow", {})  # the server of MLflow's own environment variables
    return full


def _adapter(raw: Mapping[str, Any]) -> str | None:
    if raw.get("env"):
        return "policy"
    if raw.get("http"):
        return "http"
    if raw.get("path"):
        path = str(raw["path"])
        if path.startswith(REGISTERED):
            return "mlflow"
        ending = PurePosixPath(path).suffix.lower()
        return "huggingface" if path.endswith("/") else _ADAPTERS.get(ending)
    if raw.get("http"):
        return "http"
    if raw.get("factory"):
        return "callable"
    if raw.get("files") or (raw.get("dependencies") and not raw.get("serve")):
        return "files"
    return "served" if raw.get("serve") else None


def data_section(raw: Any) -> Any:
    """``{test: test.csv, label: y}`` -> ``{test: {path: test.csv, label: y}}``: shared keys apply to every set."""
    if not isinstance(raw, Mapping):
        return raw
    shared = {k: v for k, v in raw.items() if k in SHARED}
    return {
        role: {**shared, **({"path": entry} if isinstance(entry, str) else entry)}
        if isinstance(entry, str | Mapping)
        else entry
        for role, entry in raw.items()
        if role not in SHARED
    }
