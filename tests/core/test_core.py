"""The words of the house: records refuse nonsense, seeds and digests are stable, the meter stops in time."""

from __future__ import annotations

import pickle
import time
from dataclasses import replace
from typing import Protocol

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from momus.core import digest, seeds
from momus.core.capabilities import Gradients, Predicts, Probabilities, TargetInfo, Trains, abilities, missing, to_numpy
from momus.core.errors import BudgetSpent, CardError, MissingExtra, NotFound, ProbeError, TargetError
from momus.core.evidence import FileMark, Line, Series, Table
from momus.core.meter import Budget, Meter
from momus.core.probe import Trial, probe
from momus.core.records import Interval, Knowledge, Measurement, Severity
from momus.core.registry import get_probe, probe_ids
from momus.core.samples import Column, Samples


class Coin:
    """A target that can only predict."""

    info = TargetInfo("coin", "classifier", "test", "0" * 64)

    def encode(self, x, /):
        return x

    def decode(self, a, /):
        return a

    def predict(self, x, /):
        return np.zeros(len(x), dtype=int)


def reading(**changes: object) -> Measurement:
    base = {"probe": "a.b", "target": "t", "metric": "m", "value": 0.5, "ci": Interval(low=0, high=1), "n": 3}
    return Measurement(**{**base, "worse": "higher", **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_no_record_holds_a_number_that_is_none(bad: float) -> None:
    with pytest.raises(ValidationError):
        reading(value=bad)
    with pytest.raises(ValidationError):
        Line(name="l", x=(bad,), y=(1.0,))


def test_records_are_frozen_and_strict() -> None:
    m = reading()
    with pytest.raises(ValidationError):
        m.value = 1.0  # type: ignore[misc]
    with pytest.raises(ValidationError):
        reading(verdict="pass")
    with pytest.raises(ValidationError, match="upside down"):
        Interval(low=1, high=0)


def test_marks_stored_under_older_words_are_read_as_what_they_are_called_now() -> None:
    for old, now in (("bad", "dangerous"), ("unread", "not understood"), ("suspicious", "suspicious")):
        assert FileMark.model_validate({"title": "f", "path": "f", "what": "x", "severity": old}).severity == now
    with pytest.raises(ValidationError):
        FileMark.model_validate({"title": "f", "path": "f", "what": "x", "severity": "worse"})


def test_evidence_survives_json() -> None:
    series = Series(title="t", x_label="x", y_label="y", lines=(Line(name="l", x=(1, 2), y=(3, 4)),))
    table = Table(title="t", columns=("a", "b"), rows=((1, "x"), (None, True)))
    m = reading(evidence=(series, table))
    assert Measurement.model_validate_json(m.model_dump_json()) == m


def test_severity_ranks_worst_highest() -> None:
    assert [s.rank for s in Severity] == [4, 3, 2, 1, 0]


def test_errors_print_one_line_and_cross_processes() -> None:
    error = CardError("kind 'x' is unknown", code="card/kind", place="momus.yaml:4:11", hint="Did you mean 'y'?")
    assert str(error) == "momus.yaml:4:11 card/kind: kind 'x' is unknown. Did you mean 'y'?"
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is CardError and str(again) == str(error)
    assert "pip install 'momus[torch]'" in str(MissingExtra.of("PGD", "torch", "torch"))


@given(st.lists(st.text(), min_size=1, max_size=4))
def test_seeds_depend_on_every_part(parts: list[str]) -> None:
    assert seeds.derive(*parts) == seeds.derive(*parts) >= 0
    assert seeds.derive(*parts) != seeds.derive(*parts, "more")
    assert seeds.derive(*parts) < 2**63


def test_seeds_are_the_same_on_every_machine() -> None:
    assert seeds.derive(0, "membership.shadow", "scorer") == 2150471888820276542


def test_digests_see_values_shapes_and_types() -> None:
    a = np.arange(6.0)
    different = [
        a,
        a.reshape(2, 3),
        a.astype("f4"),
        a + 1,
        np.array(list("abcdef")),
        np.array(list("abcdef"), dtype=object),
    ]
    assert len({digest.of_array(x) for x in different[:5]}) == 5
    assert digest.of_array(a) == digest.of_array(a.copy())
    assert digest.of_value({"b": 1, "a": 2}) == digest.of_value({"a": 2, "b": 1})


def test_samples_stay_in_step() -> None:
    s = Samples(
        np.arange(20.0).reshape(10, 2),
        np.arange(10),
        columns=(Column("a"), Column("b")),
        ids=np.arange(10) // 2,
        groups={"g": np.arange(10) % 2},
    )
    picked = s.take([1, 3, 5])
    assert (
        picked.y.tolist() == [1, 3, 5] and picked.groups["g"].tolist() == [1, 1, 1] and picked.ids.tolist() == [0, 1, 2]
    )
    drawn = s.sample(4, np.random.default_rng(0))
    assert len(drawn) == 4 and (np.diff(drawn.y) > 0).all()
    assert s.digest != picked.digest and s.digest == replace(s).digest
    assert s.is_table and not s.is_image and Samples(np.zeros((2, 8, 8, 3))).is_image


def test_abilities_follow_the_protocol() -> None:
    assert abilities(Predicts) == ("decode", "encode", "predict")
    assert missing(Coin(), Predicts) == ()
    assert missing(Coin(), Gradients) == ("logits", "pullback", "scores")

    class Needs(Probabilities, Trains, Protocol):
        pass

    assert missing(Coin(), Needs) == ("probabilities", "retrain")


def test_meter_counts_and_stops_before_the_query() -> None:
    asked = []
    coin = Coin()
    coin.predict = lambda x: asked.append(len(x)) or np.zeros(len(x))  # type: ignore[method-assign]
    meter = Meter(coin, Budget(queries=10))
    meter.predict(np.zeros((6, 1)))
    with pytest.raises(BudgetSpent):
        meter.predict(np.zeros((5, 1)))
    meter.predict(np.zeros((4, 1)))
    assert asked == [6, 4] and (meter.queries, meter.calls) == (10, 2)
    with pytest.raises(TargetError, match="cannot probabilities"):
        Meter(coin).probabilities(np.zeros((1, 1)))


def test_meter_stops_when_the_time_is_up() -> None:
    meter = Meter(Coin(), Budget(seconds=0.01))
    time.sleep(0.02)
    with pytest.raises(BudgetSpent):
        meter.predict(np.zeros((1, 1)))


def test_every_probe_is_found_by_its_path() -> None:
    assert {"perturbation.pgd", "membership.shadow", "supply_chain.artifacts"} <= set(probe_ids())
    for identity in probe_ids():
        assert get_probe(identity).id == identity
    with pytest.raises(NotFound, match=r"Did you mean membership\.shadow"):
        get_probe("membership.shadows")


def shout(target: Predicts, trial: Trial, *, loud: bool = True) -> Measurement:
    """A probe for this file."""
    n = len(trial.samples("test"))
    return trial.measurement(1.0, Interval.exact(1.0), n)


def test_a_third_party_probe_is_named_after_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shout, "__module__", "acme.membership.shout")
    made = probe(knowledge=Knowledge.BLACK_BOX, metric="noise", worse="higher", source="ours", data=("test",))(shout)
    assert (made.id, made.mode, made.options) == ("acme/membership.shout", "membership", {"loud": True})
    s = Samples(np.zeros((3, 1)), np.zeros(3, dtype=int))
    m = made(Coin(), test=s, loud=False)
    assert m.n == 3 and m.scope == {"loud": False} and m.data == {"test": s.digest} and m.target == "coin"
    with pytest.raises(ProbeError, match=r"no option 'quiet'.*loud"):
        made(Coin(), test=s, quiet=True)
    with pytest.raises(ProbeError, match=r"role 'test'.*data\.test"):
        made(Coin())


def test_a_probe_must_be_named_like_its_file() -> None:
    with pytest.raises(ProbeError, match="named like its file"):
        probe(knowledge=Knowledge.NONE, metric="m", worse="lower", source="s")(shout)


def test_to_numpy_detaches() -> None:
    torch = pytest.importorskip("torch")
    t = torch.ones(2, requires_grad=True)
    assert to_numpy(t).tolist() == [1.0, 1.0]


def test_a_trial_draws_by_its_seed_alone() -> None:
    one, again, other = (Trial(seed=s).rng.random(4).tolist() for s in (1, 1, 2))
    assert one == again != other


def test_what_is_kept_for_later_is_not_spent_now() -> None:
    meter = Meter(Coin(), Budget(queries=30))
    with meter.keeping(10):
        meter.spend(20)
        with pytest.raises(BudgetSpent):
            meter.spend(1)
    meter.spend(10)
    assert meter.queries == 30


def test_a_name_with_half_a_surrogate_pair_has_a_seed() -> None:
    assert seeds.derive(1, "walk\ud800er") != seeds.derive(1, "walk\ud801er")
