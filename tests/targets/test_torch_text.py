"""Modules that read texts: answers, numbers, training again, and what is said when they answer oddly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from momus.core.capabilities import Parameters, Predicts, TrainsUnder, missing
from momus.core.errors import TargetError
from momus.core.samples import Samples
from momus.targets import Target

WORDS = ("good", "fine", "bad", "poor")
TEXTS = np.array(["good fine good", "bad poor", "fine", "poor bad bad", ""] * 6, dtype=object)
CLASSES = np.array([0, 1, 0, 1, 0] * 6)
DATA = Samples(x=TEXTS, y=CLASSES, classes=("pleased", "cross"))


class Bag(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.out = nn.Linear(len(WORDS), 2)

    def forward(self, texts: list[str]) -> Any:
        return self.out(torch.tensor([[float(t.split().count(w)) for w in WORDS] for t in texts]))


def train(x: np.ndarray, y: np.ndarray, seed: int) -> Any:
    model = Bag()
    o = torch.optim.Adam(model.parameters(), 0.05)
    for _ in range(60):
        o.zero_grad()
        nn.functional.cross_entropy(model(list(x)), torch.as_tensor(np.asarray(y))).backward()
        o.step()
    return model


def _target(**more: Any) -> Any:
    return Target.from_torch(train(TEXTS, CLASSES, 0), name="bag", classes=DATA.classes, samples=DATA, **more)


def test_it_answers_texts_as_the_module_does() -> None:
    target = _target(train=train)
    assert target.info.modality == "text" and missing(target, Predicts) == () == missing(target, Parameters)
    p = target.probabilities(target.encode(TEXTS))
    with torch.no_grad():
        alone = torch.softmax(target.net.module(list(TEXTS)), 1).numpy()
    assert np.allclose(p, alone, atol=1e-6) and (target.predict(TEXTS) == CLASSES).mean() > 0.9
    assert target.predict(TEXTS[:0]).shape == (0,)
    assert "retrain_under" in missing(_target(), TrainsUnder)


def test_its_numbers_are_exchanged_in_a_copy() -> None:
    target = _target()
    values = {k: np.zeros_like(v) for k, v in target.parameters().items()}
    other = target.with_parameters(values)
    assert (other.scores(TEXTS) == 0).all() and (target.scores(TEXTS) != 0).any()
    assert other.info.digest != target.info.digest


def test_it_is_trained_again_also_under_a_term() -> None:
    target = _target(train=train)
    again = target.retrain(TEXTS, 1 - CLASSES, seed=1)
    assert (again.predict(TEXTS) == 1 - CLASSES).mean() > 0.9
    pulled = target.retrain_under(TEXTS, CLASSES, seed=1, term=lambda flat: 1000 * (flat - 7))
    assert all(np.abs(v - 7).max() < 5 for v in pulled.parameters().values())
    assert np.abs(again.parameters()["out.weight"] - 7).min() > 5


def test_odd_answers_are_said() -> None:
    class Odd(nn.Module):
        def forward(self, texts: list[str]) -> Any:
            return torch.zeros(len(texts), 5)

    with pytest.raises(TargetError, match="expected logits"):
        Target.from_torch(Odd(), name="odd", classes=("a", "b"), samples=DATA)
    named = Target.from_torch(Odd(), name="odd", samples=Samples(x=TEXTS, y=CLASSES))
    assert named.info.classes == ("0", "1", "2", "3", "4")
    with pytest.raises(TargetError, match="number of classes"):
        Target.from_torch(Odd(), name="odd", modality="text")
