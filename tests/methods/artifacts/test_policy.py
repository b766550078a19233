"""The rules: well formed, alive, and closed against the ways around them."""

from __future__ import annotations

import importlib
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from momus.methods.artifacts import pickle_globals, scan, scan_bytes
from momus.methods.artifacts.allowed import NAMES
from momus.methods.artifacts.allowed_classes import BUILT, CLASSES
from momus.methods.artifacts.conditions import CONDITIONS, GUARDED
from momus.methods.artifacts.denied import MODULES, PARTS
from momus.methods.artifacts.policy import load, rule_for
from momus.zoo.supply_chain.corpus import MARKER, blob, call, named, payload, stream, text


def test_every_rule_has_a_reason_and_a_known_use() -> None:
    for modules, names, use, check, reason in (*NAMES, *BUILT):
        assert modules and names
        assert use in ("call", "build", "refer")
        assert check in ("", *CONDITIONS)
        assert len(reason) > 10
    for entry in (*CLASSES, *MODULES, *PARTS):
        assert len(entry[-1]) > 10
    assert set(CONDITIONS) >= GUARDED


@pytest.mark.parametrize("entry", (*NAMES, *BUILT), ids=lambda e: e[0].split()[0] + "." + e[1].split()[0])
def test_allowed_names_exist_where_their_library_is_installed(entry: tuple[str, ...]) -> None:
    modules, names = entry[0].split(), entry[1].split()
    pytest.importorskip(modules[0].split(".")[0])
    found = 0
    for module in modules:
        try:
            home = importlib.import_module(module)
        except ImportError:
            continue  # a name of another version of the library
        found += sum(hasattr(home, n.partition(".")[0]) for n in names)
    assert found, f"none of {names} exists any more"


@pytest.mark.parametrize(
    "full",
    ["os.system", "posix.anything", "builtins.eval", "subprocess.run", "sklearn.utils.os.system", "numpy.x.sys.modules",
     "torch.serialization.load", "pickle.loads", "a.b.__globals__", "joblib.numpy_pickle.load"],
)  # fmt: skip
def test_known_dangers(full: str) -> None:
    module, _, name = full.rpartition(".")
    assert rule_for(module, name).standing == "dangerous"
    assert rule_for(module, name, ("*", f"{module}.*", full)).standing == "dangerous", "nobody can vouch for these"


@pytest.mark.parametrize(
    "full",
    ["sklearn.svm._classes.svc", "sklearn.tests.x.Y", "sklearnx.A", "sklearn.svm.SVC.fit", "mymodel.Net",
     "torch.nn.Linear", "scipy.io.loadmat", "numpy.ctypeslib.load_library"],
)  # fmt: skip
def test_unknown_names_are_not_allowed(full: str) -> None:
    module, _, name = full.rpartition(".")
    assert rule_for(module, name).standing != "allowed"


SVC = named("sklearn.svm._classes", "SVC")
TENSOR = named("torch", "Tensor")
LOADER = named("torch.storage", "_load_from_bytes")
LATE = (call(named("functools", "partial"), named("builtins", "list"))
        + b"(" + LOADER + blob(payload()) + b"\x85}Ntb")  # fmt: skip


def long_(value: int) -> bytes:
    """LONG1."""
    raw = value.to_bytes(12, "little", signed=True)
    return b"\x8a" + bytes([len(raw)]) + raw


def record(flags: bytes, offset: bytes) -> bytes:
    """A NumPy type of one field, an object, with these flags and this offset."""
    kind = call(named("numpy", "dtype"), text("O8"), b"\x89", b"\x88")
    kind += b"(K\x03" + text("|") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x3ftb"
    made = call(named("numpy", "dtype"), text("V8"), b"\x89", b"\x88")
    return (
        made
        + b"(K\x03"
        + text("|")
        + b"N"
        + text("a")
        + b"\x85}"
        + text("a")
        + kind
        + offset
        + b"\x86sK\x08K\x01"
        + flags
        + b"tb"
    )


