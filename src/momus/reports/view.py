"""ReportView: everything a report says, as one frozen record. Renderers read it and nothing else.

A stored view can be rendered years later: it carries the words of the taxonomy as they stood, not references to them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from momus.core.decisions import Waived, covering, nearest
from momus.core.records import Finding, Gap, Limit, Measurement, Rating, Record, Run, Severity, Status

if TYPE_CHECKING:
    from momus.judge.controls import ControlRates
    from momus.judge.coverage import Row
    from momus.taxonomy import Taxonomy
    from momus.taxonomy.schema import Outside
    from momus.threats import ThreatModel

ModeStatus = Literal["fail", "pass", "inconclusive", "error", "not_tested", "not_applicable"]
STATUSES: tuple[ModeStatus, ...] = ("fail", "error", "inconclusive", "not_tested", "pass", "not_applicable")
MODES = 17


class Mitigation(Record):
    """One thing to do about a mode, with the catalogue it comes from (``AML.M0003`` of ATLAS, ``MS``, ``ours``).

    ``against`` are patterns of the probes whose findings it answers; none: it answers all of the mode.
    """

    id: str = ""
    source: str = ""
    name: str = ""
    text: str
    against: tuple[str, ...] = ()

    def answers(self, probe: str) -> bool:
        """Whether it is made for what this probe finds."""
        return any(fnmatchcase(probe.rpartition("/")[2], pattern) for pattern in self.against)


class Attacker(Record):
    """Who could do it: where they stand, what they know, what they can do."""

    place: str = ""
    knowledge: str = ""
    capability: str = ""
    rule: str = ""


class Question(Record):
    """An open question that the card does not answer, and the modes it would settle."""

    id: str
    text: str
    modes: tuple[str, ...] = ()


class Compromise(Record):
    """What is lost when the mode strikes, according to one source."""

    source: str
    lost: tuple[str, ...]


class Rule(Record):
    """A premise rule that fired, and what made it fire."""

    id: str
    because: str = ""


class FlowUse(Record):
    """An information flow that carries the mode, and whether this system has it."""

    id: str
    text: str = ""
    primary: bool = True
    present: Literal["yes", "no", "unknown"] = "yes"


class BarRow(Record):
    """What the bug bar says about a mode here, before any test: level, the row that fired, and who wrote that row."""

    severity: Severity | None = None
    row: str = ""
    source: str = ""


class ModeFacts(Record):
    """What the documents say about one mode, in words for the three readers."""

    summary: str = ""
    definition: str = ""
    example: str = ""
    intentional: bool = True
    compromised: tuple[Compromise, ...] = ()
    knowledge: str = ""
    access_violated: Literal["yes", "no", "n/a"] = "n/a"
    access_note: str = ""
    failure_mode: str = ""
    attack_mode: str = ""
    impacts: tuple[str, ...] = ()
    cases: tuple[str, ...] = ()
    indicators: tuple[str, ...] = ()
    mitigations: tuple[Mitigation, ...] = ()
    legal_questions: tuple[str, ...] = ()


class ControlView(Record):
    """How often a probe noticed planted faults, and how often it cried wolf on clean twins."""

    probe: str
    planted: int
    hits: int
    clean: int
    false_alarms: int
    passed: int = 0
    held_out: int = 0
    date: str = ""


class ModeView(Record):
    """One of the 17 rows, with all that the three readers need to know about it."""

    # They stand in addresses and anchors, and by them a report finds its rows.
    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,40}$")]
    slug: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,40}$")]
    name: str
    verdict: str
    verdict_words: str = ""
    verdict_reason: str = ""
    status: ModeStatus
    reason: str
    severity: Severity | None = None
    headline: Finding | None = None
    findings: tuple[Finding, ...] = ()
    ratings: tuple[Rating, ...] = ()
    gaps: tuple[Gap, ...] = ()
    facts: ModeFacts = ModeFacts()
    rules: tuple[Rule, ...] = ()
    attackers: tuple[Attacker, ...] = ()
    flows: tuple[FlowUse, ...] = ()
    bar: BarRow = BarRow()
    waived: tuple[Waived, ...] = ()

    def waiver(self, finding: Finding) -> Waived | None:
        """The decision under which a failure is accepted; the one made for it alone before one for the whole mode.

        Only a failure can be accepted: a test that broke down showed nothing that anybody could decide on.
        """
        meant = self._meant(finding)
        worst = self.rated(finding) if any(w.up_to is not None for w in meant) else None
        return nearest(w for w in meant if w.bears(worst))

    def _meant(self, finding: Finding) -> list[Waived]:
        failed = finding.status is Status.FAIL
        return [w for w in self.waived if failed and w.covers(self.slug, finding.probe, finding.target)]

    @cached_property
    def decided(self) -> tuple[tuple[Finding, Severity | None, Waived | None], ...]:
        """Every failure, its severity, and the decision under which it is accepted: found once for all."""
        worst: dict[tuple[str, str], Severity] = {}
        for r in self.ratings if self.waived else ():
            worst[r.probe, r.target] = max(worst.get((r.probe, r.target), r.severity), r.severity, key=lambda s: s.rank)
        failed = [f for f in self.findings if f.status is Status.FAIL]
        rated = [(f, worst.get((f.probe, f.target), worst.get((f.probe, "")))) for f in failed]
        return tuple((f, s, nearest(w for w in self._meant(f) if w.bears(s))) for f, s in rated)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        made = super().model_copy(update=update, deep=deep)
        made.__dict__.pop("decided", None)  # a copy may have other findings
        return made

    @property
    def accepting(self) -> tuple[Waived, ...]:
        """The decisions under which something of this row is accepted now."""
        named = {w.id for *_, w in self.decided if w is not None}
        return tuple(w for w in self.waived if w.id in named)

    @property
    def outgrown(self) -> tuple[Waived, ...]:
        """The decisions about a failure that is worse now than what was accepted: it counts."""
        named = {w.id for f in self.unwaived for w in self._meant(f)} if self.waived else ()
        return tuple(w for w in self.waived if w.id in named)

    @property
    def unwaived(self) -> tuple[Finding, ...]:
        """The failing findings that nobody has accepted: those that count against the bar."""
        return tuple(f for f, _, w in self.decided if w is None)

    @property
    def accepted(self) -> bool:
        """Whether every failing finding was accepted by somebody. The row still reads fail."""
        return self.status == "fail" and bool(self.waived) and all(w is not None for *_, w in self.decided)

    @property
    def counted(self) -> Severity | None:
        """The worst severity among the failing findings that nobody has accepted."""
        if not self.waived:
            return self.severity
        given = [s for _, s, w in self.decided if w is None and s is not None]
        return max(given, key=lambda s: s.rank, default=None)

    @property
    def open_flows(self) -> tuple[FlowUse, ...]:
        """The flows that could carry the mode here: all but those that the system is known not to have."""
        return tuple(f for f in self.flows if f.present != "no")

    @property
    def measurement(self) -> Measurement | None:
        """The measurement behind the headline, if it came to a number."""
        return self.headline.measurement if self.headline else None

    @property
    def remedies(self) -> tuple[Mitigation, ...]:
        """What to do about this row: what answers its headline, what answers everything, what answers other failures.

        What was made for findings that did not fail is left out.
        """
        failed = list(dict.fromkeys(f.probe for f in self.findings if f.status is Status.FAIL))
        head = self.headline.probe if self.headline is not None else ""
        made = [m for m in self.facts.mitigations if any(m.answers(p) for p in failed)]
        general = [m for m in self.facts.mitigations if not m.against]
        return (*(m for m in made if m.answers(head)), *general, *(m for m in made if not m.answers(head)))

    def answered(self, remedy: Mitigation) -> tuple[str, ...]:
        """The probes whose failed findings a remedy is made for."""
        failed = (f.probe for f in self.findings if f.status is Status.FAIL)
        return tuple(dict.fromkeys(probe for probe in failed if remedy.answers(probe)))

    def rated(self, finding: Finding) -> Severity | None:
        """The worst severity that was given to one finding of this row."""
        given = [r.severity for r in self.ratings if r.probe == finding.probe and r.target in ("", finding.target)]
        return max(given, key=lambda s: s.rank) if given else None

    @property
    def rating(self) -> Rating | None:
        """The rating that gave the row its severity."""
        worst = sorted(
            self.ratings, key=lambda r: (-r.severity.rank, r.probe != (self.headline and self.headline.probe))
        )
        return worst[0] if worst else None


class ReportView(Record):
    """A whole assessment, ready to be shown. Always 17 modes, in the order of the taxonomy."""

    kind: Literal["report"] = "report"
    schema_version: int = 1
    run: Run
    modes: tuple[ModeView, ...]
    questions: tuple[Question, ...] = ()
    controls: tuple[ControlView, ...] = ()
    outside: tuple[str, ...] = ()
    picture_svg: str = ""

    @model_validator(mode="after")
    def _all_modes(self) -> ReportView:
        if len(self.modes) != MODES or len({m.id for m in self.modes}) != MODES:
            raise ValueError(f"a report has {MODES} different modes, not {len({m.id for m in self.modes})}")
        return self

    def mode(self, key: str) -> ModeView:
        """The mode with that id or slug; KeyError when there is none."""
        for m in self.modes:
            if key in (m.id, m.slug):
                return m
        raise KeyError(key)

    @property
    def counts(self) -> dict[ModeStatus, int]:
        """How many modes have each status; every status is present, worst first."""
        found = Counter(m.status for m in self.modes)
        return {s: found[s] for s in STATUSES}

    @property
    def worst(self) -> Severity | None:
        """The worst severity that counts among failing modes: without what was accepted. None when there is none."""
        ranked = [s for m in self.modes if m.status == "fail" and (s := m.counted) is not None]
        return max(ranked, key=lambda s: s.rank) if ranked else None

    def priorities(self, most: int = 3) -> tuple[ModeView, ...]:
        """The modes to look at first: failures by severity, then errors, then what could not be decided, then the
        failures that somebody has accepted."""
        order = {"fail": 0, "error": 1, "inconclusive": 2}

        def place(m: ModeView) -> tuple[int, int, str]:
            return 3 if m.accepted else order[m.status], -(m.severity.rank if m.severity else 0), m.id

        return tuple(sorted((m for m in self.modes if m.status in order), key=place))[:most]

    def waiver(self, finding: Finding) -> Waived | None:
        """The decision under which a finding is accepted, if somebody made one that holds."""
        return self.mode(finding.mode).waiver(finding)

    @property
    def accepted(self) -> tuple[ModeView, ...]:
        """The failing modes whose every failing finding was accepted."""
        return tuple(m for m in self.modes if m.accepted)

    def control(self, probe: str) -> ControlView | None:
        """The control rates of a probe, if they were measured."""
        return next((c for c in self.controls if c.probe == probe), None)

    @property
    def used_controls(self) -> tuple[ControlView, ...]:
        """The control rates of the probes that were run here."""
        used = {f.probe for m in self.modes for f in m.findings}
        return tuple(c for c in self.controls if c.probe in used)

    def limits(self) -> dict[str, Limit]:
        """The limit of each probe that was judged."""
        return {f.probe: f.limit for m in self.modes for f in m.findings if f.limit is not None}

    def measurements(self) -> Iterator[tuple[ModeView, Finding, Measurement]]:
        """Every finding that came to a number."""
        for m in self.modes:
            for f in m.findings:
                if f.measurement is not None:
                    yield m, f, f.measurement


def build_view(
    run: Run,
    rows: Sequence[Row],
    *,
    findings: Sequence[Finding] = (),
    ratings: Sequence[Rating] = (),
    gaps: Sequence[Gap] = (),
    threat_model: ThreatModel | None = None,
    picture_svg: str = "",
    controls: Mapping[str, ControlRates] | None = None,
    outside: Sequence[str | Outside] = (),
    taxonomy: Taxonomy | None = None,
    waivers: Sequence[Waived] = (),
) -> ReportView:
    """Put one assessment together for the renderers.

    ``rows`` are the 17 rows of :mod:`momus.judge.coverage`. ``findings``, ``ratings`` and ``gaps`` are all there are:
    one that its row does not list is added to it, so that nothing measured is ever left out of a report.
    ``taxonomy`` defaults to the built-in one. ``waivers`` are those that hold today. Raises ValueError unless there are
    17 different modes.
    """
    from momus.reports import facts

    if taxonomy is None:
        from momus.taxonomy import load

        taxonomy = load()
    threats = threat_model.modes if threat_model is not None else {}
    modes = tuple(
        ModeView(
            id=row.id,
            slug=row.mode,
            name=row.name,
            verdict=str(row.verdict),
            status=row.status,
            reason=row.reason,
            severity=row.severity,
            headline=row.headline,
            findings=_joined(row.findings, findings, row.mode),
            ratings=_joined(row.ratings, ratings, row.mode),
            gaps=_joined(row.gaps, gaps, row.mode),
            waived=covering(waivers, row.mode, _joined(row.findings, findings, row.mode)),
            facts=facts.of_mode(taxonomy.mode(row.mode)),
            **facts.of_threat(threats.get(row.mode)),
        )
        for row in rows
    )
    return ReportView(
        run=run,
        modes=modes,
        questions=facts.questions(threat_model, taxonomy),
        controls=tuple(
            ControlView(**{name: getattr(c, name) for name in ControlView.model_fields})
            for _, c in sorted((controls or {}).items())
        ),
        outside=tuple(facts.outside_line(o) for o in outside),
        picture_svg=picture_svg,
    )


def _joined(own: Sequence[Any], everything: Sequence[Any], mode: str) -> tuple[Any, ...]:
    """The row's own records, then those of the same mode that it does not list."""
    kept = list(own)
    same = {id(r) for r in kept}  # nearly always the very same objects; comparing contents is slow for thousands
    kept += [r for r in everything if r.mode == mode and id(r) not in same and r not in kept]
    return tuple(kept)
