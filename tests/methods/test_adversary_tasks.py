"""Tasks of an adversary: every picture carries the label it claims, and no task is easier than it says."""

from __future__ import annotations

import numpy as np
import pytest

from momus.core.errors import DataError
from momus.core.samples import Samples
from momus.methods import adversary_tasks as tasks
from momus.methods.reprogram_worth import linear_answers


@pytest.mark.parametrize("side", [8, 12, 17, 36])
@pytest.mark.parametrize("mixed", [False, True])
def test_squares_are_as_many_as_the_label_says(side: int, mixed: bool) -> None:
    task = tasks.count_squares(40, np.random.default_rng(0), side=side, mixed=mixed)
    ground = 0.5 if mixed else 0.0
    one = max((task.x[i] != ground).sum() / (task.y[i] + 1) for i in range(40))
    assert np.allclose([(x != ground).sum() for x in task.x], one * (task.y + 1))
    assert task.x.shape == (40, side, side, 1) and set(np.unique(task.x)) <= {0.0, 0.5, 1.0}
    assert np.bincount(task.y).tolist() == [4] * 10


def test_a_linear_model_counts_white_squares_and_not_mixed_ones() -> None:
    right = {}
    for name in ("squares", "mixed"):
        task = tasks.make(name, 900, np.random.default_rng(1), side=12, outputs=4)
        learn, held = task.split(300)
        right[name] = (linear_answers(learn.x, learn.y, held.x, np.random.default_rng(2), 4) == held.y).mean()
    assert right["squares"] > 0.97
    assert right["mixed"] < 0.4


def test_made_up_tasks_shrink_to_the_outputs_there_are() -> None:
    for name in ("squares", "mixed", "digits"):
        task = tasks.make(name, 60, np.random.default_rng(0), side=8, outputs=3)
        assert len(task.classes) == 3 and set(task.y) <= {0, 1, 2}


def test_split_keeps_pictures_apart() -> None:
    task = tasks.digits(100, np.random.default_rng(0))
    learn, held = task.split(30)
    assert (len(learn), len(held)) == (70, 30)
    assert not {a.tobytes() for a in learn.x} & {a.tobytes() for a in held.x}


def test_own_pictures_are_scaled_and_labels_are_packed() -> None:
    x = np.random.default_rng(0).integers(0, 256, (9, 10, 6, 3), dtype=np.uint8)
    samples = Samples(x=x, y=np.array([2, 5, 2, 5, 2, 5, 2, 5, 2]), classes=tuple("abcdef"))
    task = tasks.own(samples, 9, np.random.default_rng(0), side=4)
    assert task.x.shape == (9, 4, 4, 3) and task.classes == ("c", "f") and set(task.y) == {0, 1}
    assert task.x.min() >= 0 and task.x.max() <= 1


@pytest.mark.parametrize(
    "samples", [Samples(x=np.zeros((3, 4))), Samples(x=np.zeros((3, 5, 5, 1), np.uint8), y=np.array([0.5, 1, 2]))]
)
def test_own_task_without_pictures_or_labels_is_refused(samples: Samples) -> None:
    with pytest.raises(DataError, match="pictures with class labels"):
        tasks.own(samples, 3, np.random.default_rng(0), side=4)


def test_impossible_squares_are_refused() -> None:
    with pytest.raises(DataError, match="pixels"):
        tasks.count_squares(4, np.random.default_rng(0), side=7)
    with pytest.raises(DataError, match="counted"):
        tasks.count_squares(4, np.random.default_rng(0), most=17)


@pytest.mark.parametrize(("colours", "channels"), [(1, 3), (3, 1), (3, 3), (1, 4)])
def test_channels(colours: int, channels: int) -> None:
    x = np.random.default_rng(0).random((2, 5, 5, colours)).astype(np.float32)
    made = tasks.in_channels(x, channels)
    assert made.shape == (2, channels, 5, 5)
    assert np.allclose(made.mean(axis=1), x.mean(axis=-1), atol=1e-6)
