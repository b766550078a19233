"""perturbation.apgd, fab and cascade: the numbers they must give, the traps, the signs they must notice."""

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

SHORT = {
    "perturbation.apgd": {"steps": 20},
    "perturbation.fab": {"steps": 10},
    "perturbation.cascade": {"steps": 10, "queries": 60},
}
SPREAD = np.linspace(0.02, 0.98, 49)  # grey levels at distances 0 to 0.48 from the boundary
CLEAR = SPREAD[np.abs(SPREAD - 0.5) > 0.01]


@pytest.fixture(params=list(SHORT))
def strong(request):
    """The probe with short settings."""
    probe = get_probe(request.param)
    return lambda target, **options: probe(target, **{**SHORT[request.param], **options})


def cascade(target, **options):
    return get_probe("perturbation.cascade")(target, **{**SHORT["perturbation.cascade"], **options})


def codes(measurement):
    return {c.code for c in measurement.caveats}


def table(measurement, title):
    return next(e for e in measurement.evidence if e.title == title)


def test_success_is_the_share_nearer_than_epsilon(strong, bright):
    target, samples = bright(CLEAR)
    m = strong(target, test=samples, epsilon=0.2)
    distance = np.abs(samples.x[:, 0, 0, 0] / 255 - 0.5)
    assert m.value == pytest.approx((distance < 0.2).mean(), abs=0.022)
    assert m.figure("robust_accuracy").value == pytest.approx(1 - m.value)
    assert m.figure("rejected_examples").value == 0
    assert codes(m) == set()
    assert m.scope["epsilon"] == 0.2


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_just_above_and_just_below_the_distance(strong, bright, norm):
    target, samples = bright([0.4, 0.6])
    exact = 0.1 * (1 if norm == "linf" else np.sqrt(28))
    assert strong(target, test=samples, epsilon=exact * 1.06, norm=norm, steps=40).value == 1.0
    assert strong(target, test=samples, epsilon=exact * 0.94, norm=norm, steps=40).value == 0.0


def test_inputs_that_are_wrong_already_are_counted_once(strong, bright):
    target, samples = bright([0.45, 0.45, 0.1, 0.9], y=[0, 1, 0, 1])
    m = strong(target, test=samples, epsilon=0.1)
    assert m.n == 3
    assert m.value == pytest.approx(1 / 3)
    assert m.figure("clean_accuracy").value == 0.75
    assert m.figure("robust_accuracy").value == 0.5


def test_everything_misclassified_decides_nothing(strong, bright):
    target, samples = bright([0.1, 0.2, 0.9], y=[1, 1, 0])
    m = strong(target, test=samples, epsilon=0.1)
    assert m.n == 0
    assert {c.blocks for c in m.caveats if c.code == "nothing-right"} == {"both"}


@pytest.mark.parametrize("n", [0, 1])
def test_a_batch_of_one_or_none(strong, bright, n):
    target, samples = bright([0.45, 0.9])
    m = strong(target, test=samples.take(slice(0, n)), epsilon=0.1)
    assert m.value == n
    assert "too-few-samples" in codes(m)


def test_epsilon_zero_changes_nothing(strong, bright):
    target, samples = bright([0.1, 0.2, 0.9, 0.45])
    m = strong(target, test=samples, epsilon=0.0)
    assert m.value == 0.0
    assert "nothing-to-move" in codes(m)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"epsilon": 8}, r"0\.03137"),
        ({"epsilon": 30, "norm": "l2"}, "whole range"),
        ({"epsilon": float("nan")}, "finite"),
        ({"norm": "l7"}, "linf or l2"),
        ({"steps": 0}, "steps"),
        ({"targets": 0}, "targets"),
        ({"n": 0}, "n must"),
    ],
)
def test_options_out_of_range_get_one_clear_line(strong, bright, options, match):
    target, samples = bright([0.1, 0.9])
    with pytest.raises(ProbeError, match=match):
        strong(target, test=samples, **options)


def test_a_constant_model_decides_nothing(strong, bright):
    target, samples = bright(np.tile([0.1, 0.9], 5), sharp=0.0)
    m = strong(target, test=samples, epsilon=0.05)
    assert {c.blocks for c in m.caveats if c.code == "constant-output"} == {"both"}


