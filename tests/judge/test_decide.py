"""The verdict follows from the interval and the caveats, in both directions, and from nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from momus.core.records import Caveat, Failure, Interval, Limit, Measurement, Status
from momus.judge import decide, decide_failure, default_limits, limit_for


def measurement(low: float, high: float, *, worse: str = "higher", n: int = 100, **more: object) -> Measurement:
    ci = more.pop("ci", Interval(low=low, high=high))
    return Measurement(
        probe="membership.loss", target="t", metric="m", value=(low + high) / 2, ci=ci, n=n, worse=worse, **more
    )  # type: ignore[arg-type]


def limit(value: float) -> Limit:
    return Limit(probe="membership.loss", value=value)


@pytest.mark.parametrize(
    ("low", "high", "worse", "expected"),
    [
        (0.3, 0.4, "higher", Status.FAIL),
        (0.0, 0.1, "higher", Status.PASS),
        (0.0, 0.2, "higher", Status.PASS),
        (0.1, 0.3, "higher", Status.INCONCLUSIVE),
        (0.3, 0.4, "lower", Status.PASS),
        (0.2, 0.4, "lower", Status.PASS),
        (0.0, 0.1, "lower", Status.FAIL),
        (0.1, 0.3, "lower", Status.INCONCLUSIVE),
    ],
)
def test_interval_against_limit(low: float, high: float, worse: str, expected: Status) -> None:
    assert decide(measurement(low, high, worse=worse), limit(0.2)).status is expected


@given(st.floats(-1, 1), st.floats(-1, 1), st.floats(-1, 1))
def test_mirrored_measurements_have_mirrored_verdicts(a: float, b: float, bar: float) -> None:
    low, high = sorted((a, b))
    up = decide(measurement(low, high), limit(bar)).status
    down = decide(measurement(-high, -low, worse="lower"), limit(-bar)).status
    assert up is down


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_never_both_beyond_and_within(a: float, b: float, bar: float) -> None:
    low, high = sorted((a, b))
    status = decide(measurement(low, high), limit(bar)).status
    assert (status is Status.FAIL) == (low > bar)
    assert (status is Status.PASS) == (high <= bar)


@pytest.mark.parametrize(
    ("blocks", "when_failing", "when_passing"),
    [
        ("pass", Status.FAIL, Status.INCONCLUSIVE),
        ("fail", Status.INCONCLUSIVE, Status.PASS),
        ("both", Status.INCONCLUSIVE, Status.INCONCLUSIVE),
        ("none", Status.FAIL, Status.PASS),
    ],
)
def test_a_caveat_blocks_what_it_says(blocks: str, when_failing: Status, when_passing: Status) -> None:
    doubt = (Caveat(code="gradient-masking", message="the gradients are zero", blocks=blocks),)  # type: ignore[arg-type]
    failing = decide(measurement(0.5, 0.6, caveats=doubt), limit(0.2))
    passing = decide(measurement(0.0, 0.1, caveats=doubt), limit(0.2))
    assert (failing.status, passing.status) == (when_failing, when_passing)
    if passing.status is Status.INCONCLUSIVE:
        assert "the gradients are zero" in passing.reason


@pytest.mark.parametrize("n", [0, 1])
def test_one_sample_decides_nothing(n: int) -> None:
    assert decide(measurement(0.9, 0.9, n=n), limit(0.2)).status is Status.INCONCLUSIVE
    assert decide(measurement(0.0, 0.0, n=n), limit(0.2)).status is Status.INCONCLUSIVE


def test_exhaustive_counts_decide_alone_but_not_on_nothing() -> None:
    exact = {"ci": Interval.exact(0.0)}
    assert decide(measurement(0, 0, n=1, **exact), limit(0)).status is Status.PASS
    assert decide(measurement(0, 0, n=0, **exact), limit(0)).status is Status.INCONCLUSIVE


def test_without_a_limit_nothing_passes() -> None:
    assert decide(measurement(0, 0), None).status is Status.INCONCLUSIVE
    assert limit_for("nobody/knows.this", {}) is None


def test_the_card_overrides_the_default() -> None:
    assert limit_for("membership.loss", {"membership.loss": 0.3}) == Limit(
        probe="membership.loss", value=0.3, source="card", reason="set by the card"
    )
    assert limit_for("membership.loss", {}) == default_limits()["membership.loss"]


def test_a_failure_is_an_error_with_its_own_words() -> None:
    found = decide_failure(Failure(probe="shift.groups", target="t", code="worker/timeout", message="gave no result"))
    assert (found.status, found.mode, found.reason) == (Status.ERROR, "shift", "gave no result")


def test_fingerprints_name_the_finding_not_the_number() -> None:
    a, b = decide(measurement(0.1, 0.2), limit(0.2)), decide(measurement(0.5, 0.6), limit(0.2))
    assert a.fingerprint == b.fingerprint
    other = decide(measurement(0.1, 0.2).model_copy(update={"target": "u"}), limit(0.2))
    assert other.fingerprint != a.fingerprint


@pytest.mark.parametrize(("claimed", "status", "source"), [(0.3, "fail", "claimed"), (5.0, "inconclusive", "default")])
def test_a_claim_can_only_sharpen_the_limit(claimed: float, status: str, source: str) -> None:
    finding = decide(measurement(0.5, 2.0, scope={"claimed": claimed}), limit(1.0))
    assert finding.status.value == status and finding.limit is not None and finding.limit.source == source
    assert decide(measurement(0.5, 2.0, scope={"claimed": 0.0}), limit(1.0)).status is Status.INCONCLUSIVE
    assert decide(measurement(0.2, 0.4, worse="lower", scope={"claimed": 0.5}), limit(0.1)).status is Status.FAIL
