"""A run that is killed by SIGKILL at any moment and begun again: nothing acknowledged is lost or done twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from momus.store import open_store

# The model tells which job asks it: once for each process, by the request that its worker was given.
CODE = """
import os, pathlib, sys
import numpy as np
from sklearn.tree import DecisionTreeClassifier

STARTS = pathlib.Path(__file__).parent / "starts.log"
told = set()

def tell():
    frame = sys._getframe()
    while frame is not None:
        request = frame.f_locals.get("request")
        if isinstance(request, dict) and "key" in request and request["key"] not in told:
            told.add(request["key"])
            with open(STARTS, "a") as stream:
                stream.write(request["key"] + "\\n")
        frame = frame.f_back

def good(x):
    tell()
    p = 1 / (1 + np.exp(-(x[:, 0] - x[:, 1])))
    return np.c_[1 - p, p]

def train(x, y, seed):
    tell()
    return DecisionTreeClassifier(max_depth=3, random_state=seed).fit(x, y).predict_proba
"""
CARD = """
system: killed
targets:
  - {name: scorer, adapter: callable, factory: "model.py:good", train: "model.py:train", task: classifier,
     classes: [no, yes]}
data:
  train: {path: train.csv, label: label, contributor: who}
  test: {path: test.csv, label: label}
probes: {shift.left_out: {column: a}}
"""
ONLY = ["incomplete_testing.*", "corruption.table", "poisoning.contributors", "membership.loss", "shift.two_sample"]
WAYS = ("the run alone", "its process group", "everything at once")


@dataclass
class Lab:
    """A system on disk and the child that assesses it. Its folder for temporary files is its own, and marks it."""

    folder: Path
    rng: random.Random
    whole: dict[str, Any] = field(default_factory=dict)
    took: float = 0.0

    @property
    def temporary(self) -> Path:
        return self.folder / "tmp"

    def start(self, store: Path) -> subprocess.Popen[bytes]:
        only = [word for probe in ONLY for word in ("--only", probe)]
        return subprocess.Popen(
            [sys.executable, "-m", "momus", "assess", "momus.yaml", "--store", str(store), "--workers", "2", *only],
            cwd=self.folder, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            env={**os.environ, "TMPDIR": str(self.temporary), "XDG_CACHE_HOME": str(self.folder / "cache")},
        )  # fmt: skip

    def finish(self, store: Path) -> None:
        child = self.start(store)
        said = child.communicate()[1].decode()
        assert child.returncode in (0, 1), said

    def processes(self) -> list[int]:
        """All that lives of the child, the nursery and its workers: whoever has the folder in its environment."""
        mark = f"TMPDIR={self.temporary}\0".encode()
        found = []
        for entry in Path("/proc").glob("[0-9]*/environ"):
            try:
                if mark in entry.read_bytes() and _lives(entry.parent):
                    found.append(int(entry.parent.name))
            except OSError:
                continue
        return found

    def starts(self) -> list[str]:
        log = self.folder / "starts.log"
        return log.read_text().splitlines() if log.exists() else []

    def kill(self, store: Path, way: str) -> bool:
        """One run, killed after a part of the time that a whole one takes. False where it ended before."""
        child = self.start(store)
        try:
            child.wait(self.rng.uniform(0.02, 1.0) * self.took)
            return False
        except subprocess.TimeoutExpired:
            pass
        others = self.processes() if way == "everything at once" else []
        (os.killpg if way == "its process group" else os.kill)(child.pid, signal.SIGKILL)
        for pid in others:
            _end(pid)
        child.wait()
        assert child.stderr is not None
        child.stderr.close()
        while self.processes():  # the nursery ends its workers by itself
            time.sleep(0.02)
        return True


def _lives(process: Path) -> bool:
    return (process / "stat").read_text().rpartition(")")[2].split()[0] != "Z"


def _end(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def numbers(store: Path) -> dict[str, Any]:
    """The newest run's records by key; a key that comes twice fails."""
    with open_store(store) as held:
        records = held.records(held.runs()[0].id)
    found = {r.key: r.model_dump(exclude={"cost"}) for r in records}
    assert len(found) == len(records)
    return found


def acknowledged(store: Path) -> dict[str, Any]:
    """Everything that the store holds, whichever run it belongs to."""
    if not store.exists():
        return {}
    with open_store(store) as held:
        return {r.key: r.model_dump() for run in held.runs() for r in held.records(run.id)}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("killed")
    rng = np.random.default_rng(0)
    for name in ("train", "test"):
        a, b = rng.normal(size=(2, 300))
        label = np.where(a - b + rng.normal(size=300) > 0, "yes", "no")
        rows = [f"{p:.5f},{q:.5f},{t},lab {i % 6}" for i, (p, q, t) in enumerate(zip(a, b, label, strict=True))]
        (folder / f"{name}.csv").write_text("\n".join(["a,b,label,who", *rows]))
    (folder / "test.csv").write_text(
        "\n".join(line.rpartition(",")[0] for line in (folder / "test.csv").read_text().splitlines())
    )
    (folder / "model.py").write_text(CODE)
    (folder / "momus.yaml").write_text(CARD)
    made = Lab(folder, random.Random(9))
    made.temporary.mkdir()
    began = time.monotonic()
    made.finish(folder / "whole.sqlite")
    made.took = time.monotonic() - began
    made.whole = numbers(folder / "whole.sqlite")
    assert len(made.whole) >= 6
    yield made
    assert not made.processes()


def survives(lab: Lab, name: str, kills: int) -> int:
    """Kill runs of one store until one ends, or so many times; then let one end. How often it was killed."""
    store, killed = lab.folder / f"{name}.sqlite", 0
    held: dict[str, Any] = {}
    began = len(lab.starts())
    while killed < kills and lab.kill(store, WAYS[killed % len(WAYS)]):
        killed += 1
        _nothing_lost(lab, store, held, began)
        held, began = acknowledged(store), len(lab.starts())
    lab.finish(store)
    _nothing_lost(lab, store, held, began)
    assert numbers(store) == lab.whole
    assert not [p for p in lab.temporary.rglob("*") if p.is_file()], "temporary files are left"
    return killed


def _nothing_lost(lab: Lab, store: Path, held: dict[str, Any], began: int) -> None:
    """What the store held is there unchanged, and none of it was begun again since."""
    now = acknowledged(store)
    assert {k: now.get(k) for k in held} == held
    assert not set(lab.starts()[began:]) & set(held)


def test_a_run_killed_three_times_ends_with_the_numbers_of_one_that_was_not(lab):
    assert survives(lab, "thrice", 3) >= 1


@pytest.mark.soak
@pytest.mark.timeout(3000)
def test_fifty_moments(lab):
    killed = store = 0
    while killed < 50:
        store += 1
        killed += survives(lab, f"store {store}", min(4, 50 - killed))
