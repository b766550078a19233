"""Learned numbers: read, replaced in a copy, and the answers follow."""

from __future__ import annotations

import numpy as np
import pytest

from momus.core.capabilities import Parameters, missing
from momus.core.errors import TargetError
from momus.targets import Target


def _line() -> object:
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 3))
    return LogisticRegression().fit(x, (x[:, 0] > 0).astype(int))


def _network() -> object:
    from sklearn.neural_network import MLPClassifier

    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 3))
    return MLPClassifier((4,), max_iter=20, random_state=0).fit(x, (x[:, 0] > 0).astype(int))


def _module() -> object:
    import torch

    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.ReLU(), torch.nn.Linear(4, 2))


def _target(kind: str) -> object:
    if kind == "torch":
        return Target.from_torch(_module(), shape=(3,), output="logits", classes=("a", "b"))
    return Target.from_sklearn({"line": _line, "network": _network}[kind]())


@pytest.mark.parametrize("kind", ["line", "network", "torch"])
def test_other_numbers_give_other_answers_and_the_original_stays(kind: str) -> None:
    target = _target(kind)
    assert not missing(target, Parameters)
    x = target.encode(np.random.default_rng(1).normal(size=(5, 3)))  # type: ignore[attr-defined]
    before = np.asarray(target.scores(x))  # type: ignore[attr-defined]
    held = target.parameters()  # type: ignore[attr-defined]
    other = target.with_parameters({k: v * 2 for k, v in held.items()})  # type: ignore[attr-defined]
    assert not np.allclose(np.asarray(other.scores(x)), before)
    assert np.array_equal(np.asarray(target.scores(x)), before)  # type: ignore[attr-defined]
    assert other.info.digest != target.info.digest  # type: ignore[attr-defined]
    back = other.with_parameters(held)
    assert np.allclose(np.asarray(back.scores(x)), before, atol=1e-6)


@pytest.mark.parametrize("spoil", ["name", "shape", "lacking"])
def test_parameters_that_do_not_fit_are_refused(spoil: str) -> None:
    target = _target("line")
    held = dict(target.parameters())  # type: ignore[attr-defined]
    if spoil == "name":
        held["nothing"] = np.zeros(1)
    elif spoil == "shape":
        held["coef_"] = np.zeros((1, 9))
    else:
        held.pop("coef_")
    with pytest.raises(TargetError):
        target.with_parameters(held)  # type: ignore[attr-defined]


def test_a_forest_has_none() -> None:
    from sklearn.ensemble import RandomForestClassifier

    x = np.random.default_rng(0).normal(size=(30, 2))
    target = Target.from_sklearn(RandomForestClassifier(3).fit(x, (x[:, 0] > 0).astype(int)))
    assert missing(target, Parameters)


class _Sealed:
    """Raises where its content is asked for, as objects with open handles do."""

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def __reduce__(self) -> str:
        raise RuntimeError("sealed")

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(self.factor * x[:, 0])

    def __repr__(self) -> str:
        return "_Sealed"


def test_what_cannot_be_told_apart_is_never_taken_for_the_same() -> None:
    """Shadow models are kept by digest: two models under one would answer for each other."""
    from momus.targets.fitting import identity

    digests = {Target.from_callable(_Sealed(f), output="values", task="regressor").info.digest for f in (1.0, 2.0)}
    assert len(digests) == 2
    assert identity(_Sealed(1.0)) != identity(_Sealed(2.0))