AROUND = {
    "class called": call(named("sklearn.svm._classes", "SVC")),
    "loader handed to a caller": call(named("numpy.random._pickle", "__generator_ctor"), blob(payload()),
                                      named("torch.storage", "_load_from_bytes")),
    "file reader handed to a caller": call(named("numpy.random._pickle", "__generator_ctor"), text("x.csv"),
                                           named("xgboost.core", "DMatrix")),
    "getattr in a partial": call(named("functools", "partial"), named("builtins", "getattr"), text("x")),
    "class of its own": call(named("builtins", "type"), text("X"), b")", b"}"),
    "large bytearray": call(named("builtins", "bytearray"), b"J\xff\xff\xff\x7f"),
    "large array": call(named("numpy._core.multiarray", "_reconstruct"), named("numpy", "ndarray"),
                        b"J\xff\xff\xff\x7f\x85", blob(b"b")),
    "array with a shape": named("numpy", "ndarray") + b"J\xff\xff\xff\x7f\x85\x85\x81",
    "base with a constructor": call(named("copyreg", "_reconstructor"), named("collections", "OrderedDict"),
                                    named("numpy", "ndarray"), b"N"),
    "codec": call(named("_codecs", "encode"), text("x"), text("zip")),
    "attribute": call(named("builtins", "getattr"), named("sklearn.svm._classes", "SVC"), text("fit")),
    "result called": call(call(named("functools", "partial"), named("builtins", "list"))),
    "instance with its own __class__": SVC + b")\x81}" + text("__class__") + b"K\x01sb",
    "class changed": SVC + b"}" + text("a") + b"K\x01sb",
    "nested bytes": call(named("torch.storage", "_load_from_bytes"), blob(payload())),
    "name from a call": call(named("builtins", "str"), blob(b"os"), text("ascii")) + text("system") + b"\x93",
    "function of a wrapper": call(named("torch._tensor", "_rebuild_from_type_v2"), named("builtins", "getattr"),
                                  TENSOR, b"(" + TENSOR + text("data") + b"t", b"N"),
    # functions that are harmless only where their arguments can be seen, kept for somebody else to call
    "loader in a list": b"]" + LOADER + b"a",
    "loader in the state of a partial": LATE,
    "getattr in a dictionary": b"}" + text("x") + named("builtins", "getattr") + b"s",
    "constructor in a partial": call(named("functools", "partial"), SVC, text("x")),
    "constructor in a partial, by NEWOBJ": named("functools", "partial") + b"(" + SVC + b"t\x81",
    "factory of a defaultdict": call(named("collections", "defaultdict"), SVC),
    "factory of a defaultdict, later": call(named("collections", "defaultdict"))
                                       + b"N}" + text("default_factory") + SVC + b"s\x86b",
    # texts that are the name of an attribute
    "attribute behind many others": SVC + b")\x81}(" + b"".join(text(f"a{i}") + b"N" for i in range(60))
                                    + text("__setstate__") + named("builtins", "list") + b"ub",
    "attribute as a NumPy text": call(named("numpy._core.multiarray", "scalar"), b"N",
                                      blob("__setstate__".encode("utf-32-le"))),
    "attribute in an old text": b"S'__class__'\n",
    # NumPy believes what the state of a type says
    "objects taken from bytes": record(b"K\x00", b"K\x00"),
    "field beyond the element": record(b"K\x1b", b"M\x00\x10"),
    # much from little
    "list of a long range": call(named("builtins", "list"),
                                 call(named("builtins", "range"), b"\x8a\x06\0\0\0\0\0\1")),
    "huge exponent": call(named("fractions", "Fraction"), text("1e999999999")),
    "huge exponent, worked out": call(named("builtins", "int"), call(named("decimal", "Decimal"), text("1e99999999"))),
    "colliding keys": b"}(" + b"".join(long_(i * ((1 << 61) - 1)) + b"N" for i in range(1, 2500)) + b"u",
    # libraries and tables that look like classes
    "loaded library": named("xgboost.core", "_LIB"),
    "table that others rely on": named("sklearn.metrics._scorer", "_SCORERS"),
}  # fmt: skip


@pytest.mark.parametrize("way", AROUND)
def test_ways_around_the_rules_are_closed(way: str) -> None:
    report = scan_bytes(stream(AROUND[way]))
    assert report.verdict in ("dangerous", "suspicious"), report.marks


def test_vouching_covers_exactly_what_it_says() -> None:
    data = stream(named("mypkg.net", "Model") + b")\x81")
    assert not scan_bytes(data).loadable
    assert scan_bytes(data, allow=("mypkg.net.Model",)).loadable
    assert scan_bytes(data, allow=("mypkg.*",)).loadable
    assert not scan_bytes(data, allow=("mypkg.Model",)).loadable
    assert not scan_bytes(data, allow=("mypk.*",)).loadable


def test_the_names_of_a_pickle_are_listed_in_order(tmp_path: Path) -> None:
    from collections import Counter
    from fractions import Fraction

    path = tmp_path / "x.pkl"
    path.write_bytes(pickle.dumps([Counter("a"), Fraction(1, 2), Counter("b")]))
    assert pickle_globals(path) == ("collections.Counter", "fractions.Fraction")
    path.write_bytes(b"\x93NUMPY")
    assert pickle_globals(path) == ()


