"""Graphs and tensors that are said to be plain data: ONNX, TensorFlow, TFLite, safetensors, GGUF, boosters."""

# ruff: noqa: E501   a row a line reads better than a row in five

from __future__ import annotations

import json
import struct

from corpus.hostile_texts import gguf
from corpus.items import COMMAND, Item, payload, table
from momus.zoo.supply_chain.corpus import Member, zipped
from momus.zoo.supply_chain.corpus_bad_formats import field, onnx, safetensors


def items() -> list[Item]:
    """All of them. None fires here: runtimes with such operators are not installed, or the harm is a file read."""
    return [*_onnx(), *_saved_models(), *_tflite(), *_safetensors(), *_gguf(), *_others()]


def node(kind: bytes, domain: bytes = b"", attributes: bytes = b"") -> bytes:
    """An ONNX node."""
    return field(1, b"x") + field(2, b"y") + field(4, kind) + attributes + (field(7, domain) if domain else b"")


def external(path: bytes, *pairs: tuple[bytes, bytes]) -> bytes:
    """An ONNX tensor whose numbers lie elsewhere."""
    told = b"".join(field(13, field(1, k) + field(2, v)) for k, v in ((b"location", path), *pairs))
    return field(1, 4) + field(2, 1) + field(8, b"w") + told + field(14, 1)


def _onnx() -> list[Item]:
    nested = node(b"Shell", b"evil")
    branch = node(b"If", b"", field(5, field(1, b"then_branch") + field(6, field(1, nested)) + field(20, 5)))
    body = node(b"Relu")
    for _ in range(3_000):
        body = node(b"If", b"", field(5, field(1, b"b") + field(6, field(1, body)) + field(20, 5)))
    function = field(1, b"Local") + field(7, node(b"PyOp", b"ai.onnx.contrib")) + field(10, b"local")
    local = field(1, 8) + field(7, field(1, node(b"Local", b"local"))) + field(8, field(2, 17)) + field(25, function)
    recursive = field(1, b"F") + field(7, node(b"F", b"local")) + field(10, b"local")
    loop = field(1, 8) + field(7, field(1, node(b"F", b"local"))) + field(8, field(2, 17)) + field(25, recursive)
    constant = node(b"Constant", b"", field(5, field(1, b"value") + field(5, external(b"../x")) + field(20, 4)))
    meta = onnx() + field(14, field(1, b"script") + field(2, COMMAND.encode()))
    huge = field(1, 1 << 40) + field(2, 1) + field(8, b"w")
    return table("onnx", [
        ("ONNX: weights above the folder", "path", "a.onnx", onnx(tensor=external(b"../../secret.bin")), ""),
        ("ONNX: weights at an absolute path", "path", "b.onnx", onnx(tensor=external(b"/etc/passwd")), ""),
        ("ONNX: weights up and down", "path", "c.onnx", onnx(tensor=external(b"a/../../b")), ""),
        ("ONNX: weights behind backslashes", "path", "d.onnx", onnx(tensor=external(b"..\\..\\secret.bin")), ""),
        ("ONNX: weights at a URL", "path", "e.onnx", onnx(tensor=external(b"http://127.0.0.1/w")), ""),
        ("ONNX: location given twice", "path", "f.onnx", onnx(tensor=external(b"w.bin", (b"location", b"/etc/passwd"))), ""),
        ("ONNX: weights in an attribute", "path", "g.onnx", onnx(node=constant), ""),
        ("ONNX: Python operator", "operator", "h.onnx", onnx(node=node(b"PyOp", b"ai.onnx.contrib")), ""),
        ("ONNX: own operator", "operator", "i.onnx", onnx(node=node(b"Shell", b"evil.ops")), ""),
        ("ONNX: unknown standard operator", "operator", "j.onnx", onnx(node=node(b"RunProgram")), ""),
        ("ONNX: own operator in a branch", "operator", "k.onnx", onnx(node=branch), ""),
        ("ONNX: function hides an operator", "function", "l.onnx", local, ""),
        ("ONNX: function calls itself", "function", "m.onnx", loop, ""),
        ("ONNX: graphs nested 3,000 deep", "bomb", "n.onnx", onnx(node=body), ""),
        ("ONNX: tensor of 2^40", "bomb", "o.onnx", onnx(tensor=huge), ""),
        ("ONNX: pickle behind the graph", "trailing", "p.onnx", onnx() + payload(), ""),
        ("ONNX: two graphs", "repeated field", "q.onnx", onnx() + field(7, field(1, nested) + field(2, b"g")), ""),
        ("ONNX: length beyond the end", "length", "r.onnx", onnx()[:-2] + b"\x3a\xff\xff\xff\x7f", ""),
        ("ONNX: command in the metadata", "metadata", "s.onnx", meta + field(99, payload()), ""),
    ])  # fmt: skip


