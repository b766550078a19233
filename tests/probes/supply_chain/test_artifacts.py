"""supply_chain.artifacts: planted folders fail, clean ones pass, and what was not read is not counted as fine."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from momus.core.meter import Budget
from momus.core.probe import Trial
from momus.core.records import Measurement
from momus.core.registry import get_probe
from momus.zoo.supply_chain.artifacts import Folder, cases
from momus.zoo.supply_chain.corpus import Artifact, payload

PROBE = get_probe("supply_chain.artifacts")
GOOD = Artifact("good", "", "good.pkl", b"\x80\x04}.")
EVIL = Artifact("evil", "", "evil.pkl", payload())
UNREAD = Artifact("unread", "", "notes.bin", bytes(range(7, 90)) * 9)
OWN = Artifact("own", "", "own.pkl", b"\x80\x04cmypkg\nModel\n)R.")


@pytest.fixture(scope="module")
def twins() -> tuple[object, ...]:
    return cases(3)


def test_planted_folders_are_refused_and_clean_ones_are_not(twins) -> None:  # type: ignore[no-untyped-def]
    assert sum(c.faulty for c in twins) >= 6
    assert sum(not c.faulty for c in twins) >= 2
    for case in twins:
        found = PROBE(case.target, context=case.context)
        assert (found.value > 0) is case.faulty, case.name
        assert (found.ci.low > 0) is case.faulty, case.name
        assert found.ci.low <= found.value <= found.ci.high


def test_a_measurement_is_deterministic_and_can_be_stored(twins) -> None:  # type: ignore[no-untyped-def]
    case = next(c for c in twins if c.faulty)
    a, b = (PROBE(case.target, seed=5, context=case.context) for _ in range(2))
    assert a.model_dump(exclude={"cost"}) == b.model_dump(exclude={"cost"})
    assert Measurement.model_validate_json(a.model_dump_json()) == a
    marks = [e for e in a.evidence if e.kind == "file_mark"]
    assert marks
    assert marks[0].severity == "dangerous"
    assert len(marks[0].sha256) == 64


def test_files_are_left_as_they_were() -> None:
    target = Folder("x", [GOOD, EVIL])
    before = [p.read_bytes() for p in target.files()]
    PROBE(target)
    assert [p.read_bytes() for p in target.files()] == before


def test_no_files_is_no_result() -> None:
    found = PROBE(Folder("empty", []))
    assert found.n == 0
    assert [(c.code, c.blocks) for c in found.caveats] == [("too-few-samples", "both")]


def test_unread_files_widen_the_interval_and_block_a_pass() -> None:
    found = PROBE(Folder("x", [GOOD, UNREAD]))
    assert (found.value, found.ci.low, found.ci.high, found.n) == (0, 0, 1, 2)
    assert [(c.code, c.blocks) for c in found.caveats] == [("not-understood", "pass")]
    assert found.figure("not_understood").value == 1


def test_a_recorded_digest_that_differs_is_a_refusal() -> None:
    target = Folder("x", [GOOD, Artifact("g", "", "other.pkl", b"\x80\x04].")])
    first, second = target.files()
    right = hashlib.sha256(first.read_bytes()).hexdigest()
    same = PROBE(target, context={"digests": {first.name: right.upper()}})
    assert (same.value, same.figure("changed").value, same.figure("without_digest").value) == (0, 0, 1)
    other = PROBE(target, context={"digests": {first.name: right, str(second): right}})
    assert (other.value, other.figure("changed").value, other.figure("without_digest").value) == (1, 1, 0)
    assert "recorded is" in json.dumps([e.model_dump() for e in other.evidence if e.kind == "file_mark"])


def test_names_can_be_vouched_for_but_dangerous_ones_cannot() -> None:
    assert PROBE(Folder("x", [OWN])).value == 1
    assert PROBE(Folder("x", [OWN]), allow="mypkg.Model").value == 0
    assert PROBE(Folder("x", [OWN]), allow="other.*, mypkg.*").value == 0
    assert PROBE(Folder("x", [EVIL]), allow="posix.*").value == 1


def test_a_spent_budget_leaves_files_unread(tmp_path: Path) -> None:
    trial = Trial(budget=Budget(seconds=0.0))
    found = PROBE(Folder("x", [EVIL, GOOD]), trial)
    assert (found.value, found.ci.low, found.ci.high, found.n) == (0, 0, 2, 0)
    assert {"budget-spent", "not-understood"} <= {c.code for c in found.caveats}


def test_a_file_that_vanished_is_unread(tmp_path: Path) -> None:
    target = Folder("x", [GOOD])
    target.files()[0].unlink()
    found = PROBE(target)
    assert (found.value, found.ci.high) == (0, 1)
