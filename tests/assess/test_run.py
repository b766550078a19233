"""The whole house on a small system: what runs, what is kept, what is not run twice, what re-judging changes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import momus
from momus.assess import recall
from momus.assess.run import Silent
from momus.store import open_store

Make = Callable[..., Path]


def numbers(assessment: momus.Assessment) -> dict[str, tuple[float, float, float]]:
    return {m.probe: (m.value, m.ci.low, m.ci.high) for m in assessment.measurements}


class Ear(Silent):
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.kept: list[str] = []
        self.ended: list[str] = []

    def done(self, key: str, finding: momus.Finding | None, text: str) -> None:
        (self.kept if text else self.ended).append(key)


def test_every_selected_probe_is_measured_and_all_rows_are_there(system: Make) -> None:
    done = momus.assess(system())
    assert set(numbers(done)) == {"membership.loss", "shift.groups", "shift.two_sample"}
    assert len(done.rows) == 17 and not done.failures and not done.warnings
    assert done["M04"].status in ("pass", "inconclusive", "fail")
    assert done["shift"].findings and done["perturbation"].status in ("not_tested", "not_applicable")
    assert "17" not in repr(done) and "small" in repr(done)


def test_a_second_run_measures_nothing_again_and_agrees(system: Make) -> None:
    card = system()
    first = momus.assess(card)
    ear = Ear()
    second = momus.assess(card, watcher=ear)
    assert len(ear.kept) == 3 and not ear.ended
    assert numbers(first) == numbers(second)
    ear = Ear()
    assert numbers(momus.assess(card, watcher=ear, fresh=True)) == numbers(first)
    assert len(ear.ended) == 3 and not ear.kept


@pytest.mark.parametrize(
    ("change", "again"),
    [
        ({"description": "other words"}, 0),
        ({"limits": {"shift.groups": 0.5}}, 0),
        ({"probes": {"shift.two_sample": {}}}, 0),
        ({"budget": {"seconds": 31, "memory_mb": 1500}}, 3),
    ],
)
def test_only_what_decides_a_number_is_measured_again(system: Make, change: dict[str, object], again: int) -> None:
    momus.assess(system())
    ear = Ear()
    momus.assess(system(**change), watcher=ear)
    assert len(ear.ended) == again


def test_new_data_is_new_work(system: Make) -> None:
    card = system()
    momus.assess(card)
    test = card.parent / "test.csv"
    test.write_text(test.read_text() + "0.5,0.1,north,yes\n")
    ear = Ear()
    momus.assess(card, watcher=ear)
    assert len(ear.ended) == 3


def test_another_seed_is_another_measurement(system: Make) -> None:
    card = system()
    momus.assess(card)
    ear = Ear()
    momus.assess(card, watcher=ear, seed=1)
    assert len(ear.ended) == 3


def test_re_judging_moves_the_verdict_and_not_the_number(system: Make) -> None:
    card = system()
    done = momus.assess(card)
    store = open_store(card.parent / ".momus" / "runs.sqlite")
    strict = recall(store, limits={"shift.two_sample": -1.0})
    lax = recall(store, limits={"shift.two_sample": 2.0})
    assert numbers(strict) == numbers(lax) == numbers(done)
    assert next(f for f in strict.findings if f.probe == "shift.two_sample").status.value == "fail"
    assert next(f for f in lax.findings if f.probe == "shift.two_sample").status.value == "pass"
    assert strict.gaps == done.gaps


@pytest.mark.parametrize("wide_first", [True, False])
def test_a_target_is_opened_with_its_own_data_whatever_the_order_of_the_card(system: Make, wide_first: bool) -> None:
    """Sets of four columns belong to one target; the other, of three, takes those that nobody claims."""
    card = system()
    folder = card.parent
    for role in ("train", "test"):
        lines = (folder / f"{role}.csv").read_text().splitlines()
        wide = [lines[0].replace("a,", "a,c,", 1), *(line.replace(",", ",0.5,", 1) for line in lines[1:])]
        (folder / f"wide_{role}.csv").write_text("\n".join(wide) + "\n")
    (folder / "checked.py").write_text(
        "import numpy as np\n"
        "def narrow(x):\n    assert x.shape[1] == 3\n    return np.full((len(x), 2), 0.5)\n"
        "def wide(x):\n    assert x.shape[1] == 4\n    return np.full((len(x), 2), 0.5)\n"
    )

    def sets(prefix: str) -> dict[str, object]:
        return {f"{prefix}{r}": {"path": f"{prefix}{r}.csv", "label": "label", "groups": ["site"]}
                for r in ("train", "test")}  # fmt: skip

    def target(name: str, function: str, **data: object) -> dict[str, object]:
        return {"name": name, "adapter": "callable", "factory": f"checked.py:{function}", "classes": ["no", "yes"],
                "output": "probabilities", **data}  # fmt: skip

    parts = [sets("wide_"), sets("")]
    joined = {**parts[not wide_first], **parts[wide_first]}
    own = {"data": {"train": "wide_train", "test": "wide_test"}}
    targets = [target("narrow", "narrow"), target("wide", "wide", **own)]
    done = momus.assess(system(data=joined, targets=targets, select=["membership.loss"]))
    assert not done.failures and not done.warnings
    assert {m.target for m in done.measurements} == {"narrow", "wide"}


def test_secrets_are_stored_by_name(system: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_TOKEN", "hunter2")
    card = system(description="token ${API_TOKEN}")
    momus.assess(card, only=("shift.groups",))
    store = card.parent / ".momus" / "runs.sqlite"
    assert b"hunter2" not in store.read_bytes()
    monkeypatch.delenv("API_TOKEN")
    assert recall(open_store(store)).card.system == "small"


def test_reports_are_written_from_the_stored_run(system: Make, tmp_path: Path) -> None:
    done = momus.assess(system())
    for name in ("report.html", "report.json", "report.md"):
        path = done.report(tmp_path / name)
        text = path.read_text("utf-8")
        assert all(f"M{i:02d}" in text for i in range(1, 18)), name
    assert json.loads((tmp_path / "report.json").read_text())["kind"] == "report"


@pytest.mark.slow
def test_a_killed_run_goes_on_where_it_was(system: Make) -> None:
    card = system(folder=system().parent / "killed", select=["membership.loss", "shift.groups", "shift.two_sample"])
    command = [sys.executable, "-m", "momus", "assess", str(card), "--workers", "1"]
    store = card.parent / ".momus" / "runs.sqlite"
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if store.exists() and (runs := open_store(store).runs()) and open_store(store).records(runs[0].id):
            break
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    opened = open_store(store)
    kept = opened.records(opened.runs()[0].id)
    assert kept, "at least one measurement was stored before the kill"
    ear = Ear()
    done = momus.assess(card, watcher=ear)
    assert len(ear.kept) == len(kept) and len(ear.kept) + len(ear.ended) == 3
    assert numbers(done) == numbers(momus.assess(card, fresh=True))


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["sequential", "loky", pytest.param("dask", marks=pytest.mark.soak), "ray"])
def test_every_backend_gives_the_same_numbers(system: Make, backend: str, tmp_path: Path) -> None:
    if backend in ("dask", "ray"):
        pytest.importorskip({"dask": "distributed", "ray": "ray"}[backend])
    card = system()
    local = momus.assess(card, store=tmp_path / "local.sqlite")
    other = momus.assess(card, store=tmp_path / f"{backend}.sqlite", backend=backend, workers=2)
    assert numbers(local) == numbers(other) and len(numbers(other)) == 3


def test_an_unknown_backend_is_named(system: Make) -> None:
    with pytest.raises(momus.MomusError, match=r"no backend 'spark'.*loky"):
        momus.assess(system(), backend="spark")


def test_a_failing_store_costs_no_measurement(system: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk fills up after the run began: results stay in memory and reach the report."""
    from momus.core.errors import StoreError
    from momus.core.records import Measurement
    from momus.store import Store

    extend = Store.extend

    def full(self: Store, run: str, some: Any) -> None:
        if any(isinstance(record, Measurement) for record in some):
            raise StoreError("the disk is full", code="store/disk-full", place="runs.sqlite", hint="Free some space")
        extend(self, run, some)

    monkeypatch.setattr(Store, "extend", full)
    done = momus.assess(system())
    assert len(done.measurements) == 3
    assert len(done.warnings) == 1 and "store/disk-full" in done.warnings[0]