def _saved_models() -> list[Item]:
    def saved(op: bytes, library: bool = False) -> bytes:
        definition = field(1, b"n") + field(2, op)
        function = field(1, field(1, field(1, b"f")) + field(3, definition))
        return field(1, 1) + field(2, field(2, field(2, function) if library else field(1, definition)))

    ops = (b"PyFunc", b"EagerPyFunc", b"PyFuncStateless", b"ReadFile", b"WriteFile", b"MatchingFiles", b"LoadLibrary",
           b"ImmutableConst", b"DebugIdentityV3", b"Save", b"RestoreV2", b"SqlDataset", b"EvilCustomOp")  # fmt: skip
    rows = [(f"SavedModel: {op.decode()}", "operator", "saved_model.pb", saved(op), "") for op in ops]
    rows.append(("SavedModel: operator in a function", "function", "saved_model.pb", saved(b"PyFunc", True), ""))
    frozen = field(1, field(1, b"n") + field(2, b"PyFunc")) + field(4, field(1, 1))
    rows.append(("frozen graph: PyFunc", "operator", "graph.pb", frozen, ""))
    rows.append(("Keras metadata: Lambda", "Lambda", "keras_metadata.pb",
                 field(1, field(4, b'{"class_name": "Lambda", "config": {"function": ["4wEAAAA=", null, null]}}')), ""))  # fmt: skip
    return table("tensorflow", rows)


def _tflite() -> list[Item]:
    """A flat buffer of version, operator codes and nothing else."""

    def model(custom: bytes) -> bytes:
        name = struct.pack("<I", len(custom)) + custom + b"\0"
        name += bytes(-len(name) % 4)
        code_table = struct.pack("<HHHHHxx", 12, 12, 4, 8, 0)[:12]
        out = struct.pack("<I", 16) + b"TFL3" + bytes(8)
        vtable = struct.pack("<HHHH", 8, 12, 4, 8)
        out = struct.pack("<I", 20) + b"TFL3" + bytes(4) + vtable
        out += struct.pack("<iII", 8, 3, 4)  # table at 20: back to its vtable, version, offset of the vector
        out += struct.pack("<II", 1, 16)  # one operator code
        code_vtable = struct.pack("<HHHH", 8, 12, 8, 4)
        out += code_vtable + struct.pack("<I", 0)
        out += struct.pack("<iII", 12, 4, 32) + name
        del code_table
        return out

    return table("tflite", [
        ("TFLite: flex operator", "operator", "a.tflite", model(b"FlexWriteFile"), ""),
        ("TFLite: own operator", "operator", "b.tflite", model(b"EvilOp"), ""),
        ("TFLite: zip behind", "trailing", "c.tflite", model(b"FlexPyFunc") + zipped([Member("x.py", b"import os")]), ""),
        ("TFLite: offsets beyond the end", "length", "d.tflite", b"\xf0\xff\xff\x7fTFL3" + bytes(64), ""),
        ("TFLite: table points at itself", "loop", "e.tflite", struct.pack("<I", 8) + b"TFL3" + struct.pack("<i", 0) * 8, ""),
    ])  # fmt: skip


def _safetensors() -> list[Item]:
    def one(a: int, b: int, kind: str = "F32", shape: str = "[2]") -> str:
        return f'{{"dtype":"{kind}","shape":{shape},"data_offsets":[{a},{b}]}}'

    many = ",".join(f'"t{i}":{one(0, 0, shape="[0]")}' for i in range(60_000))
    rows = [
        ("overlap", safetensors(f'{{"a":{one(0, 8)},"b":{one(4, 12)}}}', bytes(12))),
        ("hole between tensors", safetensors(f'{{"a":{one(0, 8)},"b":{one(64, 72)}}}', bytes(8) + payload()[:56].ljust(56) + bytes(8))),
        ("offsets backwards", safetensors(f'{{"a":{one(8, 0)}}}', bytes(8))),
        ("offsets beyond the end", safetensors(f'{{"a":{one(0, 1 << 40)}}}', bytes(8))),
        ("shape and bytes differ", safetensors(f'{{"a":{one(0, 8, shape="[3]")}}}', bytes(8))),
        ("shape overflows", safetensors(f'{{"a":{one(0, 8, shape="[4294967296,4294967297]")}}}', bytes(8))),
        ("unknown type", safetensors(f'{{"a":{one(0, 8, "PICKLE")}}}', bytes(8))),
        ("repeated name", safetensors(f'{{"a":{one(0, 8)},"a":{one(0, 8)}}}', bytes(8))),
        ("negative offset", safetensors(f'{{"a":{one(-8, 0)}}}', bytes(8))),
        ("header longer than the file", safetensors("{}", length=1 << 30)),
        ("header beyond 100 MB", struct.pack("<Q", 1 << 56) + b"{}"),
        ("header nested 100,000 deep", safetensors('{"__metadata__":' + '{"a":' * 100_000 + "1" + "}" * 100_001)),
        ("pickle behind the numbers", safetensors(f'{{"a":{one(0, 8)}}}', bytes(8)) + payload()),
        ("pickle in the header's padding", safetensors("{}" + " " * 8) + payload()),
        ("metadata that is no text", safetensors(f'{{"__metadata__":{{"x":[{",".join(["1"] * 9)}]}},"a":{one(0, 8)}}}', bytes(8))),
        ("number with an exponent", safetensors('{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8e0]}}', bytes(8))),
        ("offset that is true", safetensors('{"a":{"dtype":"I8","shape":[1],"data_offsets":[0,true]}}', bytes(1))),
        ("half a character", safetensors("{}", b"")[:8] + b"{\xed\xa0"),
        ("tensors of no bytes claim bytes", safetensors("{" + many[:2_000].rsplit(',"', 1)[0] + "}", payload())),
    ]  # fmt: skip
    return table(
        "safetensors", [(f"safetensors: {n}", "header", f"s{i}.safetensors", d, "") for i, (n, d) in enumerate(rows)]
    )


