"""A probe that another one contains is left out where that one runs, unless it is named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from momus.assess import plan as planning
from momus.assess.plan import Inspection, make_plan
from momus.card import SystemCard
from momus.core.registry import get_probe

PART, WHOLE = "membership.loss", "membership.shadow"


@pytest.fixture(autouse=True)
def _shadow_contains_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    def changed(identity: str) -> Any:
        probe = get_probe(identity)
        return replace(probe, within=WHOLE) if identity == PART else probe

    monkeypatch.setattr(planning, "get_probe", changed)


def seen(name: str, *, trains: bool) -> Inspection:
    facts = {"n": 50, "digest": "d", "groups": ()}
    return Inspection(
        name,
        info={"task": "classifier", "modality": "table", "digest": name},
        lacking={} if trains else {WHOLE: ("retrain",)},
        data={"train": facts, "test": facts},
    )


def planned(only: tuple[str, ...] = (), **more: Any) -> set[tuple[str, str]]:
    targets = [{"name": n, "adapter": "sklearn", "path": f"{n}.joblib"} for n in ("open", "closed")]
    data = {"train": "a.csv", "test": "b.csv"}
    card = SystemCard.from_dict({"system": "s", "targets": targets, "data": data, "select": ["membership"], **more})
    inspections = {"open": seen("open", trains=True), "closed": seen("closed", trains=False)}
    made = make_plan(card, inspections, seed=0, only=only)
    return {(j.probe, j.target) for j in made.jobs if j.probe in (PART, WHOLE)}


def test_the_part_runs_where_the_whole_cannot() -> None:
    assert planned() == {(WHOLE, "open"), (PART, "closed")}


@pytest.mark.parametrize(
    "more",
    [{"probes": {PART: {}}}, {"select": [PART, WHOLE]}, {"limits": {PART: 0.1}}, {"only": ("membership",)}],
)
def test_what_is_named_runs(more: dict[str, Any]) -> None:
    assert {(PART, "open"), (PART, "closed"), (WHOLE, "open")} == planned(**more)


def test_rows_that_are_named_and_do_not_load_are_a_fault_and_no_gap_of_the_card() -> None:
    broken = {"error": {"place": "data.py:3", "message": "share not mounted", "hint": ""}}
    target = {"name": "open", "adapter": "sklearn", "path": "open.joblib"}
    data = {"train": "a.csv", "test": "b.csv"}
    card = SystemCard.from_dict({"system": "s", "targets": [target], "data": data, "select": ["membership"]})
    shown = seen("open", trains=True)
    for held, why in (({"test": shown.data["test"], "train": broken}, "unopened"), ({}, "data")):
        made = make_plan(card, {"open": replace(shown, data=held)}, seed=0)
        assert {g.why for g in made.gaps if g.probe == WHOLE} == {why}


@pytest.mark.parametrize(
    ("marked", "probes", "runs"),
    [([], {}, False), (["debt"], {}, True), ([], {"inversion.attribute": {"column": "debt"}}, True)],
)
def test_without_a_sensitive_column_there_is_nothing_to_guess(
    marked: list[str], probes: dict[str, Any], runs: bool
) -> None:
    facts = {"n": 50, "digest": "d", "groups": (), "sensitive": marked}
    info = {"task": "classifier", "modality": "table", "digest": "m"}
    card = SystemCard.from_dict(
        {
            "system": "s",
            "targets": [{"name": "m", "adapter": "sklearn", "path": "m.joblib"}],
            "data": {"train": "a.csv", "test": "b.csv"},
            "probes": probes,
        }
    )
    inspection = Inspection("m", info=info, data={"train": facts, "test": facts})
    made = make_plan(card, {"m": inspection}, seed=0, only=("inversion.attribute",))
    assert [j.probe for j in made.jobs] == (["inversion.attribute"] if runs else [])
    if not runs:
        (gap,) = [g for g in made.gaps if g.probe == "inversion.attribute"]
        assert "sensitive: true" in gap.how_to_close


@pytest.mark.parametrize("known", [True, False])
def test_where_nobody_knows_who_contributed_the_plan_says_so(monkeypatch: pytest.MonkeyPatch, known: bool) -> None:
    monkeypatch.setattr(planning, "get_probe", lambda i: replace(get_probe(i), contributors=i == WHOLE))
    facts = {"n": 50, "digest": "d", "groups": (), "contributed": known}
    info = {"task": "classifier", "modality": "table", "digest": "m"}
    targets = [{"name": "m", "adapter": "sklearn", "path": "m.joblib"}]
    card = SystemCard.from_dict({"system": "s", "targets": targets, "data": {"train": "a.csv", "test": "b.csv"}})
    made = make_plan(
        card, {"m": Inspection("m", info=info, data={"train": facts, "test": facts})}, seed=0, only=(WHOLE,)
    )
    assert [j.probe for j in made.jobs] == ([WHOLE] if known else [])
    if not known:
        (gap,) = [g for g in made.gaps if g.probe == WHOLE]
        assert "contributed" in gap.detail and "data.train.contributor" in gap.how_to_close
