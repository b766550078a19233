"""Who may open a stranger's file with what: every loader in the source stands here, with where it runs and why.

A loader is anything that runs code from a file, or hands a stranger's bytes to native code. The parent process (the
command line, cards, threats, reports, the store) holds none of the native ones: those run in confined workers, behind
the scan, or in a locked child. A new use fails here until somebody writes down why it is safe.
"""

from __future__ import annotations

import ast
import gc
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import pytest

SRC = Path(__file__).resolve().parents[2] / "src" / "momus"

# What runs code from what it reads. Each use is named by file; nothing else may.
RUNS_CODE = (
    r"(pickle|_pickle|dill|cloudpickle|joblib|marshal)\.(load|loads|Unpickler)|shelve\.open|pandas\.read_pickle|"
    r"torch\.(load|jit\.load|hub\.\w+)|torch\.package\.\w+|torch\.export\.load|yaml\.(load|load_all|unsafe_load\w*|full_load\w*)|"
    r"numpy\.load|skops\.io\.load\w*|keras\.\S*load_model|exec|eval|__import__|runpy\.\w+|"
    r"importlib\.util\.spec_from_file_location|stable_baselines3\.\S*\.load|jsonpickle\.\w+"
)
# What hands a file to a native decoder, or starts a program.
NATIVE = (
    r"PIL\.Image\.open|onnx\.load|onnxruntime\.InferenceSession|xgboost\.Booster|lightgbm\.Booster|"
    r"pyarrow\.\S*(read_\w+|ParquetFile|ipc\.\w+|open_\w+)|"
    r"scipy\.io\.(wavfile\.read|loadmat)|soundfile\.\w+|h5py\.File|safetensors\.\S*(load\w*|safe_open)|onnx2torch\.convert|"
    r"xml\.etree\.\S*(parse|fromstring|XML)|xml\.parsers\.expat\.ParserCreate|xml\.(dom|sax)\S*\.\w+|lxml\.\S+|"
    r"subprocess\.(Popen|run|call|check_\w+)|os\.(system|popen|exec\w*|spawn\w*|posix_spawn\w*)|sqlite3\.connect"
)
PATTERN = re.compile(rf"(?:{RUNS_CODE}|{NATIVE})\Z")
WORKER = "in a confined worker, behind the scan of the target's files"
FORKED = "a second decoder to compare with, in a child that the harness forks from a confined worker"
ALLOWED: dict[str, dict[str, str]] = {
    "assess/proof/loaders.py": dict.fromkeys(
        ("pickle.load", "numpy.load", "yaml.unsafe_load_all"), "in a locked child: it is what the child is locked for"
    ),
    "assess/proof/prove.py": {"subprocess.Popen": "starts the child that locks itself; own code, empty environment"},
    "assess/nursery.py": {"subprocess.Popen": "starts the workers' own process; no word of it comes from a file"},
    "assess/backends_ray.py": {"subprocess.run": "asks an address whether Ray is there; own code, no file"},
    "core/spread.py": {"numpy.load": "arrays that this run wrote; allow_pickle=False"},
    "core/cache.py": {"numpy.load": "arrays that an earlier run wrote; allow_pickle=False; a broken file is a miss"},
    "core/usercode.py": {
        "importlib.util.spec_from_file_location": "the user's own code that the card names, in a worker: as asked for"
    },
    "data/npz.py": {"numpy.load": "in a worker or apart; allow_pickle=False"},
    "data/images.py": {"PIL.Image.open": "in a worker or apart; sizes are looked at before pixels"},
    "data/sound.py": {"scipy.io.wavfile.read": "in a worker or apart"},
    "data/parquet.py": {"pyarrow.parquet.read_table": "in a worker or apart"},
    "methods/advisories/plain_yaml.py": {"yaml.load": "a base loader, which builds text, lists and mappings only"},
    "methods/artifacts/xmls.py": {
        "xml.parsers.expat.ParserCreate": "events without entities; bounded in depth and size"
    },
    "methods/conversion/plain_arrays.py": {"numpy.load": "arrays that are to be converted; allow_pickle=False"},
    "methods/corrupt/digital.py": {"PIL.Image.open": "a picture that was compressed a line above"},
    "methods/reprogram_stop.py": {"PIL.Image.open": "a picture that was compressed a line above"},
    "methods/fuzz/decoders_images.py": {"PIL.Image.open": FORKED},
    "methods/fuzz/decoders_texts.py": {"numpy.load": FORKED + "; allow_pickle=False"},
    "methods/fuzz/decoders_waves.py": {"scipy.io.wavfile.read": FORKED},
    "methods/repair.py": {"numpy.load": "a trigger that the user names; NumPy's default refuses pickles"},
    "methods/world_state.py": {"pickle.loads": "bytes that this process pickled a moment ago"},
    "monitor/build.py": {
        "numpy.load": "arrays that a confined worker wrote; allow_pickle=False; a broken file is a miss"
    },
    "monitor/parquet.py": dict.fromkeys(
        ("pyarrow.parquet.ParquetFile", "pyarrow.parquet.read_metadata"),
        "logs that the watched service wrote itself; no other file is opened by the watch",
    ),
    "reports/pictures.py": {
        "PIL.Image.open": "pictures that workers made: PNG and GIF alone, sizes before pixels, an error is a gap"
    },
    "reports/svg.py": {
        "xml.etree.ElementTree.fromstring": "drawings of our own probes; declarations are refused before"
    },
    "targets/boosters.py": dict.fromkeys(("xgboost.Booster", "lightgbm.Booster"), WORKER),
    "targets/convert_child.py": dict.fromkeys(
        ("joblib.load", "skops.io.load", "torch.load"), "in a locked child, and only what the scan found nothing in"
    ),
    "targets/converting.py": {"subprocess.run": "starts that child; own code, own environment"},
    "targets/fitting.py": {"joblib.load": WORKER, "skops.io.load": WORKER + "; no type is trusted beyond its own"},
    "targets/http_answers.py": {"sqlite3.connect": "answers that this user's runs kept: numbers, JSON"},
    "targets/onnx_.py": {"onnxruntime.InferenceSession": WORKER},
    "targets/onnx_weights.py": {"onnx.load": WORKER},
    "targets/policy_onnx.py": {"onnxruntime.InferenceSession": WORKER},
    "targets/policy_sb3.py": {"torch.load": WORKER + "; weights_only=True: no policy class is unpickled"},
    "targets/policy_table.py": {"numpy.load": WORKER + "; allow_pickle=False"},
    "targets/torch_load.py": {
        "torch.load": WORKER + "; weights_only=True",
        "torch.export.load": WORKER + ", which reads the expressions that this loader evaluates",
    },
    "targets/torch_onnx.py": dict.fromkeys(("onnx.load", "onnx2torch.convert"), WORKER),
}
# Rooms whose code runs in the parent process as well.
PARENT = ("cli/", "card/", "threats/", "reports/", "store/", "judge/", "taxonomy/", "stats/", "web/", "pytest_plugin/")
# The zoo plants faults on purpose and stands outside the product; testing is for other packages' tests.
OUTSIDE = ("zoo/", "testing/")


