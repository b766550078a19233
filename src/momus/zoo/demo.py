"""The built-in system of `momus demo`: a tumour classifier that memorised its patients, with its card and data."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from momus.core.samples import NumpyArray

CARD = """\
# A first card. `momus check` validates it, `momus threats` reads it, `momus assess` measures.
system: demo-tumours
description: Random forest on the Wisconsin breast-cancer table (569 patients), offered to partner clinics.

targets:
  - name: forest
    adapter: sklearn
    path: model.joblib
    classes: [malignant, benign]

data:
  train: {path: train.csv, label: diagnosis, groups: [clinic], drop: [clinic]}
  test: {path: test.csv, label: diagnosis, groups: [clinic], drop: [clinic]}

facts:
  model.paradigm: supervised
  model.modality: table
  model.output: scores
  api.reach: partner
  api.input_control: full
  api.rate_limit: no
  artifact.reach: server
  data.class: highly_confidential
  data.persons: yes
  data.membership_sensitive: yes
  data.sources: internal
  loop.feedback: none
  train.where: inhouse
  import.pretrained: no
  env.sensors: no
  env.acts: no
  rl.agent: no
  use.decides_others: yes
  use.safety: yes

probes:
  membership.shadow: {shadows: 8}

budget: {seconds: 60, memory_mb: 2048}
"""


def write(folder: Path) -> Path:
    """Train the model and write model, tables and card into ``folder``; returns the card's path. Takes seconds."""
    import joblib
    from sklearn.datasets import load_breast_cancer
    from sklearn.ensemble import RandomForestClassifier

    folder.mkdir(parents=True, exist_ok=True)
    data = load_breast_cancer()
    rng = np.random.default_rng(0)
    # A tenth of the diagnoses is wrong, as in real records: what a model can only get right by memorising.
    y = np.where(rng.random(len(data.target)) < 0.1, 1 - data.target, data.target)
    clinic = rng.integers(0, 3, len(y))
    order = rng.permutation(len(y))
    train, test = order[: len(y) // 2], order[len(y) // 2 :]
    model = RandomForestClassifier(100, bootstrap=False, random_state=0).fit(data.data[train], y[train])
    joblib.dump(model, folder / "model.joblib")
    names = [str(n).replace(" ", "_") for n in data.feature_names]
    for name, rows in (("train", train), ("test", test)):
        _write_csv(folder / f"{name}.csv", names, data.data[rows], clinic[rows], data.target_names[y[rows]])
    card = folder / "momus.yaml"
    card.write_text(CARD, "utf-8")
    return card


def _write_csv(path: Path, names: list[str], x: NumpyArray, clinic: NumpyArray, label: NumpyArray) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow([*names, "clinic", "diagnosis"])
        for row, place, answer in zip(x, clinic, label, strict=True):
            writer.writerow([*(f"{v:.10g}" for v in row), f"clinic {'ABC'[place]}", answer])
