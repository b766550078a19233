"""dependencies.availability: services that one input keeps busy fail, bounded twins pass, whatever the machine does."""

from __future__ import annotations

from typing import Any

import pytest

from momus.core.capabilities import Serving
from momus.core.meter import Budget
from momus.core.records import Limit, Measurement, Status
from momus.core.registry import get_probe
from momus.judge import decide
from momus.zoo.dependencies.availability import Service, cases

PROBE = get_probe("dependencies.availability")
TEXTS = (("a.txt", b"some words and more."), ("b.txt", b"other words."))


def service(answer: Any, **more: Any) -> Service:
    settings = {"formats": ("text",), "examples": TEXTS, "seconds": 0.2, "memory_mb": 48, **more}
    return Service("x", Serving(answer, **settings))


def status(m: Measurement) -> Status:
    return decide(m, Limit(probe=PROBE.id, value=30.0)).status


def test_twins_of_another_seed() -> None:
    for case in cases(7):
        if not case.held_out:
            found = PROBE(case.target, **case.options)
            assert status(found) is (Status.FAIL if case.faulty else Status.PASS), (case.name, found)


def test_the_worst_input_is_kept_and_reproduces() -> None:
    case = next(c for c in cases(0) if c.name == "a pattern that goes back and forth")
    found = PROBE(case.target, **case.options)
    kept = next(e for e in found.evidence if e.kind == "attachment")
    assert kept.name.endswith(".bin") and "from serve import answer" in kept.note
    assert len(kept.data) <= 1024 and kept.data.startswith(b"aaaa")
    assert Measurement.model_validate_json(found.model_dump_json()) == found
    assert found.evidence[0].rows[0][2].startswith("more than")
    assert any(e.kind == "series" for e in found.evidence)


def test_no_honest_input_is_no_result() -> None:
    def refuses(_data: bytes) -> str:
        raise ValueError

    def hangs(_data: bytes) -> str:
        while True:
            pass

    for answer in (refuses, hangs):
        found = PROBE(service(answer), tries=30)
        assert status(found) is Status.INCONCLUSIVE
        assert [c.code for c in found.caveats] == ["too-few-samples"]


def test_a_spent_budget_passes_nobody() -> None:
    for queries in (0, 1, 10, 30):
        found = PROBE(service(lambda data: len(data)), budget=Budget(queries=queries), tries=500)
        assert found.cost.queries <= queries
        assert status(found) is Status.INCONCLUSIVE
    assert status(PROBE(service(lambda data: len(data)), tries=100)) is Status.PASS


def test_few_inputs_or_hardly_any_behind_the_door_pass_nobody() -> None:
    def strict(data: bytes) -> int:
        if data not in known:
            raise ValueError("not one of ours")
        return len(data)

    known = {data for _, data in TEXTS}
    for answer, tries, code in ((len, 5, "too-few-samples"), (strict, 100, "hardly-decoded")):
        found = PROBE(service(answer), tries=tries)
        assert (status(found), [c.code for c in found.caveats]) == (Status.INCONCLUSIVE, [code])


def test_crashes_are_another_probes_finding() -> None:
    import os

    def ends(data: bytes) -> int:
        if data.startswith(b"aaa"):
            os._exit(3)
        return len(data)

    assert status(PROBE(service(ends), tries=100)) is Status.PASS


def test_without_examples_own_files_stand_in_and_it_is_said() -> None:
    found = PROBE(service(lambda data: len(data), examples=(), formats=("csv", "json", "ogg")), tries=150)
    assert "no-examples" in {c.code for c in found.caveats}
    assert status(found) is Status.PASS


def test_unfolding_is_told() -> None:
    found = PROBE(service(lambda data: len(data), decode=lambda data: "x" * (10 * len(data))), tries=30)
    assert found.figure("unfolding").value == 10


def test_size_is_kept() -> None:
    seen = PROBE(service(lambda data: len(data)), size=300, tries=60)
    assert seen.scope["size"] == 300
    assert all(row[1] <= 379 for row in seen.evidence[0].rows)


@pytest.mark.parametrize("name", ["tries", "size"])
def test_options(name: str) -> None:
    assert name in PROBE.options
