"""Measurement x limit -> Finding. Fail: the whole interval lies beyond the limit. Pass: it lies wholly within.

Everything else is inconclusive, and so is a verdict that one of the measurement's caveats blocks: an attack that could
not work, a budget that ran out, members that differ from non-members.
"""

from __future__ import annotations

from momus.core import digest
from momus.core.records import Caveat, Failure, Finding, Limit, Measurement, Status


def decide(measurement: Measurement, limit: Limit | None, *, mode: str | None = None) -> Finding:
    """Hold a measurement against its limit; see the module for the rule. ``mode`` defaults to the probe's own."""
    limit = _sharpened(measurement, limit)
    status, reason = _verdict(measurement, limit)
    return Finding(
        mode=mode or measurement.probe.split("/")[-1].split(".")[0],
        probe=measurement.probe,
        target=measurement.target,
        status=status,
        reason=reason,
        measurement=measurement,
        limit=limit,
        fingerprint=_fingerprint(measurement.probe, measurement.target, measurement.metric),
    )


def decide_failure(failure: Failure, *, mode: str | None = None) -> Finding:
    """A job that ended without a number is an error, never a pass."""
    return Finding(
        mode=mode or failure.probe.split("/")[-1].split(".")[0],
        probe=failure.probe,
        target=failure.target,
        status=Status.ERROR,
        reason=failure.message,
        failure=failure,
        fingerprint=_fingerprint(failure.probe, failure.target, failure.code),
    )


def _verdict(m: Measurement, limit: Limit | None) -> tuple[Status, str]:
    if limit is None:
        return Status.INCONCLUSIVE, f"no limit is set for {m.probe}; add one to the card's limits"
    status, reason = _compare(m, limit)
    for caveat in m.caveats:
        if status is not Status.INCONCLUSIVE and _blocks(caveat, status):
            return Status.INCONCLUSIVE, f"would be a {status.value}, but {caveat.message}"
        if status is Status.INCONCLUSIVE and caveat.blocks == "both":
            return status, caveat.message  # says more than that the numbers do not decide
    return status, reason


def _sharpened(m: Measurement, limit: Limit | None) -> Limit | None:
    """A claim that promises more than the limit asks takes the limit's place; a lax one changes nothing."""
    claimed = m.scope.get("claimed")
    if limit is None or isinstance(claimed, bool | str | None) or claimed <= 0:
        return limit
    stricter = claimed < limit.value if m.worse == "higher" else claimed > limit.value
    reason = "the system itself claims as much"
    return Limit(probe=limit.probe, value=claimed, source="claimed", reason=reason) if stricter else limit


def _blocks(caveat: Caveat, status: Status) -> bool:
    return caveat.blocks == "both" or caveat.blocks == status.value


def _compare(m: Measurement, limit: Limit) -> tuple[Status, str]:
    exact = m.ci.method == "exact"
    if m.n < 2 and not exact:
        return Status.INCONCLUSIVE, f"{m.n} sample{'' if m.n == 1 else 's'} cannot decide anything"
    if m.n == 0:
        return Status.INCONCLUSIVE, "nothing was examined"
    # Mirror 'lower is worse' so that one comparison serves both directions.
    sign = 1.0 if m.worse == "higher" else -1.0
    low, high = sorted((sign * m.ci.low, sign * m.ci.high))
    bar = sign * limit.value
    span = f"{m.value:.4g}" if exact else f"[{m.ci.low:.4g}, {m.ci.high:.4g}]"
    if low > bar:
        return Status.FAIL, f"{span} lies beyond the limit {limit.value:g}"
    if high <= bar:
        return Status.PASS, f"{span} lies within the limit {limit.value:g}"
    return Status.INCONCLUSIVE, f"{span} straddles the limit {limit.value:g}: n={m.n} is too few to tell"


def _fingerprint(*parts: str) -> str:
    return digest.of_value(parts)[:16]
