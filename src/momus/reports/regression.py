"""What got worse: the findings of a report held against what was known before, a baseline or another report.

Only what lies beyond both intervals counts as a change of the system. What could not be measured this time is never
told as repaired.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Literal

from momus.core.records import Finding, Record, Severity, Status
from momus.reports.baseline import Baseline, Known, everything, identity, known, settings_of
from momus.reports.compare import apart
from momus.reports.view import ModeView, ReportView

Kind = Literal[
    "new", "worse", "known", "better", "noise", "waived", "undecided", "unmeasured", "fixed", "expired", "unknown"
]
COUNTED: tuple[Kind, ...] = ("new", "worse")


class Step(Record):
    """One finding, before and now. ``now`` is empty where nothing was measured."""

    kind: Kind
    fingerprint: str
    mode: str
    probe: str
    target: str
    now: Status | None = None
    severity: Severity | None = None
    before: Known | None = None
    after: Known | None = None
    note: str = ""


class Change(Record):
    """All steps of a report. ``against`` names what it was held against, for people."""

    system: str
    against: str
    steps: tuple[Step, ...]

    def of(self, *kinds: Kind) -> tuple[Step, ...]:
        """The steps of these kinds."""
        return tuple(s for s in self.steps if s.kind in kinds)

    def step(self, fingerprint: str) -> Step | None:
        """The step of one finding; None where there was nothing to say about it."""
        return next((s for s in self.steps if s.fingerprint == fingerprint), None)

    def regressions(self, least: Severity | None = None) -> tuple[Step, ...]:
        """The failing findings that are new or worse; with ``least`` only those of at least that severity."""
        found = [s for s in self.of(*COUNTED) if s.now is Status.FAIL]
        return tuple(s for s in found if least is None or (s.severity or Severity.NONE).rank >= least.rank)

    @property
    def severity(self) -> Severity:
        """The worst severity of what is new or worse."""
        return max((s.severity for s in self.regressions() if s.severity), key=lambda s: s.rank, default=Severity.NONE)

    @property
    def crashed(self) -> tuple[Step, ...]:
        """Tests that broke down and were not known to."""
        return tuple(s for s in self.of("new", "undecided") if s.now is Status.ERROR)


def held(
    view: ReportView, entries: Iterable[Known], *, against: str, today: date, targets: Iterable[str] | None = None
) -> Change:
    """Every finding of ``view`` beside its entry, and every entry that found nothing.

    ``targets``: the names the card has, to tell an entry that was not measured from one that no run can meet.
    """
    old = {k.fingerprint: k for k in entries}
    steps: list[Step] = []
    for m in view.modes:
        for f in m.findings:
            entry = old.pop(identity(view.run.system, m.slug, f.probe, f.target), None)
            step = _step(view, m, f, entry, today)
            steps += [] if step is None else [step]
    steps += [_left_over(k, today, None if targets is None else set(targets)) for k in old.values()]
    return Change(system=view.run.system, against=against, steps=_once(steps))


def against_baseline(view: ReportView, baseline: Baseline, *, name: str, today: date) -> Change:
    """A report held against a baseline file."""
    from momus.reports.places import targets_of

    return held(view, baseline.entries, against=name, today=today, targets=targets_of(view.run))


def between(a: ReportView, b: ReportView, *, today: date) -> Change:
    """Report ``b`` held against all findings of report ``a``."""
    return held(b, everything(a), against=a.run.id, today=today)


def _once(steps: Iterable[Step]) -> tuple[Step, ...]:
    """The worst step of each finding: a stored run may hold one twice."""
    order: Mapping[str, int] = {k: i for i, k in enumerate(Kind.__args__)}  # type: ignore[attr-defined]
    best: dict[str, Step] = {}
    for s in sorted(steps, key=lambda s: (order[s.kind], -(s.severity or Severity.NONE).rank)):
        best.setdefault(s.fingerprint, s)
    return tuple(best.values())


def _step(view: ReportView, m: ModeView, f: Finding, entry: Known | None, today: date) -> Step | None:
    expired = entry is not None and entry.until is not None and entry.until < today
    live = None if expired else entry
    after = known(view, m, f, since=today)
    kind, note = _kind(m, f, live, after)
    if expired and entry is not None:
        note = f"{_accepted(entry)} until {entry.until}: that day has passed"
        kind = kind or "expired"
    if kind is None:
        return None
    return Step(
        kind=kind, fingerprint=after.fingerprint, mode=m.slug, probe=f.probe, target=f.target, now=f.status,
        severity=after.severity, before=entry, after=after, note=note,
    )  # fmt: skip


def _kind(m: ModeView, f: Finding, entry: Known | None, after: Known) -> tuple[Kind | None, str]:
    """What became of one finding, and in words why."""
    bad = entry is not None and entry.status in (Status.FAIL, Status.ERROR)
    if f.status is Status.PASS:
        return ("fixed", "it passes now") if bad else (None, "")
    if f.status is Status.INCONCLUSIVE:
        return ("undecided", "it could not be decided this time; that is no repair") if bad else (None, "")
    if f.status is Status.ERROR:
        return _broken(entry, after)
    if m.waiver(f) is not None:
        return "waived", ""
    if entry is None:
        return "new", ""
    if entry.status is Status.ERROR:
        return "new", "before, the test broke down"
    return _failing(entry, f, after)


def _broken(entry: Known | None, after: Known) -> tuple[Kind, str]:
    if entry is None:
        return "new", "the test broke down"
    if entry.status is Status.ERROR and entry.code == after.code:
        return "known", "the test broke down in the same way before"
    return "undecided", f"the test broke down ({after.code}); before it was {entry.status.value}"


def _failing(entry: Known, f: Finding, after: Known) -> tuple[Kind, str]:
    """A finding that fails now and was measured before."""
    moved, note = _moved(entry, f)
    if entry.status is not Status.FAIL:
        if moved == "within":
            tightened = entry.limit != after.limit
            said = "another limit" if tightened else "its value moved within the intervals"
            return "noise", f"it was {entry.status.value} before; {said}"
        return "new", note or f"it was {entry.status.value} before"
    if moved == "worse":
        return "worse", note
    rose = (after.severity or Severity.NONE).rank > (entry.severity or Severity.NONE).rank
    said = f"severity {_level(entry.severity)} before, {_level(after.severity)} now"
    stricter = (after.bar or Severity.NONE).rank > (entry.bar or Severity.NONE).rank
    if rose and (after.row != entry.row or stricter):
        return "worse", f"{said}: the facts of the system changed"
    if rose and moved == "unlike":  # nothing shows that it is noise
        return "worse", f"{said}; {note}"
    if rose:
        note = f"{said}, by a value that moved within the intervals"
    return ("better" if moved == "better" else "known"), note


def _moved(entry: Known, f: Finding) -> tuple[Literal["worse", "better", "within", "unlike"], str]:
    """How the value moved; ``unlike`` where the two cannot be compared."""
    m, before = f.measurement, entry.interval
    if m is None or before is None or entry.value is None:
        return "unlike", "there is no value to compare with"
    if (m.metric, m.unit, m.worse) != (entry.metric, entry.unit, entry.worse):
        return "unlike", f"measured {entry.metric} before and {m.metric} now"
    if settings_of(m) != entry.settings:
        return "unlike", "measured with other settings"
    if not apart(before, m.ci):
        return "within", ""
    return ("worse", "") if (m.value > entry.value) == (m.worse == "higher") else ("better", "")


def _left_over(entry: Known, today: date, targets: set[str] | None) -> Step:
    """An entry whose finding this run does not have."""
    from momus.core.registry import detector_ids, probe_ids

    kind: Kind = "unmeasured"
    note = "it was not measured in this run; that is no repair"
    if entry.until is not None and entry.until < today:
        kind, note = "expired", f"{_accepted(entry)} until {entry.until}: that day has passed"
    elif entry.probe not in probe_ids() and entry.probe not in detector_ids():
        kind, note = "unknown", "there is no such probe"
    elif targets is not None and entry.target not in targets:
        kind, note = "unknown", "the card has no such target"
    return Step(
        kind=kind, fingerprint=entry.fingerprint, mode=entry.mode, probe=entry.probe, target=entry.target,
        severity=entry.severity, before=entry, note=note,
    )  # fmt: skip


def _accepted(entry: Known) -> str:
    return f"accepted by {entry.by}" if entry.by else "accepted"


def _level(s: Severity | None) -> str:
    return s.value if s is not None else "not rated"
