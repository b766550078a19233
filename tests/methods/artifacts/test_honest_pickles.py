"""What libraries write for time zones, loggers, plain types and old modules is told apart from what looks like it."""

from __future__ import annotations

import argparse
import collections
import io
import logging
import pickle
import zipfile
import zoneinfo
from pathlib import Path

import pytest

from momus.methods.artifacts import scan_bytes
from momus.methods.artifacts.denied import HONEST
from momus.methods.artifacts.policy import rule_for
from momus.zoo.supply_chain.corpus import call, named, stream, text


@pytest.mark.parametrize("protocol", range(6))
def test_values_of_the_standard_library(protocol: int) -> None:
    held = {"zone": zoneinfo.ZoneInfo("UTC"), "log": logging.getLogger("x"), "args": argparse.Namespace(lr=0.1)}
    assert scan_bytes(pickle.dumps(held, protocol)).verdict == "nothing found"


def test_what_dill_writes_for_plain_types() -> None:
    dill = pytest.importorskip("dill")
    held = {"d": collections.defaultdict(list, a=[1]), "r": range(3), "s": slice(1, 2), "e": ..., "b": bytearray(b"x")}
    assert scan_bytes(dill.dumps(held)).verdict == "nothing found"


@pytest.mark.parametrize(
    "hostile",
    [
        call(named("dill._dill", "_eval_repr"), text("__import__('os').getcwd()")),
        call(named("dill._dill", "_eval_repr"), text("range(0, 3) or open('x')")),
        call(call(named("dill._dill", "_load_type"), text("FunctionType")), text("x")),
        call(call(named("dill._dill", "_load_type"), text("FileType")), text("x")),
        call(call(named("builtins", "getattr"), named("zoneinfo", "ZoneInfo"), text("no_cache")), text("x")),
        call(call(named("builtins", "getattr"), named("logging", "Logger"), text("_unpickle")), text("x")),
        call(call(named("cloudpickle.cloudpickle", "_builtin_type"), text("FunctionType")), text("x")),
        call(named("logging", "FileHandler"), text("x")),
    ],
)
def test_the_same_ways_to_anything_else_are_dangerous(hostile: bytes) -> None:
    assert scan_bytes(stream(hostile)).verdict == "dangerous"


def test_functions_and_classes_kept_by_value_are_refused_and_no_more() -> None:
    cloudpickle = pytest.importorskip("cloudpickle")
    made = type("Made", (), {"__module__": "__main__"})
    for held in (lambda x: x, made, made()):
        assert scan_bytes(cloudpickle.dumps(held)).verdict == "suspicious"


@pytest.mark.parametrize("prefix", HONEST)
def test_classes_of_libraries_that_also_unpickle_are_refused_and_no_more(prefix: str) -> None:
    assert rule_for(prefix + "x", "SomeClass").standing == "unknown"
    assert rule_for(prefix + "x", "some_function").standing != "allowed"


def test_states_that_run_code_are_not_vouched_for() -> None:
    assert rule_for("scipy.stats._continuous_distns", "norm_gen").standing == "unknown"
    assert rule_for("scipy.stats._distn_infrastructure", "rv_frozen").standing == "unknown"


def test_a_whole_module_in_the_format_before_torch_1_6(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    path = tmp_path / "net.pth"
    torch.save(torch.nn.Sequential(torch.nn.Linear(2, 2)), path, _use_new_zipfile_serialization=False)
    assert scan_bytes(path.read_bytes()).verdict == "nothing found"


def test_a_bomb_is_one_finding_and_no_fault_of_the_reader() -> None:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", bytes(80 << 20))
    report = scan_bytes(held.getvalue())
    assert not any("failed" in m.what for m in report.marks)
    assert any("bomb" in m.what for m in report.marks)


def test_what_only_a_reader_of_its_own_could_tell_is_refused() -> None:
    assert scan_bytes(b"Pan id\n.").verdict == "suspicious"
