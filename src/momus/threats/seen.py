"""What can be seen of a model or data file from its bytes alone: no unpickling, no import of what it names, no code."""

from __future__ import annotations

import csv
import json
import struct
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from momus.core.errors import CardError
from momus.threats.onnx_graph import read_graph

_HEADER_MAX = 32 << 20
_DATA = {".csv": "csv", ".tsv": "tsv", ".parquet": "parquet", ".npz": "npz", ".npy": "npy", ".jsonl": "jsonl"}
_LABELS = ("label", "target", "class", "y", "outcome", "approved", "default", "churn", "species", "survived")


@dataclass
class Seen:
    """What one file showed. ``role`` is model or data; ``remarks`` become comments of the card."""

    path: Path
    role: str
    format: str
    adapter: str = ""
    task: str = "classifier"
    classes: int | None = None
    shape: tuple[int, ...] = ()
    modality: str = ""
    gradient_trained: bool | None = None
    columns: tuple[str, ...] = ()
    label: str = ""
    remarks: list[str] = field(default_factory=list)


def look(path: Path) -> Seen:
    """What a file shows. CardError when it cannot be read; an unknown kind is listed as a file to scan."""
    if path.is_dir():
        return _folder(path)
    try:
        with path.open("rb") as stream:
            head = stream.read(64)
    except OSError as error:
        raise CardError(
            f"cannot be read: {error.strerror}", code="card/unreadable", place=str(path), hint="Name a file that exists"
        ) from None
    suffix = path.suffix.lower()
    if suffix in _DATA and not (suffix == ".npz" and not head.startswith(b"PK")):
        return _data(path, suffix)
    try:
        return _model(path, suffix, head)
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile, struct.error, RecursionError) as error:
        seen = Seen(path, "model", "damaged", adapter="files", task="artifact")
        seen.remarks.append(f"the file looks damaged: {' '.join(str(error).split())[:120]}")
        return seen


def _model(path: Path, suffix: str, head: bytes) -> Seen:
    if suffix == ".onnx":
        return _onnx(path)
    if suffix == ".safetensors":
        return _safetensors(path, head)
    if zipfile.is_zipfile(path):
        return _zip(path)
    if head.startswith((b'{"learner"', b"{L", b"tree\nversion=")):
        return _booster(path, head)
    return _pickle(path)


def _pickle(path: Path) -> Seen:
    """A pickle or joblib file, by the names it would import. The scan reads opcodes; it never runs them."""
    from momus.methods.artifacts import scan

    report = scan(path)
    names = report.names
    seen = Seen(path, "model", report.format, adapter="files", task="artifact")
    if report.verdict == "dangerous":
        seen.remarks.append(f"the scan refuses this file: {report.worst.what if report.worst else 'dangerous'}")
        return seen
    if any(n.startswith(("sklearn.", "xgboost.", "lightgbm.")) for n in names):
        tails = [n.rsplit(".", 1)[-1] for n in names]
        estimators = [t for t in tails if t.endswith(("Classifier", "Regressor", "Regression", "SVC", "SVR", "NB"))]
        seen.adapter, seen.modality = "sklearn", "table"
        regress = [t for t in estimators if t.endswith(("Regressor", "SVR")) or t in ("LinearRegression",)]
        seen.task = "regressor" if regress and len(regress) == len(estimators) else "classifier"
        parts = dict.fromkeys(
            t for n, t in zip(names, tails, strict=True) if n.startswith("sklearn.") and t[:1].isupper()
        )
        seen.remarks.append(f"refers to {', '.join([*parts][:6])}")
        return seen
    if any(n.startswith("torch.") for n in names):
        return _torch(seen, names)
    if names:
        seen.remarks.append(f"refers to {', '.join(names[:6])}")
    return seen


def _torch(seen: Seen, names: tuple[str, ...]) -> Seen:
    seen.adapter, seen.task, seen.gradient_trained = "torch", "classifier", True
    if any(n.startswith("torch.nn.modules") for n in names):
        seen.remarks.append("holds a whole pickled module; a state dict or an exported program is easier to trust")
    else:
        seen.remarks.append("holds weights alone, so it needs the code that builds the module")
    return seen


def _zip(path: Path) -> Seen:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()[:50_000]
    if any(n.endswith("archive_format") for n in names):
        seen = Seen(path, "model", "torch exported program", adapter="torch", gradient_trained=True)
        seen.remarks.append("holds code and weights of the forward pass, no training code")
        return seen
    if any(n.endswith("data.pkl") for n in names):
        from momus.methods.artifacts import scan

        return _torch(Seen(path, "model", "torch zip"), scan(path).names)
    if "schema.json" in names:
        return Seen(path, "model", "skops", adapter="sklearn", modality="table")
    seen = Seen(path, "model", "zip archive", adapter="files", task="artifact")
    seen.remarks.append(f"holds {len(names)} files")
    return seen


