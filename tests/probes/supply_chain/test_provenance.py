"""supply_chain.provenance: what changed fails, what nobody vouches for never passes."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from momus.core.meter import Budget
from momus.core.probe import Trial
from momus.core.records import Measurement, Status
from momus.core.registry import get_probe
from momus.judge import decide, default_limits
from momus.methods.provenance import inventory, lockfile, locking, look, strict
from momus.zoo.supply_chain.artifacts import Folder
from momus.zoo.supply_chain.corpus import Artifact
from momus.zoo.supply_chain.provenance import cases

PROBE = get_probe("supply_chain.provenance")


def status(found: Measurement) -> Status:
    return decide(found, default_limits()[PROBE.id]).status


def target() -> Folder:
    return Folder("x", [Artifact("a", "", "a.bin", b"a" * 500), Artifact("b", "", "b.bin", b"b" * 600)])


def supply(of: Folder, *, lock: bool = True, **said: Any) -> dict[str, Any]:
    """The context as an assessment makes it: absolute paths, the lock as plain values."""
    base = of.files()[0].parent
    files = [{"path": str(p), "kind": "model", **said} for p in of.files()] if said else []
    plain = None
    if lock:
        items = [inventory.Item(p.name, named="targets.x.files.0") for p in of.files()]
        step = locking.step(look(base, items), None, "s", "2026-01-01")
        plain = strict.parse(lockfile.write(step.lock).encode(), "the lock")
    return {"supply": {"lock": plain, "files": files, "trusted": ["zoo.example/*"], "keys": {}}}


@pytest.mark.parametrize("seed", [3, 11])
def test_twins(seed: int) -> None:
    for case in cases(seed):
        found = PROBE(case.target, context=case.context)
        assert status(found) is (Status.FAIL if case.faulty else Status.PASS), case.name
        assert Measurement.model_validate_json(found.model_dump_json()) == found


def test_nothing_recorded_is_never_a_pass() -> None:
    found = PROBE(target())
    assert status(found) is Status.INCONCLUSIVE
    assert "nothing-recorded" in {c.code for c in found.caveats}


def test_locked_and_of_unknown_origin_is_never_a_pass() -> None:
    of = target()
    found = PROBE(of, context=supply(of))
    assert status(found) is Status.INCONCLUSIVE
    assert (found.ci.low, found.ci.high, found.figure("source_unsaid").value) == (0, 2, 2)


def test_locked_and_made_here_passes() -> None:
    of = target()
    assert status(PROBE(of, context=supply(of, source="own"))) is Status.PASS


def test_from_a_trusted_place_without_a_digest_is_never_a_pass() -> None:
    of = target()
    found = PROBE(of, context=supply(of, source="https://zoo.example/x"))
    assert status(found) is Status.INCONCLUSIVE
    assert found.figure("without_digest").value == 2


def test_change_and_loss_fail_whatever_else_is_not_known() -> None:
    of = target()
    context = supply(of)
    first, second = of.files()
    second.write_bytes(b"c" * 600)
    found = PROBE(of, context=context)
    assert status(found) is Status.FAIL
    assert found.figure("changed").value == 1
    marks = [e for e in found.evidence if e.kind == "file_mark" and e.severity == "dangerous"]
    assert [m.title for m in marks] == ["1-b.bin"]
    second.unlink()
    of._paths = [first]
    found = PROBE(of, context=context)
    assert status(found) is Status.FAIL
    assert found.figure("missing").value == 1


def test_a_lock_that_cannot_be_read_is_no_pass() -> None:
    of = target()
    context = supply(of, source="own")
    for lock in ({"error": "the lock file is no JSON"}, {"momus_lock": 7}, [], {"momus_lock": 1, "system": "s"}):
        context["supply"]["lock"] = lock
        found = PROBE(of, context=context)
        assert status(found) is Status.INCONCLUSIVE, lock
        assert "lock-unusable" in {c.code for c in found.caveats}


def test_digests_of_the_card_count() -> None:
    of = target()
    context = {**supply(of, source="own"), "digests": {"0-a.bin": "0" * 64}}
    assert status(PROBE(of, context=context)) is Status.FAIL


def test_files_of_other_targets_are_not_this_one_s() -> None:
    of = target()
    context = supply(of, source="own")
    base = of.files()[0].parent
    of._paths = [of.files()[0]]
    entries = context["supply"]["lock"]["files"]
    next(e for e in entries if e["path"] == "1-b.bin")["named"] = ["targets.other.path"]
    (base / "1-b.bin").write_bytes(b"changed")
    found = PROBE(of, context=context)
    assert (status(found), found.n) == (Status.PASS, 1)


def test_what_a_hostile_lock_lists_is_not_opened(tmp_path: Path) -> None:
    of = target()
    context = supply(of, source="own")
    entry = {**context["supply"]["lock"]["files"][0], "path": "../../../../etc/passwd", "named": ["data.x.path"]}
    context["supply"]["lock"]["files"].append(entry)
    found = PROBE(of, context=context)
    digest = hashlib.sha256(Path("/etc/passwd").read_bytes()).hexdigest()
    assert digest[:12] not in found.model_dump_json()


def test_no_file_and_no_time_are_no_result() -> None:
    assert status(PROBE(Folder("empty", []))) is Status.INCONCLUSIVE
    of = target()
    found = PROBE(of, Trial(budget=Budget(seconds=0.0), context=supply(of, source="own")))
    assert status(found) is Status.INCONCLUSIVE
