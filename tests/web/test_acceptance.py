"""What a waiver must not hide: worse than was accepted, what broke down, another target, another system, yesterday."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
import yaml

from momus.assess import recall
from momus.assess.shelf import Shelf
from momus.cli.options import exit_code
from momus.core.decisions import Waived, now
from momus.core.records import Severity
from momus.store import Store
from momus.web.access import Role

DAY = date(2026, 6, 1)


def waived(system: str, **more: Any) -> Waived:
    told = {"id": "w1", "mode": "membership", "reason": "known", "by": "Ann", "until": date(2026, 6, 30)}
    return Waived(system=system, **(told | more))


@pytest.fixture
def run(store: Store, systems: dict[str, str]) -> str:
    """The newest run that has ended: membership.loss fails, critical, and a probe of corruption broke down."""
    return next(r.id for r in store.runs(systems["plain"]) if r.ended is not None)


@pytest.mark.parametrize(("bound", "counts"), [("critical", False), ("important", True), (None, False)])
def test_what_is_worse_than_what_was_accepted_counts(
    bound: str | None, counts: bool, store: Store, systems: dict[str, str], run: str
) -> None:
    store.append("", waived(systems["plain"], up_to=bound))
    made = recall(store, run, today=DAY)
    row = made.view().mode("membership")
    assert (made.severity is Severity.CRITICAL) == (row.counted is Severity.CRITICAL) == (not row.accepted) == counts
    assert bool(row.outgrown) == counts and bool(row.accepting) != counts
    assert exit_code(made, "important", strict=False) == (1 if counts else 3)


def test_what_broke_down_cannot_be_accepted(store: Store, systems: dict[str, str], run: str) -> None:
    store.append("", waived(systems["plain"], mode="corruption"))
    made = recall(store, run, today=DAY)
    row = made.view().mode("corruption")
    assert row.status == "error" and not row.accepted and not row.accepting
    assert all(row.waiver(f) is None and made.waiver(f) is None for f in row.findings)


def test_the_page_accepts_what_was_seen_and_no_worse(
    client: Callable[..., Any], store: Store, systems: dict[str, str]
) -> None:
    ann, place = client(Role.APPROVER), f"/systems/{systems['plain']}"
    told = {"reason": "known", "until": (now().date() + timedelta(days=9)).isoformat()}
    ann.submit(f"{place}/waive", mode="membership", **told)
    ann.submit(f"{place}/waive", mode="shift", **told)
    assert [w.up_to for w in store.waivers()] == [Severity.CRITICAL, None]
    page = ann.get(f"{place}/waivers").text
    assert "up to critical; worse counts" in page and "of any severity" in page


def test_a_system_called_by_its_name_gets_the_waiver(
    client: Callable[..., Any], store: Store, systems: dict[str, str], run: str
) -> None:
    until = (now().date() + timedelta(days=9)).isoformat()
    client(Role.APPROVER).submit("/systems/credit scorer/waive", mode="membership", reason="known", until=until)
    assert [w.system for w in store.waivers()] == [systems["plain"]]
    assert recall(store, run).view().mode("membership").accepted


def test_a_row_page_counts_every_target_of_a_probe(
    client: Callable[..., Any], store: Store, systems: dict[str, str], run: str
) -> None:
    one = recall(store, run).measurements[0]
    store.append(run, one.model_copy(update={"target": "other"}))
    until = now().date() + timedelta(days=9)
    store.append("", waived(systems["plain"], probe=one.probe, target=one.target, until=until))
    answer = client(Role.VIEWER).get(f"/runs/{run}/modes/membership")
    assert ", accepted" not in answer.text.partition('<nav class="readers"')[0]
    twin = client(Role.VIEWER).get(f"/runs/{run}/modes/membership.json").json()
    assert twin["accepted"] is False and [w["id"] for w in twin["accepting"]] == ["w1"]
    assert [f["accepted"] for f in twin["findings"] if f["status"] == "fail"] == [False, True]


def test_a_first_page_tells_the_worst_that_counts_as_the_report_does(
    store: Store, systems: dict[str, str], run: str
) -> None:
    one = recall(store, run).measurements[0]
    store.append(run, one.model_copy(update={"target": "other"}))
    store.append("", waived(systems["plain"], target="model"))
    shelf = Shelf(store, today=lambda: DAY)
    assert shelf.system(systems["plain"]).worst is shelf.view(run).worst is Severity.CRITICAL
    store.append("", waived(systems["plain"], id="w2", target="other"))
    assert shelf.system(systems["plain"]).worst is shelf.view(run).worst is None


def test_a_waiver_of_a_card_ends_at_midnight_though_nothing_was_added(store: Store, systems: dict[str, str]) -> None:
    head = next(r for r in store.runs(systems["plain"]) if r.ended is not None)
    told = {"mode": "M04", "by": "Bo", "until": "2026-06-30", "reason": "as agreed"}
    text = yaml.safe_dump(yaml.safe_load(head.card_text) | {"waivers": [told]}, sort_keys=False)
    store.append(head.id, head.model_copy(update={"card_text": text}))
    day = [date(2026, 6, 30)]
    shelf = Shelf(store, today=lambda: day[0])

    def seen() -> tuple[bool, ...]:
        tiles = shelf.system(systems["plain"]).tiles
        return shelf.view(head.id).mode("membership").accepted, next(t.accepted for t in tiles if t.id == "M04")

    assert seen() == (True, True)
    day[0] = date(2026, 7, 1)
    assert seen() == (False, False)


def test_a_copy_of_a_row_with_other_findings_is_decided_anew(
    store: Store, systems: dict[str, str], run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.append("", waived(systems["plain"], up_to="important"))
    row = recall(store, run, today=DAY).view().mode("membership")
    assert len(row.unwaived) == 1 and not row.accepted
    assert row.model_copy(update={"findings": ()}).unwaived == ()
    looked: list[int] = []
    monkeypatch.setattr(type(row), "_meant", lambda *_: [looked.append(1)])
    assert not row.accepted and row.counted is Severity.CRITICAL and not looked, "a page asks this a hundred times"
