"""A run under way can be watched: the page follows it, says when it falls silent, and needs no script for that."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from momus.core.decisions import JobPulse, Pulse
from momus.core.records import Run
from momus.store import Store
from momus.web.access import Role

NAME = "live <b>system</b>"


def begin(store: Store, identity: str = "run-live") -> Run:
    run = Run(id=identity, system=NAME, card_digest="d", card_text='system: "live <b>system</b>"\n', seed=0)
    store.append(run.id, run)
    return run


def pulse(done: int, **more: Any) -> Pulse:
    job = JobPulse(probe="shift.groups", target="<i>model</i>", fraction=0.25, note="group 1 of 4")
    return Pulse(run="run-live", done=done, total=4, jobs=(job,), **more)


@pytest.fixture
def viewer(client: Callable[..., Any]) -> Any:
    return client(Role.VIEWER)


def test_how_far_a_run_is(viewer: Any, store: Store) -> None:
    run = begin(store)
    assert "not known yet what will be measured" in viewer.get("/runs/run-live/live").text
    store.pulse(pulse(3, failing=1, seconds_left=75.0))
    page = viewer.get("/runs/run-live/live").text
    assert "3 of 4 measurements are done. 1 of them fails so far." in page and "1:15" in page
    assert "25%" in page and "group 1 of 4" in page and "<i>model" not in page and "<b>system" not in page
    assert 'hx-trigger="every 2s"' in page and 'role="status"' in page
    answer = viewer.get("/runs/run-live/live.json").json()
    assert answer["run"]["state"] == "running" and answer["run"]["pulse"]["done"] == 3
    store.append(run.id, run.model_copy(update={"ended": datetime.now(UTC)}))
    ended = viewer.get("/runs/run-live/live").text
    assert "This run has ended" in ended and "hx-get" not in ended


def test_it_is_announced_only_when_there_is_something_new(viewer: Any, store: Store) -> None:
    begin(store)
    store.pulse(pulse(1))
    again = re.search(r'hx-get="([^"]+)"', viewer.get("/runs/run-live/live").text)
    assert again is not None and "seen=" in again[1]
    assert 'id="said"' not in viewer.get(again[1]).text
    store.pulse(pulse(2))
    assert 'id="said"' in viewer.get(again[1]).text


def test_silence_is_said(viewer: Any, store: Store) -> None:
    begin(store)
    store.pulse(pulse(1, seen=datetime.now(UTC) - timedelta(minutes=7), seconds_left=10.0))
    page = viewer.get("/runs/run-live/live").text
    assert "Nothing was heard for 7 minutes" in page and "A run gone silent" in page
    assert "0:10" not in page, "nobody knows how long a silent run takes"
    system = next(s for s in viewer.get("/index.json").json()["systems"] if s["name"] == NAME)
    assert system["running"] == [] and system["latest"]["state"] == "silent"


def test_what_runs_comes_first(viewer: Any, store: Store) -> None:
    begin(store)
    store.pulse(pulse(1))
    first = viewer.get("/index.json").json()["systems"][0]
    assert first["name"] == NAME and first["running"][0]["id"] == "run-live"
    assert "running, 1 of 4" in viewer.get("/").text


def test_a_browser_follows_a_run_to_its_end(browser: Any, served: Any) -> None:
    run = begin(served.store)
    served.store.pulse(pulse(1))
    page = browser.new_page()
    complaints: list[str] = []
    page.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
    page.goto(f"{served.url}/runs/run-live/live")
    assert page.locator("#said").inner_text() == "1 of 4 measurements is done."
    page.evaluate("() => { window.kept = document.getElementById('said'); }")
    served.store.pulse(pulse(2))
    page.wait_for_function("() => document.getElementById('said').innerText.startsWith('2 of 4')", timeout=20_000)
    assert page.locator("#live progress").first.get_attribute("value") == "2"
    assert page.evaluate("() => window.kept === document.getElementById('said')"), "the announced place stays"
    served.store.append(run.id, run.model_copy(update={"ended": datetime.now(UTC)}))
    page.wait_for_function("() => document.getElementById('said').innerText.includes('ended')", timeout=20_000)
    assert page.locator("h1").inner_text() == "A run that has ended"
    assert page.locator("[hx-get]").count() == 0, "nothing asks any more"
    assert complaints == []
    page.close()


def test_it_can_be_read_without_script(browser: Any, served: Any) -> None:
    begin(served.store, "run-plain")
    served.store.pulse(Pulse(run="run-plain", done=1, total=2))
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{served.url}/runs/run-plain/live")
    served.store.pulse(Pulse(run="run-plain", done=2, total=2))
    page.get_by_role("link", name="Look again").click()
    assert page.locator("#said").inner_text() == "2 of 2 measurements are done."
    page.get_by_role("link", name="Results so far").click()
    assert "under way" in page.locator(".banner").inner_text()
    context.close()


def test_a_silent_run_is_told_of_in_the_past_and_not_in_seconds(viewer: Any, store: Store) -> None:
    begin(store)
    store.pulse(pulse(1, failing=1, seen=datetime.now(UTC) - timedelta(hours=2), seconds_left=10.0))
    page, twin = (viewer.get(f"/runs/run-live/live{end}") for end in ("", ".json"))
    assert "By then 1 of 4 measurements was done, and 1 of them failed." in page.text
    assert "2 hours ago" in page.text and "<h2>Now</h2>" not in page.text
    assert twin.json()["left"] == "" and twin.json()["heard"] == "2 hours"
