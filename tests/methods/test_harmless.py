from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from momus.core.samples import Column, ColumnKind, Samples
from momus.methods import harmless


def _all(samples: Samples, **how) -> dict[str, np.ndarray]:  # type: ignore[no-untyped-def]
    return dict(harmless.variants(samples, np.random.default_rng(0), **how))


def test_pictures_move_by_a_pixel_and_change_little() -> None:
    x = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 1)).astype(np.uint8)
    found = _all(Samples(x))
    np.testing.assert_array_equal(found["one pixel right"][:, :, 1:], x[:, :, :-1])
    np.testing.assert_array_equal(found["one pixel left"][:, :, :-1], x[:, :, 1:])
    np.testing.assert_array_equal(found["one pixel down"][:, 1:], x[:, :-1])
    lit = found["brighter by 4 %"].astype(int) - x
    assert lit.min() >= 0 and lit.max() <= 10 and found["brighter by 4 %"].dtype == np.uint8
    assert "mirrored" not in found  # a mirrored letter is another letter
    photo = np.random.default_rng(0).integers(0, 256, (1, 70, 70, 3)).astype(np.uint8)
    np.testing.assert_array_equal(_all(Samples(photo))["mirrored"], photo[:, :, ::-1])


@given(st.text(max_size=30))
def test_texts_keep_their_words(text: str) -> None:
    x = np.empty(1, dtype=object)
    x[:] = [text]
    for name, changed in _all(Samples(x)).items():
        if name == "lower case":
            assert changed[0] == text.lower()
        elif name != "first letter in upper case":
            assert str(changed[0]).split() == text.split()


def test_clips_stay_in_range_and_keep_their_sound() -> None:
    rng = np.random.default_rng(0)
    x = (0.9 * np.sin(np.arange(4000) / 9) * (np.arange(4000) < 3000))[None].astype(np.float32)
    found = _all(Samples(x, rate=8000), noise=True)
    assert all(np.abs(v).max() <= 1 and v.dtype == np.float32 and v.shape == x.shape for v in found.values())
    np.testing.assert_allclose(np.abs(found["3 dB quieter"]).max(), np.abs(x).max() * 10 ** (-3 / 20), rtol=1e-5)
    np.testing.assert_array_equal(found["20 ms later"][:, 160:], x[:, :-160])
    noise = (found["noise at 40 dB"] - x)[:, :3000]
    ratio = 10 * np.log10((x[:, :3000] ** 2).mean() / (noise**2).mean())
    assert abs(ratio - 40) < 0.5
    assert "noise at 40 dB" not in _all(Samples(x, rate=8000))
    silent = _all(Samples(np.zeros((1, 100), dtype=np.float32), rate=8000), noise=True)
    assert all(np.isfinite(v).all() for v in silent.values())
    del rng


def test_tables_are_rounded_within_a_hundredth_of_their_spread() -> None:
    rng = np.random.default_rng(0)
    x = np.column_stack(
        [rng.normal(2000, 300, 500), rng.integers(0, 4, 500), rng.normal(0, 1e-6, 500), np.full(500, 2.5)]
    )
    kinds = (ColumnKind.NUMERIC, ColumnKind.CATEGORICAL, ColumnKind.NUMERIC, ColumnKind.NUMERIC)
    columns = tuple(Column(n, k) for n, k in zip("abcd", kinds, strict=True))
    samples = Samples(x, columns=columns)
    assert harmless.grid(samples).tolist() == [1.0, 0.0, 1e-9 if x[:, 2].std() < 1e-6 else 1e-8, 0.0]
    for changed in _all(samples).values():
        moved = np.abs(changed - x)
        assert moved[:, 0].max() <= 0.501 and (moved[:, [1, 3]] == 0).all()
        assert (moved[:, 0] <= 0.01 * x[:, 0].std()).all()


def test_missing_values_and_bounds_stay() -> None:
    x = np.array([[0.001, np.nan], [0.5, 1.0], [0.77, 0.25]])
    samples = Samples(x, columns=(Column("a", low=0.0, high=0.77), Column("b")))
    for changed in _all(samples).values():
        assert np.isnan(changed[0, 1]) and np.nanmin(changed[:, 0]) >= 0 and np.nanmax(changed[:, 0]) <= 0.77 + 1e-9


def test_nothing_is_known_for_whole_numbers_and_meshes() -> None:
    assert _all(Samples(np.arange(12.0).reshape(4, 3))) == {}
    assert _all(Samples(np.zeros((4, 3, 5)))) == {}
