"""Functions served as MLServer, MLflow and TorchServe serve models: an ASGI app that takes only what documents say.

What a real server would refuse is refused here with status 400 and a reason; ``rows`` counts what was asked. For tests
of an HTTP client, and for benchmarks::

    app = ServedModels({"digits": model.predict_proba}, tensors={"digits": ("FP64", [-1, 64])})
    with serving(app) as url: ...
"""

from __future__ import annotations

import io
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Answer = Callable[[Any], Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
_FLOATS = {"FP16": np.float16, "FP32": np.float32, "FP64": np.float64}
_TYPES: dict[str, Any] = {
    **_FLOATS, "INT8": np.int8, "INT32": np.int32, "INT64": np.int64, "UINT8": np.uint8, "BOOL": np.bool_,
}  # fmt: skip


class Refused(Exception):
    """A request that a real server would answer with 400."""


@dataclass
class ServedModels:
    """``answers`` are functions from what a request carries to rows; a function may be replaced while it is served.

    ``tensors`` are each model's inputs as v2 metadata tell them, (datatype, shape), or by name where it has several;
    ``outputs`` the names of its outputs. ``columns`` are those a model of MLflow was logged with. ``token`` is asked
    for as a bearer's. ``files`` are TorchServe models that take a picture instead of JSON.
    """

    answers: dict[str, Answer]
    tensors: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, Sequence[str]] = field(default_factory=dict)
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)
    files: frozenset[str] = frozenset()
    token: str = ""
    rows: int = 0
    requests: int = 0
    seen: list[Any] = field(default_factory=list)

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        headers = {k.decode().lower(): v.decode() for k, v in scope["headers"]}
        try:
            status, said = self._routed(scope["method"], scope["path"].strip("/").split("/"), headers, body)
        except Refused as error:
            status, said = 400, {"error": str(error)}
        content = said if isinstance(said, bytes) else json.dumps(said).encode()
        kind = b"text/plain" if isinstance(said, bytes) else b"application/json"
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", kind)]})
        await send({"type": "http.response.body", "body": content})

    def _routed(self, method: str, path: list[str], headers: Mapping[str, str], body: bytes) -> tuple[int, Any]:
        if self.token and headers.get("authorization") != f"Bearer {self.token}":
            return 401, {"error": "Unauthorized"}
        if path == ["v2"]:
            return 200, {"name": "served-models", "version": "1.0", "extensions": []}
        if path == ["version"]:
            return 200, b"3.0"
        if method == "POST" and path[-1:] == ["invocations"]:
            return 200, {"predictions": self._mlflow(path[0] if len(path) > 1 else "", headers, _json(headers, body))}
        if method == "POST" and path[:1] == ["predictions"] and path[1] in self.answers:
            return 200, self._torchserve(path[1], headers, body)
        if path[:2] == ["v2", "models"] and len(path) > 2 and path[2] in self.answers:
            if method == "GET" and path[3:] in ([], ["versions", "1"]):
                return 200, self._metadata(path[2])
            if method == "POST" and path[3:] in (["infer"], ["versions", "1", "infer"]):
                return 200, self._infer(path[2], _json(headers, body))
        return 404, {"error": f"no model at {'/'.join(path)}"}

    def _ask(self, name: str, given: Any, n: int) -> Any:
        self.rows += n
        self.requests += 1
        return self.answers[name](given)

    def _inputs(self, name: str) -> dict[str, tuple[str, list[int]]]:
        told = self.tensors.get(name, {})
        return dict(told) if isinstance(told, Mapping) else {"input-0": (told[0], list(told[1]))}

    def _metadata(self, name: str) -> dict[str, Any]:
        inputs = [{"name": k, "datatype": d, "shape": list(s)} for k, (d, s) in self._inputs(name).items()]
        outputs = [{"name": o, "datatype": "FP64", "shape": [-1, -1]} for o in self.outputs.get(name, ())]
        return {"name": name, "versions": ["1"], "platform": "test", "inputs": inputs, "outputs": outputs}

    def _infer(self, name: str, asked: Any) -> dict[str, Any]:
        wanted = self._inputs(name)
        given = {t["name"]: _tensor(t, wanted) for t in _listed(asked, "inputs")}
        if wanted and given.keys() != wanted.keys():
            raise Refused(f"inputs {sorted(given)} where {sorted(wanted)} were expected")
        n = len(next(iter(given.values())))
        only = next(iter(given.values())) if len(given) == 1 else given
        found = self._ask(name, only, n)
        made = found if isinstance(found, Mapping) else {next(iter(self.outputs.get(name, ("output-0",)))): found}
        chosen = [o["name"] for o in asked.get("outputs", ())] or list(made)
        return {"model_name": name, "model_version": "1", "outputs": [_output(o, made[o]) for o in chosen]}

    def _mlflow(self, name: str, headers: Mapping[str, str], asked: Any) -> Any:
        forms = [k for k in ("dataframe_split", "dataframe_records", "instances", "inputs") if k in asked]
        if len(forms) != 1 or set(asked) - {*forms, "params"}:
            raise Refused(f"the body has {sorted(asked)}, and takes one of dataframe_split, instances, inputs")
        given, columns = asked[forms[0]], list(self.columns.get(name, ()))
        if forms[0] == "dataframe_records":
            given = {"columns": list(given[0]), "data": [list(r.values()) for r in given]}
        if forms[0].startswith("dataframe"):
            if columns and list(given["columns"]) != columns:
                raise Refused(f"columns {given['columns']}, the schema has {columns}")
            rows = [dict(zip(given["columns"], row, strict=True)) for row in given["data"]]
            self.seen.append(rows[0])
            return self._ask(name, rows, len(rows))
        if columns:
            raise Refused("the model was logged with columns and takes dataframe_split")
        return self._ask(name, given, len(given))

    def _torchserve(self, name: str, headers: Mapping[str, str], body: bytes) -> Any:
        if name in self.files:
            from PIL import Image

            if not headers.get("content-type", "").startswith("image/"):
                raise Refused(f"a picture was expected, not {headers.get('content-type')}")
            with Image.open(io.BytesIO(body)) as picture:
                return self._ask(name, np.asarray(picture)[None], 1)[0]
        asked = _json(headers, body)
        if isinstance(asked, dict) and "instances" in asked:
            return {"predictions": self._ask(name, asked["instances"], len(asked["instances"]))}
        return self._ask(name, [asked], 1)[0]


