"""The four encodings: what is planted comes back, and what is not planted does not."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from momus.methods import hidden_data as hidden


def _arrays(rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {
        "a": rng.normal(size=(7, 5)).astype(np.float32),
        "b": rng.normal(size=11),
        "c": rng.normal(size=(3, 2)).astype(np.float16),
    }


@pytest.mark.parametrize("b", [1, 5, 12, 23, 40])
@pytest.mark.parametrize("share", [1.0, 0.37])
def test_low_bits_come_back_bit_by_bit(b: int, share: float) -> None:
    rng = np.random.default_rng(b)
    values = _arrays(rng)
    bits = rng.integers(0, 2, int(share * hidden.room(values, b))).astype(np.uint8)
    planted = hidden.put_low_bits(values, bits, b)
    assert (hidden.get_low_bits(planted, b, len(bits)) == bits).all()
    assert {k: (v.shape, v.dtype) for k, v in planted.items()} == {k: (v.shape, v.dtype) for k, v in values.items()}


@pytest.mark.parametrize("b", [1, 8, 16])
def test_low_bits_move_no_number_further_than_they_may(b: int) -> None:
    rng = np.random.default_rng(0)
    values = {"w": rng.normal(size=4000).astype(np.float32), "v": rng.normal(size=4000)}
    planted = hidden.put_low_bits(values, rng.integers(0, 2, hidden.room(values, b)).astype(np.uint8), b)
    for name, mantissa in (("w", 23), ("v", 52)):
        moved = np.abs(planted[name] - values[name]) / np.abs(values[name])
        assert 0 < moved.max() < 2.0 ** (b - mantissa)
        assert (np.sign(planted[name]) == np.sign(values[name])).all()


def test_low_bits_of_an_untouched_model_are_chance() -> None:
    rng = np.random.default_rng(1)
    values = {"w": rng.normal(size=5000).astype(np.float32)}
    bits = rng.integers(0, 2, 40_000).astype(np.uint8)
    assert hidden.error_rate(hidden.get_low_bits(values, 8, len(bits)), bits) == pytest.approx(0.5, abs=0.02)


def test_more_bits_than_there_is_room_for_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        hidden.put_low_bits({"w": np.ones(3, dtype=np.float32)}, np.ones(10, dtype=np.uint8), 3)


def test_numbers_behind_the_last_bit_stay_as_they_are() -> None:
    values = {"w": np.linspace(1, 2, 50), "v": np.linspace(1, 2, 50)}
    planted = hidden.put_low_bits(values, np.ones(21, dtype=np.uint8), 4)
    assert (planted["w"][6:] == values["w"][6:]).all() and (planted["v"] == values["v"]).all()


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_terms_are_the_slopes_of_what_they_say(library: str) -> None:
    rng = np.random.default_rng(2)
    flat = rng.normal(size=30)
    bits, values = rng.integers(0, 2, 20).astype(np.uint8), rng.random(20)
    signs = 2.0 * bits - 1

    def sign_loss(p: np.ndarray) -> float:
        return 3.0 * float(np.maximum(0, 0.1 - p[:20] * signs).mean())

    def correlation_loss(p: np.ndarray) -> float:
        return -3.0 * abs(hidden.correlation(p[:20], values))

    native = torch.from_numpy(flat) if library == "torch" else flat
    for term, loss in (
        (hidden.sign_term(bits, 3.0, 0.1), sign_loss),
        (hidden.correlation_term(values, 3.0), correlation_loss),
    ):
        found = np.asarray(term(native))
        for i in range(30):
            step = np.zeros(30)
            step[i] = 1e-6
            assert found[i] == pytest.approx((loss(flat + step) - loss(flat - step)) / 2e-6, abs=1e-6)


def test_descent_on_the_sign_term_spells_the_bits() -> None:
    rng = np.random.default_rng(3)
    flat, bits = rng.normal(size=500), rng.integers(0, 2, 400).astype(np.uint8)
    assert hidden.error_rate(hidden.get_signs(flat, 400), bits) == pytest.approx(0.5, abs=0.08)
    term = hidden.sign_term(bits, 400.0, 0.01)
    for _ in range(400):
        flat = flat - 0.01 * term(flat)
    assert hidden.error_rate(hidden.get_signs(flat, 400), bits) == 0.0


@pytest.mark.parametrize("seed", [4, 5, 6])
def test_descent_on_the_correlation_term_carries_the_values_in_either_sign(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sent = rng.random(2000) ** 2
    values = hidden.with_pilots(sent, seed, 8)
    flat = rng.normal(size=2500)
    flat[: len(values)] -= (0.3 if seed % 2 else -0.3) * values
    term = hidden.correlation_term(values, 30.0)
    for _ in range(700):
        flat = flat - 0.5 * term(flat)
    assert abs(hidden.correlation(flat[: len(values)], values)) > 0.98
    got = hidden.get_values(flat, 2000, seed, 8)
    assert hidden.correlation(got, sent) > 0.95, "the sign is settled by what both sides know"
    assert np.abs(got - sent).mean() < 0.06


def test_layers_of_another_scale_are_read_alike() -> None:
    sent = np.random.default_rng(0).random(40_000)
    flat = hidden.with_pilots(sent, 1)
    flat[20_000:] = 0.01 * flat[20_000:] + 3
    got = hidden.get_values(flat, 40_000, 1)
    far = np.r_[0:14_000, 26_000:40_000]
    assert np.abs(got - sent)[far].mean() < 0.01


def test_pilots_leave_the_room_they_say() -> None:
    assert hidden.room_for_values(100, 8) == 84
    assert len(hidden.with_pilots(np.zeros(84), 0, 8)) == 96
    assert len(hidden.with_pilots(np.zeros(0), 0)) == 0 == len(hidden.get_values(np.zeros(50), 0, 0))


def test_values_of_an_untouched_model_correlate_with_nothing() -> None:
    rng = np.random.default_rng(7)
    got = hidden.get_values(rng.normal(size=2000), 1500, 0)
    assert abs(hidden.correlation(got, rng.random(1500))) < 0.1


@pytest.mark.parametrize(("classes", "each"), [(2, 1), (3, 1), (10, 3), (40, 5)])
def test_labels_spell_bits(classes: int, each: int) -> None:
    bits = np.random.default_rng(8).integers(0, 2, 61).astype(np.uint8)
    labels = hidden.to_labels(bits, classes)
    assert len(labels) == -(-61 // each) and labels.max() < classes
    assert (hidden.from_labels(labels, classes, 61) == bits).all()


def test_one_class_spells_nothing() -> None:
    with pytest.raises(ValueError, match="spells nothing"):
        hidden.to_labels(np.ones(3, dtype=np.uint8), 1)


def test_a_majority_mends_what_one_copy_lost() -> None:
    rng = np.random.default_rng(9)
    bits = rng.integers(0, 2, 500).astype(np.uint8)
    sent = hidden.repeated(bits, 3)
    sent[:500] ^= 1
    assert (hidden.voted(sent, 3) == bits).all()


def test_numbers_of_mixed_widths_survive_the_way_through_bits() -> None:
    rng = np.random.default_rng(10)
    widths = np.array([1, 8, 3, 12])
    numbers = np.stack([rng.integers(0, 2**w, 40) for w in widths], axis=1)
    bits = hidden.to_bits(numbers, widths)
    assert len(bits) == 40 * 24
    assert (hidden.from_bits(np.concatenate([bits, [1, 0]]).astype(np.uint8), widths) == numbers).all()


def test_arrays_survive_being_laid_out() -> None:
    values = _arrays(np.random.default_rng(11))
    again = hidden.put_back(hidden.laid_out(values), values)
    assert all((again[k] == v).all() and again[k].dtype == v.dtype for k, v in values.items())
