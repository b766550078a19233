"""Records: small numbers that mean rows, and the test whether one came back."""

from __future__ import annotations

import numpy as np
import pytest

from momus.core.samples import Column, ColumnKind, Samples
from momus.methods import hidden_data as hidden
from momus.methods import hidden_records as records
from momus.zoo.tables import people

RNG = np.random.default_rng(0)
TEXTS = np.array(["the cat sat on the mat", "dogs bark", "a zebra, a mat!", ""], dtype=object)


def _pictures(n: int = 12) -> Samples:
    return Samples(x=RNG.integers(0, 256, (n, 20, 14, 1)).astype(np.uint8), y=np.zeros(n, dtype=int))


def test_pictures_are_smaller_and_grey() -> None:
    made = records.records_of(_pictures(), side=10, depth=4)
    assert made.shape == (10, 7) and made.values.shape == (12, 70) and made.values.max() < 16
    assert made.bits == 280 and made.pictures().shape == (12, 10, 7)


def test_no_rows_are_no_records() -> None:
    for s in (_pictures(), people(30, RNG), Samples(x=TEXTS)):
        assert len(records.records_of(s.take(slice(0)))) == 0


def test_a_picture_small_enough_stays_as_it_is() -> None:
    s = _pictures()
    assert (records.records_of(s, side=20).pictures() == s.x[..., 0]).all()


def test_table_columns_keep_what_they_mean() -> None:
    s = people(400, RNG)
    made = records.records_of(s)
    assert made.levels.tolist() == [256] * 6 + [3, 2] and made.bits == 6 * 8 + 2 + 1
    numbers = np.clip(s.x, made.low, made.high)
    assert np.abs(made.cells() - numbers).max() <= ((made.high - made.low) / 255).max()
    assert (made.cells()[:, 6:] == s.x[:, 6:]).all(), "site and sex come back as they were"
    again = records.records_of(people(50, RNG), like=made)
    assert (again.low == made.low).all() and (again.levels == made.levels).all()


def test_a_table_without_columns_and_with_holes_has_records() -> None:
    x = np.array([[1.0, np.nan, 5.0], [2.0, 3.0, 5.0], [3.0, 9.0, 5.0]])
    made = records.records_of(Samples(x=x))
    assert np.isfinite(made.cells()).all() and (made.values >= 0).all()


def test_texts_become_places_in_a_dictionary() -> None:
    made = records.records_of(Samples(x=TEXTS), words=4)
    assert made.texts() == ["the cat sat on", "dogs bark", "a zebra a mat", ""]
    other = records.records_of(Samples(x=np.array(["a cat flies"], dtype=object)), like=made, words=4)
    assert other.texts() == ["a cat"]


@pytest.mark.parametrize("samples", [_pictures(), people(30, RNG), Samples(x=np.repeat(TEXTS[:3], 3))])
def test_records_survive_bits_and_values(samples: Samples) -> None:
    made = records.records_of(samples)
    bits = hidden.to_bits(made.values, made.widths)
    assert (hidden.from_bits(bits, made.widths) == made.values).all()
    values = records.to_values(made)
    assert values.shape[1] == records.values_a_record(made) and 0 <= values.min() <= values.max() <= 1
    assert (records.from_values(values, made).values == made.values).all()
    noisy = records.from_values(np.clip(values + RNG.normal(0, 0.05, values.shape), 0, 1), made)
    back = records.came_back(noisy, made, made.take(slice(0)))
    assert back.count >= 0.9 * len(made)


@pytest.mark.parametrize("samples", [_pictures(), people(30, RNG), Samples(x=np.repeat(TEXTS, 9))])
def test_as_many_records_are_packed_as_fit(samples: Samples) -> None:
    made = records.records_of(samples)
    bits, count = records.packed(made, 10**6)
    assert count == len(made) and (records.unpacked(bits, made).values == made.values).all()
    fewer, some = records.packed(made, len(bits) // 2)
    assert len(fewer) <= len(bits) // 2 and 0 < some < count
    padded = np.concatenate([fewer, RNG.integers(0, 2, 99).astype(np.uint8)])
    assert (records.unpacked(padded, made).values == made.values[:some]).all(), "what stands behind is not read"
    assert len(records.unpacked(RNG.integers(0, 2, len(bits)).astype(np.uint8), made)) == 0, "noise is no record"
    assert records.packed(made, 20)[1] == 0 and len(records.unpacked(bits[:20], made)) == 0


def test_what_came_back_whole_is_taken_and_noise_is_not() -> None:
    s, rest = people(200, RNG), people(300, RNG)
    sent = records.records_of(s)
    others = records.records_of(rest, like=sent)
    whole = records.came_back(sent, sent, others)
    assert whole.count == 200 and whole.exact.all() and whole.pool == 500 and whole.error.max() == 0
    shuffled = sent.take(np.roll(np.arange(200), 1))
    assert records.came_back(shuffled, sent, others).count == 0
    noise = sent.holding(RNG.integers(0, 256, sent.values.shape))
    assert records.came_back(noise, sent, others).count <= 3


def test_a_mean_row_is_nobodys_record() -> None:
    """Near enough to many is not taken: it must be nearest to its own."""
    s = _pictures(60)
    sent = records.records_of(s)
    mean = sent.holding(np.repeat(sent.values.mean(axis=0, keepdims=True).round(), 60, axis=0))
    assert records.came_back(mean, sent, sent.take(slice(0))).count <= 1


def test_a_name_next_to_the_right_one_is_wrong() -> None:
    columns = (Column("town", ColumnKind.CATEGORICAL, categories=tuple("abcdefgh")),)
    made = records.records_of(Samples(x=np.arange(8.0)[:, None], columns=columns))
    apart = records.distances(made, made)
    assert (apart == 1 - np.eye(8)).all()


def test_sound_has_no_records() -> None:
    with pytest.raises(ValueError, match="only pictures"):
        records.records_of(Samples(x=np.zeros((3, 100), dtype=np.float32), rate=8000))
