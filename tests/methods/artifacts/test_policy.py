"""The rules: well formed, alive, and closed against the ways around them."""

from __future__ import annotations

import importlib
import pickle
import tomllib
from pathlib import Path

import pytest

from momus.methods import artifacts
from momus.methods.artifacts import pickle_globals, scan_bytes
from momus.methods.artifacts.conditions import CONDITIONS, GUARDED
from momus.methods.artifacts.policy import load, rule_for
from momus.zoo.supply_chain.corpus import blob, call, named, payload, stream, text

HOME = Path(artifacts.__file__).parent
ALLOW = tomllib.loads((HOME / "allow.toml").read_text())
DENY = tomllib.loads((HOME / "deny.toml").read_text())


def test_every_rule_has_a_reason_and_a_known_use() -> None:
    for entry in ALLOW["names"]:
        assert len(entry["reason"]) > 10
        assert entry["use"] in ("call", "build", "refer")
        assert entry.get("check", "no size") in CONDITIONS
    for entry in (*ALLOW["classes"], *DENY["modules"], *DENY["parts"]):
        assert len(entry["reason"]) > 10
    assert set(CONDITIONS) >= GUARDED


@pytest.mark.parametrize("entry", ALLOW["names"], ids=lambda e: e["modules"][0] + "." + e["names"][0])
def test_allowed_names_exist_where_their_library_is_installed(entry: dict[str, list[str]]) -> None:
    top = entry["modules"][0].split(".")[0]
    pytest.importorskip(top)
    found = 0
    for module in entry["modules"]:
        try:
            home = importlib.import_module(module)
        except ImportError:
            continue  # a name of another version of the library
        found += sum(hasattr(home, n) for n in entry["names"])
    assert found, f"none of {entry['names']} exists any more"


@pytest.mark.parametrize(
    "full",
    ["os.system", "posix.anything", "builtins.eval", "subprocess.run", "sklearn.utils.os.system", "numpy.x.sys.modules",
     "torch.serialization.load", "pickle.loads", "a.b.__globals__", "joblib.numpy_pickle.load"],
)  # fmt: skip
def test_known_dangers(full: str) -> None:
    module, _, name = full.rpartition(".")
    assert rule_for(module, name).standing == "bad"
    assert rule_for(module, name, ("*", f"{module}.*", full)).standing == "bad", "nobody can vouch for these"


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
}  # fmt: skip


@pytest.mark.parametrize("way", AROUND)
def test_ways_around_the_rules_are_closed(way: str) -> None:
    report = scan_bytes(stream(AROUND[way]))
    assert report.verdict in ("bad", "suspicious"), report.marks


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
    assert report.verdict == "bad"
    assert len(report.marks) <= 100
    assert any("posix.system" in m.what for m in report.marks[:2])
