"""Systems, their runs, the 17 rows of a run, one mode for its three readers, and one finding with its evidence."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Any, Literal

from fastapi import Query
from markupsafe import Markup
from pydantic import Field, PrivateAttr

from momus.assess.listing import Listed
from momus.assess.shelf import Judged, ModeTrend, RunLine, SystemLine, Tile, Trend
from momus.core.decisions import RowSummary, Waived
from momus.core.errors import NotFound
from momus.core.records import Finding, Interval, Record, Severity, Status
from momus.reports import html, wording
from momus.reports.compare import apart
from momus.reports.view import ControlView, ModeView, ReportView
from momus.web.pages import Ask, Router, page
from momus.web.paths import at
from momus.web.sparks import comparable

router = Router()
A_PAGE = 50
MOST_PAGES = 100_000
_URGENCY = ("fail", "error", "inconclusive", "accepted", "not_tested", "pass", "not_applicable")
Reader = Literal["engineer", "responder", "policy"]
Choice = Annotated[tuple[Annotated[str, Field(max_length=60)], ...], Query(max_length=12)]
Number = Annotated[int, Query(ge=1, le=MOST_PAGES)]
Word = Annotated[str, Query(max_length=200)]


class Paging(Record):
    """Which part of a list a page shows."""

    page: int = 1
    pages: int = 1
    total: int = 0

    @classmethod
    def of(cls, total: int, page: int) -> Paging:
        pages = max(1, -(-total // A_PAGE))
        return cls(page=min(page, pages), pages=pages, total=total)

    @property
    def part(self) -> slice:
        return slice((self.page - 1) * A_PAGE, self.page * A_PAGE)


class SystemsPage(Record):
    """All systems: what runs now first, then the worst."""

    systems: tuple[SystemLine, ...]
    paging: Paging


class SystemPage(Record):
    """One system: where it stands, how its rows went, its runs."""

    system: SystemLine
    trend: Trend
    runs: tuple[RunLine, ...]
    paging: Paging

    def tile(self, mode: str) -> Tile:
        """How a row stands."""
        return next(t for t in self.system.tiles if t.mode == mode)

    @property
    def sorted(self) -> list[ModeTrend]:
        """The rows, what matters most first."""

        def place(row: ModeTrend) -> tuple[int, int, str]:
            tile = self.tile(row.mode)
            rank = tile.severity.rank if tile.severity is not None else 0
            return _URGENCY.index("accepted" if tile.accepted else tile.status), -rank, row.id

        return sorted(self.trend.modes, key=place)

    def moved(self, row: ModeTrend) -> tuple[str, str] | None:
        """What is clearly different from the run before: worse or better, and how to say it."""
        return moved(row.points)


class OfRun(Record):
    """A page about a run that was judged."""

    run: RunLine
    _view: ReportView = PrivateAttr()

    @property
    def view(self) -> ReportView:
        """What the report's parts are rendered from."""
        return self._view

    def seen(self, view: ReportView) -> OfRun:
        self._view = view
        return self


class FindingLine(Record):
    """One finding in a list."""

    key: str
    mode: str
    probe: str
    target: str
    status: Status
    severity: Severity | None
    accepted: bool
    metric: str = ""
    value: float | None = None
    low: float | None = None
    high: float | None = None
    limit: float | None = None
    n: int = 0
    reason: str = ""


class Filter(Record):
    """What a list of findings was narrowed to."""

    severity: tuple[Severity, ...] = ()
    status: tuple[Status, ...] = ()
    q: str = ""

    def takes(self, item: Listed) -> bool:
        """Whether a finding is meant."""
        if self.severity and item.severity not in self.severity:
            return False
        if self.status and item.finding.status not in self.status:
            return False
        return not self.q or self.q in item.text

    @property
    def query(self) -> list[tuple[str, str]]:
        """As it stands in an address."""
        named = {"severity": self.severity, "status": self.status}
        listed = [(k, ",".join(v.value for v in values)) for k, values in named.items() if values]
        return [*listed, *([("q", self.q)] if self.q else [])]


