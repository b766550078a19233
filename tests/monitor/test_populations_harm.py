"""What drift costs, before labels come: the estimate against the truth, where confidence knows and where not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from momus.core.samples import Column, NumpyArray
from momus.monitor.detector import Detector, Lacking, Reading, fits
from momus.monitor.events import blank
from momus.monitor.reference import Reference
from momus.testing import populations

COLUMNS = tuple(Column(f"c{j}") for j in range(4))


def world(n: int, rng: np.random.Generator, moved: float = 0.0, sharp: float = 1.0) -> tuple[NumpyArray, ...]:
    """Labels follow c0 less and less the larger c1 is, of which the model's confidence knows nothing."""
    x = rng.normal(size=(n, 4))
    x[:, 1] += moved
    z = 3 * x[:, 0] * sharp
    p = 1 / (1 + np.exp(-z))
    blind = 1 / (1 + np.exp(-2 * (x[:, 1] - 1)))
    label = np.where(rng.random(n) < blind / 2, rng.random(n) < 0.5, rng.random(n) < p).astype(float)
    outputs = np.column_stack([1 - p, p])
    return x, outputs, outputs.argmax(axis=1).astype(np.int64), label


def fitted(n: int, seed: int, labels: bool = True) -> Detector:
    x, outputs, said, label = world(n, np.random.default_rng(seed))
    known = label if labels else np.full(n, np.nan)
    reference = Reference(
        "m", "s", "classifier", x, COLUMNS, "table", outputs, said, known, np.zeros((0, 4)), ("no", "yes")
    )
    found = fits()["shift.harm"](reference, {}, 1)
    assert not isinstance(found, Lacking)
    return found


def read(detector: Detector, moved: float, sharp: float, seed: int, labelled: float = 0.0) -> tuple[Reading, float]:
    """The reading of one window, and the share of its answers that are wrong."""
    rng = np.random.default_rng([seed, 5])
    x, outputs, said, label = world(2000, rng, moved, sharp)
    known = np.where(rng.random(2000) < labelled, label, np.nan)
    detector.take(replace(blank(2000, columns=4, outputs=2), x=x, outputs=outputs, said=said, label=known))
    reading = detector.close(1)
    assert reading is not None
    return reading, float((said != label).mean())


@pytest.mark.parametrize(
    ("moved", "sharp"), [(0.0, 1.0), (1.0, 1.0), (-1.0, 1.0), (0.0, 0.3)], ids=["calm", "worse", "better", "unsure"]
)
def test_the_interval_holds_what_is_lost(moved: float, sharp: float) -> None:
    held: list[bool] = []
    off: list[float] = []
    lost: list[float] = []
    for seed in range(12):
        detector = fitted(3000, seed)
        before = float(detector.base)  # type: ignore[attr-defined]
        reading, wrong = read(detector, moved, sharp, seed)
        held.append(reading.ci.low <= wrong - before <= reading.ci.high)
        off.append(abs(reading.value - (wrong - before)))
        lost.append(wrong - before)
    assert np.mean(held) >= 0.83
    assert float(np.mean(off)) <= max(0.02, abs(float(np.mean(lost))) / 2)


def test_what_moved_corrects_what_confidence_does_not_know() -> None:
    gains = []
    for seed in range(8):
        detector = fitted(3000, seed)
        reading, wrong = read(detector, 1.5, 1.0, seed)
        calm, before = read(detector, 0.0, 1.0, seed)
        gains.append(reading.value > calm.value + (wrong - before) / 2 > calm.value)
    assert np.mean(gains) >= 0.75


def test_labels_decide_where_there_are_enough() -> None:
    detector = fitted(3000, 1)
    few, _ = read(detector, 1.0, 1.0, 1, labelled=0.02)
    many, wrong = read(detector, 1.0, 1.0, 1, labelled=0.5)
    assert few.n == 2000 and many.n == many.scope["labelled"]
    assert many.ci.method == "newcombe" and many.ci.low <= wrong - float(detector.base) <= many.ci.high  # type: ignore[attr-defined]


def test_without_labels_the_reading_says_that_confidence_is_taken_at_its_word() -> None:
    reading, _ = read(fitted(2000, 1, labels=False), 0.5, 1.0, 1)
    assert [c.blocks for c in reading.caveats if c.code == "uncalibrated"] == ["both"]


