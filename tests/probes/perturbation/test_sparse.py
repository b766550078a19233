"""perturbation.sparse: the pixel count it must find, and the traps."""

from __future__ import annotations

import numpy as np
import pytest

from momus.core.errors import ProbeError
from momus.core.meter import Budget
from momus.core.registry import get_probe
from momus.core.samples import Samples

sparse = get_probe("perturbation.sparse")
LEVELS = np.array([0.05, 0.15, 0.25, 0.35, 0.42, 0.47, 0.53, 0.58, 0.65, 0.75, 0.85, 0.95] * 2)


def codes(m):
    return {c.code for c in m.caveats}


def needed(level, places=28):
    """How many of the pixels of a grey picture must go to the other end so that the mean crosses 0.5."""
    level = np.rint(level * 255) / 255
    reach = np.where(level < 0.5, 1 - level, level)
    return np.floor(np.abs(level - 0.5) * places / reach) + 1


@pytest.mark.parametrize("pixels", [2, 5, 9])
def test_the_pictures_that_fall_are_those_that_need_no_more_pixels(bright, pixels):
    target, samples = bright(LEVELS)
    m = sparse(target, test=samples, pixels=pixels, queries=1000)
    exact = needed(LEVELS)
    assert m.value == pytest.approx((exact <= pixels).mean())
    assert m.figure("median_pixels").value == np.median(exact[exact <= pixels])
    assert m.figure("rejected_examples").value == 0
    assert m.figure("over_the_limit").value == 0
    assert m.scope["pixels"] == pixels
    assert "epsilon" not in m.scope
    assert codes(m) == set()


def test_the_curve_counts_pixels(bright):
    target, samples = bright(LEVELS)
    m = sparse(target, test=samples, pixels=9, queries=1000)
    (series,) = [e for e in m.evidence if e.kind == "series"]
    line = series.lines[0]
    for pixels, left in zip(line.x, line.y, strict=True):
        assert left == pytest.approx((needed(LEVELS) > pixels).mean())


def test_pictures_are_shown_with_a_note_about_pixels(bright):
    target, samples = bright(LEVELS)
    m = sparse(target, test=samples, pixels=9)
    (shown,) = [e for e in m.evidence if e.kind == "pictures"]
    assert "9 pixels" in shown.note
    assert len(shown.rows) == 4


def test_wrong_inputs_are_counted_once(bright):
    target, samples = bright([0.45, 0.45, 0.1, 0.9], y=[0, 1, 0, 1])
    m = sparse(target, test=samples, pixels=4)
    assert m.n == 3
    assert m.value == pytest.approx(1 / 3)
    target, samples = bright([0.1, 0.2, 0.9], y=[1, 1, 0])
    assert "nothing-right" in codes(sparse(target, test=samples))


@pytest.mark.parametrize("queries", [0, 1, 100])
def test_a_budget_is_kept_and_told(bright, queries):
    target, samples = bright(LEVELS)
    m = sparse(target, test=samples, pixels=1, budget=Budget(queries=queries))
    assert m.cost.queries <= queries
    assert any(c.blocks in ("pass", "both") for c in m.caveats)


@pytest.mark.parametrize(
    ("options", "match"), [({"pixels": 0}, "1 to 28"), ({"pixels": 29}, "1 to 28"), ({"queries": 0}, "queries")]
)
def test_options_out_of_range(bright, options, match):
    target, samples = bright([0.1, 0.9])
    with pytest.raises(ProbeError, match=match):
        sparse(target, test=samples, **options)


def test_constant_random_and_rounded_models_are_told(bright):
    target, samples = bright(np.tile([0.1, 0.9], 5), sharp=0.0)
    assert "constant-output" in codes(sparse(target, test=samples, queries=60))
    target, samples = bright(np.tile([0.1, 0.9], 5), randomised=True)
    assert "randomised-output" in codes(sparse(target, test=samples, queries=60))
    assert "few-queries" in codes(sparse(target, test=samples, queries=20))


def test_chance_is_not_counted(bright):
    target, samples = bright(np.tile([0.44, 0.56], 30), noise=1.0)
    m = sparse(target, test=samples, pixels=1, queries=60)
    assert "examples-not-confirmed" in codes(m)


def test_a_table_is_refused(linear_target):
    target = linear_target(np.eye(2, 3), np.zeros(2), (3,))
    with pytest.raises(ProbeError, match="pictures"):
        sparse(target, test=Samples(x=np.random.default_rng(0).normal(size=(9, 3)), y=np.zeros(9, dtype=int)))


def test_a_batch_of_one_and_the_same_seed(bright):
    target, samples = bright([0.45])
    first, again = (sparse(target, test=samples, pixels=4, seed=3) for _ in range(2))
    assert first.value == again.value == 1.0
    assert first.cost.queries == again.cost.queries
    assert "too-few-samples" in codes(first)
