"""The way in and out: exact for every byte, the same in NumPy and in PyTorch, bounded when resized."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from momus.core.errors import TargetError
from momus.core.samples import Samples
from momus.targets import Target
from momus.targets.spaces import resized, space


def images(n: int, h: int, w: int, c: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, h, w, c), dtype=np.uint8)


@settings(max_examples=30, deadline=None)
@given(
    size=st.tuples(st.integers(0, 4), st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 3, 4])),
    kind=st.sampled_from(["uint8", "unit", "byte"]),
    seed=st.integers(0, 99),
)
def test_images_come_back_as_they_were(size: tuple[int, int, int, int], kind: str, seed: int) -> None:
    n, h, w, c = size
    whole = images(n, h, w, c, seed)
    x = {"uint8": whole, "unit": (whole / 255).astype(np.float32), "byte": whole.astype(np.float32) + 0.0}[kind]
    if kind == "byte" and (not x.size or x.max() <= 1):
        return
    where = space("s", shape=(c, h, w), samples=Samples(x))
    a = where.encode(x)
    assert a.dtype == np.float32
    assert a.shape == (n, c, h, w)
    np.testing.assert_allclose(where.decode(a), x, rtol=1e-6)
    np.testing.assert_allclose(a, np.moveaxis(whole, -1, 1) / 255, atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "channels"),
    [((3, 5, 7), "first"), ((5, 7, 3), "last"), ((105,), "first"), ((105,), "last")],
)
@pytest.mark.parametrize(
    "affine", [{}, {"range": (0, 255)}, {"range": (-1, 1)}, {"mean": (0.1, 0.2, 0.3), "std": (1, 2, 3)}]
)
def test_numpy_and_torch_feed_the_same(shape: tuple[int, ...], channels: Any, affine: dict[str, Any]) -> None:
    x = images(4, 5, 7, 3)
    seen: list[torch.Tensor] = []

    class Look(torch.nn.Module):
        def forward(self, fed: torch.Tensor) -> torch.Tensor:
            seen.append(fed)
            return fed.reshape(len(fed), -1)[:, :2]

    where = space("s", shape=shape, channels=channels, samples=Samples(x), **affine)
    target = Target.from_torch(Look(), shape=shape, channels=channels, samples=Samples(x), output="logits", **affine)
    target.logits(target.encode(x))
    fed = where.feed(where.encode(x))
    assert fed.shape == (4, *shape)
    np.testing.assert_allclose(seen[-1].numpy(), fed, rtol=1e-5, atol=1e-5)


def test_affine_by_hand() -> None:
    """Lite0's recipe: (pixel - 127) / 128."""
    where = space("s", shape=(3, 2, 2), range=(0, 255), mean=(127,), std=(128,))
    x = images(1, 2, 2, 3)
    np.testing.assert_allclose(
        where.feed(where.encode(x)), (np.moveaxis(x.astype(float), -1, 1) - 127) / 128, atol=1e-5
    )


@pytest.mark.parametrize("kind", ["uint8", "float"])
def test_resizing_covers_and_cuts_the_middle(kind: str) -> None:
    x = np.zeros((1, 20, 40, 3), np.uint8)
    x[:, :, 15:25] = 200  # a bar in the middle of a wide picture
    x = x if kind == "uint8" else (x / 255).astype(np.float32)
    out = resized(x, (10, 10))
    assert out.shape == (1, 10, 10, 3)
    assert out.dtype == x.dtype
    assert x.min() <= out.min() <= out.max() <= x.max() + (10 if kind == "uint8" else 0)
    assert out[0, 5, 5, 0] == pytest.approx(x.max(), rel=0.02)
    assert out[0, 5, 0, 0] == pytest.approx(0, abs=3 if kind == "uint8" else 0.02)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({}, "shape of one input is not known"),
        ({"shape": (3, 4, 4), "std": (1, 0, 1)}, "std contains a zero"),
        ({"shape": (3, 4, 4), "mean": (1, 2)}, "mean has 2 values for 3 channels"),
        ({"shape": (50,), "samples": Samples(images(1, 4, 4, 3))}, "50 values but the images have 48"),
        ({"shape": (50,), "modality": "image"}, "flat image input needs samples"),
    ],
)
def test_settings_that_cannot_be_are_told(entries: dict[str, Any], message: str) -> None:
    with pytest.raises(TargetError, match=message):
        space("s", **entries)


def test_tables_are_checked() -> None:
    where = space("s", shape=(3,))
    assert where.encode(np.ones((2, 3), int)).dtype == np.float64
    for x in (np.ones((2, 4)), np.ones(3), np.array([["a", "b", "c"]])):
        with pytest.raises(TargetError, match="does not fit"):
            where.encode(x)
