"""What people decide and answer about a system, and what a run tells of itself: records beside the measurements.

They are appended like everything else: a waiver is revoked and an answer withdrawn by a later record, so that who said
what, and when, stays readable.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Annotated, Literal

from pydantic import Field, FiniteFloat, StringConstraints

from momus.core.records import Finding, Record, Severity

Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Value = bool | int | FiniteFloat | str | tuple[str, ...] | None


def now() -> datetime:
    """The moment, in UTC."""
    return datetime.now(UTC)


def system_id(name: str) -> str:
    """A name for addresses and columns: readable, of at most 53 characters, another one for every other system.

    A system's own name may hold anything, slashes and control characters included; this holds a-z, 0-9 and hyphens.
    """
    words = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40].strip("-")
    return f"{words or 'system'}-{sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"


class Waived(Record):
    """A finding, or all of a mode, that somebody accepts until a day. Empty ``probe`` or ``target``: every one.

    A waived finding keeps its verdict and is shown with it; it only no longer counts against the bar. It is revoked by
    a second record with the same ``id`` and ``revoked`` set. ``up_to`` is the severity that was seen and accepted: what
    is worse was never decided on and counts. None stands for any.
    """

    kind: Literal["waived"] = "waived"
    schema_version: int = 1
    id: str
    system: str
    mode: str
    probe: str = ""
    target: str = ""
    reason: Words
    by: Name
    until: date
    up_to: Severity | None = None
    created: datetime = Field(default_factory=now)
    revoked: bool = False

    def bears(self, severity: Severity | None) -> bool:
        """Whether a severity is no worse than what was accepted."""
        return self.up_to is None or severity is None or severity.rank <= self.up_to.rank

    def covers(self, mode: str, probe: str, target: str) -> bool:
        """Whether a finding of that mode, probe and target is meant."""
        return self.mode == mode and self.probe in ("", probe) and self.target in ("", target)

    def holds(self, today: date) -> bool:
        """True up to and including the last day, unless revoked."""
        return not self.revoked and today <= self.until


class Answer(Record):
    """What somebody answered to one question of the card. ``value`` None says that they do not know.

    ``withdrawn`` takes earlier answers to the fact back: what the card itself says holds again.
    """

    kind: Literal["answer"] = "answer"
    schema_version: int = 1
    system: str
    fact: str
    value: Value = None
    evidence: Annotated[str, StringConstraints(strip_whitespace=True, max_length=4000)] = ""
    author: Name
    created: datetime = Field(default_factory=now)
    withdrawn: bool = False


class RowSummary(Record):
    """One of the 17 rows as it was judged, with the one number that stands for it."""

    mode: str
    status: str
    severity: Severity | None = None
    probe: str = ""
    target: str = ""
    metric: str = ""
    value: FiniteFloat | None = None
    low: FiniteFloat | None = None
    high: FiniteFloat | None = None
    n: int = 0
    limit: FiniteFloat | None = None
    worse: Literal["lower", "higher"] = "higher"
    findings: int = 0
    failing: int = 0


class Summary(Record):
    """The rows of one run as one judge saw them: derived, kept so that trends over many runs need no measurement read.

    ``judged_by`` is the digest of what judged (release, limits, bug bar, taxonomy); what another judge saw is computed
    anew. Waivers are not in it: they depend on the day.
    """

    kind: Literal["summary"] = "summary"
    schema_version: int = 1
    run: str
    system: str
    judged_by: str
    rows: tuple[RowSummary, ...]


class JobPulse(Record):
    """One job under way: how far it says it is, 0 to 1, and what it says."""

    probe: str
    target: str
    fraction: FiniteFloat = 0.0
    note: str = ""


class Pulse(Record):
    """What a run under way says of itself, at most once a second. It is overwritten, never a result."""

    kind: Literal["pulse"] = "pulse"
    run: str
    seen: datetime = Field(default_factory=now)
    done: int = 0
    total: int = 0
    failing: int = 0
    jobs: tuple[JobPulse, ...] = ()
    seconds_left: FiniteFloat | None = None
    ended: bool = False


def in_force(decisions: Iterable[Waived], today: date) -> tuple[Waived, ...]:
    """The waivers that hold on a day: of each id the latest record counts."""
    latest = {w.id: w for w in decisions}
    return tuple(w for w in latest.values() if w.holds(today))


def nearest(decisions: Iterable[Waived]) -> Waived | None:
    """Of several that cover a finding the one made for it alone, before one for the whole mode."""
    return max(decisions, key=lambda w: (bool(w.probe), bool(w.target), w.until), default=None)


def covering(waivers: Iterable[Waived], mode: str, found: Sequence[Finding]) -> tuple[Waived, ...]:
    """The waivers that cover something of a row: all of it, or a finding that it has."""
    return tuple(
        w
        for w in waivers
        if w.covers(mode, w.probe, w.target) and (not w.probe or any(w.covers(mode, f.probe, f.target) for f in found))
    )


def latest_answers(answers: Iterable[Answer]) -> dict[str, Answer]:
    """Of each fact the latest answer; facts whose answers were withdrawn are left out."""
    kept: dict[str, Answer] = {}
    for answer in answers:
        kept.pop(answer.fact, None)
        if not answer.withdrawn:
            kept[answer.fact] = answer
    return kept
