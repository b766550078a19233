"""Labels meet a model's classes by name."""

from __future__ import annotations

import numpy as np
import pytest

from momus.core.errors import DataError
from momus.core.samples import Samples


def labelled(y: list[int], classes: tuple[str, ...]) -> Samples:
    return Samples(np.zeros((len(y), 1)), np.array(y), classes=classes)


@pytest.mark.parametrize(
    ("y", "read_as", "model", "wanted"),
    [
        ([1, 2, 1], ("0", "1", "2"), ("1", "2"), [0, 1, 0]),  # labels 1 and 2, numbered from 1 by the model
        ([1, 2, 1], ("0", "1", "2"), ("1.0", "2.0"), [0, 1, 0]),
        ([7, 3], tuple(map(str, range(8))), ("3", "5", "7"), [2, 0]),
        ([0, 1], ("b", "a"), ("a", "b", "c"), [1, 0]),  # the same names in another order
        ([0, 1], ("0", "1"), ("no", "yes"), [0, 1]),  # numbers for names: positions
        ([1, 0], ("cat", "dog"), ("0", "1"), [1, 0]),
        ([0, 2], ("0", "1", "2"), ("0", "1", "2", "3"), [0, 2]),
    ],
)
def test_labels_meet_classes_by_name(
    y: list[int], read_as: tuple[str, ...], model: tuple[str, ...], wanted: list[int]
) -> None:
    samples = labelled(y, read_as)
    assert samples.in_classes(model).y.tolist() == wanted  # type: ignore[union-attr]
    assert samples.in_classes(model).digest == samples.digest
    assert samples.y.tolist() == y  # type: ignore[union-attr]


def test_a_label_that_the_model_lacks_is_told() -> None:
    with pytest.raises(DataError, match="'owl' is not among"):
        labelled([0, 1], ("cat", "owl")).in_classes(("dog", "cat"))


def test_a_probe_sees_the_labels_in_the_models_order() -> None:
    from sklearn.linear_model import LogisticRegression

    from momus.core.registry import get_probe
    from momus.targets import Target

    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 2))
    y = (x[:, 0] > 0).astype(int) + 1
    target = Target.from_sklearn(LogisticRegression().fit(x, y))
    numbers = Samples(x, y, classes=("0", "1", "2"))
    swapped = Samples(x, 2 - y, classes=("2", "1"))
    square = get_probe("perturbation.square")
    for samples in (numbers, swapped):
        made = square(target, test=samples, epsilon=1e-6, queries=5, n=50)
        clean = next(f.value for f in made.figures if f.name == "clean_accuracy")
        assert clean > 0.9
