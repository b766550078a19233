"""What detectors say becomes findings: judged with the control's word, kept once, and never a silent all-clear."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from momus.assess import recall
from momus.assess.comparison import compare
from momus.card import load_card
from momus.core.errors import StoreError
from momus.core.records import Limit, Measurement, Status
from momus.judge import decide
from momus.monitor.alarms import Standing
from momus.monitor.detector import Lacking
from momus.monitor.diary import HOUR, Diary
from momus.monitor.findings import Kind, Spell, measured, reading_of
from momus.monitor.sinks import Closed
from momus.monitor.trail import ALARMS, MOST_POINTS, Trail, told
from momus.store import Store, open_store

from .conftest import BEGAN, reading, window

Watched = Callable[..., Path]
KIND = Kind("shift.inputs", "distance", "higher")
CALM, ALARM = Standing(3.0, 5000.0, False), Standing(6000.0, 5000.0, True, 4, 3, "began", times=1)


def _measured(value: float, standing: Standing, *, n: int = 1000, **spell: Any) -> Measurement:
    trail, said = Trail(), reading(value, n=n)
    trail.add(4, told(said, standing))
    return measured(KIND, said, standing, trail, Spell(1, 4, 4000, **spell), target="m", key="k", seed=0)


@pytest.mark.parametrize(
    ("value", "standing", "more", "status", "because"),
    [
        (0.3, ALARM, {}, Status.FAIL, "beyond the limit"),
        (0.3, CALM, {}, Status.INCONCLUSIVE, "would be a fail, but no alarm"),
        (0.02, CALM, {}, Status.PASS, "within the limit"),
        (0.02, ALARM, {}, Status.INCONCLUSIVE, "would be a pass, but an alarm is on since window 4"),
        (0.02, CALM, {"n": 60}, Status.INCONCLUSIVE, "only 60 events"),
        (0.02, CALM, {"shed": 4000}, Status.INCONCLUSIVE, "50.0% of 8,000 events were left out"),
        (0.02, CALM, {"shed": 40}, Status.PASS, ""),
        (0.02, CALM, {"broken": 400}, Status.INCONCLUSIVE, "400 lines of the log"),
        (0.3, ALARM, {"shed": 4000}, Status.FAIL, ""),
    ],
    ids=["alarm", "no-alarm", "calm", "alarm-within", "few", "shed", "shed-little", "broken", "alarm-shed"],
)
def test_verdicts(value: float, standing: Standing, more: dict[str, Any], status: Status, because: str) -> None:
    found = decide(_measured(value, standing, **more), Limit(probe="monitor/shift.inputs", value=0.1))
    assert (found.status, found.mode) == (status, "shift") and because in found.reason


def test_a_measurement_tells_its_traffic_and_gives_its_reading_back() -> None:
    m = _measured(0.3, ALARM, shed=1000, start=BEGAN, end=BEGAN + 60)
    assert (m.scope["windows"], m.scope["events"], m.scope["from"]) == (1, 4000, "2026-09-21 14:13:20")
    assert (m.figure("evidence").value, m.figure("shed_share").value) == (6000.0, 0.2)
    assert [e.title for e in m.evidence] == [ALARMS]
    assert reading_of(m) == reading(0.3)
    assert _measured(0.3, ALARM, start=4e18).scope.get("from") is None, "a clock gone mad is no crash"


def test_a_trail_is_bounded_and_counts_every_alarm() -> None:
    trail = Trail()
    for number in range(1, 1001):
        at = number % 10 in (5, 6)
        standing = replace(ALARM, since=number - (number % 10 == 6)) if at else CALM
        assert trail.add(number, told(reading(), standing)) == (number % 10 in (5, 7))
    assert (trail.windows, trail.events, len(trail.alarms), trail.forgotten) == (1000, 1_000_000, 50, 50)
    assert MOST_POINTS / 2 <= len(trail.points) <= MOST_POINTS and trail.points[-1][0] > 980
    assert trail.alarms[-1][:3] == [995, 3, 997]
    assert Trail.of(json.loads(json.dumps(trail.plain()))) == trail


@pytest.fixture
def diary(watched: Watched, tmp_path: Path) -> Callable[..., Diary]:
    card = load_card(watched())

    def make(now: list[float], store: Store | None = None) -> Diary:
        kinds = {n: Kind(n, "distance", "higher") for n in ("shift.inputs", "poisoning.labels")}
        kept = store or open_store(tmp_path / "runs.sqlite")
        return Diary(card, kept, tmp_path / "state", target="model", kinds=kinds, clock=lambda: now[0])

    return make


def _only(diary: Diary, run: str) -> Measurement:
    found = recall(diary.store, run).measurements
    assert [m.probe for m in found] == ["monitor/shift.inputs"], "one measurement a detector, however often written"
    return found[0]


def test_a_run_a_day_with_what_was_seen_and_what_could_not_be(diary: Callable[..., Diary]) -> None:
    now = [BEGAN]
    book = diary(now)
    lacking = {"supply_chain.version": Lacking("no version was approved", "name them")}
    for number in (1, 2):
        book.window(window(number, lacking=lacking))
    first = book.run
    assert len(book.store.records(first)) == 1, "written at once, and then an hour later"
    now[0] += HOUR
    book.window(window(3, lacking=lacking))
    assert _only(book, first).scope["windows"] == 3
    now[0] += 24 * HOUR
    book.window(window(4, lacking=lacking))
    assert book.run != first and len(book.store.runs()) == 2
    assert _only(book, book.run).scope["windows"] == 1
    rows = {r.mode: r for r in recall(book.store, first).rows}
    assert (rows["shift"].status, rows["poisoning"].status, rows["supply_chain"].status) == (
        "inconclusive", "not_tested", "not_tested",
    )  # fmt: skip
    assert "no window held anything" in rows["poisoning"].gaps[0].detail
    assert rows["supply_chain"].gaps[0].how_to_close == "name them"
    assert all(r.gaps for r in rows.values() if r.status == "not_tested"), "what nobody watches says so"


def test_alarms_are_written_when_they_come_and_stay_after_they_end(diary: Callable[..., Diary]) -> None:
    book = diary([BEGAN])
    book.window(window(1))
    book.window(window(2, alarm=True, news="began", readings={"shift.inputs": reading(0.6)}))
    assert _only(book, book.run).value == 0.6
    book.window(window(3, news="ended", readings={"shift.inputs": reading(0.01)}))
    for number in (4, 5):
        book.window(window(number, readings={"shift.inputs": reading(0.01)}))
    book.close()
    m = _only(book, book.run)
    assert m.value == 0.6 and "from window 2 to 3" in next(c.message for c in m.caveats if c.code == "alarm")
    assert recall(book.store, book.run)["shift"].status == "fail"
    assert book.store.summaries()[book.run].rows[13].status == "fail"


def test_a_restart_goes_on_and_repeats_nothing(diary: Callable[..., Diary]) -> None:
    windows: list[Closed] = [window(n) for n in range(1, 300)]
    windows[99] = window(100, alarm=True, news="began", readings={"shift.inputs": reading(0.6)})
    windows[100] = window(101, news="ended")
    whole = diary([BEGAN])
    for closed in windows[:150]:
        whole.window(closed)
    killed = diary([BEGAN], whole.store)  # nothing was closed, and the last windows come again
    assert killed.run == whole.run
    for closed in windows[140:]:
        killed.window(closed)
    killed.close()
    m = _only(killed, killed.run)
    assert (m.scope["windows"], m.scope["alarms"], m.scope["events"], m.value) == (299, 1, 299_000, 0.6)
    assert len(killed.store.runs()) == 1


def test_a_store_that_does_not_answer_costs_nothing(
    diary: Callable[..., Diary], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [BEGAN]
    book = diary(now)
    with monkeypatch.context() as patch:
        patch.setattr(book.store, "extend", lambda *_: (_ for _ in ()).throw(StoreError("the database is locked")))
        book.window(window(1))
        assert "locked" in book.told[0] and not book.store.runs()
    now[0] += 61
    book.window(window(2))
    assert not book.told and _only(book, book.run).scope["windows"] == 2


def test_a_store_that_is_away_at_midnight_loses_no_alarm(
    diary: Callable[..., Diary], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [BEGAN]
    book = diary(now)
    book.window(window(1))
    first = book.run
    with monkeypatch.context() as patch:
        patch.setattr(book.store, "extend", lambda *_: (_ for _ in ()).throw(StoreError("the database is locked")))
        book.window(window(2, alarm=True, news="began", readings={"shift.inputs": reading(0.6)}))
        now[0] += 24 * HOUR
        book.window(window(3, news="ended"))
    now[0] += 61
    book.window(window(4))
    assert _only(book, first).value == 0.6 and recall(book.store, first)["shift"].status == "fail"
    book.close()
    assert book.run != first and _only(book, book.run).scope["windows"] == 1


def test_a_detector_that_fails_on_the_way_does_not_pass(diary: Callable[..., Diary]) -> None:
    book = diary([BEGAN])
    book.window(window(1, readings={"shift.inputs": reading(0.01, 0.005)}))
    assert recall(book.store, book.run)["shift"].status == "pass"
    book.window(Closed(2, BEGAN, BEGAN + 1, 1000, lacking={"shift.inputs": Lacking("it failed", "start anew")}))
    assert recall(book.store, book.run)["shift"].status != "pass"
    assert "stopped" in {c.code for c in _only(book, book.run).caveats}


def test_the_cards_own_limit_counts_and_an_assessment_stands_beside_a_watch(watched: Watched, tmp_path: Path) -> None:
    path = watched()
    path.write_text(path.read_text() + "limits: {monitor/shift.inputs: 0.5}\n")
    card, kinds = load_card(path), {"shift.inputs": Kind("shift.inputs", "distance", "higher")}
    with open_store(tmp_path / "runs.sqlite") as store:
        book = Diary(card, store, tmp_path / "state", target="model", kinds=kinds)
        book.window(window(1, readings={"shift.inputs": reading(0.3)}))
        watch = recall(store, book.run)
        assert watch["shift"].status == "pass", "0.1 would be inconclusive"
        (head,) = store.runs()
        asked = _measured(0.7, ALARM).model_copy(update={"probe": "shift.harm", "caveats": ()})
        store.extend("asked", (head.model_copy(update={"id": "asked", "settings": {}}), asked))
        change = compare(recall(store, "asked"), watch)
    (shift,) = [m for m in change.modes if m.slug == "shift"]
    assert shift.after == "pass"
    assert {p.probe: p.change for p in shift.probes} == {
        "shift.harm": "no longer tested", "monitor/shift.inputs": "newly tested",
    }  # fmt: skip


def test_who_is_behind_an_alarm_is_still_known_after_a_restart(diary: Callable[..., Diary]) -> None:
    book = diary([BEGAN])
    who = ("worst", "next")
    book.window(window(1, alarm=True, news="began", readings={"shift.inputs": reading(0.6, p=None, who=who)}))
    again = diary([BEGAN], book.store)
    again.window(window(2, news="ended"))
    m = _only(again, again.run)
    assert reading_of(m).who == who and reading_of(m).p is None
