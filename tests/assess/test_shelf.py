"""The shelf judges a run once, notices what was added to it, and never mistakes what stopped for what runs."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import momus.assess.shelf as shelf_module
from momus.assess import assess
from momus.assess.pulse import Pulsing
from momus.assess.shelf import Shelf
from momus.assess.watching import Silent
from momus.core.decisions import JobPulse, Pulse, Summary, Waived, system_id
from momus.core.errors import NotFound, StoreError
from momus.core.records import Finding, Interval, Measurement, Run, Severity
from momus.judge import decide, limit_for
from momus.store import Store, open_store

CARD = "system: {}\ntargets:\n- {{name: model, adapter: callable, factory: 'm.py:f'}}\n"
NAME = "a/b <i>name</i>"
SYSTEM = system_id(NAME)
BEGAN = datetime(2025, 3, 1, tzinfo=UTC)
TODAY = date(2025, 3, 9)


def loss(value: float, target: str = "model") -> Measurement:
    ci = Interval(low=value - 0.01, high=value + 0.01)
    return Measurement(
        probe="membership.loss", target=target, metric="tpr@1%fpr", value=value, ci=ci, n=500, worse="higher",
        modes=("membership",), key=f"{target}{value}",
    )  # fmt: skip


def add_run(store: Store, day: int, *results: Measurement, ended: bool = True, name: str = NAME) -> Run:
    created = BEGAN + timedelta(days=day)
    run = Run(
        id=f"run-{day}", system=name, card_digest="d", card_text=CARD.format(f'"{name}"'), seed=0, created=created
    )
    store.append(run.id, run)
    for result in results:
        store.append(run.id, result)
    if ended:
        store.append(run.id, run.model_copy(update={"ended": created + timedelta(minutes=5)}))
    return run


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "runs.sqlite")


@pytest.fixture
def shelf(store: Store) -> Shelf:
    return Shelf(store, today=lambda: TODAY)


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The runs that were judged, one entry a time."""
    seen: list[str] = []
    judge = shelf_module.recall

    def counting(store: Store, run: str, **more: Any) -> Any:
        seen.append(run)
        time.sleep(0.02)  # long enough that threads which do not wait for each other would show
        return judge(store, run, **more)

    monkeypatch.setattr(shelf_module, "recall", counting)
    return seen


def test_a_run_is_judged_once_until_something_is_added(store: Store, judged: list[str]) -> None:
    shelf = Shelf(store, rest=0)
    run = add_run(store, 1, loss(0.02), ended=False)
    assert shelf.view(run.id).mode("membership").status == "pass"
    assert shelf.view(run.id) is shelf.view(run.id) and len(shelf.findings(run.id)) == 1
    assert judged == [run.id]
    store.append(run.id, loss(0.5, "other"))
    assert shelf.view(run.id).mode("membership").status == "fail"
    assert len(judged) == 2


def test_a_run_that_is_kept_never_holds_up_the_pages_for_its_garbage(store: Store) -> None:
    """A collection does not walk through it, and it goes without one."""
    shelf = Shelf(store, keep=1)
    first, second = (add_run(store, day, loss(0.5)).id for day in (1, 2))
    made = weakref.ref(shelf.judged(first))
    assert not any(thing is made() for thing in gc.get_objects())
    gc.disable()
    try:
        shelf.judged(second)
        assert made() is None
    finally:
        gc.enable()


def test_a_run_that_grows_is_not_judged_anew_for_every_page(store: Store, judged: list[str]) -> None:
    shelf = Shelf(store, rest=1e6)
    run = add_run(store, 1, loss(0.02), ended=False)
    assert len(shelf.findings(run.id)) == 1
    for i in range(5):
        store.append(run.id, loss(0.5, f"other {i}"))
        assert len(shelf.findings(run.id)) == 1 and shelf.system(run.system).latest.id == run.id
    assert judged == [run.id]
    store.append(run.id, run.model_copy(update={"ended": run.created}))
    assert len(shelf.findings(run.id)) == 6 and len(judged) == 2


