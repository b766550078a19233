"""dependencies.advisories: affected packages fail, fixed ones pass, and nothing unknown is ever passed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from momus.core.cache import Cache
from momus.core.errors import ProbeError
from momus.core.records import Limit, Measurement, Status
from momus.core.registry import get_probe
from momus.judge import decide
from momus.zoo.dependencies.advisories import TODAY, Software, cases, record, whole

PROBE = get_probe("dependencies.advisories")
CONTEXT = {"today": TODAY}
HIT = record("PYSEC-2026-1", "foo", {"introduced": "0"}, {"fixed": "2.0"},
             ecosystem_specific={"imports": [{"attribute": "load", "modules": ["foo"]}]})  # fmt: skip


def measured(files: dict[str, str], records: Any = (HIT,), **more: Any) -> Measurement:
    more = {"context": CONTEXT, "complete": True, **more}
    return PROBE(Software("x", files, whole(list(records))), **more)


def status(m: Measurement) -> Status:
    return decide(m, Limit(probe=PROBE.id, value=0.0)).status


@pytest.mark.parametrize("seed", range(3))
def test_twins(seed: int) -> None:
    for case in cases(seed):
        found = PROBE(case.target, context=case.context)
        assert status(found) is (Status.FAIL if case.faulty else Status.PASS), case.name


def test_the_row_says_what_and_what_to_do() -> None:
    files = {"requirements.txt": "foo==1.0\nsix==1.16\n", "serve.py": "import foo\nfoo.load(1)\n"}
    found = measured(files)
    assert (found.value, found.ci.low, found.ci.high, found.n) == (1, 1, 1, 2)
    row = dict(zip(found.evidence[0].columns, found.evidence[0].rows[0], strict=True))
    assert row["package"] == "foo" and row["advisories"] == "PYSEC-2026-1" and row["fixed in"] == "2.0"
    assert row["reached"] == "imported at serve.py:1"
    assert row["blamed names used"] == "foo.load at serve.py:2"
    assert row["remedy"] == "upgrade to 2.0 or later"
    assert found.scope["as_of"] == "2026-10-31"
    assert (found.figure("reachable").value, found.figure("fix_available").value) == (1, 1)
    assert found.figure("age_days").value == 1


def test_not_seen_still_counts() -> None:
    found = measured({"requirements.txt": "foo==1.0\n", "serve.py": "import os\n"})
    assert status(found) is Status.FAIL and found.figure("reachable").value == 0


@pytest.mark.parametrize("lock", ["", "foo\n", "foo>=2\n", "six==1\n-e .\n", "six==1\nfoo @ https://x.example/y.whl\n"])
def test_what_is_not_known_is_never_passed(lock: str) -> None:
    found = measured({"requirements.txt": lock})
    assert status(found) is Status.INCONCLUSIVE
    assert found.value == 0 and found.ci.high == found.figure("not_known").value


def test_a_lax_limit_does_not_pass_what_is_not_known() -> None:
    found = measured({"requirements.txt": "six==1\nfoo>=1\n"})
    lax = Limit(probe=PROBE.id, value=5.0)
    assert decide(found, lax).status is Status.INCONCLUSIVE
    assert decide(measured({"requirements.txt": "foo==1\n"}), lax).status is Status.PASS


def test_old_advisories_pass_nobody() -> None:
    files = {"requirements.txt": "six==1\n"}
    assert status(measured(files)) is Status.PASS
    later = {"today": "2027-01-01"}
    assert status(measured(files, context=later)) is Status.INCONCLUSIVE
    assert status(measured(files, context=later, stale_days=100)) is Status.PASS


def test_own_packages_and_mirrors_can_be_vouched_for() -> None:
    files = {"requirements.txt": "--index-url https://mirror.example/\nsix==1\nmy-code>=0\n"}
    assert status(measured(files)) is Status.INCONCLUSIVE
    assert status(measured(files, own="My_Code", mirrors="mirror.example")) is Status.PASS


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("six==1\n", Status.INCONCLUSIVE),
        ("six==1 --hash=sha256:00\n", Status.PASS),
        ("six==1\n    # via foo\n", Status.PASS),
        ("foo==1\n", Status.FAIL),
        ("", Status.INCONCLUSIVE),
    ],
)
def test_what_requirements_pull_in_is_not_known(line: str, expected: Status) -> None:
    assert status(measured({"requirements.txt": line}, complete=False)) is expected


def test_an_environment_says_what_requirements_pull_in() -> None:
    site = "venv/lib/python3.11/site-packages/six-1.dist-info/METADATA"
    files = {"requirements.txt": "six==1\n", site: "Metadata-Version: 2.1\nName: six\nVersion: 1\n\n"}
    assert status(measured(files, complete=False)) is Status.PASS


def test_severity() -> None:
    low = {**HIT, "database_specific": {"severity": "LOW"}}
    files = {"requirements.txt": "foo==1\n"}
    assert status(measured(files, [low])) is Status.FAIL
    found = measured(files, [low], severity="high")
    assert status(found) is Status.PASS and found.figure("below").value == 1
    with pytest.raises(ProbeError, match="severity must be one of"):
        measured(files, severity="huge")


def test_without_a_dump_the_snapshot_speaks_and_passes_nobody_when_old(tmp_path: Path) -> None:
    target = Software("x", {"requirements.txt": "pillow==8.0.0\nsix==1\n"}, [])
    object.__setattr__(target.packages(), "advisories", None)
    found = PROBE(target, context=CONTEXT, complete=True)
    assert (found.value, found.ci.high) == (1, 2)
    assert "snapshot" in str(found.scope["advisories"])


def test_the_cache_changes_nothing(tmp_path: Path) -> None:
    target = Software("x", {"requirements.txt": "foo==1.0\n"}, whole([HIT]))
    first, again, without = (PROBE(target, context=CONTEXT, cache=c) for c in (Cache(tmp_path), Cache(tmp_path), None))
    assert len(list(tmp_path.glob("*.npz"))) == 1
    target.packages().advisories.write_bytes(b"PK")  # type: ignore[union-attr]
    broken = PROBE(target, context=CONTEXT, cache=Cache(tmp_path))
    assert status(broken) is Status.INCONCLUSIVE and len(list(tmp_path.glob("*.npz"))) == 1
    same = [m.model_dump(exclude={"cost"}) for m in (first, again, without)]
    assert same[0] == same[1] == same[2]
    assert Measurement.model_validate_json(first.model_dump_json()) == first
    assert json.loads(first.model_dump_json())["value"] == 1
