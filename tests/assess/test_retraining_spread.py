"""Retraining runs use free cores, are kept by digest, and give the same numbers however many cores help."""

from __future__ import annotations

from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier

from momus import assess
from momus.core.cache import Cache
from momus.core.meter import Budget, Meter
from momus.core.probe import Trial
from momus.core.samples import Samples
from momus.core.spread import Slots
from momus.methods import retraining
from momus.methods.retraining import Run
from momus.targets import Target

# The training function tells each call and who made it; where a helper is to get its turn it is as slow as a real one.
TRAIN = """
import os, time
from sklearn.tree import DecisionTreeClassifier

def train(x, y, seed):
    with open("calls.log", "a") as stream:
        stream.write(f"{os.getpid()} {seed}\\n")
    if os.path.exists("slow"):
        time.sleep(0.05)
    return DecisionTreeClassifier(max_depth=4, random_state=seed).fit(x, y)
"""
CARD = """
system: lab
targets:
  - {name: tree, adapter: sklearn, path: tree.joblib, train: "provider.py:train", classes: [no, yes]}
data:
  train: {path: train.csv, label: label, contributor: lab}
  test: {path: test.csv, label: label}
budget: {seconds: 120}
"""
PROBES = ["poisoning.contributors", "poisoning.floods"]


def lab(folder: Path) -> Path:
    """A small system whose training rows come from eight contributors; one of them labels wrongly."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in ("train", "test"):
        a, b = rng.normal(size=(2, 400))
        who = rng.integers(8, size=400)
        label = np.where((a > b) ^ ((who == 3) & (name == "train")), "yes", "no")
        whose = [f",lab {w}" if name == "train" else "" for w in who]
        rows = [f"{p:.5f},{q:.5f},{t}{w}" for p, q, t, w in zip(a, b, label, whose, strict=True)]
        (folder / f"{name}.csv").write_text("\n".join(["a,b,label" + (",lab" if name == "train" else ""), *rows]))
        if name == "train":
            model = DecisionTreeClassifier(max_depth=4, random_state=0).fit(np.c_[a, b], label == "yes")
    joblib.dump(model, folder / "tree.joblib")
    (folder / "provider.py").write_text(TRAIN)
    (folder / "momus.yaml").write_text(CARD)
    return folder


def calls(folder: Path) -> list[list[str]]:
    log = folder / "calls.log"
    return [line.split() for line in log.read_text().splitlines()] if log.exists() else []


def test_a_second_question_about_the_same_model_trains_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = lab(tmp_path / "lab")
    (folder / "slow").touch()
    first = assess(folder / "momus.yaml", only=PROBES, store=tmp_path / "a.sqlite", workers=2)
    (folder / "slow").unlink()
    made = calls(folder)
    assert first.findings and all(f.measurement is not None for f in first.findings), first.findings
    assert len(made) > 10
    assert len({pid for pid, _ in made}) > 1, "one probe trains, and the core that is free helps it"
    second = assess(folder / "momus.yaml", only=PROBES, store=tmp_path / "b.sqlite", workers=2)
    assert calls(folder) == made, "another store, the same model and rows: nothing is trained"

    def numbers(found):
        return sorted((f.probe, f.measurement.value, str(f.measurement.figures), f.status) for f in found.findings)

    assert numbers(second) == numbers(first)
    # By one process alone, and with nothing to read, the same numbers come out.
    alone = assess(folder / "momus.yaml", only=PROBES, store=tmp_path / "c.sqlite", backend="sequential", fresh=True)
    assert sorted(s for _, s in calls(folder)[len(made) :]) == sorted(s for _, s in made)
    assert numbers(alone) == numbers(first)
    # Other training code is another question.
    (folder / "provider.py").write_text(TRAIN.replace("max_depth=4", "max_depth=3"))
    before = len(calls(folder))
    assess(folder / "momus.yaml", only=PROBES[:1], store=tmp_path / "d.sqlite", workers=2)
    assert len(calls(folder)) > before


@pytest.mark.parametrize("cores", [1, 3])
def test_trainings_done_when_time_ran_out_are_kept(tmp_path, cores):
    rng = np.random.default_rng(0)
    rows = Samples(rng.normal(size=(60, 2)), rng.integers(2, size=60))
    own = DecisionTreeClassifier(max_depth=2).fit(rows.x, rows.y)
    bare = Target.from_sklearn(own, name="m", samples=rows)
    target = Meter(bare, Budget(None, 3600.0))

    class Ends:
        """Time is up where the fifth run would start."""

        info = bare.info

        def retrain(self, x, y, /, *, seed):
            if seed >= 4:
                target.started -= 7200
            target.check_time()
            return bare.retrain(x, y, seed=seed)

    slots = Slots(tmp_path / "slots", cores - 1) if cores > 1 else None
    trial = Trial(cache=Cache(tmp_path / "kept"), slots=slots)
    runs = [Run(rows.x, rows.y, s) for s in range(8)]
    found = retraining.answers(Ends(), trial, runs, {"test": rows.x})  # type: ignore[arg-type]
    assert len(found) == 4