def test_a_store_that_fills_up_hands_over_to_one_elsewhere(system: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was stored before, what was measured when the disk was full and what came after are all there."""
    from momus.core.errors import StoreError
    from momus.core.records import Measurement
    from momus.store import Store

    extend, room = Store.extend, [1]

    def full(self: Store, run: str, some: Any) -> None:
        if any(isinstance(record, Measurement) for record in some) and "small.sqlite" in self.name:
            if not room:
                raise StoreError("the disk is full", code="store/disk-full", place=self.name, hint="Free some space")
            room.pop()
        extend(self, run, some)

    monkeypatch.setattr(Store, "extend", full)
    card = system()
    done = momus.assess(card, store=card.parent / "small.sqlite")
    (warning,) = done.warnings
    spare = warning.split("the run goes on in ")[1].split(";")[0]
    assert numbers(recall(spare)) == numbers(done) and len(done.measurements) == 3


def test_what_an_example_sets_beside_its_card_is_told(system: Make) -> None:
    """Options of an expectation are not on the card, so assessing the card would give another number."""
    card = system()
    (card.parent / "expected.toml").write_text(
        '[[expect]]\nprobe = "shift.groups"\noptions = {least = 20}\nlow = 0.0\nsource = "here"\n'
    )
    from momus.assess.reproduce import reproduce

    _, (done,) = reproduce(str(card.parent))
    assert done.measurements[0].scope["least"] == 20
    assert f"momus reproduce {card.parent} --only shift.groups --fresh" in str(_text(done))


def _text(done: momus.Assessment) -> str:
    import io

    from momus.reports import terminal

    out = io.StringIO()
    terminal.render(done.view(), out)
    return out.getvalue()
