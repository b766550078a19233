"""Finding x bug bar -> Rating. Only a fail has a severity; the row that fired and its source travel with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from momus.core.records import Finding, Measurement, Rating, Status
from momus.taxonomy.bugbar import Move, level, moved


def rate(finding: Finding, facts: Mapping[str, object], moves: Iterable[Move] = ()) -> Rating | None:
    """The severity of a failed finding under the card's facts; None for every other status.

    ``moves`` is what the premise rules that hold for this system do to the level (see ``ModeThreat.moves``).
    """
    if finding.status is not Status.FAIL or finding.measurement is None:
        return None
    verdict = level(
        finding.mode, facts, degradation=_degradation(finding.measurement), metric=finding.measurement.metric
    )
    severity, reasons = moved(verdict.severity, moves)
    return Rating(
        mode=finding.mode,
        probe=finding.probe,
        target=finding.target,
        severity=severity,
        row=verdict.row,
        source=verdict.source,
        reasons=(*map(str, verdict.reasons), *reasons),
    )


def _degradation(m: Measurement) -> float:
    """How much was lost, from 0 to 1: a share that should be low, or what is missing from one that should be high."""
    lost = m.value if m.worse == "higher" else 1.0 - m.value
    return min(1.0, max(0.0, lost))
