"""Families of inputs that nobody sends: they stay in their space, and the statistics of their answers are known."""

from __future__ import annotations

import numpy as np
import pytest

from momus.core.samples import Samples
from momus.methods import made_up_inputs


def kinds() -> dict[str, Samples]:
    rng = np.random.default_rng(0)
    texts = np.array([f"word{i % 7} other{i % 11} and more" for i in range(40)], dtype=object)
    table = np.column_stack([rng.normal(size=60), rng.integers(0, 3, 60)]).astype(float)
    return {
        "image": Samples(x=rng.integers(0, 256, (30, 8, 8, 1)).astype(np.uint8)),
        "table": Samples(x=table),
        "text": Samples(x=texts),
    }


@pytest.mark.parametrize("kind", ["image", "table", "text"])
def test_inputs_stay_in_the_space_of_the_data(kind: str) -> None:
    train = kinds()[kind]
    drawn = made_up_inputs.families(train, 25, np.random.default_rng(1))
    again = made_up_inputs.families(train, 25, np.random.default_rng(1))
    assert len(drawn) >= 5
    for name, x in drawn.items():
        assert x.dtype == train.x.dtype and x.shape == (25, *train.x.shape[1:]), name
        assert (x == again[name]).all()
        step = made_up_inputs.stepped(x, np.random.default_rng(2))
        assert step.dtype == x.dtype and step.shape == x.shape
        if kind == "table":
            assert x.min(axis=0)[0] >= train.x[:, 0].min() and x.max(axis=0)[0] <= train.x[:, 0].max()
            assert set(x[:, 1]) <= {0.0, 1.0, 2.0}
            assert ((step != x).sum(axis=1) <= 1).all()


@pytest.mark.parametrize("kind", ["image", "table", "text"])
def test_typed_seeds_give_the_rows_that_the_generator_gives(kind: str) -> None:
    """However many rows the hider drew, the first ones are the same."""
    from momus.methods.hidden_inputs import made_up

    train = kinds()[kind]
    typed = made_up_inputs.typed(train, 8)
    assert (typed["drawn from seed 42"] == made_up(train, 50, 42)[:8]).all()


def test_answers_of_known_shape() -> None:
    one = np.tile([0.9, 0.1], (10, 1))
    even = np.array([[0.9, 0.1], [0.1, 0.9]] * 5)
    flat = made_up_inputs.answers(one, one)
    assert flat["evenness"] == flat["turns"] == 0.0
    assert flat["sureness"] == pytest.approx(np.log(9))
    mixed = made_up_inputs.answers(even, even[::-1])
    assert mixed["evenness"] == pytest.approx(1.0)
    assert mixed["turns"] == 1.0
