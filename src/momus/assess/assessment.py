"""Assessment: what came out of a run, judged. Judging needs no model, so a stored run is judged again at will."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from momus.card import SystemCard
from momus.card.read import card_of_text
from momus.core.decisions import Waived, in_force, nearest, now, system_id
from momus.core.errors import CardError
from momus.core.garbage import no_collection
from momus.core.records import Failure, Finding, Gap, Measurement, Rating, Run, Severity, Status
from momus.judge import Row, coverage, decide, decide_failure, limit_for, load_controls, rate
from momus.reports import ReportView, build_view
from momus.store import Store, open_store
from momus.threats import ThreatModel, picture, threats

_NUMBER = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?")


@dataclass(frozen=True)
class Assessment:
    """The 17 rows of a system with everything behind them. Shows itself in a notebook and in a rich terminal."""

    run: Run
    card: SystemCard
    threat_model: ThreatModel
    rows: tuple[Row, ...]
    measurements: tuple[Measurement, ...]
    failures: tuple[Failure, ...]
    findings: tuple[Finding, ...]
    ratings: tuple[Rating, ...]
    gaps: tuple[Gap, ...]
    warnings: tuple[str, ...] = field(default=())
    waivers: tuple[Waived, ...] = field(default=())

    def __getitem__(self, mode: str) -> Row:
        """The row of a mode, by slug or id."""
        for row in self.rows:
            if mode in (row.mode, row.id):
                return row
        raise KeyError(mode)

    @property
    def severity(self) -> Severity:
        """The worst severity of any finding that nobody has accepted."""
        accepted = [f for f in self.findings if self.waiver(f) is not None]
        counted = [r.severity for r in self.ratings if not any(r.of(f) for f in accepted)]
        return max(counted, key=lambda s: s.rank, default=Severity.NONE)

    def waiver(self, finding: Finding) -> Waived | None:
        """A decision that holds under which a failure is accepted. What broke down cannot be accepted."""
        if finding.status is not Status.FAIL:
            return None
        mine = [w for w in self.waivers if w.covers(finding.mode, finding.probe, finding.target)]
        given = [r.severity for r in self.ratings if r.of(finding)] if any(w.up_to is not None for w in mine) else []
        worst = max(given, key=lambda s: s.rank, default=None)
        return nearest(w for w in mine if w.bears(worst))

    def view(self) -> ReportView:
        """What every report is rendered from."""
        from momus.taxonomy import load

        return build_view(
            self.run,
            self.rows,
            findings=self.findings,
            ratings=self.ratings,
            gaps=self.gaps,
            threat_model=self.threat_model,
            picture_svg=picture(self.card, self.threat_model),
            controls=load_controls(),
            outside=load().outside,
            waivers=self.waivers,
        )

    def report(self, path: str | Path, format: str | None = None) -> Path:
        """Write a report; the format follows the suffix: .html, .json, .md or .txt."""
        from momus.reports import write

        return write(self.view(), Path(path), format)

    def __rich__(self) -> Any:
        from momus.reports.terminal import to_rich

        return to_rich(self.view())

    def __repr__(self) -> str:
        counts: dict[str, int] = {}
        for row in self.rows:
            counts[row.status] = counts.get(row.status, 0) + 1
        listed = ", ".join(f"{n} {status}" for status, n in sorted(counts.items()))
        return f"<Assessment of {self.run.system}: {listed}; worst severity {self.severity.value}>"

    def _repr_html_(self) -> str:
        from momus.reports import html

        out = io.StringIO()
        html.render(self.view(), out)
        from html import escape

        return f'<iframe style="width:100%;height:720px;border:0" sandbox srcdoc="{escape(out.getvalue())}"></iframe>'


def review(
    run: Run,
    card: SystemCard,
    results: Iterable[Measurement | Failure],
    gaps: Sequence[Gap],
    *,
    limits: Mapping[str, float] | None = None,
    warnings: Sequence[str] = (),
    waivers: Sequence[Waived] = (),
    today: date | None = None,
) -> Assessment:
    """Judge results under the card's facts and limits (``limits`` overrides them). The model is not touched.

    ``waivers`` are all decisions there are, of any system: those that hold for this one on the day (``today``, in UTC
    unless given) leave what they cover out of the severity. They change no verdict.
    """
    kept = list(results)
    model = threats(card)
    marks = {**card.limits, **(limits or {})}
    findings: list[Finding] = []
    for result in kept:
        for mode in result.modes:
            if isinstance(result, Failure):
                findings.append(decide_failure(result, mode=mode))
            else:
                findings.append(decide(result, limit_for(result.probe, marks), mode=mode))
    ratings = [r for f in findings if (r := rate(f, card.facts, model.modes[f.mode].moves)) is not None]
    return Assessment(
        run=run,
        card=card,
        threat_model=model,
        rows=coverage(model.modes, findings, ratings, gaps),
        measurements=tuple(r for r in kept if isinstance(r, Measurement)),
        failures=tuple(r for r in kept if isinstance(r, Failure)),
        findings=tuple(findings),
        ratings=tuple(ratings),
        gaps=tuple(gaps),
        warnings=tuple(warnings),
        waivers=_holding(run, card, waivers, today or now().date()),
    )


def _holding(run: Run, card: SystemCard, waivers: Sequence[Waived], today: date) -> tuple[Waived, ...]:
    """The waivers of this system that hold, those that its card states included."""
    mine = system_id(run.system)
    stated = [
        Waived(
            id=f"card-{i}",
            system=mine,
            mode=w.mode,
            reason=w.reason.strip()[:2000] or "not said",
            by=w.by.strip()[:200] or "not said",
            until=w.until,
            created=run.created,
        )
        for i, w in enumerate(card.waivers)
    ]
    return in_force([*stated, *(w for w in waivers if w.system == mine)], today)


def recall(
    store: Store | str | Path,
    run: str = "latest",
    *,
    limits: Mapping[str, float] | None = None,
    card: SystemCard | None = None,
    today: date | None = None,
) -> Assessment:
    """A stored run, judged again: under its own card, or under ``card`` and ``limits`` where given, and
    under the waivers that the store holds.

    ``store``: an open store, or the path or URL of one. ``run``: an id, an unambiguous beginning of it, or ``latest``.
    Raises NotFound for an unknown run, StoreError for a store that cannot be read.
    """
    if not isinstance(store, Store):
        with open_store(store) as opened:
            return recall(opened, run, limits=limits, card=card, today=today)
    head = store.run(run)
    system = card or _stored_card(head)
    kept = waivers_of(store, head.system)
    with no_collection():
        gaps = [Gap.model_validate(g) for g in head.settings.get("gaps", ())]
        return review(head, system, _last(head, store.records(head.id)), gaps, limits=limits, waivers=kept, today=today)


def _last(head: Run, results: Sequence[Measurement | Failure]) -> Iterable[Measurement | Failure]:
    """The results of a run. A watch writes each detector's anew while it goes on: of those the last counts."""
    return {(r.probe, r.target): r for r in results}.values() if head.settings.get("watch") else results


def waivers_of(store: Store, system: str) -> tuple[Waived, ...]:
    """Every decision that a store holds about a system, by the system's name."""
    return store.waivers(system_id(system))


def _stored_card(head: Run) -> SystemCard:
    """The card as it was stored. Its secrets were never kept, and judging needs none: their names stand in.

    What this process was started with is none of a stored card's business: only what reads as a number is filled in,
    where the card needs it to be one.
    """
    path = Path(head.card_path) if head.card_path else None
    try:
        return card_of_text(head.card_text, path=path, keep_variables=True, environment={})
    except CardError:
        numbers = {name: value for name, value in os.environ.items() if _NUMBER.fullmatch(value)}
        return card_of_text(head.card_text, path=path, keep_variables=True, environment=numbers)