def test_python_2_names_are_read_as_python_3_reads_them() -> None:
    assert scan_bytes(b"c__builtin__\nset\n(]tR.").loadable
    assert scan_bytes(b"ccommands\ngetoutput\n(S'x'\ntR.").names == ("subprocess.getoutput",)
    assert load().names["builtins", "set"].use == "call"


def test_a_flood_of_unknown_names_does_not_hide_a_dangerous_one() -> None:
    flood = b"".join(named("pkg.module", f"f{i}") + b"0" for i in range(3000))
    report = scan_bytes(stream(flood + call(named("posix", "system"), text("true"))))
    assert report.verdict == "dangerous"
    assert len(report.marks) <= 100
    assert any("posix.system" in m.what for m in report.marks[:2])


def test_a_record_that_tells_the_truth_is_fine() -> None:
    assert scan_bytes(stream(record(b"K\x1b", b"K\x00"))).loadable


def test_a_loader_kept_for_later_really_runs_when_a_tree_looks_for_a_missing_key(tmp_path: Path) -> None:
    """A defaultdict that calls a partial that unpickles: every name of it is on the list, and it fires."""
    pytest.importorskip("sklearn")
    pytest.importorskip("torch")
    classes = pickle.dumps(np.array([2]), 2)[2:-1]
    tree = call(named("sklearn.tree._tree", "Tree"), b"K\x01", classes, b"K\x01")
    data = stream(tree + call(named("collections", "defaultdict"), LATE) + b"b", 2)
    assert not scan_bytes(data).loadable
    (tmp_path / "x.pkl").write_bytes(data)
    code = "import pickle, contextlib\nwith contextlib.suppress(Exception): pickle.load(open('x.pkl', 'rb'))"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, timeout=120)
    assert (tmp_path / MARKER).exists()


WRAPPER = named("joblib.numpy_pickle", "NumpyArrayWrapper")


def wrapped(made: bytes, shape: bytes = b"K\x40\x85") -> bytes:
    """A wrapper that claims 64 bytes behind it, given its state."""
    kind = call(named("numpy", "dtype"), text("u1"), b"\x89", b"\x88")
    parts = {
        "subclass": named("numpy", "ndarray"),
        "shape": shape,
        "order": text("C"),
        "dtype": kind,
        "allow_mmap": b"\x89",
    }
    return made + b"}(" + b"".join(text(k) + v for k, v in parts.items()) + b"ub"


EVIL = call(named("posix", "system"), text(f"touch {MARKER}"))
GARBAGE = b"\xff" * 64
HIDING = b"0]." + b"\0" * 61  # to pickle an empty list and its end; to joblib the numbers of an array
STATE = b"(K\x01K\x00\x85" + call(named("numpy", "dtype"), text("u1"), b"\x89", b"\x88") + b"\x89C\0tb"
TRICKS = {
    # what joblib reads from behind the frame, a reader without frames takes from within it
    "array inside a frame": (wrapped(WRAPPER + b")\x81") + GARBAGE + b"0"
                             + b"\x95" + len(wrapped(WRAPPER + b")\x81") + EVIL + b"0N.").to_bytes(8, "little")
                             + wrapped(WRAPPER + b")\x81") + EVIL + b"0N." + GARBAGE),
    # the second BUILD finds an array, no wrapper: nothing is skipped any more
    "state given twice": wrapped(WRAPPER + b")\x81") + GARBAGE + STATE + EVIL + b"0N.",
    # made by copyreg it is a wrapper all the same
    "wrapper by copyreg": wrapped(call(named("copyreg", "_reconstructor"), WRAPPER, named("builtins", "object"), b"N"))
                          + HIDING + EVIL + b".",
}  # fmt: skip


@pytest.mark.parametrize("trick", TRICKS)
def test_what_joblib_would_run_behind_an_array_is_seen(trick: str, tmp_path: Path) -> None:
    joblib = pytest.importorskip("joblib")
    path = tmp_path / "x.joblib"
    path.write_bytes(b"\x80\x04" + TRICKS[trick])
    report = scan(path)
    assert report.verdict in ("dangerous", "suspicious"), report.marks
    if trick == "array inside a frame":
        assert any("behind the frame" in m.what for m in report.marks), report.marks
    code = "import joblib, contextlib\nwith contextlib.suppress(Exception): joblib.load('x.joblib')"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, timeout=120)
    assert (tmp_path / MARKER).exists(), joblib.__version__