def test_events_outside_the_reference_widen_the_interval() -> None:
    detector = fitted(2000, 1)
    calm, _ = read(detector, 0.0, 1.0, 3)
    far, _ = read(detector, 12.0, 1.0, 3)
    assert far.ci.high > 0.9 - float(detector.base) > calm.ci.high  # type: ignore[attr-defined]


def test_a_regressor_is_watched_by_large_errors() -> None:
    rng = np.random.default_rng(2)

    def draw(n: int, noise: float) -> tuple[NumpyArray, NumpyArray, NumpyArray]:
        x = rng.normal(size=(n, 4))
        return x, x[:, :1] * 2, x[:, 0] * 2 + noise * rng.normal(size=n)

    x, outputs, label = draw(3000, 1.0)
    none = np.full(3000, -1)
    reference = Reference("m", "s", "regressor", x, COLUMNS, "table", outputs, none, label, np.zeros((0, 4)))
    detector = fits()["shift.harm"](reference, {}, 1)
    assert not isinstance(detector, Lacking)
    for noise, low, high in ((1.0, -0.05, 0.05), (3.0, 0.3, 0.7)):
        x, outputs, label = draw(1500, noise)
        detector.take(replace(blank(1500, columns=4, outputs=1), x=x, outputs=outputs, label=label))
        reading = detector.close(1)
        assert reading is not None and reading.p is not None and low <= reading.value <= high
        assert (reading.p < 1e-6) == (noise == 3.0)


LACKING = [
    ("shift.inputs", {"x": np.zeros((900, 0)), "columns": ()}, "no columns"),
    ("shift.harm", {"outputs": np.zeros((900, 0)), "label": np.full(900, np.nan)}, "neither labels nor"),
    ("corruption.quality", {"x": np.zeros((900, 0)), "columns": ()}, "no columns"),
    ("perturbation.confidence", {"outputs": np.zeros((900, 0))}, "without probabilities"),
    ("poisoning.labels", {"label": np.full(900, np.nan)}, "0 labels"),
    ("poisoning.contributors", {"label": np.full(900, np.nan)}, "0 labels"),
    ("natural.confident", {"label": np.full(900, np.nan)}, "0 labels"),
    ("incomplete_testing.coverage", {"x": np.zeros((900, 0)), "columns": ()}, "no columns"),
    ("reprogramming.cost", {"x": np.zeros((900, 0)), "columns": ()}, "no columns"),
    ("supply_chain.version", {"versions": ()}, "no version"),
]


@pytest.mark.parametrize(("name", "missing", "why"), LACKING, ids=[n for n, *_ in LACKING])
def test_what_a_reference_lacks_is_said_with_a_remedy(name: str, missing: dict[str, object], why: str) -> None:
    reference = replace(populations.reference(900), **missing)  # type: ignore[arg-type]
    found = fits()[name](reference, {}, 1)
    assert isinstance(found, Lacking) and why in found.why and found.remedy


@pytest.mark.parametrize("name", ["shift.inputs", "shift.harm", "corruption.quality", "perturbation.confidence"])
def test_a_tiny_reference_is_no_reference(name: str) -> None:
    found = fits()[name](populations.reference(30), {}, 1)
    assert isinstance(found, Lacking) and "30" in found.why


def test_a_reference_smaller_than_the_window_says_what_it_cannot_show() -> None:
    detector = fits()["shift.inputs"](populations.reference(200), {}, 1)
    assert not isinstance(detector, Lacking)
    detector.take(populations.traffic(1000, 1))
    reading = detector.close(1)
    assert reading is not None
    assert [(c.code, c.blocks) for c in reading.caveats] == [("small-reference", "pass")]


@pytest.mark.parametrize("name", ["shift.inputs", "dependencies.cost", "reward_hacking.divergence"])
def test_an_option_that_is_no_number_is_named(name: str) -> None:
    key = {"shift.inputs": "tolerance", "dependencies.cost": "times"}.get(name, "pairs")
    with pytest.raises(ValueError, match=f"the option '{key}' must be a number"):
        fits()[name](populations.reference(300), {key: "much"}, 1)


def test_what_all_contributors_do_is_nobodys_fault() -> None:
    detector = fits()["poisoning.contributors"](populations.reference(), {}, 1)
    assert not isinstance(detector, Lacking)
    named = 0
    for number in range(1, 6):
        events, rng = populations.traffic(4000, number), np.random.default_rng(number)
        label = np.where(rng.random(4000) < 0.5, 1.0 - events.said, events.said)
        detector.take(replace(events, label=label))
        reading = detector.close(number)
        assert reading is not None
        named += len(reading.who)
    assert named <= 1
