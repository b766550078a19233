"""Bad files in formats that are said to be plain data."""

from __future__ import annotations

import base64
import io
import json
import struct
from collections.abc import Mapping

import numpy as np

from momus.zoo.supply_chain.corpus import COMMAND, Artifact, Member, payload, zipped

_GROUP = "other formats"


def files() -> tuple[Artifact, ...]:
    """All of them."""
    return (*_arrays(), *_keras(), *_graphs(), *_tensors(), *_programs())


def _npy(descr: str, shape: str, data: bytes) -> bytes:
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}"
    header = header.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data


def _arrays() -> list[Artifact]:
    evil = _npy("'|O'", "(1,)", payload())
    return [
        Artifact("npy of objects", _GROUP, "x.npy", evil, "numpy"),
        Artifact("npz of objects", _GROUP, "x.npz", zipped([Member("x.npy", evil)]), "numpy"),
        Artifact("npy of 32 TiB", _GROUP, "y.npy", _npy("'<f8'", f"({1 << 42},)", b"")),
        Artifact(
            "npy record with an object",
            _GROUP,
            "z.npy",
            _npy("[('a', '<f8'), ('b', '|O')]", "(1,)", payload()),
            "numpy",
            True,
        ),
    ]


def _keras() -> list[Artifact]:
    code = base64.b64encode(b"\xe3" + bytes(40)).decode()
    lambda_ = {
        "class_name": "Lambda",
        "config": {"name": "l", "function": {"class_name": "__lambda__", "config": {"code": code}}},
    }
    foreign = {"module": "os", "class_name": "function", "config": "system", "registered_name": "function"}

    custom: dict[str, object] = {"module": None, "class_name": "Evil", "config": {}, "registered_name": "pkg>Evil"}

    def keras(layer: Mapping[str, object]) -> bytes:
        config = {"module": "keras", "class_name": "Sequential", "config": {"layers": [layer]}}
        return zipped(
            [Member("metadata.json", b'{"keras_version": "3.6.0"}'), Member("config.json", json.dumps(config).encode())]
        )

    h5 = b"\x89HDF\r\n\x1a\n" + bytes(88) + b"model_config" + json.dumps(lambda_).encode() + bytes(64)
    return [
        Artifact("Keras Lambda layer", _GROUP, "a.keras", keras(lambda_)),
        Artifact("Keras class from os", _GROUP, "b.keras", keras(foreign)),
        Artifact("HDF5 with a Lambda layer", _GROUP, "c.h5", h5),
        Artifact("Keras registered class", _GROUP, "d.keras", keras(custom), "", True),
    ]  # fmt: skip


def field(number: int, data: bytes | int) -> bytes:
    """One protobuf field: a number, or a length and bytes."""

    def varint(n: int) -> bytes:
        out = b""
        while n > 127:
            out += bytes([n & 127 | 128])
            n >>= 7
        return out + bytes([n])

    if isinstance(data, int):
        return varint(number << 3) + varint(data)
    return varint(number << 3 | 2) + varint(len(data)) + data


def onnx(node: bytes = b"", tensor: bytes = b"") -> bytes:
    """A tiny ONNX model."""
    first = field(1, b"x") + field(2, b"y") + field(4, b"Identity")
    graph = field(1, node or first) + field(2, b"g") + (field(5, tensor) if tensor else b"")
    return field(1, 8) + field(7, graph) + field(8, field(2, 17))


def _graphs() -> list[Artifact]:
    def external(path: bytes) -> bytes:
        pair = field(1, b"location") + field(2, path)
        return field(1, 4) + field(2, 1) + field(8, b"w") + field(13, pair) + field(14, 1)

    custom = field(1, b"x") + field(2, b"y") + field(4, b"Shell") + field(7, b"evil.ops")
    python = field(1, b"x") + field(2, b"y") + field(4, b"PyOp") + field(7, b"com.microsoft")
    write = field(1, b"w") + field(2, b"WriteFile")
    saved = field(1, 1) + field(2, field(2, field(1, write)))
    return [
        Artifact("ONNX weights outside", _GROUP, "a.onnx", onnx(tensor=external(b"../../../etc/passwd"))),
        Artifact("ONNX custom operator", _GROUP, "b.onnx", onnx(node=custom)),
        Artifact("ONNX Python operator", _GROUP, "c.onnx", onnx(node=python)),
        Artifact("SavedModel writes a file", _GROUP, "saved_model.pb", saved),
        Artifact("ONNX absolute path", _GROUP, "d.onnx", onnx(tensor=external(b"/etc/shadow")), "", True),
    ]


