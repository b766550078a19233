"""Keras archives, ONNX, Caffe, and models that are told apart: what they would run, reach or exhaust."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from momus.methods.artifacts import Limits, scan, scan_bytes

DATA = Path(__file__).parent / "data"
EASY = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))


def number(value: int) -> bytes:
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def field(place: int, value: int | str | bytes) -> bytes:
    """One field of a protobuf: a number, or a text or message with its length."""
    if isinstance(value, int):
        return number(place << 3) + number(value)
    raw = value.encode() if isinstance(value, str) else value
    return number(place << 3 | 2) + number(len(raw)) + raw


def message(*pairs: tuple[int, int | str | bytes]) -> bytes:
    return b"".join(field(place, value) for place, value in pairs)


@pytest.mark.parametrize(
    ("name", "verdict"),
    [("whole.keras", "nothing found"), ("sequence.keras", "nothing found"), ("lambda.keras", "dangerous"),
     ("custom.keras", "suspicious"), ("whole.h5", "nothing found")],
)  # fmt: skip
def test_real_keras_files(name: str, verdict: str) -> None:
    report = scan(DATA / name)
    assert report.verdict == verdict, report.marks


def keras(layer: dict[str, object], **members: bytes) -> bytes:
    out = io.BytesIO()
    config = {"module": "keras", "class_name": "Sequential", "config": {"layers": [layer]}, "registered_name": None}
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("metadata.json", '{"keras_version": "3.6.0"}')
        archive.writestr("config.json", json.dumps(config))
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def layer(
    name: str, module: str | None = "keras.layers", registered: str | None = None, **config: object
) -> dict[str, object]:
    return {"module": module, "class_name": name, "config": config, "registered_name": registered}


CODE = {"class_name": "__lambda__", "config": {"value": "4wA="}}
FUNCTION = {"module": "builtins", "class_name": "function", "config": "my_fn", "registered_name": "function"}


def named(name: str, module: str = "builtins") -> dict[str, object]:
    return {"module": module, "class_name": "function", "config": name, "registered_name": name}


LAYERS = {
    "Dense": (layer("Dense", units=3), "nothing found"),
    "no module": (layer("Dense", None, units=3), "nothing found"),
    "another home": (layer("Dense", "os"), "dangerous"),
    "another name": (layer("Dense", registered="Mine>Dense"), "suspicious"),
    "unknown class": (layer("Densest"), "suspicious"),
    "Lambda with code": (layer("Lambda", function=CODE), "dangerous"),
    "Lambda by name": (layer("Lambda", function=FUNCTION), "suspicious"),
    "Lambda of a module": ({"class_name": "Lambda", "config": {"function": "system", "module": "os"}}, "dangerous"),
    "saved model": (layer("TFSMLayer", filepath="/tmp/x"), "dangerous"),
    "torch module": (layer("TorchModuleWrapper", module="x"), "dangerous"),
    "own function": (layer("Activation", activation=FUNCTION), "suspicious"),
    "function of Keras": (layer("Activation", activation=named("relu")), "nothing found"),
    "opens the door": (layer("function", "keras.config") | {"config": "enable_unsafe_deserialization"}, "dangerous"),
    "fetches a file": (layer("Activation", activation=named("get_file", "keras.utils")), "dangerous"),
    "words from a file": (layer("StringLookup", vocabulary="/etc/passwd"), "dangerous"),
    "words from the net": (layer("TextVectorization", vocabulary="http://x/y"), "dangerous"),
    "words in the file": (layer("StringLookup", vocabulary=["a", "b"]), "nothing found"),
    "wrapped": (layer("TimeDistributed", layer=layer("Lambda", function={"class_name": "__lambda__"})), "dangerous"),
    "operation": (layer("TFOpLambda", None, function="math.exp"), "nothing found"),
    "operation on files": (layer("TFOpLambda", None, function="io.write_file"), "dangerous"),
    "operation unknown": (layer("TFOpLambda", None, function="mine.exp"), "suspicious"),
    "graph node": (layer("TensorFlowOpLayer", None, node_def={"op": "AddV2"}), "nothing found"),
    "graph node on files": (layer("TensorFlowOpLayer", None, node_def={"op": "ReadFile"}), "dangerous"),
    "name that is none": (layer(3), "suspicious"),  # type: ignore[arg-type]
}  # fmt: skip


@pytest.mark.parametrize("kind", LAYERS)
def test_keras_layers(kind: str) -> None:
    made, verdict = LAYERS[kind]
    report = scan_bytes(keras(made))
    assert report.verdict == verdict, report.marks
    bare = json.dumps({"class_name": "Sequential", "config": {"layers": [made]}}).encode()
    assert scan_bytes(bare).verdict == verdict or not isinstance(made["class_name"], str)


def test_assets_of_keras_are_words_or_files_of_their_own() -> None:
    assert scan_bytes(keras(layer("Dense"), **{"assets/layers/words.txt": b"one\ntwo\n"})).loadable
    bad = b"\x80\x04cposix\nsystem\n(S'touch momus-marker'\ntR."
    assert scan_bytes(keras(layer("Dense"), **{"assets/x.pkl": bad})).verdict == "dangerous"
    assert (
        scan_bytes(keras(layer("Dense"), **{"model.weights.h5": b"\x89HDF\r\n\x1a\n" + bytes(99)})).verdict
        == "suspicious"
    )


VALUE = helper.make_tensor_value_info
WEIGHT = numpy_helper.from_array(np.ones((2, 2), np.float32), "w")


def model(
    *nodes: onnx.NodeProto, functions: tuple[onnx.FunctionProto, ...] = (), weight: onnx.TensorProto = WEIGHT
) -> onnx.ModelProto:
    nodes = nodes or (helper.make_node("MatMul", ["x", "w"], ["y"]),)
    graph = helper.make_graph(list(nodes), "g", [VALUE("x", 1, (2, 2))], [VALUE("y", 1, (2, 2))], [weight])
    sets = [helper.make_opsetid("", 17), helper.make_opsetid("mine", 1), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=sets, functions=list(functions))


def outside(path: str) -> onnx.TensorProto:
    made = TensorProto(name="w", data_type=1, dims=[2, 2], data_location=TensorProto.EXTERNAL)
    made.external_data.add(key="location", value=path)
    return made


def sparse() -> onnx.NodeProto:
    values, places = helper.make_tensor("v", 1, [1], [1.0]), helper.make_tensor("i", 7, [1], [1])
    return helper.make_node("Constant", [], ["y"], sparse_value=helper.make_sparse_tensor(values, places, [4]))


def function(name: str, *nodes: onnx.NodeProto, domain: str = "mine") -> onnx.FunctionProto:
    return helper.make_function(domain, name, ["x"], ["y"], list(nodes), [helper.make_opsetid("", 17)])


def call(name: str, domain: str = "mine") -> onnx.NodeProto:
    return helper.make_node(name, ["x"], ["y"], domain=domain)


def branch(node: onnx.NodeProto) -> onnx.NodeProto:
    inner = helper.make_graph([node], "i", [], [VALUE("y", 1, None)])
    return helper.make_node("If", ["x"], ["y"], then_branch=inner, else_branch=inner)


def doubling(depth: int) -> tuple[onnx.FunctionProto, ...]:
    return (
        function("f0", call("Relu", "")),
        *(function(f"f{i}", call(f"f{i - 1}"), call(f"f{i - 1}")) for i in range(1, depth)),
    )


def with_metadata(text: str) -> onnx.ModelProto:
    made = model()
    made.metadata_props.add(key="names", value=text)
    return made


def wrong_size() -> onnx.TensorProto:
    return TensorProto(name="w", data_type=1, dims=[2, 200], raw_data=bytes(16))


def segmented() -> onnx.TensorProto:
    made = numpy_helper.from_array(np.ones((2, 2), np.float32), "w")
    made.segment.begin = 0
    return made


ONNX = {
    "plain": (model(), "nothing found"),
    "sparse": (model(sparse()), "nothing found"),
    "branch": (model(branch(call("Relu", ""))), "nothing found"),
    "own function": (model(call("f"), functions=(function("f", call("Relu", "")),)), "nothing found"),
    "microsoft": (model(call("Gelu", "com.microsoft")), "nothing found"),
    "words about classes": (with_metadata("{0: 'person', 1: 'cat'}"), "nothing found"),
    "weights beside": (model(weight=outside("w.bin")), "nothing found"),
    "weights up": (model(weight=outside("../w.bin")), "dangerous"),
    "weights at the root": (model(weight=outside("/etc/passwd")), "dangerous"),
    "weights of a drive": (model(weight=outside("C:\\x")), "dangerous"),
    "unknown operator": (model(call("Mine", "")), "suspicious"),
    "unknown operator of a known domain": (model(call("Mine", "com.microsoft")), "suspicious"),
    "another function of a domain": (model(call("g"), functions=(function("f", call("Relu", "")),)), "suspicious"),
    "python": (model(call("PyOp", "x")), "dangerous"),
    "python in a branch": (model(branch(call("PyOp", "x"))), "dangerous"),
    "python in a function": (model(call("f"), functions=(function("f", call("PyOp", "x")),)), "dangerous"),
    "compiled": (model(call("EPContext", "com.microsoft")), "suspicious"),
    "functions that double": (model(call("f39"), functions=doubling(40)), "dangerous"),
    "function that calls itself": (model(call("f"), functions=(function("f", call("f")),)), "dangerous"),
    "function of a standard name": (model(functions=(function("Add", call("Relu", ""), domain=""),)), "suspicious"),
    "code in metadata": (with_metadata("__import__('os').system('id')"), "suspicious"),
    "wrong size": (model(weight=wrong_size()), "suspicious"),
    "no numbers": (model(weight=TensorProto(name="w", data_type=1, dims=[1 << 40])), "suspicious"),
    "segments": (model(weight=segmented()), "not understood"),
}  # fmt: skip


@pytest.mark.parametrize("kind", ONNX)
def test_onnx(kind: str) -> None:
    made, verdict = ONNX[kind]
    report = scan_bytes(made.SerializeToString())
    assert (report.verdict, report.format) == (verdict, "onnx"), report.marks


def test_tricks_of_the_wire() -> None:
    raw = model().SerializeToString()
    assert not scan_bytes(raw + field(99, "stowaway")).loadable  # a field that no reader knows
    assert not scan_bytes(raw + field(7, b"")).loadable  # a second graph
    assert not scan_bytes(raw + b"\x08" + b"\xff" * 10 + b"\x01").loadable  # a number of eleven bytes
    assert not scan_bytes(raw + b"\x0b").loadable  # a group
    packed = field(7, field(5, message((1, number(2) + number(2)), (2, 1), (8, "w"), (9, bytes(16)))))
    assert scan_bytes(message((1, 8)) + packed + field(8, message((2, 17)))).loadable
    wrong = field(7, field(5, message((1, number(2) + number(9)), (2, 1), (8, "w"), (9, bytes(16)))))
    assert not scan_bytes(message((1, 8)) + wrong + field(8, message((2, 17)))).loadable


def net(kind: str) -> bytes:
    blob = message((7, message((1, 1))), (5, struct.pack("<f", 1.0)))
    return message(
        (1, "net"), (100, message((1, "a"), (2, "InnerProduct"), (7, blob))), (100, message((1, "b"), (2, kind)))
    )


@pytest.mark.parametrize(
    ("kind", "verdict"),
    [("ReLU", "nothing found"), ("Python", "dangerous"), ("HDF5Data", "suspicious"), ("Mine", "suspicious")],
)
def test_caffe(kind: str, verdict: str) -> None:
    report = scan_bytes(net(kind))
    assert (report.verdict, report.format) == (verdict, "caffe model"), report.marks
    text = f'name: "net" # a net\nlayer {{\n  name: "a"\n  type: "{kind}"\n}}\n'
    report = scan_bytes(text.encode())
    assert (report.verdict, report.format) == (verdict, "caffe prototxt"), report.marks


def test_old_caffe_layers() -> None:
    assert scan_bytes(message((1, "net"), (2, message((4, "a"), (5, 14))))).loadable
    assert scan_bytes(message((1, "net"), (2, message((4, "a"), (5, 9))))).verdict == "suspicious"


def mxnet(tail: bytes = b"") -> bytes:
    array = struct.pack("<IiIqiii", 0xF993FAC9, 0, 1, 2, 1, 0, 0) + bytes(8)
    return struct.pack("<QQQ", 0x112, 0, 1) + array + struct.pack("<QQ", 1, 3) + b"arg" + tail


def test_mxnet() -> None:
    assert scan_bytes(mxnet()).loadable
    assert not scan_bytes(mxnet(b"stowaway")).loadable
    assert not scan_bytes(mxnet()[:-1]).loadable
    network = {"nodes": [{"op": "Custom", "name": "x"}], "arg_nodes": [0], "heads": []}
    assert scan_bytes(json.dumps(network).encode()).verdict == "suspicious"
    network["nodes"] = [{"op": "_Native", "name": "x"}]
    assert scan_bytes(json.dumps(network).encode()).verdict == "dangerous"


TOLD = {
    "executorch": b"\x1c\0\0\0ET12" + bytes(60),
    "darknet weights": struct.pack("<iiiQ", 0, 2, 5, 32013312) + bytes(400),
    "core ml": message((1, 4), (2, message((1, "x"))), (500, message((1, message((1, "a")))))),
    "paddle program": message((1, message((1, 0), (2, 0), (4, message((3, "relu"))))), (4, message((1, 0)))),
}


@pytest.mark.parametrize("kind", TOLD)
def test_models_that_are_only_told_apart(kind: str) -> None:
    report = scan_bytes(TOLD[kind])
    assert (report.verdict, report.format) == ("not understood", kind), report.marks


def test_what_paddle_and_core_ml_would_run() -> None:
    assert scan_bytes(TOLD["paddle program"].replace(b"relu", b"save")).verdict == "dangerous"
    custom = message(
        (1, 4), (2, message((1, "x"))), (500, message((1, message((1, "a"), (500, message((10, "Mine")))))))
    )
    assert scan_bytes(custom).verdict == "suspicious"


@EASY
@given(
    st.sampled_from([m.SerializeToString() for m, _ in ONNX.values()] + [net("ReLU"), mxnet(), *TOLD.values()]),
    st.data(),
)
def test_changed_files_never_raise(raw: bytes, data: st.DataObject) -> None:
    changed = bytearray(raw)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(changed) - 1))
        changed[at : at + data.draw(st.integers(0, 6))] = data.draw(st.binary(max_size=6))
        changed = changed or bytearray(b"x")
    report = scan_bytes(bytes(changed), limits=Limits(seconds=20))
    assert not any("reader failed" in m.what for m in report.marks), report.marks