def _safetensors(path: Path, head: bytes) -> Seen:
    size = struct.unpack("<Q", head[:8])[0]
    if size > _HEADER_MAX:
        raise ValueError("header too large")
    with path.open("rb") as stream:
        stream.seek(8)
        tensors: dict[str, Any] = json.loads(stream.read(size))
    tensors.pop("__metadata__", None)
    seen = Seen(path, "model", "safetensors", adapter="torch", gradient_trained=True)
    seen.remarks.append(f"holds {len(tensors)} tensors and no code, so it needs the code that builds the module")
    first, last = _ends(tensors)
    if len(first) == 4:
        seen.modality = "image"
        seen.remarks.append(f"first layer takes {first[1]} channels")
    if len(last) == 2 and last[0] > 1:
        seen.remarks.append(f"last layer gives {last[0]} values, perhaps the number of classes")
        seen.classes = last[0]
    return seen


def _ends(tensors: dict[str, Any]) -> tuple[list[int], list[int]]:
    """Shapes of the first and the last weight with two or more axes, in the order of the file's offsets."""
    order = sorted(tensors.values(), key=lambda t: t["data_offsets"][0])
    shapes = [[int(n) for n in t["shape"]] for t in order if len(t["shape"]) >= 2]
    return (shapes[0], shapes[-1]) if shapes else ([], [])


def _onnx(path: Path) -> Seen:
    seen = Seen(path, "model", "ONNX", adapter="onnx")
    graph = read_graph(path)
    inputs, outputs = list(graph.inputs.values()), list(graph.outputs.values())
    if len(inputs) != 1:
        seen.remarks.append(f"has {len(inputs)} inputs")
    elif all(inputs[0][1:]):
        seen.shape = tuple(inputs[0][1:])
        seen.modality = "image" if len(seen.shape) == 3 else "table" if len(seen.shape) == 1 else ""
    if outputs and len(outputs[0]) == 2 and outputs[0][1] > 1:
        seen.classes = outputs[0][1]
    trees = any("Tree" in operator for operator in graph.operators)
    seen.gradient_trained = bool(graph.operators & {"Conv", "Gemm", "MatMul"}) and not trees
    return seen


def _booster(path: Path, head: bytes) -> Seen:
    made = "LightGBM" if head.startswith(b"tree") else "XGBoost"
    seen = Seen(path, "model", f"{made} booster", adapter="sklearn", modality="table", gradient_trained=False)
    if path.suffix.lower() == ".json" and path.stat().st_size < _HEADER_MAX:
        learner = json.loads(path.read_bytes())["learner"]
        several = int(float(learner["learner_model_param"]["num_class"]))
        objective = str(learner["objective"]["name"])
        seen.task = "classifier" if several or objective.startswith(("binary:", "multi:")) else "regressor"
        seen.classes = max(several, 2) if seen.task == "classifier" else None
        seen.remarks.append(
            f"objective {objective}, {int(float(learner['learner_model_param']['num_feature']))} columns"
        )
    return seen


def _folder(path: Path) -> Seen:
    """A folder of pictures, one folder a class inside it."""
    seen = Seen(path, "data", "picture folder", modality="image")
    try:
        inside = sorted(p.name for p in path.iterdir() if p.is_dir() and not p.name.startswith("."))
    except OSError as error:
        raise CardError(f"cannot be read: {error.strerror}", code="card/unreadable", place=str(path)) from None
    if inside:
        more = " ..." if len(inside) > 12 else ""
        seen.remarks.append(f"a folder a class, {len(inside)} of them: {', '.join(inside[:12])}{more}")
    return seen


def _data(path: Path, suffix: str) -> Seen:
    seen = Seen(path, "data", _DATA[suffix], modality="table" if suffix in (".csv", ".tsv") else "")
    if suffix in (".csv", ".tsv"):
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
            line = stream.readline(1 << 20)
        bare = "".join(line.split('"')[::2])  # what quotes hold delimits nothing
        sign = "\t" if suffix == ".tsv" else max(",;\t|", key=bare.count)
        seen.columns = tuple(next(csv.reader([line.strip("\r\n")], delimiter=sign), []))
        seen.label = next((c for name in _LABELS for c in seen.columns if c.strip().lower() == name), "")
    return seen
