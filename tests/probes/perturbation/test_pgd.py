"""perturbation.pgd: the number it must give, the traps it must not fall into, the signs it must notice."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from momus.core.errors import ProbeError
from momus.core.meter import Budget
from momus.core.registry import get_probe
from momus.core.samples import Samples
from momus.targets import Target

pgd = get_probe("perturbation.pgd")
SPREAD = np.linspace(0.02, 0.98, 49)  # grey levels at distances 0 to 0.48 from the boundary


def codes(measurement):
    return {c.code for c in measurement.caveats}


def test_success_is_exactly_the_share_nearer_than_epsilon(bright):
    target, samples = bright(SPREAD[SPREAD != 0.5])
    m = pgd(target, test=samples, epsilon=0.2)
    distance = np.abs(samples.x[:, 0, 0, 0] / 255 - 0.5)
    assert m.value == pytest.approx((distance < 0.2).mean(), abs=0.021)
    assert m.figure("clean_accuracy").value == 1.0
    assert m.figure("robust_accuracy").value == pytest.approx(1 - m.value)
    assert m.figure("rejected_examples").value == 0
    assert m.ci.low < m.value < m.ci.high
    assert codes(m) == set()
    assert m.scope["epsilon"] == 0.2


def test_the_curve_against_epsilon_bounds_the_exact_one(bright):
    target, samples = bright(SPREAD[np.abs(SPREAD - 0.5) > 0.01])
    m = pgd(target, test=samples, epsilon=0.4)
    line = next(e for e in m.evidence if e.kind == "series").lines[0]
    distance = np.abs(samples.x[:, 0, 0, 0] / 255 - 0.5)
    for epsilon, left in zip(line.x, line.y, strict=True):
        assert left >= (distance > epsilon + 0.01).mean()  # never below the truth
        assert left <= (distance > 0.6 * epsilon).mean() + 0.06  # and not far above it
    assert np.all(np.diff(line.y) <= 0)
    assert line.y[0] == 1.0
    assert line.y[-1] == pytest.approx(m.figure("robust_accuracy").value)
    assert np.median(distance[distance < 0.4]) <= m.figure("median_distortion").value <= 0.4


def test_epsilon_zero_is_clean_accuracy(bright):
    target, samples = bright([0.1, 0.2, 0.9, 0.45], y=[0, 1, 1, 0])
    m = pgd(target, test=samples, epsilon=0.0)
    assert m.value == 0.0
    assert m.figure("robust_accuracy").value == m.figure("clean_accuracy").value == 0.75


def test_inputs_that_are_wrong_already_are_counted_once(bright):
    target, samples = bright([0.45, 0.45, 0.1, 0.9], y=[0, 1, 0, 1])
    m = pgd(target, test=samples, epsilon=0.1)
    assert m.n == 3  # what the model gets right
    assert m.value == pytest.approx(1 / 3)
    assert m.figure("robust_accuracy").value == 0.5
    assert m.figure("robust_accuracy").n == 4


def test_everything_misclassified_decides_nothing(bright):
    target, samples = bright([0.1, 0.2, 0.9], y=[1, 1, 0])
    m = pgd(target, test=samples, epsilon=0.1)
    assert m.n == 0
    assert (m.ci.low, m.ci.high) == (0.0, 1.0)
    assert {c.blocks for c in m.caveats if c.code == "nothing-right"} == {"both"}


def test_one_class_is_told(bright):
    target, samples = bright([0.1, 0.2, 0.3])
    assert "one-class" in codes(pgd(target, test=samples, epsilon=0.1))


@pytest.mark.parametrize("n", [0, 1])
def test_too_few_samples(bright, n):
    target, samples = bright([0.45, 0.9])
    m = pgd(target, test=samples.take(slice(0, n)), epsilon=0.1)
    assert "too-few-samples" in codes(m)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"epsilon": 8}, r"0\.03137"),
        ({"epsilon": 30, "norm": "l2"}, "whole range"),
        ({"epsilon": -0.1}, "at least 0"),
        ({"epsilon": float("nan")}, "finite"),
        ({"norm": "l7"}, "linf or l2"),
        ({"steps": 0}, "steps"),
        ({"restarts": 0}, "restarts"),
        ({"n": 0}, "n must"),
    ],
)
def test_options_out_of_range_get_one_clear_line(bright, options, match):
    target, samples = bright([0.1, 0.9])
    with pytest.raises(ProbeError, match=match):
        pgd(target, test=samples, **options)


def test_labels_that_do_not_fit(bright):
    target, samples = bright([0.1, 0.9])
    with pytest.raises(ProbeError, match="no labels"):
        pgd(target, test=Samples(x=samples.x))
    with pytest.raises(ProbeError, match="2 classes"):
        pgd(target, test=Samples(x=samples.x, y=np.array([0, 2])))
    with pytest.raises(ProbeError, match="class indices"):
        pgd(target, test=Samples(x=samples.x, y=np.array([0.5, 1.0])))


def test_saturated_outputs_are_broken_by_the_margin_and_told(bright):
    target, samples = bright(SPREAD[np.abs(SPREAD - 0.5) > 0.01], sharp=1e5)
    m = pgd(target, test=samples, epsilon=0.3)
    assert m.value > 0.5
    assert "zero-gradients" in codes(m)


def test_gradients_that_are_zero_forbid_a_pass(bright):
    target, samples = bright(SPREAD[np.abs(SPREAD - 0.5) > 0.25], slope=0.0)
    m = pgd(target, test=samples, epsilon=0.1)
    assert m.value == 0.0
    assert {"zero-gradients", "large-epsilon-survives"} <= codes(m)


def test_gradients_that_mislead_are_found_out_by_the_black_box(bright):
    target, samples = bright(np.tile([0.42, 0.58], 20), slope=-1.0)
    m = pgd(target, test=samples, epsilon=0.1)
    assert "black-box-beats-white-box" in codes(m)
    assert m.figure("black_box_only").value > 0


def test_randomised_and_constant_models_are_told(bright):
    target, samples = bright(np.tile([0.1, 0.9], 5), randomised=True)
    assert "randomised-output" in codes(pgd(target, test=samples, epsilon=0.05))
    target, samples = bright(np.tile([0.1, 0.9], 5), sharp=0.0)
    m = pgd(target, test=samples, epsilon=0.05)
    assert {c.blocks for c in m.caveats if c.code == "constant-output"} == {"both"}


def test_an_example_that_only_fools_by_chance_is_not_counted(bright):
    target, samples = bright(np.tile([0.4, 0.6], 30), noise=1.2)
    m = pgd(target, test=samples, epsilon=0.005, steps=40)
    assert "examples-not-confirmed" in codes(m)
    assert m.figure("rejected_examples").value > 0


@pytest.mark.parametrize("queries", [1, 40, 300])
def test_a_budget_is_kept_and_told(bright, queries):
    target, samples = bright(SPREAD[np.abs(SPREAD - 0.5) > 0.01])
    m = pgd(target, test=samples, epsilon=0.3, budget=Budget(queries=queries))
    assert m.cost.queries <= queries
    assert {"budget-spent", "too-few-samples"} & codes(m)


def test_pictures_show_original_adversarial_and_difference(bright):
    target, samples = bright([0.45, 0.55, 0.4, 0.6, 0.44, 0.9])
    m = pgd(target, test=samples, epsilon=0.15)
    rows = next(e for e in m.evidence if e.kind == "pictures").rows
    assert len(rows) == 4
    assert all(p.png.startswith(b"\x89PNG") for row in rows for p in row)
    assert rows[0][0].caption.startswith("dark, ")
    assert "dark → bright" in rows[0][1].caption
    assert rows[0][2].caption == "difference × 3"


def test_l2_in_a_batch_of_one(bright):
    target, samples = bright([0.4, 0.6])
    exact = 0.1 * np.sqrt(28)
    assert pgd(target, test=samples, epsilon=exact * 1.05, norm="l2", n=2).value == 1.0
    assert pgd(target, test=samples, epsilon=exact * 0.95, norm="l2", n=2).value == 0.0
    assert pgd(target, test=samples.take(slice(0, 1)), epsilon=exact * 1.05, norm="l2").value == 1.0


def test_the_same_number_through_the_torch_adapter(bright):
    target, samples = bright(SPREAD[np.abs(SPREAD - 0.5) > 0.01])
    layer = nn.Linear(28, 2)
    with torch.no_grad():
        layer.weight.copy_(torch.as_tensor(target.weight, dtype=torch.float32))
        layer.bias.copy_(torch.as_tensor(target.bias, dtype=torch.float32))
    native = Target.from_torch(
        nn.Sequential(nn.Flatten(), layer), name="linear", classes=("0", "1"), shape=(1, 4, 7), range=(0, 1),
        output="logits",
    )  # fmt: skip
    a, b = (pgd(t, test=samples, epsilon=0.2) for t in (target, native))
    assert a.value == b.value
    assert a.figure("median_distortion").value == pytest.approx(b.figure("median_distortion").value, abs=1e-5)
