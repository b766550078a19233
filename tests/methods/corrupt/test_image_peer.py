"""Pixel by pixel against imagecorruptions-imaug on the same random draws; skipped where that is not installed."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from momus.methods.corrupt import image
from momus.methods.corrupt.severities import EXTRA

pytest.importorskip("imagecorruptions")
_FILE = Path(__file__).parents[3] / "benchmarks" / "bench_corruption.py"
if not _FILE.exists():
    pytest.skip("the benchmark that reproduces the peer's draws is not here", allow_module_level=True)

# Largest distance in grey levels, and least share of equal values. Both cut floats to bytes, they in double and we in
# single precision: a value on the edge falls one level apart. glass_blur cuts twice.
LIMITS = dict.fromkeys((*image.NAMES, *EXTRA), (1, 0.98)) | {
    "shot_noise": (0, 1.0),
    "impulse_noise": (0, 1.0),
    "pixelate": (0, 1.0),
    "jpeg_compression": (0, 1.0),
    "glass_blur": (2, 0.98),
    "brightness": (1, 0.97),
    "saturate": (1, 0.96),
}


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bench_corruption", _FILE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", [*image.NAMES, *EXTRA])
def test_pixels_agree_on_the_same_draws(bench: ModuleType, name: str) -> None:
    for x in (bench.smooth_pictures(1, 112, 112), bench.smooth_pictures(1, 80, 120)):
        gap = bench.difference(x, name)
        most, equal = LIMITS[name]
        assert gap["max_levels"] <= most
        assert gap["equal_share"] >= equal


@pytest.mark.parametrize(
    "name", ["snow", "glass_blur", "frost", "fog", "elastic_transform", "spatter", "speckle_noise"]
)
def test_our_own_chance_does_the_same_damage_on_average(bench: ModuleType, name: str) -> None:
    """With our draws instead of the peer's: mean shift and mean absolute change agree."""
    x = bench.smooth_pictures(6, 96, 96)
    textures = bench.peer_textures(96, 96) if name == "frost" else None
    ours = image.corrupt(x.repeat(4, axis=0), name, 3, np.random.default_rng(0), textures=textures).astype(float)
    theirs = np.stack([bench.peer_corrupt(p, name, 3, 7 * i + j) for i, p in enumerate(x) for j in range(4)]).astype(
        float
    )
    base = x.repeat(4, axis=0)
    for measure in (lambda a: (a - base).mean(axis=(1, 2, 3)), lambda a: np.abs(a - base).mean(axis=(1, 2, 3))):
        a, b = measure(ours), measure(theirs)
        assert abs(a.mean() - b.mean()) < 4 * np.sqrt((a.var() + b.var()) / len(a)) + 0.2
