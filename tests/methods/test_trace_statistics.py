"""Traces in parameters: known payloads are read back, rounding is recognised, and clean models stay clean."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib

import numpy as np
import pytest

from momus.methods import hidden_data, trace_bits, traces
from momus.methods.traces_clean import clean_models


def numbers(n: int = 4000, seed: int = 0, dtype: type = np.float32) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {"a": (rng.normal(size=(n // 40, 40)) / 7).astype(dtype), "b": (rng.normal(size=500) / 3).astype(dtype)}


def bits_of(content: bytes) -> np.ndarray:
    return np.unpackbits(np.frombuffer(content, dtype=np.uint8))


TEXT = b"Jane Roe, 1 Main Street, diagnosis: none; " * 20


@pytest.mark.parametrize("squeeze", [zlib.compress, gzip.compress, bz2.compress, lzma.compress, bytes])
@pytest.mark.parametrize("b", [1, 5, 16])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_file_in_the_low_bits_is_read(squeeze: object, b: int, dtype: type) -> None:
    assert callable(squeeze)
    held = hidden_data.put_low_bits(numbers(12000, dtype=dtype), bits_of(squeeze(TEXT)), b)
    found = trace_bits.payloads(held)
    assert found and f"the lowest {b} bits" in " ".join(found)


def test_noise_spells_nothing() -> None:
    for seed in range(8):
        assert trace_bits.payloads(numbers(8000, seed)) == []
        assert trace_bits.spells(np.random.default_rng(seed).bytes(4096)) == ""


def test_a_damaged_file_is_not_claimed() -> None:
    content = bytearray(zlib.compress(np.random.default_rng(0).bytes(3000)))
    content[5] ^= 0xFF
    content[12] ^= 0xFF
    assert "zlib" not in trace_bits.spells(bytes(content[:40]))


@pytest.mark.parametrize(("kind", "stored"), [(np.float16, 10), (np.float32, 23)])
def test_rounding_is_recognised(kind: type, stored: int) -> None:
    v = numbers()["a"].astype(kind).astype(np.float32)
    seen = trace_bits.precision(v)
    assert (seen.stored, seen.mixed) == (stored, 0.0)
    rough = v.view(np.uint32) & np.uint32(0xFFFF0000)
    assert trace_bits.precision(rough.view(np.float32)).stored <= 8


def test_unrounded_numbers_among_rounded_ones_are_seen_and_small_arrays_cry_no_wolf() -> None:
    v = numbers()["a"].astype(np.float16).astype(np.float32)
    noise = np.random.default_rng(1).integers(0, 2, 12 * v.size // 4).astype(np.uint8)
    over = hidden_data.put_low_bits({"a": v}, noise, 12)["a"]
    assert 0.2 < trace_bits.precision(over).mixed < 0.3
    for seed in range(300):
        small = np.random.default_rng(seed).normal(size=66).astype(np.float16).astype(np.float32)
        assert trace_bits.precision(small).mixed == 0.0


def test_quantised_layers_have_no_low_bits() -> None:
    v = np.random.default_rng(0).integers(-127, 128, 5000).astype(np.float32) * np.float32(0.013)
    assert trace_bits.precision(v).quantised and trace_bits.evenness(v) == {}


def test_raw_bytes_stand_out_among_clean_models_and_clean_ones_do_not() -> None:
    clean = [traces.describe(numbers(seed=i)) for i in range(12)]
    raw = bits_of(b"\x00\x00\x10\xf0" * 2000)
    found = traces.describe(hidden_data.put_low_bits(numbers(seed=99), raw[:4500], 1))
    groups = {traces.family(k) for k in traces.standing(found, clean).beyond(0.01)}
    assert groups == {"low bits"}
    alarms = sum(bool(traces.standing(traces.describe(numbers(seed=s)), clean).beyond(0.01)) for s in range(100, 200))
    assert alarms <= 5  # 1 in 100 are expected


def test_random_bits_cannot_be_told_from_training() -> None:
    """What the probe says of encrypted payloads, as a fact: the test has no power against them."""
    clean = [traces.describe(numbers(seed=i)) for i in range(12)]
    noise = np.random.default_rng(5).integers(0, 2, 4500 * 16).astype(np.uint8)
    found = traces.describe(hidden_data.put_low_bits(numbers(seed=99), noise, 16))
    assert traces.standing(found, clean).beyond(0.01) == []


def test_signs_and_order_and_shape_each_have_their_group() -> None:
    clean = [traces.describe(numbers(seed=i)) for i in range(12)]
    held = numbers(seed=50)
    signs = {k: np.abs(v) * np.resize([1, 1, -1, 1], v.shape).astype(np.float32) for k, v in held.items()}
    groups = {traces.family(k) for k in traces.standing(traces.describe(signs), clean).beyond(0.01)}
    assert "signs" in groups
    ordered = {k: np.sort(v, axis=None).reshape(v.shape) for k, v in held.items()}
    assert "order" in {traces.family(k) for k in traces.standing(traces.describe(ordered), clean).beyond(0.01)}
    shaped = {k: np.tanh(6 * v) for k, v in held.items()}
    assert {traces.family(k) for k in traces.standing(traces.describe(shaped), clean).beyond(0.01)} == {"distribution"}


def test_likeness_finds_a_record_wherever_it_lies_and_whichever_its_sign() -> None:
    rng = np.random.default_rng(0)
    records = rng.random((30, 64))
    flat = rng.normal(size=5000)
    before = traces.likeness(flat, records)
    for sign in (1, -1):
        planted = flat.copy()
        for i in range(5):
            planted[777 + 64 * i : 841 + 64 * i] = sign * 3 * (records[i] - 0.5) + 0.1 * rng.normal(size=64)
        assert traces.likeness(planted, records) > before + 1
    slow = max(abs(np.corrcoef(flat[i : i + 64], r)[0, 1]) for i in range(len(flat) - 63) for r in records[:1])
    assert traces.likeness(flat, records[:1], top=1) == pytest.approx(np.arctanh(slow), abs=1e-6)
    assert traces.likeness(flat, np.zeros((0, 64))) == 0.0
    assert traces.likeness(flat, np.ones((4, 64))) == 0.0


def test_a_statistic_that_never_varies_decides_nothing_by_its_last_digit() -> None:
    clean = [{"s": 1.0} for _ in range(8)]
    assert traces.standing({"s": 1.0 + 1e-9}, clean).beyond(0.01) == []
    assert traces.standing({"s": 3.0}, clean).beyond(0.01) == ["s"]
    assert traces.standing({"s": 3.0}, clean[:3]).p == {}


def test_the_table_of_clean_models_calls_few_of_its_own() -> None:
    table = clean_models()
    assert len(table) >= 60
    assert set(table[0]) <= set(traces.describe(numbers()))
    assert traces.false_alarms(table, 0.001) <= len(table) * 0.1


def test_false_alarms_count_each_clean_model_that_stands_out_among_the_others() -> None:
    rng = np.random.default_rng(3)
    clean = [{"a": float(v), "b": float(w)} for v, w in rng.normal(size=(12, 2))]
    assert traces.false_alarms(clean, 0.001) == 0
    assert traces.false_alarms([*clean, {"a": 40.0, "b": 0.0}], 0.001) == 1
