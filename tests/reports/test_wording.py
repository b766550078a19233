"""Numbers, settings and verdicts in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from momus.core.records import Finding, Interval, Measurement
from momus.reports import wording
from momus.reports.view import ReportView
from momus.testing.report_contract import FORBIDDEN
from momus.testing.report_sample import findings, sample_view


@pytest.mark.parametrize(
    ("value", "width", "said"),
    [
        (0.31, 0.04, "0.31"),
        (0.31234, 0.004, "0.312"),
        (0.31234, 0.0004, "0.3123"),
        (0.5, 1.0, "0.50"),
        (0.0, 0.1, "0"),
        (1.0, 0.0, "1"),
        (1234.0, 0.0, "1,234"),
        (1234.5, 300.0, "1,234"),
        (0.375, 0.0, "0.375"),
        (1e-9, 0.0, "1e-09"),
        (12.345, 3.0, "12"),
        (-0.25, 0.1, "-0.25"),
    ],
)
def test_number(value: float, width: float, said: str) -> None:
    assert wording.number(value, width) == said


@given(st.floats(-1e12, 1e12), st.floats(0, 1e6))
def test_number_is_short_and_near(value: float, width: float) -> None:
    said = wording.number(value, width)
    assert len(said) < 24
    assert abs(float(said.replace(",", "")) - value) <= max(abs(value) * 0.06, width, 0.01)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("epsilon", 8 / 255, "8/255"),
        ("epsilon", 0.03, "epsilon 0.03"),
        ("epsilon", 1 / 255, "1/255"),
        ("steps", 40, "40 steps"),
        ("steps", 1, "1 step"),
        ("queries", 5000, "5,000 queries"),
        ("norm", "linf", "norm linf"),
        ("targeted", False, "no targeted"),
        ("corruptions", 15, "15 corruptions"),
        ("epsilon", 0.2, "epsilon 0.2"),  # of a column's scale, say: nothing to do with 51 of 255
        ("edits", 1, "1 edit"),
        ("rules", 1, "1 rule"),
    ],
)
def test_setting(name: str, value: object, said: str) -> None:
    assert wording.setting(name, value) == said


def _pgd(**update: object) -> Finding:
    f = findings()["perturbation"]
    assert f.measurement is not None
    return f.model_copy(update={"measurement": f.measurement.model_copy(update=update)})


@pytest.mark.parametrize(("probe", "counted"), [("words", "texts"), ("table", "rows"), ("transcription", "clips")])
def test_what_was_attacked_is_called_by_its_name(probe: str, counted: str) -> None:
    f = _pgd(probe=f"perturbation.{probe}", scope={})
    assert f.measurement is not None
    assert wording.scope(f.measurement) == f"1,000 {counted}"


def test_a_pass_names_what_was_tried() -> None:
    f = _pgd(scope={"epsilon": 8 / 255, "steps": 40})
    assert wording.passed(f) == "not broken by pgd, 40 steps, 8/255, 1,000 inputs"


@pytest.mark.parametrize(
    ("status", "worse", "said"),
    [
        ("fail", "higher", "> 0.25"),
        ("pass", "higher", "≤ 0.25"),
        ("fail", "lower", "< 0.25"),
        ("pass", "lower", "≥ 0.25"),
        ("inconclusive", "higher", "vs 0.25"),
    ],
)
def test_against(status: str, worse: str, said: str) -> None:
    assert wording.against(_pgd(worse=worse).model_copy(update={"status": status})) == said


def test_a_count_needs_no_interval() -> None:
    m = findings()["supply_chain"].measurement
    assert isinstance(m, Measurement) and wording.reading(m) == "1" and wording.interval(m.ci) == "exact"
    assert wording.interval(Interval(low=0.29, high=0.33)) == "[0.29, 0.33]"


def test_the_command_measures_the_same_row_again() -> None:
    run = sample_view().run
    said = wording.reproduce(run, findings()["membership"])
    assert said == "momus assess momus.yaml --only membership.shadow --seed 7 --fresh"
    bounded = run.model_copy(update={"settings": {"budget": {"queries": 500, "seconds": 2.5}, "allow_unsafe": True}})
    said = wording.reproduce(bounded, findings()["membership"])
    assert said.endswith("--seed 7 --queries 500 --seconds 2.5 --allow-unsafe --fresh")
    example = run.model_copy(update={"settings": {"reproduces": "examples/photos"}})
    said = wording.reproduce(example, findings()["membership"])
    assert said == "momus reproduce examples/photos --only membership.shadow --fresh"
    spaced = run.model_copy(update={"card_path": "my card; rm -rf $HOME.yaml"})
    assert "'my card; rm -rf $HOME.yaml'" in wording.reproduce(spaced, None)


def _with(**status: int) -> ReportView:
    view = sample_view()
    names = [s for s, n in status.items() for _ in range(n)]
    names += ["not_applicable"] * (17 - len(names))
    return view.model_copy(
        update={"modes": tuple(m.model_copy(update={"status": s}) for m, s in zip(view.modes, names, strict=True))}
    )


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ({"fail": 1}, "1 of 17 failure modes fails; the worst is important."),
        ({"pass": 3, "not_tested": 1}, "No failure mode failed among the 3 that were measured. 1 was not tested."),
        ({"not_tested": 17}, "No failure mode failed among the 0 that were measured. 17 were not tested."),
    ],
)
def test_headline(status: dict[str, int], said: str) -> None:
    assert wording.headline(_with(**status)) == said


def test_plain_words_for_every_status() -> None:
    said = {m.status: wording.plain(m) for m in sample_view().modes}
    assert "Nobody has looked" in said["not_tested"] and "neither good nor bad" in said["not_tested"]
    assert "declared, not tested" in said["not_applicable"]
    assert "could not decide" in said["inconclusive"]
    assert "a stronger test may still find it" in said["pass"]
    assert "fails here" in said["fail"]
    assert "broke before" in said["error"]
    assert not [s for s in said.values() if FORBIDDEN.search(s)]
    membership = wording.plain(sample_view().mode("membership"))
    assert "one false alarm in a hundred: 0.31, where at most 0.05 was allowed" in membership
    assert "between 0.29 and 0.33 with 95% confidence" in membership


@pytest.mark.parametrize(
    ("ci", "said"),
    [
        (Interval(low=4, high=4, level=1.0, method="exact"), "exact"),
        (Interval(low=0, high=174, level=1.0, method="exact"), "[0, 174]"),
        (Interval(low=2, high=5, level=1.0, method="counted"), "[2, 5]"),
        (Interval(low=0.1, high=0.3, level=0.95, method="wilson"), "[0.10, 0.30]"),
    ],
)
def test_a_count_with_something_left_open_says_how_much(ci: Interval, said: str) -> None:
    assert wording.interval(ci) == said


def test_what_rounds_to_nothing_has_no_sign() -> None:
    assert wording.number(-0.001, 0.05) == "0.00"
    assert wording.number(-0.006, 0.05) == "-0.01"
