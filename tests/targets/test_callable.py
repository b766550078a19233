"""Functions as targets: what they are fed, what they return, and how their faults are told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from momus.core.capabilities import Probabilities, Trains, missing
from momus.core.errors import BudgetSpent, TargetError
from momus.core.samples import Samples
from momus.targets import Target

RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 4))
IMAGES = RNG.integers(0, 256, (6, 5, 7, 3), dtype=np.uint8)
TABLE = Samples(X, (X[:, 0] > 0).astype(int), classes=("low", "high"))


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


@pytest.mark.parametrize(
    ("function", "output"),
    [
        (lambda x: sigmoid(x[:, 0]), "probabilities"),
        (lambda x: np.stack([1 - sigmoid(x[:, 0]), sigmoid(x[:, 0])], axis=1), "probabilities"),
        (lambda x: 9 * x[:, 0], "logits"),
        (lambda x: np.stack([-x[:, 0], x[:, 0]], axis=1), "logits"),
        (lambda x: (x[:, 0] > 0).astype(int), "labels"),
        (lambda x: np.where(x[:, 0] > 0, "high", "low"), "labels"),
        (lambda x: ["high" if v > 0 else "low" for v in x[:, 0]], "labels"),
    ],
)
def test_what_it_returns_is_recognised(function: Any, output: str) -> None:
    target = Target.from_callable(function, samples=TABLE)
    assert target.info.output == output
    assert (target.predict(target.encode(X)) == TABLE.y).all()
    if output != "labels":
        assert (target.probabilities(X).argmax(axis=1) == TABLE.y).all()
    assert ("probabilities" in missing(target, Probabilities)) is (output == "labels")


def test_images_come_as_read_unless_the_settings_say_otherwise() -> None:
    seen: list[np.ndarray] = []

    def look(x: np.ndarray) -> np.ndarray:
        seen.append(x)
        return np.zeros(len(x), int)

    samples = Samples(IMAGES, np.zeros(6, int), classes=("a", "b"))
    target = Target.from_callable(look, samples=samples)
    target.predict(target.encode(IMAGES))
    np.testing.assert_array_equal(seen[-1], IMAGES)
    assert seen[-1].dtype == np.uint8
    target = Target.from_callable(look, samples=samples, range=(-1, 1), channels="first")
    target.predict(target.encode(IMAGES))
    np.testing.assert_allclose(seen[-1], np.moveaxis(IMAGES / 127.5 - 1, -1, 1), atol=1e-6)


def test_texts() -> None:
    texts = np.array(["good", "bad", "so good"], dtype=object)
    samples = Samples(texts, np.array([1, 0, 1]), classes=("no", "yes"))
    target = Target.from_callable(lambda x: [int("good" in t) for t in x], samples=samples)
    assert target.info.modality == "text"
    assert target.predict(target.encode(texts)).tolist() == [1, 0, 1]
    assert target.decode(target.encode(texts)).tolist() == texts.tolist()


def test_batches_are_bounded() -> None:
    sizes: list[int] = []

    def look(x: np.ndarray) -> np.ndarray:
        sizes.append(len(x))
        return x[:, 0]

    target = Target.from_callable(look, output="values", task="regressor", shape=(4,), rows=8)
    np.testing.assert_array_equal(target.predict(X), X[:, 0])
    assert sizes == [8, 8, 8, 6]


def test_it_cannot_change_the_callers_rows() -> None:
    def spoil(x: np.ndarray) -> np.ndarray:
        x[:] = 0
        return x[:, 0]

    rows = X.copy()
    Target.from_callable(spoil, output="values", task="regressor", shape=(4,)).predict(rows)
    np.testing.assert_array_equal(rows, X)


def test_retraining_by_a_hook() -> None:
    def train(x: np.ndarray, y: np.ndarray, seed: int) -> Any:
        side = np.sign(x[y == 1, 0].mean())
        return lambda rows: side * rows[:, 0]

    target = Target.from_callable(lambda x: x[:, 0], output="logits", classes=("low", "high"), shape=(4,), train=train)
    assert not missing(target, Trains)
    again = target.retrain(X, 1 - TABLE.y, seed=0)
    assert (again.predict(X) != target.predict(X)).all()
    assert again.info.digest != target.info.digest


def test_digest_follows_source_and_what_the_function_holds() -> None:
    def make(scale: float) -> Any:
        return lambda x: scale * x[:, 0]

    one, same, other = (
        Target.from_callable(make(s), output="values", task="regressor", shape=(4,)).info.digest
        for s in (1.0, 1.0, 2.0)
    )
    assert one == same != other


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: np.full(len(x), np.nan), "NaN or infinity for 16 rows, first row 0"),
        (lambda x: {"a": 1}, "returned a dict, not an array"),
        (lambda x: [[1], [1, 2]] * 8, "rows of different lengths"),
        (lambda x: x[1:], r"shape \(15, 4\) for 16 rows"),
        (lambda x: None, "returned a NoneType, not an array"),
        (lambda x: np.full(len(x), "other"), "label 'other', which is not among the classes"),
        (lambda x: x / 0 * np.nan, "NaN or infinity"),
        (lambda x: [][1], "raised IndexError"),
    ],
)
def test_faults_are_told_in_one_line(function: Any, message: str) -> None:
    with pytest.raises(TargetError, match=message) as caught, np.errstate(all="ignore"):
        target = Target.from_callable(function, samples=TABLE, name="f")
        target.predict(X[:16])
    assert "target 'f'" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_rows_that_are_no_probabilities() -> None:
    target = Target.from_callable(lambda x: np.abs(x[:, :2]), output="probabilities", classes=("a", "b"), shape=(4,))
    with pytest.raises(TargetError, match=r"row \d+ is no probability"):
        target.probabilities(X)


def test_unknown_output_asks_for_it() -> None:
    with pytest.raises(TargetError, match="what the function returns is not known"):
        Target.from_callable(lambda x: x, shape=(4,))


def test_a_random_function_is_found_out() -> None:
    target = Target.from_callable(lambda x: RNG.random(len(x)), samples=TABLE)
    assert target.info.randomised


def test_signals_pass_through() -> None:
    def spent(_: np.ndarray) -> np.ndarray:
        raise BudgetSpent

    with pytest.raises(BudgetSpent):
        Target.from_callable(spent, output="values", task="regressor", shape=(4,)).predict(X)
