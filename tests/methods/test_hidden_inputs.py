"""Made-up inputs: all different, in range, and the same for sender and reader."""

from __future__ import annotations

import numpy as np
import pytest

from momus.core.samples import Samples
from momus.methods import hidden_inputs as inputs
from momus.zoo.tables import people

RNG = np.random.default_rng(0)
PICTURES = Samples(x=RNG.integers(0, 256, (5, 20, 14, 3)).astype(np.uint8))
TEXTS = Samples(x=np.array(["the cat sat on the mat", "dogs bark at night", "zebras run"], dtype=object))


@pytest.mark.parametrize("samples", [PICTURES, people(300, RNG), TEXTS])
def test_they_are_all_different_and_a_longer_list_begins_alike(samples: Samples) -> None:
    made = inputs.made_up(samples, 60, 3)
    assert made.shape == (60, *samples.x.shape[1:]) and made.dtype == samples.x.dtype
    assert len({str(np.asarray(row).tolist()) for row in made}) == 60
    again, other = inputs.made_up(samples, 60, 3), inputs.made_up(samples, 60, 4)
    assert (again == made).all() and (other != made).any()


def test_tables_stay_in_range_and_categories() -> None:
    s = people(500, RNG)
    made = inputs.made_up(s, 400, 1)
    assert (made >= s.x.min(axis=0)).all() and (made <= s.x.max(axis=0)).all()
    assert set(made[:, 6]) == {0, 1, 2} and set(made[:, 7]) == {0, 1}
    counts = s.x.copy()
    counts[:, 0] = np.round(10 * counts[:, 0])
    assert (inputs.made_up(Samples(x=counts), 50, 1)[:, 0] % 1 == 0).all()


def test_texts_are_made_of_rare_words() -> None:
    common = np.array([f"the mail number{i} says hello" for i in range(50)], dtype=object)
    made = inputs.made_up(Samples(x=common), 30, 1)
    assert all("number" in text and "the" not in text.split() for text in made)


def test_an_empty_column_or_text_breaks_nothing() -> None:
    assert inputs.made_up(Samples(x=np.full((4, 2), np.nan)), 3, 0).shape == (3, 2)
    assert len(inputs.made_up(Samples(x=np.array(["", ""], dtype=object)), 3, 0)) == 3