def test_zero_gradients_forbid_a_pass(strong, bright):
    target, samples = bright(SPREAD[np.abs(SPREAD - 0.5) > 0.25], slope=0.0)
    m = strong(target, test=samples, epsilon=0.1)
    assert m.value == 0.0
    assert "zero-gradients" in codes(m)


def test_misleading_gradients_are_found_out_by_the_black_box(strong, bright):
    target, samples = bright(np.tile([0.42, 0.58], 20), slope=-1.0)
    assert "black-box-beats-white-box" in codes(strong(target, test=samples, epsilon=0.1))


def test_random_outputs_forbid_a_pass(strong, bright):
    target, samples = bright(np.tile([0.1, 0.9], 5), randomised=True)
    assert "randomised-output" in codes(strong(target, test=samples, epsilon=0.05))


def test_an_answer_that_is_not_repeated_does_not_count(strong, bright):
    target, samples = bright(np.tile([0.4, 0.6], 30), noise=1.2)
    m = strong(target, test=samples, epsilon=0.005)
    assert "examples-not-confirmed" in codes(m)


@pytest.mark.parametrize("queries", [0, 1, 40, 300])
def test_a_budget_is_kept_and_told(strong, bright, queries):
    target, samples = bright(CLEAR)
    m = strong(target, test=samples, epsilon=0.3, budget=Budget(queries=queries))
    assert m.cost.queries <= queries
    assert {"budget-spent", "too-few-samples"} & codes(m)


def test_same_seed_same_number(strong, bright):
    target, samples = bright(CLEAR)
    first, second = (strong(target, test=samples, epsilon=0.2).model_dump() for _ in range(2))
    first.pop("cost"), second.pop("cost")
    assert first == second


def _net(width, shape, seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Flatten(), nn.Linear(int(np.prod(shape)), 12), nn.Tanh(), nn.Linear(12, width))


@pytest.mark.parametrize(("width", "classes"), [(1, 2), (2, 2), (3, 3), (5, 5)])
def test_one_logit_two_classes_and_fewer_classes_than_targets(strong, width, classes):
    """Pictures that are not square; labels are what the model says, so that all are right."""
    target = Target.from_torch(
        _net(width, (3, 5, 8)), name="net", classes=tuple(map(str, range(classes))), shape=(3, 5, 8), range=(0, 1),
        output="logits",
    )  # fmt: skip
    x = np.random.default_rng(0).integers(0, 256, (20, 5, 8, 3), dtype=np.uint8)
    y = np.asarray(target.predict(target.encode(x)))
    m = strong(target, test=Samples(x=x, y=y, classes=tuple(map(str, range(classes)))), epsilon=0.5)
    assert m.figure("clean_accuracy").value == 1.0
    assert m.value > 0.5


def test_values_and_detectors(strong):
    target = Target.from_torch(
        _net(1, (6,)), name="value", shape=(6,), modality="table", output="values", task="regressor"
    )
    x = np.random.default_rng(0).normal(size=(30, 6))
    samples = Samples(x=x, y=np.asarray(target.predict(target.encode(x)), dtype=float))
    moved = strong(target, test=samples, epsilon=1.0, tolerance=0.05)
    assert moved.value > 0.5
    assert "targets" not in moved.scope
    assert strong(target, test=samples, epsilon=1e-4, tolerance=10.0).value == 0.0
    middle = float(np.median(samples.y))
    assert strong(target, test=samples, epsilon=1.0, threshold=middle).value > 0.3


# --- what each probe adds


def test_the_loss_is_chosen_and_checked(bright):
    apgd = get_probe("perturbation.apgd")
    target, samples = bright(CLEAR)
    for loss in ("ce", "dlr", "margin", "targeted"):
        m = apgd(target, test=samples, epsilon=0.2, loss=loss, steps=20)
        assert m.value == pytest.approx(19 / 48, abs=0.05)
        assert m.scope["loss"] == loss
        assert ("targets" in m.scope) == (loss == "targeted")
    with pytest.raises(ProbeError, match="no loss 'hinge'"):
        apgd(target, test=samples, loss="hinge")