def _gguf() -> list[Item]:
    def head(tensors: int, pairs: int, version: int = 3) -> bytes:
        return b"GGUF" + struct.pack("<IQQ", version, tensors, pairs)

    key = struct.pack("<Q", 1) + b"k"
    arrays = key + struct.pack("<I", 9) + struct.pack("<IQ", 9, 1) * 5_000 + struct.pack("<IQ", 4, 0)
    tensor = struct.pack("<Q", 1) + b"w" + struct.pack("<IQQIQ", 2, 1 << 33, 1 << 33, 0, 0)
    outside = struct.pack("<Q", 1) + b"w" + struct.pack("<IQIQ", 1, 4, 0, 1 << 40)
    rows = [
        ("2^60 tensors", head(1 << 60, 0)),
        ("2^60 values", head(0, 1 << 60)),
        ("text of 2^63", head(0, 1) + key + struct.pack("<IQ", 8, 1 << 63)),
        ("array of 2^61", head(0, 1) + key + struct.pack("<IIQ", 9, 10, 1 << 61)),
        ("arrays nested 5,000 deep", head(0, 1) + arrays),
        ("unknown kind of value", head(0, 1) + key + struct.pack("<I", 77) + bytes(8)),
        ("shape overflows", head(1, 0) + tensor + bytes(64)),
        ("tensor outside the file", head(1, 0) + outside + bytes(64)),
        ("pickle behind the header", gguf([(b"general.name", b"x")]) + bytes(5) + payload()),
        ("version 99", head(0, 0, 99)),
        ("other byte order", b"GGUF" + struct.pack(">IQQ", 3, 0, 1) + key),
    ]
    return table("gguf", [(f"GGUF: {n}", "header", f"g{i}.gguf", d, "") for i, (n, d) in enumerate(rows)])


def _others() -> list[Item]:
    learner = {
        "learner": {"attributes": {"x": "__import__('os')"}, "gradient_booster": {"name": "evil"}},
        "version": [3, 0, 0],
    }
    ubj = b"{" + b"L" + struct.pack(">q", 1) + b"a[$Z#L" + struct.pack(">q", 1 << 40)
    arrow = b"ARROW1\0\0" + payload()
    parquet = b"PAR1" + bytes(16) + b"\xff\xff\xff\x7fPAR1"
    flax = b"\x81\xa1w\xc7" + bytes([24, 1]) + bytes(24)
    return table("other", [
        ("XGBoost JSON with code", "json", "x.json", json.dumps(learner).encode(), ""),
        ("UBJSON of 2^40 nothings", "bomb", "x.ubj", ubj, ""),
        ("Arrow with a pickle", "stowaway", "x.arrow", arrow, ""),
        ("Parquet footer beyond the file", "length", "x.parquet", parquet, ""),
        ("MessagePack with an extension", "extension", "x.msgpack", flax, ""),
        ("LightGBM text with a pickle behind", "trailing", "l.txt", b"tree\nversion=v4\nnum_class=1\n\nend of trees\n" + payload(), ""),
        ("Core ML package", "unknown", "m.mlmodel", field(1, 4) + field(2, b"x") + field(555, field(10, b"EvilLayer")), ""),
        ("PaddlePaddle parameters", "nested", "x.pdparams", payload(), "pickle"),
        ("CatBoost", "unknown", "x.cbm", b"CBM1" + bytes(64), ""),
        ("nothing at all", "empty", "empty.pt", b"", ""),
        ("zeros", "unknown", "zeros.bin", bytes(4096), ""),
        ("random bytes", "unknown", "random.bin", bytes((i * 197 + 13) % 256 ^ (i >> 3) % 256 for i in range(4096)), ""),
    ])  # fmt: skip
