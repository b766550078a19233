"""perturbation.hopskipjump: exact shares on a linear model of which only labels are seen, and every trap."""

from __future__ import annotations

import numpy as np
import pytest

from momus.core.capabilities import Predicts, missing
from momus.core.errors import ProbeError
from momus.core.meter import Budget
from momus.core.registry import get_probe
from momus.core.samples import Samples
from momus.targets import Target

hopskipjump = get_probe("perturbation.hopskipjump")
LEVELS = np.linspace(0.02, 0.98, 25)
LEVELS = LEVELS[np.abs(LEVELS - 0.5) > 0.01]
ROOT = np.sqrt(28)  # 4 x 7 pixels: an L2 distance is the grey distance times this
FEW = {"queries": 500}


def codes(m):
    return {c.code for c in m.caveats}


@pytest.fixture
def labels(bright):
    """The linear model of dark and bright, answering with labels alone."""

    def make(levels, y=None, **settings):
        inner, samples = bright(levels, y, **settings)
        target = Target.from_callable(
            lambda x: inner.predict(inner.encode(x)), name="labels", classes=("dark", "bright"), output="labels",
            modality="image",
        )  # fmt: skip
        return target, samples

    return make


def test_it_needs_nothing_but_labels(labels):
    target, _ = labels([0.1, 0.9])
    assert hopskipjump.needs is Predicts
    assert not hasattr(target, "scores")
    assert not missing(target, Predicts)


@pytest.mark.parametrize(("norm", "unit"), [("l2", ROOT), ("linf", 1.0)])
def test_success_is_the_share_nearer_than_epsilon(labels, norm, unit):
    target, samples = labels(LEVELS)
    m = hopskipjump(target, test=samples, epsilon=0.2 * unit, norm=norm, queries=1500)
    distance = np.abs(samples.x[:, 0, 0, 0] / 255 - 0.5)
    assert (distance < 0.2 / 1.1).mean() <= m.value <= (distance <= 0.2).mean()
    assert m.figure("median_distortion").value == pytest.approx(np.median(distance) * unit, rel=0.1)
    assert m.figure("median_distortion").value >= np.median(distance) * unit * 0.999
    assert m.figure("rejected_examples").value == 0
    assert m.figure("never_turned").value == 0
    assert 1000 < m.figure("queries_per_input").value <= 1500
    assert codes(m) == set()


def test_the_curves_fall_and_end_where_the_numbers_are(labels):
    target, samples = labels(LEVELS)
    m = hopskipjump(target, test=samples, epsilon=1.0, **FEW)
    series = {e.title: e for e in m.evidence if e.kind == "series"}
    against = series["Distance against queries"].lines[0]
    assert np.all(np.diff(against.y) <= 0)
    assert np.all(np.diff(against.x) >= 0)
    assert against.y[-1] == pytest.approx(m.figure("median_distortion").value, rel=1e-6)
    assert against.x[-1] <= 500
    left = series["Accuracy left against epsilon"].lines[0]
    assert left.y[-1] == pytest.approx(m.figure("robust_accuracy").value)


def test_inputs_that_are_wrong_already_stay_wrong_and_are_counted_once(labels):
    """The model's mistakes are not turned back into successes, and not into right answers either."""
    target, samples = labels([0.45, 0.45, 0.1, 0.9], y=[0, 1, 0, 1])
    m = hopskipjump(target, test=samples, epsilon=0.1 * ROOT, **FEW)
    assert m.n == 3
    assert m.value == pytest.approx(1 / 3)
    assert m.figure("clean_accuracy").value == 0.75
    assert m.figure("robust_accuracy").value == 0.5


def test_everything_wrong_decides_nothing(labels):
    target, samples = labels([0.1, 0.2, 0.9], y=[1, 1, 0])
    m = hopskipjump(target, test=samples, epsilon=0.5, **FEW)
    assert m.n == 0
    assert "nothing-right" in codes(m)


@pytest.mark.parametrize("queries", [0, 1, 100, 1000])
def test_a_budget_is_kept_and_told(labels, queries):
    target, samples = labels(LEVELS)
    m = hopskipjump(target, test=samples, epsilon=0.5 * ROOT, budget=Budget(queries=queries))
    assert m.cost.queries <= queries
    assert "budget-spent" in codes(m)
    assert any(c.blocks in ("pass", "both") for c in m.caveats)


def test_a_small_budget_is_shared_among_the_inputs(labels):
    target, samples = labels(LEVELS)
    m = hopskipjump(target, test=samples, epsilon=0.4 * ROOT, budget=Budget(queries=6000))
    assert m.cost.queries <= 6000
    assert m.value > 0.5
    assert m.figure("queries_per_input").value < 300