class RunPage(OfRun):
    """One run: its headline, its 17 rows, its findings, narrowed and paged."""

    headline: str
    counts: dict[str, int]
    worst: Severity | None
    rows: tuple[RowSummary, ...]
    filter: Filter
    statuses: dict[str, int]
    severities: dict[str, int]
    findings: tuple[FindingLine, ...]
    paging: Paging
    _items: Sequence[Listed] = PrivateAttr(default=())

    @property
    def items(self) -> Sequence[Listed]:
        return self._items

    @property
    def everything(self) -> int:
        """How many findings there are without the filter."""
        return sum(self.statuses.values())

    def chosen(self, name: str, value: str) -> bool:
        """Whether a box of the filter is ticked."""
        return value in [v.value for v in getattr(self.filter, name)]

    @property
    def picture(self) -> Markup | None:
        """Where the modes enter the system."""
        return _picture(self.view.picture_svg)


class ModePage(OfRun):
    """One of the 17 rows of a run, for one reader."""

    reader: Reader
    mode: ModeView
    findings: tuple[FindingLine, ...]
    paging: Paging
    headline_key: str = ""
    accepted: bool = False  # everything of the row that fails
    accepting: tuple[Waived, ...] = ()
    outgrown: tuple[Waived, ...] = ()
    _items: Sequence[Listed] = PrivateAttr(default=())
    _mine: Sequence[Listed] = PrivateAttr(default=())
    _row: ModeView = PrivateAttr()

    @property
    def items(self) -> Sequence[Listed]:
        return self._items

    @property
    def row(self) -> ModeView:
        """The row with one finding of each probe and status, which is what its remedies depend on."""
        return self._row

    @property
    def head_severity(self) -> Severity | None:
        """How severe the headline is, where it fails."""
        return next((i.severity for i in self._mine if i.key == self.headline_key), None)

    def attachment(self, evidence: Any) -> str:
        """Where an attachment of the headline is found."""
        return _attachment(self.run.id, self.mode.slug, self.headline_key, self.mode.headline, evidence)


class FindingPage(OfRun):
    """One finding with its whole evidence."""

    key: str
    mode: str
    mode_id: str
    mode_name: str
    severity: Severity | None
    finding: Finding
    waiver: Waived | None
    control: ControlView | None

    def attachment(self, evidence: Any) -> str:
        """Where an attachment of this finding is found."""
        return _attachment(self.run.id, self.mode, self.key, self.finding, evidence)


@page(router, "/", template="systems.html.j2", nav="Systems")
def systems(ask: Ask, page: Number = 1) -> SystemsPage:
    """All systems of the store: what runs now first, then the worst."""
    found = ask.shelf.systems()
    paging = Paging.of(len(found), page)
    return SystemsPage(systems=found[paging.part], paging=paging)


@page(router, "/systems/{system}", template="system.html.j2")
def system(ask: Ask, system: str, page: Number = 1) -> SystemPage:
    """One system: its 17 rows over its runs, and the runs."""
    line = ask.shelf.system(system)
    trend = ask.shelf.trend(line.id)
    summaries = {r.id: r.summary for r in trend.runs}
    runs = ask.shelf.runs(line.id)
    paging = Paging.of(len(runs), page)
    shown = tuple(r.model_copy(update={"summary": summaries.get(r.id)}) for r in runs[paging.part])
    return SystemPage(system=line, trend=trend, runs=shown, paging=paging)


@page(router, "/runs/{run}", template="run.html.j2")
def run(
    ask: Ask,
    run: str,
    severity: Choice = (),
    status: Choice = (),
    q: Word = "",
    page: Number = 1,
) -> RunPage:
    """One run: the 17 rows, and its findings by severity, status and probe."""
    line = ask.shelf.line(run)
    judged = ask.shelf.judged(line.id)
    view, everything = judged.view, judged.findings
    chosen = Filter(severity=_chosen(Severity, severity), status=_chosen(Status, status), q=q.strip().lower())
    found = [i for i in everything if chosen.takes(i)] if chosen.query else everything
    paging = Paging.of(len(found), page)
    shown = found[paging.part]
    made = RunPage(
        run=line,
        headline=wording.headline(view),
        counts={str(k): n for k, n in view.counts.items()},
        worst=view.worst,
        rows=judged.rows,
        filter=chosen,
        statuses=judged.facets.statuses,
        severities=judged.facets.severities,
        findings=tuple(map(_line, shown)),
        paging=paging,
    )
    made._items = shown
    made.seen(view)
    return made


