"""Progress: an honest estimate on a terminal, one line an event in a log."""

from __future__ import annotations

import io
import re
import threading

import pytest
from rich.console import Console

from momus.reports.progress import HEARTBEAT, Progress, clock_time, outcome
from momus.testing.report_sample import HOSTILE, findings

JOBS = [
    ("a", "membership.shadow", "scorer"),
    ("b", "shift.groups", "scorer"),
    ("c", "reward_hacking.proxy_gap", "pilot"),
]


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def _picture(progress: Progress) -> str:
    out = io.StringIO()
    Console(file=out, width=100, color_system=None).print(progress)
    return out.getvalue()


def test_a_log_gets_one_line_an_event(clock: Clock) -> None:
    out = io.StringIO()
    with Progress(out, clock=clock) as progress:
        progress.start(JOBS)
        progress.update("a", 0.5, "shadow 8 of 16")
        progress.done("a", findings()["membership"], "")
        progress.done("b", findings()["shift"], "kept from an earlier run")
        progress.done("c", findings()["reward_hacking"], "")
    assert out.getvalue().splitlines() == [
        "3 measurements",
        "[1/3] membership.shadow on scorer: FAIL tpr@1%fpr 0.31 [0.29, 0.33] > 0.05, 12.5 s",
        "[2/3] shift.groups on scorer: INCONCLUSIVE worst group gap 0.09 [0.01, 0.21] vs 0.1, 12.5 s"
        " (kept from an earlier run)",
        "[3/3] reward_hacking.proxy_gap on pilot: ERROR the environment did not answer within 60 s",
    ]


def test_a_slow_job_shows_that_it_lives_but_does_not_flood(clock: Clock) -> None:
    out = io.StringIO()
    progress = Progress(out, clock=clock)
    progress.start(JOBS)
    for i in range(100):
        clock.now += HEARTBEAT / 10
        progress.update("a", i / 100, "working")
    assert out.getvalue().count("working") == 9


def test_the_estimate_follows_what_is_done(clock: Clock) -> None:
    progress = Progress(io.StringIO(), clock=clock)
    progress.start(JOBS)
    assert progress.remaining() is None
    clock.now += 30
    progress.done("a", None, "")
    assert progress.remaining() == pytest.approx(60)
    progress.update("b", 0.5, "")
    assert progress.remaining() == pytest.approx(30)
    progress.update("b", 0.2, "never goes back")
    assert progress.remaining() == pytest.approx(30)
    progress.done("b", None, "")
    progress.done("c", None, "")
    assert progress.remaining() == 0


def test_the_table_shows_every_job_and_the_time_left(clock: Clock) -> None:
    progress = Progress(io.StringIO(), live=False, clock=clock)
    progress.start(JOBS)
    clock.now += 30
    progress.done("a", findings()["membership"], "")
    progress.update("b", 0.5, "column 3 of 6")
    text = _picture(progress)
    assert "FAIL tpr@1%fpr 0.31" in text and "50%  column 3 of 6" in text and "waiting" in text
    assert "1 of 3   0:30   about 0:30 left" in text


def test_many_jobs_leave_room_on_the_screen() -> None:
    progress = Progress(io.StringIO(), live=False)
    progress.start([(str(i), f"p.{i}", "t") for i in range(200)])
    progress.update("150", 0.5, "running far down")
    text = _picture(progress)
    assert "running far down" in text and re.search(r"and 1\d\d more", text)
    assert text.count("\n") < 60


def test_live_display_comes_and_goes() -> None:
    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = Screen()
    progress = Progress(out, width=100)
    assert progress.live
    progress.start(JOBS)
    progress.done("a", findings()["membership"], "")
    progress.stop()
    progress.stop()
    assert "membership.shadow" in out.getvalue()


def test_unknown_keys_and_no_jobs_do_no_harm() -> None:
    out = io.StringIO()
    progress = Progress(out)
    progress.start([])
    progress.update("x", 0.1, "")
    progress.done("x", None, "")
    progress.stop()
    assert out.getvalue() == ""


def test_hostile_notes_control_nothing() -> None:
    out = io.StringIO()
    progress = Progress(out)
    progress.start([("k", HOSTILE, HOSTILE)])
    progress.done("k", None, HOSTILE)
    assert "\x1b" not in out.getvalue() and "\u202e" not in out.getvalue()
    assert out.getvalue().count("\n") == 2


def test_threads_may_report_at_once() -> None:
    out = io.StringIO()
    progress = Progress(out)
    keys = [f"{i}" for i in range(40)]
    progress.start([(k, "p.q", "t") for k in keys])
    threads = [threading.Thread(target=progress.done, args=(k, None, "")) for k in keys]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    lines = out.getvalue().splitlines()[1:]
    assert progress.finished == 40 and len(lines) == 40
    assert [int(re.search(r"\[ *(\d+)/", x)[1]) for x in lines] == list(range(1, 41))  # type: ignore[index]


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0:00"), (7.4, "0:07"), (760, "12:40"), (3723, "1:02:03"), (-1, "0:00")]
)
def test_clock_time(seconds: float, said: str) -> None:
    assert clock_time(seconds) == said


def test_outcome_without_a_finding() -> None:
    assert outcome(None, "no limit") == "ended (no limit)"


def test_the_last_slow_job_sets_the_estimate(clock: Clock) -> None:
    """Five quick jobs and one slow one: what is left is what the slow one needs, not a share of the average."""
    progress = Progress(io.StringIO(), clock=clock)
    progress.start([(str(i), f"shift.p{i}", "model") for i in range(6)])
    progress.update("5", 0.01, "begins")
    for i in range(5):
        progress.done(str(i), None, "")
    clock.now += 20
    progress.update("5", 0.4, "goes on")
    assert progress.remaining() == pytest.approx(30)
