"""The two sides of a comparison, and what of it counts as a regression."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from momus.cli import options

if TYPE_CHECKING:
    from momus.reports import ReportView
    from momus.reports.regression import Step
    from momus.store import Store


def views(a: str | None, b: str, store: str | None) -> tuple[ReportView, ReportView]:
    """Both reports, from files or the store, which is opened only where one of them needs it."""
    from momus.assess import recall
    from momus.reports import json_

    a_file, b_file = (None if x is None or not x.lower().endswith(".json") else json_.read(x) for x in (a, b))
    if a_file is not None and b_file is not None:
        return a_file, b_file
    with options.existing_store(store) as opened:
        before = recall(opened, a).view() if a is not None and a_file is None else a_file
        after = b_file or recall(opened, b).view()
        return before or recall(opened, _before(opened, after)).view(), after


@dataclass(frozen=True)
class Gate:
    """What of the later side counts, what broke down in it, and what it says nothing about."""

    lost: tuple[Step, ...]
    broken: tuple[Step, ...]
    unmeasured: int
    shut: bool
    empty: bool

    @property
    def code(self) -> int:
        """As of an assessment: 1 a regression, 3 a test broke down, 5 nothing was measured."""
        return 1 if self.lost else 3 if self.broken or self.shut else 5 if self.empty else 0

    def lines(self) -> list[str]:
        """One a finding, and what a reader must not take for a good end."""
        from momus.reports import change_text

        told = [f"Regression, {change_text.line(s)}" for s in self.lost]
        told += [f"Broke down, {change_text.line(s)}" for s in self.broken]
        told += ["A target, or the rows it needs, could not be opened."] if self.shut else []
        if not told:
            told = ["Nothing was measured." if self.empty else "No regression beyond the intervals."]
        if self.unmeasured:
            told.append(f"{self.unmeasured} measured before and not now: nothing is said about them.")
        return told


def gate(before: ReportView, after: ReportView, least: str | None, baseline: Path | None) -> Gate:
    """What counts. Two systems are refused: everything would be new, or by chance nothing."""
    from momus.cli.ending import today
    from momus.core.errors import MomusError
    from momus.core.records import Severity
    from momus.reports.baseline import matching
    from momus.reports.regression import against_baseline, between
    from momus.reports.text import clean

    if before.run.system != after.run.system:
        raise MomusError(
            f"'{clean(before.run.system, 60)}' and '{clean(after.run.system, 60)}' are two systems",
            code="compare/other-system", hint="--fail-on-regression holds a system against itself",
        )  # fmt: skip
    change = between(before, after, today=today())
    accepted: set[str] = set()
    if baseline is not None:
        held = against_baseline(after, matching(baseline, after.run.system), name=baseline.name, today=today())
        accepted = {s.fingerprint for s in held.of("known", "better")}
    return Gate(
        lost=tuple(s for s in change.regressions(Severity(least) if least else None) if s.fingerprint not in accepted),
        broken=tuple(s for s in change.crashed if s.fingerprint not in accepted),
        unmeasured=len(change.of("unmeasured")),
        shut=any(g.why in ("unopened", "unsafe") for m in after.modes for g in m.gaps),
        empty=not any(m.findings for m in after.modes),
    )


def _before(store: Store, after: ReportView) -> str:
    """Id of the newest run of the same system before the one of ``after``."""
    from momus.core.errors import NotFound

    late = after.run
    earlier = [r for r in store.runs() if r.system == late.system and r.created < late.created]
    if not earlier:
        hint = "Assess it again, or name two runs; see: momus list runs"
        raise NotFound(f"there is no run of {late.system} before {late.id}", place=store.name, hint=hint)
    return earlier[0].id