def test_fab_reports_the_distances(bright):
    fab = get_probe("perturbation.fab")
    target, samples = bright(CLEAR)
    m = fab(target, test=samples, epsilon=0.05, steps=20)
    distance = np.abs(samples.x[:, 0, 0, 0] / 255 - 0.5)
    assert m.figure("median_distance").value == pytest.approx(np.quantile(distance, 0.5, method="lower"), rel=0.02)
    assert m.figure("not_turned").value == 0
    line = table(m, "Accuracy left against the size of the change").lines[0]
    assert np.allclose(line.x[1:], np.sort(distance), rtol=0.02)
    assert line.y[0] == 1.0 and line.y[-1] == 0.0


def test_fab_counts_what_nothing_turns(bright):
    """A softmax whose bias no picture overcomes: there is no distance to report."""
    target, samples = bright([0.1, 0.2, 0.3, 0.05])
    target.bias = np.array([50.0, -50.0])
    m = get_probe("perturbation.fab")(target, test=samples, epsilon=0.1, steps=10)
    assert m.figure("not_turned").value == 4
    assert "median_distance" not in {f.name for f in m.figures}


def test_each_member_attacks_what_is_left(bright):
    target, samples = bright(CLEAR)
    m = cascade(target, test=samples, epsilon=0.2)
    rows = table(m, "What each attack broke and cost").rows
    names, tried, broke, left = (list(c) for c in zip(*((r[0], r[2], r[3], r[4]) for r in rows), strict=True))
    assert names == ["APGD-CE", "APGD-T", "FAB-T", "Square"]
    assert tried == [len(samples) - sum(broke[:i]) for i in range(4)]
    assert sum(broke) == round(m.value * m.n)
    assert left[-1] == pytest.approx(m.figure("robust_accuracy").value, abs=1e-4)
    assert m.figure("accuracy_after_apgd_ce").value == pytest.approx(left[0], abs=1e-4)
    grid = table(m, "Who broke what")
    assert grid.rows[-1] == "still right"
    assert np.sum(grid.values) == len(samples)


def test_the_members_ask_what_the_published_ensemble_asks_of_a_survivor(bright):
    """100 steps, every target, 5,000 queries: a survivor is not let off any of it."""
    target, samples = bright([0.02, 0.98])
    m = get_probe("perturbation.cascade")(target, test=samples, epsilon=0.05)
    rows = {r[0]: r[5] / 2 for r in table(m, "What each attack broke and cost").rows}
    assert rows["APGD-CE"] == rows["APGD-T"] == 101  # two classes: one target
    assert 101 <= rows["FAB-T"] <= 212
    assert 5000 <= rows["Square"] <= 40_000


def test_nothing_is_run_on_nobody(bright):
    target, samples = bright([0.45, 0.55])
    m = cascade(target, test=samples, epsilon=0.3)
    assert m.value == 1.0
    assert [r[0] for r in table(m, "What each attack broke and cost").rows] == ["APGD-CE"]


@pytest.mark.parametrize("broken", ["apgd", "fab", "square"])
def test_the_union_holds_where_one_member_fails(bright, monkeypatch, broken):
    """Nobody here needs any one member: the others make up for it. With all of them broken nothing falls."""
    from momus.probes.perturbation import _members

    target, samples = bright(np.tile([0.4, 0.6], 10))

    def nothing(kind):
        whole = getattr(_members.Members, kind)

        def run(self, index, rng, *args, **options):
            found = whole(self, index[:0], rng, *args, **options)
            from dataclasses import replace

            x, _ = self.inputs.at(index)
            lost = np.zeros(len(index), dtype=bool)
            return replace(found, x=x, fooled=lost, margin=np.full(len(index), np.inf), queries=lost.astype(int))

        monkeypatch.setattr(_members.Members, kind, run)

    nothing(broken)
    assert cascade(target, test=samples, epsilon=0.15, queries=200).value == 1.0
    for kind in ("apgd", "fab", "square"):
        nothing(kind)
    assert cascade(target, test=samples, epsilon=0.15).value == 0.0
