"""In a worker: the rows that show how inputs look while nothing is wrong, with what the model answers to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from momus.core.errors import MomusError
from momus.core.samples import Column, ColumnKind, NumpyArray, Samples
from momus.core.seeds import rng
from momus.methods.describe import describe as described

# Rows that are asked about, and training rows that are kept to be recognised: more than these change no number by much.
MOST_ROWS = 20_000
MOST_MEMBERS = 50_000
_CHUNK = 4096

Read = Callable[[str], Any]
Open = Callable[[Mapping[str, Any]], Any]


def answer(request: Mapping[str, Any], read: Read, open_: Open, emit: Callable[[dict[str, Any]], None]) -> Any:
    """Read the rows, ask the model once about each, write arrays to ``request['out']``; the rest as plain values.

    ``read`` gives the Samples of a role, ``open_`` the target for samples by their role. A target that does not open
    costs its answers, and nothing else: ``unopened`` says why.
    """
    wanted = request["reference"]
    sets = {role: read(role) for role in dict.fromkeys(r for r in (wanted["rows"], wanted["members"]) if r)}
    samples: Samples | None = sets.get(wanted["rows"])
    told: dict[str, Any] = {"notes": [], "unopened": None}
    arrays: dict[str, NumpyArray] = {}
    if samples is None:
        return _kept(request, told | _blank(), arrays)
    samples = _some(samples, MOST_ROWS, "rows", told)
    table, columns, encoder = rows_of(samples)
    arrays["x"] = table
    target = None
    if request["target"].get("adapter"):
        emit({"event": "progress", "fraction": 0.1, "note": "opening the model"})
        try:
            target = open_(sets)
        except Exception as error:  # whatever the user's code raises: the rows are of use without its answers
            told["unopened"] = _line(error)
    classes = tuple(target.info.classes) if target is not None else tuple(samples.classes)
    samples = samples.in_classes(classes)
    arrays |= _answers(target, samples, emit) if target is not None else {}
    if samples.y is not None and samples.y.dtype.kind in "iuf":
        arrays["label"] = np.asarray(samples.y, dtype=np.float64)
    members = sets.get(wanted["members"] or "")
    if members is not None:
        arrays["members"] = rows_of(_some(members, MOST_MEMBERS, "training rows", told))[0]
    if samples.rate:
        arrays["more_rate"] = np.array([samples.rate])
    arrays["more_shape"] = np.array(samples.x.shape[1:], dtype=np.int64)
    more = {"columns": [_plain(c) for c in columns], "encoder": encoder, "classes": list(classes)}
    return _kept(request, told | more, arrays)


def rows_of(samples: Samples) -> tuple[NumpyArray, tuple[Column, ...], str]:
    """A table as read; numbers that describe each picture, text or clip; anything else flattened. And which it was."""
    if samples.is_table and len(samples.columns) == samples.x.shape[1]:
        return np.asarray(samples.x, dtype=np.float64), samples.columns, "table"
    found = described(samples)
    encoder = "image" if samples.is_image else "text" if samples.is_text else "sound" if samples.is_sound else "vector"
    columns = tuple(Column(name, ColumnKind.NUMERIC) for name in found.names)
    return np.asarray(found.values, dtype=np.float64), columns, encoder


def _answers(target: Any, samples: Samples, emit: Callable[[dict[str, Any]], None]) -> dict[str, NumpyArray]:
    """``outputs`` and ``said``; without what the model does not give."""
    ask = next((n for n in ("probabilities", "predict") if hasattr(target, n)), None)
    if ask is None:
        return {}
    parts = []
    for start in range(0, len(samples), _CHUNK):
        block = target.encode(samples.x[start : start + _CHUNK])
        parts.append(_numpy(getattr(target, ask)(block)))
        emit({"event": "progress", "fraction": 0.1 + 0.9 * start / len(samples), "note": "asking the model"})
    out = np.concatenate(parts)
    if ask == "probabilities":
        return {"outputs": out.astype(np.float64), "said": out.argmax(1).astype(np.int64)}
    if target.info.task == "regressor":
        return {"outputs": out.reshape(len(out), -1)[:, :1].astype(np.float64)}
    return {"said": out.astype(np.int64)} if out.dtype.kind in "iu" else {}


def _numpy(values: Any) -> NumpyArray:
    """An array of whatever library as NumPy's."""
    back = values.detach().cpu() if hasattr(values, "detach") else values
    return np.asarray(back)


def _some(samples: Samples, most: int, what: str, told: dict[str, Any]) -> Samples:
    if len(samples) <= most:
        return samples
    told["notes"].append(f"{most:,} of {len(samples):,} {what} were drawn at random")
    return samples.sample(most, rng("monitor reference", what, len(samples)))


def _blank() -> dict[str, Any]:
    return {"columns": [], "encoder": "vector", "classes": []}


def _kept(request: Mapping[str, Any], told: dict[str, Any], arrays: Mapping[str, NumpyArray]) -> dict[str, Any]:
    with open(Path(request["out"]), "wb") as stream:
        np.savez(stream, **arrays)  # type: ignore[arg-type]
    return told


def _plain(column: Column) -> dict[str, Any]:
    named = {name: getattr(column, name) for name in Column.__slots__}
    return {**named, "kind": column.kind.value, "categories": list(column.categories)}


def _line(error: Exception) -> dict[str, str]:
    if isinstance(error, MomusError):
        return {"code": error.code, "message": error.message, "place": error.place, "hint": error.hint}
    first = (str(error).strip().splitlines() or ["no message"])[0][:300]
    return {"code": "worker/crashed", "message": f"{type(error).__name__}: {first}", "place": "", "hint": ""}
