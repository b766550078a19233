"""The Open Inference Protocol, version 2, over REST: MLServer, KServe, Triton."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import numpy as np

from momus.card.http import HttpCard
from momus.core.errors import TargetError
from momus.core.samples import NumpyArray
from momus.targets.http_json import read, shown, strange, written
from momus.targets.http_protocols import Protocol
from momus.targets.http_rows import Sheet

_TYPES: dict[str, Any] = {
    "BOOL": np.bool_, "UINT8": np.uint8, "UINT16": np.uint16, "UINT32": np.uint32, "UINT64": np.uint64,
    "INT8": np.int8, "INT16": np.int16, "INT32": np.int32, "INT64": np.int64,
    "FP16": np.float16, "FP32": np.float32, "FP64": np.float64,
}  # fmt: skip
_DIMENSIONS = {"table": 1, "image": 3, "audio": 1, "text": 0}


class Inference(Protocol):
    """One tensor with all rows, or one a column where the model's inputs bear the names of the columns."""

    def __init__(self, card: HttpCard, name: str) -> None:
        super().__init__(card, name)
        version = f"/versions/{quote(card.version, safe='')}" if card.version else ""
        self.model = f"/v2/models/{quote(card.model, safe='')}{version}"
        self.path = f"{self.model}/infer"
        self.inputs: list[Mapping[str, Any]] = []
        self.outputs: list[Mapping[str, Any]] = []
        self.server = ""
        self.by_column = False
        self.batch = 0  # the one number of rows that a request may have; 0 where any will do

    def learn(self, sender: Any) -> Mapping[str, Any]:
        found = read(self.name, sender.get(self.model).body)
        if not isinstance(found, Mapping):
            raise strange(self.name, f"the model's metadata are {shown(found)}", "Is http.url a server of protocol v2?")
        server = self._said(sender, "/v2")
        self.server = str(server.get("name", ""))
        self.inputs, self.outputs = _tensors(found.get("inputs")), _tensors(found.get("outputs"))
        self._choose_input()
        if len(self.inputs) == 1:
            batch = self._dims(self.inputs[0])[:1]
            self.batch = batch[0] if batch else 0
        return {"model": found, "server": {k: server.get(k) for k in ("name", "version")}}

    def _choose_input(self) -> None:
        if self.card.input:
            chosen = [i for i in self.inputs if i["name"] == self.card.input]
            if self.inputs and not chosen:
                raise self._unknown("input", self.card.input, self.inputs)
            self.inputs = chosen or [{"name": self.card.input}]

    def _unknown(self, kind: str, asked: str, known: Sequence[Mapping[str, Any]]) -> TargetError:
        names = ", ".join(shown(str(k["name"])) for k in known[:8])
        what = f"the model has no {kind} '{asked}'" if asked else f"the model has {len(known)} {kind}s"
        return TargetError(
            f"{what}: {names}", code="target/http-tensor", place=f"target '{self.name}'",
            hint=f"Name the one that counts under targets[].http.{kind}",
        )  # fmt: skip

    @staticmethod
    def _dims(tensor: Mapping[str, Any]) -> list[int]:
        shape = tensor.get("shape")
        sound = isinstance(shape, list) and all(isinstance(s, int) for s in shape)
        return list(shape) if sound and shape else []

    @property
    def _single(self) -> bool:
        """Whether the model takes one row without an axis for the batch."""
        if len(self.inputs) != 1 or self.by_column:
            return False
        dims = self._dims(self.inputs[0])
        if len(dims) == 1:
            return dims[0] > 1 and self.sheet.modality in ("table", "audio")
        return len(dims) == 3 and all(d > 1 for d in dims[1:]) and self.sheet.modality == "image"

    @property
    def shape(self) -> tuple[int, ...] | None:
        if len(self.inputs) != 1:
            return None
        sides = self._dims(self.inputs[0])
        sides = sides if len(sides) == 1 and sides[0] > 1 else sides[1:]
        return tuple(sides) if sides and all(s > 0 for s in sides) else None

    @property
    def whole_pixels(self) -> bool:
        return len(self.inputs) == 1 and self.inputs[0].get("datatype") == "UINT8"

    @property
    def speaks_columns(self) -> bool:  # type: ignore[override]
        return self.by_column

    def settle(self, sheet: Sheet, classes: tuple[str, ...]) -> None:
        super().settle(sheet, classes)
        named = {i["name"] for i in self.inputs}
        self.by_column = bool(sheet.named) and len(self.inputs) > 1 and set(sheet.names) <= named
        if len(self.inputs) > 1 and not self.by_column:
            raise self._unknown("input", "", self.inputs)
        if self.by_column and (more := named - set(sheet.names)):
            raise TargetError(
                f"the model also wants {', '.join(shown(m) for m in sorted(more)[:8])}, which no column holds",
                code="target/http-tensor", place=f"target '{self.name}'", hint="Add the column to the data",
            )  # fmt: skip
        self.batch = 0 if self._single or self.batch < 0 else self.batch
        self.rows = 1 if self._single else self.batch or self.rows
        self._output()

    def _output(self) -> str:
        """The output that counts, "" where the model has one alone or tells none."""
        names = [str(o["name"]) for o in self.outputs]
        if self.card.output:
            if names and self.card.output not in names:
                raise self._unknown("output", self.card.output, self.outputs)
            return self.card.output
        likely = [n for n in names if "prob" in n.lower()]
        if len(names) > 1 and len(likely) != 1:
            raise self._unknown("output", "", self.outputs)
        return likely[0] if len(names) > 1 else ""

    def notes(self) -> tuple[str, ...]:
        if self.card.output or len(self.outputs) < 2:
            return ()
        return (f"of the model's {len(self.outputs)} outputs, {shown(self._output())} is read",)

    def encode(self, fed: NumpyArray) -> bytes:
        if len(fed) < self.batch:
            fed = np.concatenate([fed, np.repeat(fed[-1:], self.batch - len(fed), axis=0)])
        if self.by_column:
            inputs = [self._column(i, fed) for i in self.inputs]
        else:
            inputs = [self._tensor(fed)]
        body: dict[str, Any] = {"inputs": inputs}
        if self._output():
            body["outputs"] = [{"name": self._output()}]
        return written(body)

    def _tensor(self, fed: NumpyArray) -> dict[str, Any]:
        told = self.inputs[0] if self.inputs else {}
        name = str(told.get("name") or "input-0")
        if self.sheet.modality == "text":
            wide = len(self._dims(told)) > 1
            texts = [str(t) for t in fed]
            shape = [len(fed), 1] if wide else [len(fed)]
            made: dict[str, Any] = {"name": name, "shape": shape, "datatype": "BYTES", "data": texts}
            return made | self._coded(told, "str")
        usual = "FP64" if self.sheet.modality == "table" else "FP32"
        kind = str(told.get("datatype") or usual)
        shape = list(fed.shape[1:] if self._single else fed.shape)
        made = {"name": name, "shape": shape, "datatype": kind, "data": self._typed(fed, kind).reshape(-1)}
        return made | self._coded(told, "")

    def _column(self, told: Mapping[str, Any], fed: NumpyArray) -> dict[str, Any]:
        values = self.sheet.column(fed, self.sheet.names.index(told["name"]))
        texts = values.dtype == object and any(isinstance(v, str) for v in values)
        usual = "BYTES" if texts else {"i": "INT64", "b": "BOOL"}.get(values.dtype.kind, "FP64")
        kind = str(told.get("datatype") or usual)
        shape = [len(fed), 1] if len(self._dims(told)) == 2 else [len(fed)]
        data = ["" if v is None else str(v) for v in values] if kind == "BYTES" else self._typed(values, kind)
        made = {"name": told["name"], "shape": shape, "datatype": kind, "data": data}
        return made | self._coded(told, "str" if kind == "BYTES" else "")

    def _coded(self, told: Mapping[str, Any], usual: str) -> dict[str, Any]:
        """MLServer must be told what bytes mean; other servers know no such parameter."""
        parameters = told.get("parameters")
        said = parameters.get("content_type") if isinstance(parameters, Mapping) else None
        kind = said or (usual if self.server.lower() == "mlserver" else "")
        return {"parameters": {"content_type": kind}} if kind else {}

    def _typed(self, fed: NumpyArray, kind: str) -> NumpyArray:
        dtype = _TYPES.get(kind)
        if dtype is None:
            raise TargetError(
                f"the model takes {shown(kind)}, which rows of {self.sheet.modality} are not",
                code="target/http-tensor", place=f"target '{self.name}'", hint="Name its input under http.input",
            )  # fmt: skip
        if np.dtype(dtype).kind in "iu" and fed.dtype.kind == "f":
            bounds = np.iinfo(dtype)
            fed = np.rint(np.clip(np.nan_to_num(fed), bounds.min, bounds.max))
        if dtype is np.float16:
            return np.asarray(fed, np.float16).astype(np.float32)
        return np.ascontiguousarray(fed, dtype=dtype)

    def decode(self, body: bytes, n: int) -> Any:
        found = read(self.name, body)
        outputs = found.get("outputs") if isinstance(found, Mapping) else None
        if not isinstance(outputs, list) or not outputs or not all(isinstance(o, Mapping) for o in outputs):
            raise strange(self.name, f"the answer has no 'outputs': {shown(found)}")
        data = _array(self.name, self._told(outputs))
        if self.batch and len(data) == self.batch:
            data = data[:n]
        if n == 1 and (data.ndim == 0 or len(data) != 1 or self._single):
            data = data.reshape(1, *data.shape)
        return data

    def _told(self, outputs: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
        wanted = self._output()
        if not wanted and len(outputs) > 1:
            likely = [o for o in outputs if "prob" in str(o.get("name", "")).lower()]
            if len(likely) == 1:
                return likely[0]
            raise self._unknown("output", "", [{"name": o.get("name", "?")} for o in outputs])
        if not wanted:
            return outputs[0]
        chosen = next((o for o in outputs if o.get("name") == wanted), None)
        if chosen is None:
            raise self._unknown("output", wanted, [{"name": o.get("name", "?")} for o in outputs])
        return chosen


def _tensors(told: Any) -> list[Mapping[str, Any]]:
    return [t for t in told if isinstance(t, Mapping) and "name" in t] if isinstance(told, list) else []


_KINDS: dict[str, frozenset[type]] = {
    "f": frozenset({int, float, type(None)}), "i": frozenset({int}), "u": frozenset({int}), "b": frozenset({bool, int}),
}  # fmt: skip


def _honest(data: list[Any], kind: str) -> bool:
    """Whether the values are of their tensor's type: NumPy would make a number of '0.5', and 1 of 1.7."""
    if kind not in _KINDS:
        return True
    kinds = set(map(type, data))
    if list in kinds:  # nested as its shape says
        return kinds == {list} and all(_honest(row, kind) for row in data)
    return kinds <= _KINDS[kind]


def _array(name: str, output: Mapping[str, Any]) -> NumpyArray:
    """A tensor of an answer: its data are as many as its shape says, and of its type."""
    kind, shape, data = output.get("datatype"), output.get("shape"), output.get("data")
    sides = [s for s in shape if isinstance(s, int) and s >= 0] if isinstance(shape, list) else []
    if not isinstance(shape, list) or len(sides) != len(shape) or not isinstance(data, list):
        raise strange(name, f"an output lacks shape or data: {shown(dict(output))}")
    if kind != "BYTES" and kind not in _TYPES:
        raise strange(name, f"an output has the unknown datatype {shown(kind)}")
    dtype = np.dtype(object) if kind == "BYTES" else np.dtype(_TYPES[str(kind)])
    if not _honest(data, dtype.kind):
        raise strange(name, f"an output of type {kind} holds values that do not fit it: {shown(data)}")
    try:
        return np.asarray(data, dtype=np.float64 if dtype.kind == "f" else dtype).reshape(sides)
    except (ValueError, TypeError, OverflowError):
        said = f"an output of shape {shown(shape)} and type {kind} holds {len(data)} values that do not fit"
        raise strange(name, said) from None