def _json(headers: Mapping[str, str], body: bytes) -> Any:
    if headers.get("content-type", "").split(";")[0] != "application/json":
        raise Refused(f"the type {headers.get('content-type')} is not supported, use application/json")
    try:
        return json.loads(body, parse_constant=_no_constant)
    except ValueError as error:
        raise Refused(f"no JSON: {error}") from error


def _no_constant(word: str) -> Any:
    raise Refused(f"{word} is no JSON")


def _listed(asked: Any, key: str) -> list[Any]:
    found = asked.get(key) if isinstance(asked, dict) else None
    if (
        not isinstance(found, list)
        or not found
        or not all({"name", "shape", "datatype", "data"} <= t.keys() for t in found)
    ):
        raise Refused(f"'{key}' must be tensors with name, shape, datatype and data")
    return found


def _tensor(told: Mapping[str, Any], wanted: Mapping[str, tuple[str, list[int]]]) -> Any:
    kind, shape, data = told["datatype"], told["shape"], told["data"]
    if wanted:
        if told["name"] not in wanted:
            raise Refused(f"no input {told['name']}")
        due, sides = wanted[told["name"]]
        fits = len(sides) == len(shape) and all(w in (-1, s) for w, s in zip(sides, shape, strict=True))
        if kind != due or not fits:
            raise Refused(f"input {told['name']} is {kind} {shape}, expected {due} {sides}")
    if kind == "BYTES":
        if not all(isinstance(t, str) for t in data):
            raise Refused("BYTES in JSON are strings")
        return np.array(data, dtype=object).reshape(shape)
    if kind[:3] in ("INT", "UIN") and not all(type(v) is int for v in data):
        raise Refused(f"{kind} holds a number with a point")
    if any(v is None for v in data):
        raise Refused("null in a tensor")
    return np.array(data, dtype=_TYPES[kind]).reshape(shape)


def _output(name: str, found: Any) -> dict[str, Any]:
    a = np.asarray(found)
    kinds = {"f": "FP64", "i": "INT64", "b": "BOOL"}
    return {
        "name": name, "datatype": kinds.get(a.dtype.kind, "BYTES"), "shape": list(a.shape), "data": a.ravel().tolist(),
    }  # fmt: skip