def safetensors(header: str, data: bytes = b"", length: int | None = None) -> bytes:
    """A safetensors file from the text of its header."""
    raw = header.encode()
    return struct.pack("<Q", len(raw) if length is None else length) + raw + data


def _tensors() -> list[Artifact]:
    one = '{"dtype":"F32","shape":[2],"data_offsets":[%d,%d]}'
    a, b = one % (0, 8), one % (4, 12)

    def gguf(pairs: list[tuple[bytes, bytes]], tensors: int = 0) -> bytes:
        body = b"".join(struct.pack("<Q", len(k)) + k + struct.pack("<IQ", 8, len(v)) + v for k, v in pairs)
        return b"GGUF" + struct.pack("<IQQ", 3, tensors, len(pairs)) + body

    filtered = b"{{ x|attr('f') }}"
    behind = safetensors(f'{{"a":{a}}}', bytes(8) + payload())
    jinja = b"{{ ''.__class__.__mro__[1].__subclasses__() }}"
    return [
        Artifact("safetensors overlap", _GROUP, "a.safetensors", safetensors(f'{{"a":{a},"b":{b}}}', bytes(12))),
        Artifact("safetensors repeated key", _GROUP, "b.safetensors", safetensors(f'{{"a":{a},"a":{a}}}', bytes(8))),
        Artifact("safetensors deep JSON", _GROUP, "c.safetensors", safetensors('{"a":' * 50_000 + "1" + "}" * 50_000)),
        Artifact("safetensors with a pickle behind", _GROUP, "d.safetensors", behind),
        Artifact("safetensors header of 2^39", _GROUP, "e.safetensors", safetensors("{}", length=1 << 39)),
        Artifact("GGUF template", _GROUP, "a.gguf", gguf([(b"tokenizer.chat_template", jinja)])),
        Artifact("GGUF of 2^60 tensors", _GROUP, "b.gguf", gguf([(b"general.name", b"x")], 1 << 60)),
        Artifact("GGUF attribute filter", _GROUP, "c.gguf", gguf([(b"tokenizer.chat_template", filtered)]), "", True),
    ]  # fmt: skip


def _programs() -> list[Artifact]:
    schema = {"__class__": "function", "__module__": "builtins", "__loader__": "FunctionNode",
              "content": {"module_path": "os", "function": "system"}}  # fmt: skip
    direct = {"__class__": "system", "__module__": "os", "__loader__": "ObjectNode", "content": {}}
    script = b'def forward(self, x: Tensor) -> Tensor:\n  y = torch.from_file("/etc/passwd", False, 10)\n  return x\n'
    empty = b"\x80\x02N."
    serialised = base64.b64encode(payload()).decode()
    policy = json.dumps({"policy_class": {":type:": "<class 'abc.ABCMeta'>", ":serialized:": serialised}}).encode()
    graph = {"graph_module": {"graph": {"nodes": [{"target": "torch.hub.os.system", "inputs": [], "outputs": []}]}}}
    sizes = {
        "graph_module": {"graph": {"nodes": []}},
        "x": {"as_expr": {"expr_str": f"__import__('os').system('{COMMAND}')"}},
    }

    def exported(model: object) -> bytes:
        return zipped([Member("m/archive_format", b"pt2"), Member("m/models/model.json", json.dumps(model).encode())])

    out = io.BytesIO()
    np.savez(out, a=np.zeros(2))
    archive = [Member("m/data.pkl", empty), Member("m/constants.pkl", b"\x80\x02).")]
    archive.append(Member("m/code/__torch__/m.py", script))
    return [
        Artifact("skops function", _GROUP, "a.skops", zipped([Member("schema.json", json.dumps(schema).encode())])),
        Artifact("skops class", _GROUP, "b.skops", zipped([Member("schema.json", json.dumps(direct).encode())])),
        Artifact("TorchScript reads a file", _GROUP, "c.pt", zipped(archive)),
        Artifact("policy", _GROUP, "ppo.zip", zipped([
            Member("data", policy), Member("policy.pth", b""), Member("_stable_baselines3_version", b"2.3.0")])),
        Artifact("exported program calls", _GROUP, "d.pt2", exported(graph)),
        Artifact("exported program evaluates", _GROUP, "e.pt2", exported(sizes), "", True),
        Artifact("npz with a stowaway", _GROUP, "f.npz", out.getvalue() + payload(), "", True),
        Artifact("library", _GROUP, "g.bin", b"\x7fELF\x02\x01\x01" + bytes(57), "", True),
    ]  # fmt: skip
