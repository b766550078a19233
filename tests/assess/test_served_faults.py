"""A whole run against a served model that misbehaves: budgets hold, numbers stay, the row says what happened."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from tests.assess.conftest import table

import momus
from momus.assess import Assessment
from momus.assess.asking import Asking
from momus.assess.heading import head_of
from momus.assess.run import Settings
from momus.card import TargetCard, load_card
from momus.core.errors import BudgetSpent, TargetError
from momus.core.meter import Budget, Meter
from momus.core.registry import get_probe
from momus.core.samples import Samples
from momus.store import open_store
from momus.targets import open_target
from momus.testing.faulty_server import FaultyServer

ONLY = ("shift.groups",)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ledgers, answers and canaries of a test are its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def written(folder: Path, server: FaultyServer, **http: Any) -> Path:
    """A card that asks this server, with its data beside it."""
    folder.mkdir(exist_ok=True)
    table(folder, "test", seed=1)
    target = {
        "name": "scorer", "adapter": "http", "classes": ["no", "yes"], "output": "probabilities",
        "http": server.card(**{"rows": 40, "seconds": 20, "retries": 6, **http}),
        "service": {"price": 2.0, "currency": "USD"},
    }  # fmt: skip
    card = {
        "system": "small", "targets": [target], "select": list(ONLY),
        "data": {"test": {"path": "test.csv", "label": "label", "groups": ["site"]}},
        "budget": {"seconds": 60, "memory_mb": 1500},
    }  # fmt: skip
    path = folder / "momus.yaml"
    path.write_text(yaml.safe_dump(card, sort_keys=False))
    return path


def run(folder: Path, script: Iterable[str], **http: Any) -> tuple[Assessment, FaultyServer]:
    with FaultyServer(script) as server:
        done = momus.assess(written(folder, server, **http), only=ONLY, workers=1)
    return done, server


def test_trouble_that_passes_changes_no_number_and_is_told_on_the_row_and_in_the_report(tmp_path: Path) -> None:
    plain, _ = run(tmp_path / "plain", [])
    script = ["fine", "fine", "503", "fine", "close-body", "502", "fine", "reset", "503"]
    met, server = run(tmp_path / "met", script, queries=1000)
    (without,), (number,) = plain.measurements, met.measurements
    assert not met.failures and server.rows <= 1000
    same = {"value", "ci", "n", "figures", "scope"}
    assert number.model_dump(include=same) == without.model_dump(include=same)
    assert [c.code for c in without.caveats if c.code == "service"] == []
    (caveat,) = (c for c in number.caveats if c.code == "service")
    assert caveat.blocks == "none" and "requests were repeated (" in caveat.message and "503 x" in caveat.message
    assert met["shift"].status == plain["shift"].status

    (asked,) = met.run.settings["asked"]
    assert asked["rows"] == server.rows and asked["requests"] == len(server.seen)
    assert sum(asked["repeats"].values()) == 5 and asked["cost"] == round(server.rows * 2 / 1000, 4)
    line = (
        f"asked scorer {server.rows} rows in {len(server.seen)} requests, 5 repeated (503 x 2, closed x 2, 502 x 1), 0."
    )
    for name in ("report.html", "report.md", "report.txt"):
        text = met.report(tmp_path / name).read_text("utf-8") if name != "report.txt" else _terminal(met)
        assert line in " ".join(re.sub(r"<[^>]+>", " ", text).replace("\\", "").split()), name


def _terminal(done: Assessment) -> str:
    from momus.reports.terminal import render

    out = io.StringIO()
    render(done.view(), out, width=100, color=False)
    return out.getvalue()


def test_a_server_that_stays_away_is_an_error_row_after_few_requests(tmp_path: Path) -> None:
    done, server = run(tmp_path, ["fine"] * 2 + ["503"] * 500, retries=2, at_once=2)
    (failure,) = done.failures
    assert failure.code == "target/http-status" and done["shift"].status == "error"
    assert failure.message.startswith("status 503, '<html>") and "(asked 3 times in " in failure.message
    assert failure.place == f"target 'scorer' at 127.0.0.1:{server.port}/v2/models/scorer/infer"
    assert len(server.asked) <= 2 + 2 * 3, "each request that is under way has its tries, and no other begins"


def test_a_budget_for_the_whole_run_holds_against_what_the_server_saw(tmp_path: Path) -> None:
    done, server = run(tmp_path, ["fine", "fine", "503", "503"], queries=150)
    assert server.rows <= 150 and done.run.settings["asked"][0]["rows"] == server.rows
    lines = [f"{f.code} {f.message}" for f in done.failures]
    lines += [c.message for m in done.measurements for c in m.caveats]
    assert any("probe/budget" in line or "150 queries" in line for line in lines), lines
    assert done["shift"].status in ("error", "inconclusive"), "what could not be asked is no pass"


def opened(server: FaultyServer, folder: Path, **http: Any) -> tuple[Any, Samples]:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(120, 2))
    samples = Samples(x, (x[:, 0] > x[:, 1]).astype(np.int64), groups={"site": (x[:, 0] > 0).astype(np.int64)})
    card = TargetCard.model_validate({
        "name": "scorer", "adapter": "http", "classes": ["no", "yes"], "output": "probabilities",
        "http": server.card(**{"rows": 40, "at_once": 1, "seconds": 20, **http}),
    })  # fmt: skip
    return open_target(card, folder, samples=samples), samples


WRONG = {
    "garbage": "json", "html": "html", "shape": "3", "fewer": "39", "more": "41", "nan": "nan", "null": "nan",
    "text": "do not fit",
}  # fmt: skip


@pytest.mark.parametrize("fault", WRONG)
def test_an_answer_that_is_none_is_never_taken_for_a_number(fault: str, tmp_path: Path) -> None:
    with FaultyServer(["fine", "fine", "fine", fault]) as server:
        target, samples = opened(server, tmp_path)
        with pytest.raises(TargetError) as caught:
            get_probe("shift.groups")(target, test=samples, seed=0)
        target.close()
        assert not any(s.again for s in server.asked[2:]), "an answer that came is not asked for again"
    said = str(caught.value)
    assert WRONG[fault] in said.lower() and "scorer" in said and "\n" not in said and len(said) < 600


def test_a_model_that_changes_in_the_middle_is_never_one_number(tmp_path: Path) -> None:
    with FaultyServer(["fine", "fine", "fine", "schema"]) as server:
        target, samples = opened(server, tmp_path)
        with pytest.raises(TargetError) as caught:
            get_probe("shift.groups")(target, test=samples, seed=0)
        assert "scorer" in str(caught.value)
        target.close()


def test_the_meter_tells_a_target_that_waits_when_its_time_is_over(tmp_path: Path) -> None:
    with FaultyServer(["fine", "fine", "429-long"]) as server:
        target, samples = opened(server, tmp_path)
        meter = Meter(target, Budget(seconds=30))
        with pytest.raises(BudgetSpent):
            meter.probabilities(meter.encode(samples.x))
        assert "would have outlasted the measurement" in " ".join(target.told)
        target.close()


def test_a_run_that_was_interrupted_goes_on_counting_and_one_that_ended_does_not(tmp_path: Path) -> None:
    with FaultyServer() as server:
        card = load_card(written(tmp_path, server))
        other = load_card(written(tmp_path / "other", server, rows=41))
    store = open_store(tmp_path / "runs.sqlite")
    first = Asking.of(card, store, "first")
    assert first.name == "first"
    head = first.in_head(head_of(card, Settings()))
    store.append(head.id, head)
    assert Asking.of(card, store, "second").name == "first"
    assert Asking.of(other, store, "third").name == "third", "another card has a budget of its own"
    store.append(head.id, head.model_copy(update={"ended": head.created}))
    assert Asking.of(card, store, "fourth").name == "fourth"
