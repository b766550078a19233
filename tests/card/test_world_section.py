"""The sections that speak of a policy's world, of models to compare with, of corruptions and of what was claimed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from momus.assess.facts import facts_for
from momus.assess.plan import Inspection, make_plan
from momus.card import SystemCard
from momus.core.errors import CardError

POLICY = {"name": "p", "factory": "p.py:act", "env": {"test": "p.py:make"}}


def card(**more: Any) -> SystemCard:
    return SystemCard.from_dict({"system": "s", **more})


def world(**keys: Any) -> SystemCard:
    return card(targets=[{**POLICY, "world": keys}])


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"invariants": ["a == 0"]}, "add world.features"),
        ({"due": "p.py:due"}, "add world.features"),
        ({"vary": "p.py:vary"}, "need each other"),
        ({"parameters": {"slip": [0, 1]}}, "need each other"),
        ({"vary": "p.py:vary", "parameters": {"slip": []}}, "slip"),
        ({"noops": 4}, "noops"),
    ],
)
def test_a_world_that_is_half_stated_is_refused(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(CardError, match=said):
        world(**keys)


def test_files_of_a_world_are_among_the_paths() -> None:
    named = world(features="w.py:features", prefer="v.py:prefer", judgements="said.jsonl")
    assert {Path(p.text).name for p in named.paths()} == {"p.py", "w.py", "v.py", "said.jsonl"}


def test_functions_of_the_tests_are_among_the_paths() -> None:
    tests = {"relations": [{"change": "r.py:turn"}], "scenarios": [{"name": "x", "make": "blank"}]}
    assert [p.text for p in card(tests=tests).paths()] == ["r.py"]


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (["fog", "snow"], {"fog": 5, "snow": 5}),
        ("fog", {"fog": 5}),
        ({"fog": 2}, {"fog": 2}),
        ({}, {}),
    ],
)
def test_corruptions_may_be_a_list_or_bounded(given: Any, read: dict[str, int]) -> None:
    made = card(targets=[{"path": "m.onnx", "input": {"corruptions": given}}])
    assert made.targets[0].input.corruptions == read
    facts = facts_for("corruption", made, made.targets[0], ())
    assert facts == ({"corruptions": read} if read else {})


@pytest.mark.parametrize("severity", [0, 6, 2.5])
def test_a_severity_is_one_to_five(severity: float) -> None:
    with pytest.raises(CardError, match="fog"):
        card(targets=[{"path": "m.onnx", "input": {"corruptions": {"fog": severity}}}])


@pytest.mark.parametrize("claim", [{"metric": "accuracy"}, {"metric": "accuracy", "at_least": 1, "at_most": 1}])
def test_a_claim_has_one_bound(claim: dict[str, Any]) -> None:
    with pytest.raises(CardError, match="one of at_least and at_most"):
        card(tests={"claims": [claim]})


@pytest.mark.parametrize("beside", [["x"], ["a"]])
def test_only_another_target_stands_beside(beside: list[str]) -> None:
    with pytest.raises(CardError, match="no other target"):
        card(targets=[{"name": "a", "path": "m.onnx", "beside": beside}])


def seen(name: str, digest: str) -> Inspection:
    data = {"test": {"n": 50, "digest": "d", "groups": ()}}
    return Inspection(name, info={"task": "classifier", "modality": "table", "digest": digest}, data=data)


def test_what_stands_beside_is_part_of_the_key() -> None:
    both = card(
        targets=[{"name": "a", "path": "a.joblib", "beside": "b"}, {"name": "b", "path": "b.joblib"}],
        data={"test": "t.csv"},
    )

    def key(other: str) -> Any:
        plan = make_plan(both, {"a": seen("a", "1"), "b": seen("b", other)}, seed=0, only=["perturbation.table"])
        return next(j for j in plan.jobs if j.target == "a")

    assert key("2").beside == ("b",)
    assert key("2").key != key("3").key
    assert key("2").key == key("2").key


def test_what_the_card_does_not_declare_is_a_gap_with_its_key() -> None:
    bare = card(targets=[{"name": "a", "path": "a.joblib"}], data={"test": "t.csv"})
    plan = make_plan(bare, {"a": seen("a", "1")}, seed=0, only=["shift.mix"])
    assert not plan.jobs
    gap = next(g for g in plan.gaps if g.probe == "shift.mix")
    assert (gap.why, gap.how_to_close) == ("data", "Add tests.domain.columns to the card")


@pytest.mark.parametrize(("timed", "runs"), [(True, True), (False, False)])
def test_rows_without_times_cannot_be_taken_forward(timed: bool, runs: bool) -> None:
    bare = card(targets=[{"name": "a", "path": "a.joblib"}], data={"train": "t.csv"})
    found = {"train": {"n": 5000, "digest": "d", "groups": (), "timed": timed}}
    info = {"task": "classifier", "modality": "table", "digest": "1"}
    plan = make_plan(bare, {"a": Inspection("a", info=info, data=found)}, seed=0, only=["shift.forward"])
    assert bool(plan.jobs) == runs
    remedies = {g.how_to_close for g in plan.gaps if g.probe == "shift.forward"}
    assert remedies == (set() if runs else {"Name one under data.train.time"})


def test_a_changed_test_function_is_another_job(tmp_path: Path) -> None:
    def facts(text: str) -> dict[str, Any]:
        (tmp_path / "r.py").write_text(text)
        made = SystemCard.from_dict(
            {"system": "s", "targets": [{"path": "m.onnx"}], "tests": {"relations": [{"change": "r.py:turn"}]}},
            base=tmp_path,
        )
        return facts_for("incomplete_testing", made, made.targets[0], ())

    assert facts("a = 1")["code"] != facts("a = 2")["code"]
