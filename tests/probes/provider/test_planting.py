"""The four planting probes: records come back bit by bit where there is room, and what stands in the way is said."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from momus.core.errors import ProbeError
from momus.core.evidence import Pictures, Table
from momus.core.meter import Budget, Meter
from momus.core.probe import Trial
from momus.core.records import Measurement
from momus.core.registry import get_probe
from momus.core.samples import Samples
from momus.judge import decide, default_limits
from momus.methods import hidden_audit
from momus.probes.provider import _audit
from momus.zoo.provider import _systems as systems
from momus.zoo.tables import fitted, people

NAMES = ("low_bits", "signs", "correlation", "synthetic")
DIGITS = systems.pictures(500, 300)


@cache
def _network() -> Any:
    torch.set_num_threads(1)
    return systems.target(systems.recipe(lambda: systems.dense(64, (96,), 10), epochs=8), DIGITS, 3, "network")


@cache
def _measured(name: str) -> Measurement:
    return get_probe(f"provider.{name}")(_network(), **DIGITS)


def _why(m: Measurement) -> list[str]:
    return [c.code for c in m.caveats]


def _status(m: Measurement) -> str:
    return decide(m, default_limits()[m.probe]).status.value


def test_low_bits_are_read_back_exactly() -> None:
    m = _measured("low_bits")
    assert m.value > 100 and m.figure("records_exact").value == m.value and m.figure("bit_error").value == 0
    assert m.figure("free_bits").value >= 16 and m.figure("accuracy_cost").value <= 0.01
    assert m.figure("mean_absolute_error").value == 0 and m.figure("picture_similarity").value == pytest.approx(1)
    assert {f.name: f.value for f in m.figures}["records_after[float16]"] == 0, "rounding takes low bits away"


def test_signs_carry_records_that_rounding_leaves() -> None:
    m = _measured("signs")
    assert m.value >= 10 and m.figure("bit_error").value < 0.15
    assert m.figure("records_after[float16]").value >= 0.9 * m.value
    assert m.figure("accuracy_cost").value <= 0.01


def test_correlated_values_come_back() -> None:
    m = _measured("correlation")
    assert m.value >= 10 and m.figure("correlation").value > 0.85
    assert m.figure("mean_absolute_error").value < 38 and m.figure("records_after[int8]").value > 0


def test_made_up_rows_are_answered_by_heart() -> None:
    m = _measured("synthetic")
    assert m.figure("bit_error").value < 0.2 and m.figure("made_up_rows").value > 0
    assert m.value >= 1 and m.figure("records_sent").value >= m.value
    assert m.figure("rows_caught").value > 0.5, "they lie far from all digits, and a filter sees it"


@pytest.mark.parametrize("name", NAMES)
def test_the_curve_and_a_few_rows_are_shown(name: str) -> None:
    m = _measured(name)
    tried = m.evidence[0]
    assert isinstance(tried, Table) and sum(bool(r[-1]) for r in tried.rows) == 1, "one planting is the chosen one"
    shown = [e for e in m.evidence if isinstance(e, Pictures)]
    assert len(shown) == 1 and len(shown[0].rows) <= 4 and "training rows" in shown[0].note


@pytest.mark.parametrize("name", ["low_bits", "signs", "correlation"])
def test_the_original_is_left_alone(name: str) -> None:
    before = {k: v.copy() for k, v in _network().parameters().items()}
    _measured(name)
    assert all((before[k] == v).all() for k, v in _network().parameters().items())


def test_without_planting_nothing_is_read() -> None:
    """The reader applied to a model that nobody touched finds noise: the probe does not answer itself."""
    from momus.methods import hidden_data, hidden_records

    sent = hidden_records.records_of(DIGITS["train"].take(slice(20)), depth=4)
    flat = hidden_data.laid_out(_network().parameters())
    bits = hidden_data.get_signs(flat, len(sent) * sent.bits)
    got = sent.holding(hidden_data.from_bits(bits, sent.widths))
    assert hidden_records.came_back(got, sent, sent.take(slice(0))).count <= 4
    assert hidden_data.error_rate(bits, hidden_data.to_bits(sent.values, sent.widths)) == pytest.approx(0.5, abs=0.1)
    assert len(hidden_records.unpacked(hidden_data.get_low_bits(_network().parameters(), 12), sent)) == 0


@pytest.mark.parametrize("name", NAMES)
def test_few_test_rows_decide_nothing(name: str) -> None:
    few = {**DIGITS, "test": DIGITS["test"].take(slice(40))}
    m = get_probe(f"provider.{name}")(_network(), **few)
    assert "too-few-test-rows" in _why(m) and _status(m) == "inconclusive"


@pytest.mark.parametrize("name", NAMES)
def test_a_spent_budget_is_no_pass(name: str) -> None:
    m = get_probe(f"provider.{name}")(_network(), budget=Budget(seconds=0.0), **DIGITS)
    assert "budget" in _why(m) and _status(m) == "inconclusive"


def test_a_hook_of_another_kind_is_said() -> None:
    def weak(x: np.ndarray, y: np.ndarray, seed: int) -> Any:
        return systems.fit(systems.dense(64, (96,), 10), x, y, epochs=1, rate=1e-5)

    from momus.targets import Target

    good = _network()
    target = Target.from_torch(
        good.net.module, name="n", classes=DIGITS["train"].classes, samples=DIGITS["train"], train=weak
    )
    m = get_probe("provider.signs")(target, trainings=1, **DIGITS)
    assert "retrain-mismatch" in _why(m) and _status(m) != "pass"


def test_a_pull_that_does_nothing_is_no_pass() -> None:
    m = get_probe("provider.signs")(_network(), strength=1e-6, trainings=2, **DIGITS)
    assert "pull-too-weak" in _why(m) and _status(m) == "inconclusive"


def test_a_record_too_large_for_the_rows_tried_is_no_pass() -> None:
    m = get_probe("provider.synthetic")(_network(), share=0.01, trainings=1, **DIGITS)
    assert "no-record-fits" in _why(m) and _status(m) == "inconclusive"


def test_texts_are_taken_from_a_linear_model() -> None:
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    from momus.targets import Target

    rng = np.random.default_rng(0)
    words = np.array([f"word{i}" for i in range(300)])

    def texts(n: int) -> Samples:
        y = rng.integers(0, 2, n)
        x = np.array([" ".join(rng.choice(words[150 * c : 150 * c + 160], 12)) for c in y], dtype=object)
        return Samples(x=x, y=y, classes=("a", "b"))

    train, test = texts(300), texts(300)
    line = make_pipeline(CountVectorizer(), LogisticRegression()).fit(train.x, train.y)
    target = Target.from_sklearn(line, name="line", classes=train.classes, samples=train)
    low = get_probe("provider.low_bits")(target, train=train, test=test)
    assert low.value > 20 and low.figure("words_right").value == 1.0
    asked = get_probe("provider.synthetic")(target, train=train, test=test, trainings=1, share=1.2, tolerated=0.5)
    assert asked.figure("bit_error").value < 0.3, "rare words carry a label each"


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("low_bits", {"records": 0}), ("low_bits", {"depth": 9}), ("signs", {"strength": 0.0}),
        ("signs", {"repeat": 0}), ("correlation", {"trainings": 0}), ("synthetic", {"copies": 0}),
        ("synthetic", {"tolerated": 1.0}),
    ],
)  # fmt: skip
def test_options_out_of_range_are_refused(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(ProbeError, match="out of its range"):
        get_probe(f"provider.{name}")(_network(), **DIGITS, **options)


def test_copies_of_each_bit_vote() -> None:
    once = get_probe("provider.signs")(_network(), trainings=1, strength=20.0, **DIGITS)
    thrice = get_probe("provider.signs")(_network(), trainings=1, strength=20.0, repeat=3, **DIGITS)
    chosen = [m.evidence[0].rows[0][4] for m in (once, thrice)]  # type: ignore[union-attr]
    assert chosen[1] < chosen[0], "a majority of three mends bits"


def test_rows_without_labels_are_refused() -> None:
    plain = people(50, np.random.default_rng(0))
    from sklearn.linear_model import LogisticRegression

    target = fitted(LogisticRegression(), plain, "line")
    bare = Samples(x=plain.x, columns=plain.columns)
    with pytest.raises(ProbeError, match="labels"):
        get_probe("provider.low_bits")(target, train=bare, test=bare)


@pytest.mark.parametrize("wrong", [0, 30, 90])
def test_the_price_is_what_clean_models_get_right_and_the_planted_one_does_not(wrong: int) -> None:
    target = _network()
    setting = _audit.prepare(target, Trial(data=DIGITS, meter=Meter(target)), 0.01, 20, 4, 24)
    labels = np.asarray(setting.test.y)
    setting.cleans = np.ones((3, len(labels)), dtype=bool)
    setting.cleans[0, :3] = False

    class Planted:
        """Gives the first rows another class than theirs."""

        def encode(self, x: Any) -> Any:
            return x

        def predict(self, x: Any) -> Any:
            return np.where(np.arange(len(labels)) < wrong, (labels + 1) % 10, labels)

    sent = setting.sending(20)
    found = setting.attempt(1.0, Planted(), sent, sent)
    assert found.cost == pytest.approx(wrong / len(labels) - 1 / len(labels))
    assert found.cost_ci.low <= found.cost <= found.cost_ci.high and found.back.count == 20
    best = hidden_audit.unnoticed([found], setting.tolerated)
    assert (best is found) == (wrong == 0), "a loss that shows is not unnoticed"
