"""A real MLServer: the same answers as the model asked directly, a whole run over it, and its death in the middle."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from momus.assess import assess
from momus.assess.watching import Silent
from momus.card import SystemCard
from momus.core.records import Finding, Status
from momus.testing.servers import Server

# In the order of a run: one asks the model, one needs only a file, and two ask the model again.
PROBES = ("perturbation.square", "supply_chain.formats", "incomplete_testing.metamorphic", "corruption.table")


def card(server: Server, model: str, **http: Any) -> dict[str, Any]:
    asked = {"url": server.url, "model": model, "output": "predict_proba", **http}
    return {
        "system": f"served {model}",
        "targets": [{"name": model, "adapter": "http", "http": asked}],
        "data": {"test": {"path": f"{model}.csv", "label": "label"}},
        "network": ["127.0.0.1"],
        "budget": {"seconds": 60, "queries": 600},
    }


@pytest.mark.parametrize("model", ["tumours", "wines"])
def test_it_answers_as_the_model_does_in_its_own_environment(
    mlserver: Server, mlserver_made: Any, opened: Any, model: str
) -> None:
    """One tensor of FP64 for the one; FP64, INT64, BOOL and BYTES tensors by the names of columns for the other."""
    target, samples = opened(card(mlserver, model), mlserver_made.folder)
    expected = np.load(mlserver_made.folder / f"{model}.npz")
    a = target.encode(samples.x)
    assert np.allclose(target.probabilities(a), expected["probabilities"], atol=1e-12)
    assert (target.predict(a) == expected["labels"]).all()
    assert len(target.info.classes) == expected["probabilities"].shape[1]


def test_labels_are_all_there_is_where_only_they_are_asked_for(
    mlserver: Server, mlserver_made: Any, opened: Any
) -> None:
    target, samples = opened(card(mlserver, "wines", output="predict"), mlserver_made.folder)
    expected = np.load(mlserver_made.folder / "wines.npz")["labels"]
    assert (target.predict(target.encode(samples.x)) == expected).all()
    assert not hasattr(target, "probabilities")


class Told(Silent):
    """Keeps what it is told, and calls ``act`` once the first job on the served model is done."""

    def __init__(self, act: Callable[[], None] = lambda: None) -> None:
        self.act: Callable[[], None] | None = act
        self.texts: list[str] = []

    def done(self, key: str, finding: Finding | None, text: str) -> None:
        self.texts.append(text)
        if self.act is not None and finding is not None and finding.target == "tumours":
            act, self.act = self.act, None
            act()


@pytest.mark.soak  # with servers of our own: tests/assess/test_served_faults.py
def test_it_dies_in_the_middle_of_a_run_and_the_run_is_resumed(
    mlserver: Server, mlserver_made: Any, tmp_path: Path
) -> None:
    """What was measured stays, what cannot be asked any more says so, the rest goes on; a second run fills the gaps."""
    shutil.copy(mlserver_made.folder / "tumours.csv", tmp_path)
    raw = card(mlserver, "tumours", retries=1, seconds=5)
    raw["targets"].append({"name": "table", "files": ["tumours.csv"]})
    system = SystemCard.from_dict(raw, base=tmp_path)
    said: dict[str, Any] = {"only": PROBES, "store": tmp_path / "runs.sqlite", "backend": "sequential"}
    first = {name_of(f): f for f in assess(system, watcher=Told(mlserver.kill), **said).findings}
    assert set(first) == set(PROBES)
    dead = {name: f.reason for name, f in first.items() if f.status is Status.ERROR}
    assert set(dead) == {"incomplete_testing.metamorphic", "corruption.table"}
    assert all("connection" in reason and "\n" not in reason for reason in dead.values()), dead
    mlserver.start()
    watcher = Told()
    second = assess(system, watcher=watcher, **said).findings
    assert {name_of(f) for f in second} == set(PROBES)
    assert not [f for f in second if f.status is Status.ERROR]
    assert sum("kept from an earlier run" in text for text in watcher.texts) == 2


def name_of(finding: Finding) -> str:
    return finding.probe.rpartition("/")[2]