def test_a_constant_model_is_told_and_gives_no_pass(labels):
    target, samples = labels(np.tile([0.9, 0.95], 5), y=np.zeros(10, dtype=int), sharp=0.0)
    m = hopskipjump(target, test=samples, epsilon=0.5, **FEW)
    assert m.value == 0
    assert {"constant-output", "no-start"} <= codes(m)
    assert m.figure("never_turned").value == 10


def test_answers_that_change_are_told_and_their_examples_not_counted(labels):
    target, samples = labels(np.tile([0.47, 0.53], 20), noise=0.5)
    m = hopskipjump(target, test=samples, epsilon=0.001, **FEW)
    assert "randomised-output" in codes(m)
    assert m.value < 0.2


def test_few_queries_allow_no_pass(labels):
    target, samples = labels(LEVELS)
    assert "few-queries" in codes(hopskipjump(target, test=samples, epsilon=0.01, queries=100))


def test_a_search_that_was_about_to_arrive_is_told(labels):
    target, samples = labels(np.tile([0.3, 0.7], 10))
    exact = 0.2 * ROOT
    m = hopskipjump(target, test=samples, epsilon=exact * 1.01, queries=300)
    assert "search-unfinished" in codes(m)
    held = hopskipjump(target, test=samples, epsilon=exact * 0.5, queries=300)
    assert "search-unfinished" not in codes(held)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"epsilon": 30}, "whole range"),
        ({"epsilon": 8, "norm": "linf"}, r"0\.03137"),
        ({"epsilon": -0.1}, "at least 0"),
        ({"norm": "l7"}, "linf or l2"),
        ({"queries": 0}, "queries"),
        ({"n": 0}, "n must"),
    ],
)
def test_options_out_of_range_get_one_clear_line(labels, options, match):
    target, samples = labels([0.1, 0.9])
    with pytest.raises(ProbeError, match=match):
        hopskipjump(target, test=samples, **options)


def test_categories_are_left_alone_and_told():
    from sklearn.tree import DecisionTreeClassifier

    from momus.zoo.perturbation import _systems as systems

    target, data = systems.fitted(DecisionTreeClassifier(max_depth=3), systems.applicants(0, "channel"), "channel")
    m = hopskipjump(target, **data, epsilon=1.0, n=10, **FEW)
    assert "categories-untouched" in codes(m)
    assert m.value == 0


def test_one_logit_and_float64():
    import torch

    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(28, 1))
    with torch.no_grad():
        net[1].weight.fill_(1 / 28)
        net[1].bias.fill_(-0.5)
    target = Target.from_torch(net.double(), classes=("dark", "bright"), shape=(1, 4, 7), range=(0, 1), output="logits")
    values = np.array([0.2, 0.4, 0.6, 0.8])
    x = np.broadcast_to(np.round(values * 255)[:, None, None, None], (4, 4, 7, 1)).astype(np.uint8)
    m = hopskipjump(target, test=Samples(x=x, y=np.array([0, 0, 1, 1])), epsilon=0.12 * ROOT, queries=800)
    assert m.value == 0.5


def test_a_batch_of_one(labels):
    target, samples = labels([0.4])
    m = hopskipjump(target, test=samples, epsilon=0.12 * ROOT, queries=800)
    assert m.value == 1.0
    assert "too-few-samples" in codes(m)


def test_a_detector_of_outliers():
    """A ball: an inlier's distance to its surface is its depth."""
    from sklearn.svm import OneClassSVM

    rng = np.random.default_rng(0)
    good = rng.normal(size=(300, 3))
    target = Target.from_sklearn(OneClassSVM(nu=0.1, gamma=0.1).fit(good), name="ball")
    x = np.concatenate([good[:30] * 0.2, rng.normal(size=(10, 3)) + 8])
    y = np.repeat([1, 0], [30, 10])
    data = {"test": Samples(x=x, y=y, classes=target.info.classes), "train": Samples(x=good, name="good")}
    m = hopskipjump(target, **data, epsilon=0.2, **FEW)
    assert m.n == 40
    assert m.value == 0.0
    assert hopskipjump(target, **data, epsilon=3.0, **FEW).value > 0.7


def test_the_same_seed_gives_the_same_number(labels):
    target, samples = labels(LEVELS)
    first, again = (hopskipjump(target, test=samples, epsilon=1.0, seed=5, **FEW) for _ in range(2))
    assert [f.value for f in first.figures] == [f.value for f in again.figures]
