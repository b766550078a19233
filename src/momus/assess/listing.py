"""The findings of a run as one list: what matters most first, each with an address of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from momus.core.records import Finding, Severity
from momus.reports import ReportView
from momus.reports.view import ModeView

_STATUSES = ("fail", "error", "inconclusive", "pass")


@dataclass(frozen=True, slots=True)
class Listed:
    """One finding with its row, and its name within the row: the fingerprint, numbered where two have the same."""

    key: str
    mode: ModeView
    finding: Finding
    severity: Severity | None
    accepted: bool
    text: str  # what is searched, in small letters


@dataclass(frozen=True, slots=True)
class Facets:
    """How many findings there are of each verdict and severity, by their words, worst first."""

    statuses: dict[str, int]
    severities: dict[str, int]


def facets(items: Sequence[Listed]) -> Facets:
    """The counts that stand beside the boxes of a filter."""
    statuses = Counter(i.finding.status.value for i in items)
    severities = Counter(i.severity.value for i in items if i.severity is not None)
    return Facets(
        {s: statuses[s] for s in _STATUSES if statuses[s]},
        {s.value: severities[s.value] for s in Severity if severities[s.value]},
    )


def listed(view: ReportView) -> tuple[Listed, ...]:
    """Every finding: those that fail by severity, then errors, then what could not be decided; waived ones last of
    their kind."""
    found = [item for mode in view.modes for item in _of_mode(mode)]
    return tuple(sorted(found, key=_place))


def _of_mode(mode: ModeView) -> list[Listed]:
    worst: dict[tuple[str, str], Severity] = {}
    for r in mode.ratings:
        at = (r.probe, r.target)
        worst[at] = max(worst.get(at, Severity.NONE), r.severity, key=lambda s: s.rank)
    used: dict[str, int] = {}
    made = []
    for f in mode.findings:
        name = f.fingerprint or "finding"
        used[name] = used.get(name, 0) + 1
        key = name if used[name] == 1 else f"{name}-{used[name]}"
        # A rating of older runs names no target: it was given to every finding of its probe.
        severity = worst.get((f.probe, f.target), worst.get((f.probe, "")))
        text = f"{f.probe} {f.target} {mode.name}".lower()
        made.append(Listed(key, mode, f, severity, bool(mode.waived) and mode.waiver(f) is not None, text))
    return made


def _place(item: Listed) -> tuple[int, bool, int, str]:
    rank = item.severity.rank if item.severity is not None else -1
    return _STATUSES.index(item.finding.status.value), item.accepted, -rank, item.mode.id