@cache
def _sources() -> tuple[tuple[str, ast.Module], ...]:
    """Every module of the product, parsed once for all tests of this file."""
    names = {path.relative_to(SRC).as_posix(): path for path in sorted(SRC.rglob("*.py"))}
    gc.disable()  # a million new nodes, all of them kept: the collector would look at them again and again
    try:
        return tuple((n, ast.parse(p.read_text("utf-8"))) for n, p in names.items() if not n.startswith(OUTSIDE))
    finally:
        gc.enable()


def _walk(tree: ast.Module) -> tuple[ast.AST, ...]:
    """As ast.walk, in a third of the time: the sources have a million nodes."""
    found: list[ast.AST] = [tree]
    for node in found:  # grows meanwhile
        for field in node._fields:
            value = getattr(node, field, None)
            if isinstance(value, list):
                found.extend(v for v in value if isinstance(v, ast.AST))
            elif isinstance(value, ast.AST):
                found.append(value)
    return tuple(found)


def _names(nodes: Sequence[ast.AST]) -> dict[str, str]:
    """Local name to full name, for everything that is imported anywhere in the module."""
    found: dict[str, str] = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                found[alias.asname or alias.name.split(".")[0]] = (
                    alias.name if alias.asname else alias.name.split(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.update({a.asname or a.name: f"{node.module}.{a.name}" for a in node.names})
    return found


def _dotted(node: ast.expr) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


@cache
def _uses(tree: ast.Module) -> tuple[tuple[str, ast.AST, ast.Call | None], ...]:
    """Every loader by full name, called or handed on."""
    return tuple(_search(tree))


def _search(tree: ast.Module) -> Iterator[tuple[str, ast.AST, ast.Call | None]]:
    nodes = _walk(tree)
    names = _names(nodes)
    calls = {id(c.func): c for c in nodes if isinstance(c, ast.Call)}
    for node in nodes:
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load):
            first, _, rest = _dotted(node).partition(".")
            if not first:
                continue
            if first not in names and not (first in ("exec", "eval", "__import__") and not rest):
                continue
            full = names.get(first, first) + (f".{rest}" if rest else "")
            if PATTERN.match(full):
                yield full, node, calls.get(id(node))


@cache
def _found() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name, tree in _sources():
        for full, _node, _call in _uses(tree):
            found.setdefault(name, set()).add(full)
    return found


def test_every_loader_stands_in_the_table_with_its_reason() -> None:
    new = {name: sorted(uses - set(ALLOWED.get(name, {}))) for name, uses in _found().items()}
    assert {name: uses for name, uses in new.items() if uses} == {}, "say in ALLOWED where it runs and why that is safe"


def test_the_table_holds_nothing_that_is_gone() -> None:
    # What a lazily imported variable hides from the names above is looked for as text.
    gone = {}
    for name, uses in ALLOWED.items():
        text = (SRC / name).read_text("utf-8")
        missing = [u for u in uses if u not in _found().get(name, set()) and u.rsplit(".", 1)[-1] not in text]
        if missing:
            gone[name] = missing
    assert gone == {}


def test_rooms_of_the_parent_process_decode_nothing() -> None:
    """The command line, cards, threats and reports read text and headers by code without native decoders."""
    own = {"reports/svg.py", "reports/pictures.py"}
    inside = {name: uses for name, uses in _found().items() if name.startswith(PARENT) and name not in own}
    assert inside == {}


def test_cards_threats_and_reports_do_not_open_data_or_targets() -> None:
    """Data and targets are read in workers; the verb that shows data reads apart, the one that converts in a child."""
    rooms = ("momus.data", "momus.targets")
    found = set()
    for name, tree in _sources():
        if name.startswith((*PARENT, "assess/")):
            imported = _names(_walk(tree)).values()
            found |= {name for full in imported if full.startswith(rooms)}
    # The fixture is handed models that the user's own test made in the user's own process; what a run asked of served
    # models is counts in a small file of JSON.
    counts = {"assess/asking.py"}
    known = {"cli/check_data.py", "cli/convert.py", "assess/worker.py", "pytest_plugin/fixture.py"}
    assert found <= known | counts, found
    assert "converting" in (SRC / "cli" / "convert.py").read_text("utf-8")
    check = (SRC / "cli" / "check_data.py").read_text("utf-8")
    assert re.search(r"apart\(partial\(_described", check)
    assert check.count("read_data(") == 1


FLAGS = {"numpy.load": ("allow_pickle", False), "torch.load": ("weights_only", True)}


def test_safe_flags_are_written_out() -> None:
    """Defaults have changed between versions: the flag stands in the call, except where the child is locked for it."""
    wrong = []
    for name, tree in _sources():
        if name == "assess/proof/loaders.py":
            continue
        for full, _node, call in _uses(tree):
            if full in FLAGS and call is not None:
                flag, value = FLAGS[full]
                given = {k.arg: k.value.value for k in call.keywords if isinstance(k.value, ast.Constant)}
                if given.get(flag) is not value:
                    wrong.append(f"{name}:{call.lineno}")
    assert wrong == []


def test_yaml_is_read_by_safe_loaders_only() -> None:
    for name, tree in _sources():
        for full, _node, call in _uses(tree):
            if full == "yaml.load" and call is not None:
                assert name in ALLOWED
        if name.startswith("assess/proof/") or "yaml" not in (SRC / name).read_text("utf-8"):
            continue
        text = ast.unparse(tree)
        assert not re.search(r"yaml\.(Unsafe|Full|C?)Loader\b|yaml\.C?(Unsafe|Full)Loader", text), name


@pytest.mark.parametrize(
    ("code", "full"),
    [
        ("import pickle\npickle.loads(b'')", "pickle.loads"),
        ("from pickle import loads as read\nread(b'')", "pickle.loads"),
        ("import numpy as np\nnp.load('x')", "numpy.load"),
        ("import numpy as np\nf = np.load", "numpy.load"),
        ("def f():\n    from PIL import Image\n    return Image.open('x')", "PIL.Image.open"),
        ("import torch\ntorch.load('x')", "torch.load"),
        ("eval('1')", "eval"),
        ("import xml.etree.ElementTree as ET\nET.fromstring('x')", "xml.etree.ElementTree.fromstring"),
        ("import subprocess\nsubprocess.run([])", "subprocess.run"),
    ],
)
def test_the_search_finds_what_it_is_for(code: str, full: str) -> None:
    assert full in {found for found, _node, _call in _uses(ast.parse(code))}


def test_a_method_of_the_same_name_is_no_loader() -> None:
    assert _uses(ast.parse("model.eval()\nself.load('x')\nre.compile('x')")) == ()