def test_threads_wait_for_one_judgement(store: Store, shelf: Shelf, judged: list[str]) -> None:
    run = add_run(store, 1, loss(0.5))
    threads = [threading.Thread(target=shelf.assessment, args=(run.id,)) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert judged == [run.id]


def test_only_a_few_assessments_are_kept(store: Store, judged: list[str]) -> None:
    small = Shelf(store, keep=2)
    for day in (1, 2, 3):
        small.assessment(add_run(store, day, loss(0.5)).id)
    small.assessment("run-3")
    assert judged == ["run-1", "run-2", "run-3"]
    small.assessment("run-1")
    assert judged[3:] == ["run-1"]


def test_a_summary_is_stored_once_and_only_of_a_run_that_ended(store: Store, shelf: Shelf, judged: list[str]) -> None:
    done, going = add_run(store, 1, loss(0.5)), add_run(store, 2, loss(0.5), ended=False)
    row = next(r for r in shelf.summary(done.id).rows if r.mode == "membership")
    assert (row.status, row.value, row.low, row.limit, row.failing) == ("fail", 0.5, 0.49, 0.05, 1)
    assert row.severity is not None and len(shelf.summary(done.id).rows) == 17
    shelf.summary(going.id)
    assert set(store.summaries()) == {done.id}
    judged.clear()
    Shelf(store).trend(SYSTEM)
    assert judged == []


def test_what_another_judge_saw_is_judged_anew(store: Store, shelf: Shelf, judged: list[str]) -> None:
    run = add_run(store, 1, loss(0.5))
    store.append(run.id, Summary(run=run.id, system=SYSTEM, judged_by="an older release", rows=()))
    assert len(shelf.summary(run.id).rows) == 17
    assert judged == [run.id]


def test_a_store_that_may_only_be_read_still_shows_its_runs(
    store: Store, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = add_run(store, 1, loss(0.5))

    def refuse(*_: Any) -> None:
        raise StoreError("the store cannot be written")

    monkeypatch.setattr(store, "append", refuse)
    assert shelf.systems()[0].worst is not None
    assert len(shelf.trend(SYSTEM).runs) == 1 and shelf.summary(run.id).run == run.id


def test_a_waiver_keeps_the_verdict_and_leaves_the_bar(store: Store, shelf: Shelf) -> None:
    run = add_run(store, 1, loss(0.5))
    assert shelf.system(SYSTEM).worst not in (None, Severity.NONE)
    waiver = Waived(id="w", system=SYSTEM, mode="membership", reason="known", by="ada", until=TODAY)
    store.append("", waiver)
    line = shelf.system(SYSTEM)
    tile = next(t for t in line.tiles if t.mode == "membership")
    assert tile.status == "fail" and tile.accepted and line.worst is None
    assert shelf.findings(run.id)[0].accepted and shelf.view(run.id).mode("membership").accepted
    tomorrow = Shelf(store, today=lambda: TODAY + timedelta(days=1))
    assert tomorrow.system(SYSTEM).worst is not None
    store.append("", waiver.model_copy(update={"revoked": True}))
    assert shelf.system(SYSTEM).worst is not None and not shelf.findings(run.id)[0].accepted


def test_waivers_of_many_systems_do_not_make_the_first_page_judge_again(store: Store, judged: list[str]) -> None:
    small = Shelf(store, keep=2, today=lambda: TODAY)
    for day in range(5):
        add_run(store, day, loss(0.5), name=f"system {day}")
        waiver = Waived(
            id=str(day), system=system_id(f"system {day}"), mode="membership", reason="r", by="b", until=TODAY
        )
        store.append("", waiver)
    assert [s.worst for s in small.systems()] == [None] * 5
    judged.clear()
    assert [s.worst for s in small.systems()] == [None] * 5
    assert judged == []


def test_silence_is_not_running(store: Store, shelf: Shelf) -> None:
    long_ago = datetime.now(UTC) - timedelta(seconds=90)
    for day in (1, 2, 3):
        add_run(store, day, loss(0.5), ended=False)
    ended = add_run(store, 4, loss(0.5))
    store.pulse(Pulse(run="run-1", total=4, done=1, jobs=(JobPulse(probe="p", target="t", fraction=0.5),)))
    store.pulse(Pulse(run="run-2", total=4, seen=long_ago))
    store.pulse(Pulse(run=ended.id, total=4))  # its process died between its last word and its goodbye
    states = {line.id: line.state for line in shelf.runs()}
    assert states == {"run-1": "running", "run-2": "silent", "run-3": "silent", "run-4": "ended"}
    line = shelf.line("run-1")
    assert line.pulse is not None and line.pulse.done == 1
    system = shelf.system(SYSTEM)
    assert [r.id for r in system.running] == ["run-1"]
    assert system.latest.id == ended.id and system.runs == 4


def test_trends_go_from_the_oldest_run_to_the_newest(store: Store, shelf: Shelf) -> None:
    for day, value in ((2, 0.3), (1, 0.2), (3, 0.01)):
        add_run(store, day, loss(value))
    add_run(store, 4, loss(0.9), ended=False)
    trend = shelf.trend(SYSTEM)
    assert [r.id for r in trend.runs] == ["run-1", "run-2", "run-3"] and len(trend.modes) == 17
    leak = next(m for m in trend.modes if m.mode == "membership")
    assert [p.value for p in leak.points] == [0.2, 0.3, 0.01]
    assert [p.status for p in leak.points] == ["fail", "fail", "pass"]
    assert [p.status for p in trend.modes[0].points] == ["not_tested"] * 3
    assert [r.id for r in shelf.trend(SYSTEM, most=2).runs] == ["run-2", "run-3"]


def test_the_worst_system_comes_first_and_an_unknown_one_names_those_there_are(store: Store, shelf: Shelf) -> None:
    assert shelf.systems() == ()
    with pytest.raises(NotFound, match="none yet"):
        shelf.system("anything")
    add_run(store, 1, loss(0.01), name="a good one")
    add_run(store, 2, loss(0.5))
    assert [s.name for s in shelf.systems()] == [NAME, "a good one"]
    with pytest.raises(NotFound, match="a-good-one"):
        shelf.system("nobody")


def test_findings_come_worst_first_each_with_its_own_address(store: Store, shelf: Shelf) -> None:
    run = add_run(store, 1, loss(0.01, "good"), loss(0.3, "bad"), loss(0.4, "bad"), loss(0.05, "unsure"))
    found = shelf.findings(run.id)
    assert [f.finding.status.value for f in found] == ["fail", "fail", "inconclusive", "pass"]
    assert len({f.key for f in found}) == 4 and found[1].key == f"{found[0].key}-2"
    assert found[0].severity is not None and found[3].severity is None


class Heard(Silent):
    """Remembers what it is told, and what stood in the store while the jobs ran."""

    def __init__(self, store: Store) -> None:
        self.store, self.jobs, self.seen, self.ended = store, 0, {}, 0  # type: ignore[var-annotated]

    def start(self, jobs: Sequence[tuple[str, str, str]]) -> None:
        self.jobs = len(jobs)
        for _ in range(100):
            self.seen = self.seen | {p.total: p for p in self.store.pulses().values()}
            if self.jobs in self.seen:
                break
            time.sleep(0.05)

    def done(self, key: str, finding: Finding | None, text: str) -> None:
        self.ended += 1


def test_a_run_can_be_watched_and_leaves_a_summary(system: Any, store: Store) -> None:
    heard = Heard(store)
    done = assess(system(select=["shift.two_sample"]), store=store, watcher=heard)
    assert heard.jobs == heard.ended == 1
    assert heard.seen[1].run == done.run.id, "nothing could be seen while it ran"
    assert store.pulses() == {} and set(store.summaries()) == {done.run.id}
    assert Shelf(store).line(done.run.id).state == "ended"


def test_a_pulse_says_how_far_the_jobs_are(store: Store) -> None:
    bad = decide(loss(0.5), limit_for("membership.loss", {}))
    with Pulsing(store, "r", Silent(), every=0.01) as watcher:
        watcher.start([("a", "membership.loss", "m"), ("b", "shift.groups", "m")])
        watcher.update("b", 0.25, "half of \x1b[31mgroups")
        watcher.done("a", bad, "")
        for _ in range(200):
            said = store.pulses().get("r")
            if said is not None and said.done:
                break
            time.sleep(0.01)
    assert said is not None
    assert (said.total, said.done, said.failing) == (2, 1, 1)
    assert said.jobs == (JobPulse(probe="shift.groups", target="m", fraction=0.25, note="half of groups"),)
    assert store.pulses() == {}


def test_a_quiet_job_is_still_heard_and_a_store_that_refuses_hurts_nobody(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Pulse] = []
    monkeypatch.setattr(store, "pulse", written.append)
    with Pulsing(store, "r", Silent(), every=0.01, heartbeat=0.02):
        time.sleep(0.2)
    assert len(written) > 2 and written[-1].ended

    def refuse(pulse: Pulse) -> None:
        written.append(pulse)
        raise StoreError("gone")

    written.clear()
    monkeypatch.setattr(store, "pulse", refuse)
    with Pulsing(store, "r", Silent(), every=0.01, heartbeat=0.01) as watcher:
        time.sleep(0.3)
        watcher.start([("a", "p", "t")])
        watcher.done("a", None, "")
    assert len(written) == 5, "a store that refused five times is not asked again"
