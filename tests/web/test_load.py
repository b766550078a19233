"""A hundred readers while a run writes to the same store: no error, nothing half-written, all seen at the end."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from momus.store import Store, open_store
from momus.testing.crowd import crowd_run
from momus.testing.load import LIVE
from momus.web.access import Access
from momus.web.app import create_app

READERS, SECONDS, GROWTH_MB = 100, 3.0, 400


def _at_work(what: str, where: str, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "momus.testing.load", what, where, "--seconds", str(SECONDS), *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _told(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, problems = process.communicate(timeout=120)
    assert process.returncode == 0, problems[-2000:]
    told: dict[str, Any] = json.loads(out)
    return told


def _resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


@pytest.fixture
def busy(tmp_path: Path) -> Iterator[Store]:
    """A store with two systems of a few runs."""
    with open_store(tmp_path / "runs.sqlite") as store:
        for number in range(6):
            crowd_run(store, 150, system="one" if number % 2 else "two", number=number)
        yield store


def _loaded(store: Store, where: str, serve: Any) -> None:
    app = create_app(store, Access(owner="ann"))
    server: AbstractContextManager[str] = serve(app)
    with server as url:
        before = _resident_mb()
        writer, reader = _at_work("write", where), _at_work("read", url, "--readers", str(READERS))
        try:
            read, written = _told(reader), _told(writer)
        finally:
            for process in (writer, reader):
                process.kill()
                process.wait()
        assert read["wrong"] == []
        assert read["requests"] >= READERS and written["records"] > 0
        assert {"/", "/systems/*", "/runs/*"} <= set(read["pages"])
        assert _resident_mb() - before < GROWTH_MB
        import httpx

        shown = httpx.get(f"{url}/runs/{written['run']}.json", timeout=60).json()
        listed = httpx.get(f"{url}/index.json", timeout=60).json()
    assert shown["paging"]["total"] == written["records"] == len(store.records(written["run"]))
    (line,) = [s for s in listed["systems"] if s["name"] == LIVE]
    assert line["latest"]["state"] == "ended" and line["running"] == []
    assert store.pulses() == {}


def test_a_hundred_readers_while_a_run_writes(busy: Store, serve: Any) -> None:
    _loaded(busy, busy.name, serve)


def test_a_comparison_of_thousands_of_readings_shows_those_that_matter(busy: Store) -> None:
    from starlette.testclient import TestClient

    first = crowd_run(busy, 2000, system="large", number=20)
    second = crowd_run(busy, 2000, system="large", number=21)
    with TestClient(create_app(busy, Access(owner="ann")), base_url="http://127.0.0.1:8017") as visitor:
        path = f"/compare?before={first.id}&after={second.id}"
        page, twin = visitor.get(path), visitor.get(path.replace("/compare", "/compare.json")).json()
        waivers = visitor.get("/systems/large/waivers").text
    readings = [x for m in twin["change"]["modes"] for x in m["probes"]]
    assert page.status_code == 200 and len(readings) == 1980 and len(page.text) < 300_000
    assert "more, in the page" in page.text and "worse" in page.text
    assert waivers.count(">waive<") <= 100 and "The worst 100 of" in waivers
