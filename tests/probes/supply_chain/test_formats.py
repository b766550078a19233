"""supply_chain.formats: files that could be data are counted with their remedy; what is dark blocks a pass."""

from __future__ import annotations

import hashlib
import pickle

import numpy as np
import pytest

from momus.core.meter import Budget
from momus.core.probe import Trial
from momus.core.records import Measurement
from momus.core.registry import get_probe
from momus.taxonomy import load
from momus.zoo.supply_chain.artifacts import Folder
from momus.zoo.supply_chain.corpus import Artifact, payload
from momus.zoo.supply_chain.formats import cases

PROBE = get_probe("supply_chain.formats")
ARRAYS = Artifact("a", "", "a.pkl", pickle.dumps(np.arange(4)))
DARK = Artifact("d", "", "d.bin", bytes(range(7, 90)) * 9)


@pytest.mark.parametrize("seed", [0, 7])
def test_twins(seed: int) -> None:
    for case in cases(seed):
        found = PROBE(case.target, context=case.context)
        assert (found.value > 0) is case.faulty, case.name
        assert found.ci.low <= found.value <= found.ci.high
        assert found.ci.high == found.ci.low, "everything here is understood"


def test_each_file_has_its_remedy() -> None:
    own = Artifact("own", "", "own.pkl", b"\x80\x04cmypkg.net\nModel\n)\x81.")
    found = PROBE(Folder("x", [ARRAYS, own, Artifact("t", "", "t.txt", b"some words\n")]))
    assert (found.value, found.figure("convertible").value, found.figure("without_remedy").value) == (1, 1, 1)
    assert found.figure("data_only").value == 1
    rows = {r[0][2:]: r for r in found.evidence[0].rows}
    assert rows["a.pkl"][2:4] == ("can run code", "npz")
    assert rows["a.pkl"][5] == "yes"
    assert rows["own.pkl"][3] == ""
    assert rows["t.txt"][2] == "data only"
    assert Measurement.model_validate_json(found.model_dump_json()) == found


def test_what_a_scan_refuses_is_not_offered_for_conversion() -> None:
    found = PROBE(Folder("x", [Artifact("e", "", "e.pkl", payload())]))
    assert found.figure("convertible").value == 0


def test_what_is_not_understood_or_not_reached_widens_the_interval() -> None:
    found = PROBE(Folder("x", [ARRAYS, DARK]))
    assert (found.value, found.ci.low, found.ci.high) == (1, 1, 2)
    assert [(c.code, c.blocks) for c in found.caveats] == [("not-understood", "pass")]
    spent = PROBE(Folder("x", [ARRAYS, DARK]), Trial(budget=Budget(seconds=0.0)))
    assert (spent.value, spent.ci.high, spent.n) == (0, 2, 0)
    assert {"budget-spent", "too-few-samples"} <= {c.code for c in spent.caveats}
    assert PROBE(Folder("none", [])).caveats[0].blocks == "both"


@pytest.mark.parametrize("way", ["digests", "lock"])
def test_a_file_that_somebody_pinned_is_set_aside_and_another_is_not(way: str) -> None:
    evil = Artifact("e", "", "e.pkl", payload())

    def risky(*pinned: bytes) -> float:
        shas = [hashlib.sha256(data).hexdigest().upper() for data in pinned]
        approved = {"digests": {f"f{i}": sha for i, sha in enumerate(shas)}}
        locked = {"supply": {"lock": {"files": [{"path": "a", "sha256": sha.lower()} for sha in shas]}}}
        found = PROBE(Folder("x", [ARRAYS]), context=approved if way == "digests" else locked)
        assert found.figure("pinned").value == 1 - found.value
        return found.value

    assert (risky(), risky(b"another"), risky(ARRAYS.data)) == (1, 1, 0)
    # A digest makes nothing harmless: what the scan does not call fine is never set aside.
    sha = {"e.pkl": hashlib.sha256(evil.data).hexdigest()}
    assert PROBE(Folder("x", [evil]), context={"digests": sha}).figure("pinned").value == 0


def test_what_a_format_could_do_is_rated_below_what_a_file_does() -> None:
    assert "risky_formats" in load().bugbar.possible_metrics