@page(router, "/runs/{run}/modes/{mode}", template="mode_page.html.j2")
def mode(ask: Ask, run: str, mode: str, reader: Reader = "engineer", page: Number = 1) -> ModePage:
    """One of the 17 rows of a run, for the engineer, the incident responder, or policy and law."""
    line, judged, row = _row(ask, run, mode)
    mine = [i for i in judged.findings if i.mode.slug == row.slug]
    head = next((i.key for i in mine if i.finding is row.headline), "")
    paging = Paging.of(len(mine), page)
    shown = mine[paging.part]
    kinds = {(f.probe, f.status): f for f in reversed(row.findings)}
    ratings = tuple({(r.row, r.severity): r for r in reversed(row.ratings)}.values())
    made = ModePage(
        run=line, reader=reader, mode=row.model_copy(update={"findings": (), "ratings": ratings}),
        findings=tuple(map(_line, shown)), paging=paging, headline_key=head,
        accepted=row.accepted, accepting=row.accepting, outgrown=row.outgrown,
    )  # fmt: skip
    made._items = shown
    made._mine = mine
    made._row = row.model_copy(update={"findings": tuple(kinds.values()), "ratings": ratings})
    made.seen(judged.view)
    return made


@page(router, "/runs/{run}/modes/{mode}/{key}", template="finding.html.j2")
def finding(ask: Ask, run: str, mode: str, key: str) -> FindingPage:
    """One finding with its whole evidence."""
    line, judged, row = _row(ask, run, mode)
    item = found_one(judged, row.slug, key)
    made = FindingPage(
        run=line, key=key, mode=row.slug, mode_id=row.id, mode_name=row.name, severity=item.severity,
        finding=item.finding, waiver=row.waiver(item.finding), control=judged.view.control(item.finding.probe),
    )  # fmt: skip
    made.seen(judged.view)
    return made


def moved(points: Sequence[RowSummary]) -> tuple[str, str] | None:
    """What is clearly different between the last two points: ``("worse", "fails now")``. None where nothing is."""
    if len(points) < 2:
        return None
    before, now = points[-2:]
    if now.status == "fail" and before.status != "fail":
        return "worse", "fails now"
    if before.status == "fail" and now.status == "pass":
        return "better", "passes now"
    if not comparable(before, now) or None in (before.low, before.high, now.low, now.high):
        return None
    a, b = (Interval(low=p.low or 0.0, high=p.high or 0.0) for p in (before, now))
    if not apart(a, b):
        return None
    rose = (now.value or 0.0) > (before.value or 0.0)
    return ("worse", "clearly worse") if rose == (now.worse == "higher") else ("better", "clearly better")


@lru_cache(maxsize=16)
def _picture(text: str) -> Markup | None:
    return html._picture(text)


def found_one(judged: Judged, mode: str, key: str) -> Listed:
    """A finding by its address; NotFound otherwise."""
    for item in judged.findings:
        if item.key == key and item.mode.slug == mode:
            return item
    raise NotFound("this run has no such finding", hint="Limits and probes may have changed; look at the run itself")


def _row(ask: Ask, run: str, mode: str) -> tuple[RunLine, Judged, ModeView]:
    line = ask.shelf.line(run)
    judged = ask.shelf.judged(line.id)
    try:
        return line, judged, judged.view.mode(mode)
    except KeyError:
        raise NotFound("there is no such failure mode", hint="They are M01 to M17") from None


def _chosen(kind: Any, words: Sequence[str]) -> tuple[Any, ...]:
    """What a query names, in the order of its kind; words that are none are left out."""
    named = {w.strip().lower() for word in words for w in word.split(",")}
    return tuple(v for v in kind if v.value in named)


def _line(item: Listed) -> FindingLine:
    f, m = item.finding, item.finding.measurement
    told = {} if m is None else {"metric": m.metric, "value": m.value, "low": m.ci.low, "high": m.ci.high, "n": m.n}
    return FindingLine(
        key=item.key, mode=item.mode.slug, probe=f.probe, target=f.target, status=f.status, severity=item.severity,
        accepted=item.accepted, limit=f.limit.value if f.limit else None, reason=f.reason, **told,  # type: ignore[arg-type]
    )  # fmt: skip


def _attachment(run: str, mode: str, key: str, finding: Finding | None, evidence: Any) -> str:
    shown = finding.measurement.evidence if finding is not None and finding.measurement is not None else ()
    number = next((i for i, e in enumerate(shown) if e is evidence), 0)
    return at("runs", run, "modes", mode, key, "files", number)
