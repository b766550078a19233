"""The built-in system of `momus demo`: a reader of handwritten digits, with its card, its scans and its writers."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from momus.core import digest
from momus.core.samples import NumpyArray

CARD = """\
# A first card. `momus check` validates it, `momus threats` reads it, `momus assess` measures.
system: demo-digit-reader
description: Reads handwritten digits. Real scans (UCI, 1,797); the story and a tenth of the labels, mistyped, are ours.

targets:
  - name: reader
    adapter: sklearn
    path: model.joblib
    digests: {model.joblib: {digest}}   # what was approved: a file that differs is not loaded
    classes: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]
    input: {shape: [1, 8, 8], range: [0, 1]}

data:
  train: {path: train.npz, label: digit}
  test: {path: test.npz, label: digit, groups: [stroke]}
  current: {path: later.npz, label: digit}     # other people wrote these: what the reader meets in use

facts:                             # only you know these; momus check asks for what is missing
  model.paradigm: supervised
  model.modality: image
  model.labels: 10
  model.gradient_trained: no
  model.output: scores
  api.reach: partner
  api.input_control: full
  api.rate_limit: no
  artifact.reach: server
  data.class: confidential         # the scans are of people's forms
  data.persons: yes
  data.membership_sensitive: yes
  data.sources: internal
  loop.feedback: none
  train.where: outsourced
  import.pretrained: yes
  import.verified: no
  import.format: executable        # a joblib file is a pickle
  env.sensors: no
  env.acts: no
  rl.agent: no
  use.decides_others: yes
  use.safety: no

probes:
  membership.lira: {shadows: 8}     # the three share their shadow models
  membership.shadow: {shadows: 8}
  membership.rmia: {shadows: 8}
  perturbation.square: {epsilon: 0.0625, n: 150, queries: 500}    # 1/16: one grey level of the scanner

budget: {seconds: 60, memory_mb: 2048}
"""
# The data set's rows come writer by writer, so its end was written by people whom the beginning does not know.
_LATER = 497
_MISTYPED = 0.1


def write(folder: Path) -> Path:
    """Train the model and write model, scans and card into ``folder``; returns the card's path. Takes a second.

    The 1,797 scans are the UCI optical recognition set that scikit-learn ships. A tenth of the labels is mistyped, as
    in real records: what a model can only get right by memorising.
    """
    import joblib
    from sklearn.datasets import load_digits
    from sklearn.ensemble import RandomForestClassifier

    folder.mkdir(parents=True, exist_ok=True)
    digits = load_digits()
    rng = np.random.default_rng(0)
    scans = np.round(digits.images * (255 / 16)).astype(np.uint8)
    wrong = (digits.target + rng.integers(1, 10, len(scans))) % 10
    labels = np.where(rng.random(len(scans)) < _MISTYPED, wrong, digits.target)
    earlier = rng.permutation(len(scans) - _LATER)
    half = len(earlier) // 2
    parts = {"train": earlier[:half], "test": earlier[half:], "later": np.arange(len(earlier), len(scans))}
    stroke = _stroke(scans)
    for name, rows in parts.items():
        np.savez_compressed(folder / f"{name}.npz", x=scans[rows], digit=labels[rows].astype(str), stroke=stroke[rows])
    train = parts["train"]
    model = RandomForestClassifier(60, bootstrap=False, random_state=0)
    model.fit((scans[train].reshape(len(train), -1) / 255).astype(np.float32), labels[train])
    joblib.dump(model, folder / "model.joblib")
    card = folder / "momus.yaml"
    card.write_text(CARD.replace("{digest}", digest.of_file(folder / "model.joblib")), "utf-8")
    return card


def _stroke(scans: NumpyArray) -> NumpyArray:
    """Thin, middle or bold: thirds by the ink on the paper."""
    ink = scans.reshape(len(scans), -1).mean(1)
    names: NumpyArray = np.array(["thin", "middle", "bold"])
    found: NumpyArray = names[np.searchsorted(np.quantile(ink, [1 / 3, 2 / 3]), ink)]
    return found
