"""What an item says: a failure with its number, interval, limit, severity, remedy and command, and no traceback."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from momus.core.records import Finding, Gap, Run, Status
from momus.reports import wording
from momus.reports.text import clean
from momus.taxonomy import load

if TYPE_CHECKING:
    from momus.card import SystemCard
    from momus.reports.view import ModeView, ReportView


def modes() -> Any:
    """The 17 modes in their order."""
    return load().modes


def one_line(text: str) -> str:
    """As one clean line, for places that print one."""
    return " ".join(clean(text, 600).split())


def brief(finding: Finding) -> str:
    """The verdict's reason behind its number, in one line."""
    x = finding.measurement
    number = f"{wording.metric(x.metric)} {wording.reading(x)} {wording.against(finding)}" if x else ""
    return one_line(": ".join(part for part in (number.strip(), finding.reason) if part))


def gap(found: Gap) -> str:
    """Why it was not tested, and how to close that."""
    remedy = found.how_to_close
    return one_line(f"not tested: {found.detail}" + (f". {remedy}" if remedy else ""))


def numbers(finding: Finding) -> dict[str, float]:
    """The number, its interval and its limit as properties."""
    x, limit = finding.measurement, finding.limit
    found = {} if x is None else {"value": x.value, "low": x.ci.low, "high": x.ci.high, "n": x.n}
    return {**found, **({"limit": limit.value} if limit else {})}


def verdict(view: ReportView, mode: ModeView, finding: Finding) -> str:
    """All that somebody needs who reads nothing but the log of a build."""
    x, severity = finding.measurement, mode.rated(finding)
    word = f"{wording.LABELS['fail' if finding.status is Status.FAIL else 'inconclusive']}"
    lines = [f"{mode.id} {clean(mode.name)}: {word} {wording.severity(severity)}".rstrip()]
    lines.append(_line("probe", f"{finding.probe} on {finding.target}"))
    if x is not None:
        lines.append(_line("measured", f"{wording.metric(x.metric)} {wording.reading(x)}"))
        lines.append(_line("tried", wording.scope(x)))
    if finding.limit is not None and x is not None:
        side = "at least" if x.worse == "lower" else "at most"
        limit = f"{side} {wording.number(finding.limit.value)} ({wording.limit_source(finding.limit)})"
        lines.append(_line("limit", limit))
    lines.append(_line("because", finding.reason))
    rating = next((r for r in mode.ratings if r.of(finding) and r.severity is severity), None)
    if rating is not None:
        lines.append(_line("severity", f"{rating.severity.value}: {rating.row} ({rating.source})"))
    remedies = [m.text for m in mode.remedies[:3]] if finding.status is Status.FAIL else []
    remedies = remedies or ["raise its number of samples or the budget, or settle what the caveat names"]
    lines += [_line("do" if n == 0 else "", text) for n, text in enumerate(remedies)]
    lines.append(_line("again", wording.reproduce(view.run, finding)))
    return "\n".join(lines)


def error(finding: Finding, run: Run) -> str:
    """A measurement that broke: what, where, what to do."""
    failure = finding.failure
    assert failure is not None
    lines = [f"{finding.probe} on {finding.target}: {clean(failure.message, 600)}"]
    lines += [_line(label, text) for label, text in (("at", failure.place), ("code", failure.code)) if text]
    lines += [_line("do", failure.hint)] if failure.hint else []
    return "\n".join([*lines, _line("again", wording.reproduce(run, finding))])


def _line(label: str, text: str) -> str:
    return f"  {label:<9} {' '.join(clean(text, 2000).split())}"


def line_of(card: SystemCard, target: str) -> int | None:
    """The line of a target in the card, counted from 0; None where nothing says it."""
    index = next((i for i, t in enumerate(card.targets) if t.name == target), None)
    place = card.place("targets", index) if index is not None else ""
    parts = place.rsplit(":", 2)
    return int(parts[1]) - 1 if len(parts) == 3 and parts[1].isdigit() else None


def rows(view: ReportView, width: int, *, color: bool) -> Iterator[str]:
    """The 17 rows as the terminal report has them."""
    from momus.reports.terminal import console_for, row

    for mode in view.modes:
        buffer = io.StringIO()
        console = console_for(buffer, buffer, width, color)
        console.print(row(mode, width), no_wrap=True, overflow="crop", soft_wrap=False)
        yield buffer.getvalue().rstrip("\n")
