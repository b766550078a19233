from __future__ import annotations

from dataclasses import replace

import numpy as np

from momus.core.samples import Samples
from momus.methods import mining_slices
from momus.zoo import torch_digits
from momus.zoo.tables import people


def _bars(angles: np.ndarray) -> np.ndarray:
    """Pictures of one stroke whose top leans to the right by so many pixels a row."""
    x = np.zeros((len(angles), 21, 21, 1), dtype=np.uint8)
    for i, a in enumerate(angles):
        for row in range(3, 18):
            x[i, row, round(10 + a * (10 - row))] = 255
    return x


def test_leaning_is_told_by_its_side() -> None:
    angles = np.array([-0.5] * 10 + [0.0] * 10 + [0.5] * 10)
    found = mining_slices.conditions(Samples(_bars(angles)))
    j = found.names.index("lean")
    words = [found.labels[j][c] for c in found.train[:, j]]
    assert words == ["leaning left"] * 10 + ["upright"] * 10 + ["leaning right"] * 10


def test_light_sharpness_groups_and_label() -> None:
    samples = torch_digits.samples(300)
    dimmed = samples.x.copy()
    dimmed[:100] //= 3
    groups = {"pen": np.array(["ball", "ink"] * 150)}
    found = mining_slices.conditions(replace(samples, x=dimmed, groups=groups))
    assert {"light", "contrast", "sharpness", "lean", "width", "pen", "label"} <= set(found.names)
    j = found.names.index("light")
    assert (found.train[:100, j] == 0).mean() > 0.8 and found.labels[j][0] == "dark"
    at = [found.names.index("light"), found.names.index("label")]
    assert mining_slices.name(found, at, (0, 6)) == "label = 6 and dark"


def test_equal_pictures_have_no_words() -> None:
    found = mining_slices.conditions(Samples(np.full((40, 8, 8, 3), 7, dtype=np.uint8)))
    assert found.names == () and found.train.shape == (40, 0)


def test_tables_keep_the_conditions_of_coverage() -> None:
    found = mining_slices.conditions(people(200, np.random.default_rng(0)))
    assert {"income", "site", "sex"} <= set(found.names)
