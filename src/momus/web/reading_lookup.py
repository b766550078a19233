"""The words and the knowledge behind the rows: the 17 modes with their crosswalk, the glossary, the probes."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import cache
from typing import Annotated

from fastapi import Query

from momus.core.records import Record, Severity
from momus.judge import ControlRates, default_limits, load_controls
from momus.reports import facts
from momus.reports.view import ModeFacts
from momus.taxonomy import load
from momus.taxonomy.lookup import Hit
from momus.taxonomy.schema import BarRow
from momus.web.pages import Ask, Router, page

router = Router()
Asked = Annotated[str, Query(max_length=80)]
MOST_HITS = 40
_READING = threading.Lock()


class ModeLine(Record):
    """One of the 17 in a list."""

    id: str
    slug: str
    name: str
    intentional: bool
    summary: str
    probes: int


class TaxonomyPage(Record):
    """The 17 modes, and what lies outside them."""

    modes: tuple[ModeLine, ...]
    outside: tuple[str, ...]


class LinkLine(Record):
    """How an entry of another framework stands to a mode."""

    framework: str
    version: str
    relation: str
    id: str
    label: str
    note: str = ""


class BarLine(Record):
    """One row of the bug bar."""

    id: str
    source: str
    verified: bool
    variant: str
    range: str
    highest: Severity | None = None
    text: str
    conditions: tuple[str, ...] = ()


class QuestionLine(Record):
    """One review question."""

    id: str
    text: str
    source: str


class TaxonomyModePage(Record):
    """One failure mode, whatever the system."""

    id: str
    slug: str
    name: str
    facts: ModeFacts
    flows: tuple[str, ...]
    knowledge_note: str
    disagreements: tuple[str, ...]
    related: tuple[tuple[str, str, str], ...]
    crosswalk: tuple[LinkLine, ...]
    bar: tuple[BarLine, ...]
    tiers: tuple[tuple[str, ...], ...]
    questions: tuple[QuestionLine, ...]
    probes: tuple[str, ...]


class TermLine(Record):
    """A word and the modes it speaks of."""

    term: str
    modes: tuple[str, ...]
    relation: str
    source: str
    kind: str = "term"
    note: str = ""
    why: str = ""


class GlossaryPage(Record):
    """What a word means here; all words where none was asked for."""

    q: str
    terms: tuple[TermLine, ...]


class ProbeLine(Record):
    """One probe, what it measures, and how far it is to be trusted."""

    id: str
    mode: str
    mode_id: str
    summary: str
    knowledge: str
    metric: str
    worse: str
    limit: float | None
    source: str
    controls: ControlRates | None


class ProbesPage(Record):
    """All probes with their rates on planted faults and on clean twins."""

    q: str
    mode: str
    probes: tuple[ProbeLine, ...]
    total: int


@page(router, "/taxonomy", template="taxonomy.html.j2", nav="Taxonomy")
def taxonomy(ask: Ask) -> TaxonomyPage:
    """The 17 failure modes."""
    tax = load()
    counted = [i.partition(".")[0] for i in _ids()]
    return TaxonomyPage(
        modes=tuple(
            ModeLine(
                id=m.id, slug=m.slug, name=m.name, intentional=m.intentional, summary=m.summary,
                probes=counted.count(m.slug),
            )
            for m in tax.modes
        ),
        outside=tuple(facts.outside_line(o) for o in tax.outside),
    )  # fmt: skip


@page(router, "/taxonomy/{mode}", template="taxonomy_mode.html.j2")
def taxonomy_mode(ask: Ask, mode: str) -> TaxonomyModePage:
    """One failure mode: definition, crosswalk, severity, questions, what to do."""
    tax = load()
    m = tax.mode(mode)
    named = {f.id: f for f in tax.flows}
    rows = [_bar(r) for source in tax.bugbar.sources for r in tax.bugbar.of(m.id, source.id)]
    order = ("exact", "narrower", "broader", "related", "none")
    links = [x for x in tax.crosswalk if x.mode_id == m.id]
    links.sort(key=lambda x: (x.framework, order.index(x.relation) if x.relation in order else len(order)))
    return TaxonomyModePage(
        id=m.id,
        slug=m.slug,
        name=m.name,
        facts=facts.of_mode(m),
        flows=tuple(_flow(named[i].id, named[i].name, i in m.flows_primary) for i in m.flows),
        knowledge_note=m.knowledge_note,
        disagreements=m.disagreements,
        related=tuple((r.relation, r.mode, r.text) for r in m.related),
        crosswalk=tuple(
            LinkLine(
                framework=x.framework, version=x.framework_version, relation=x.relation, id=x.object_id,
                label=x.object_label, note=x.note,
            )
            for x in links
        ),
        bar=tuple(rows),
        tiers=() if rows else _tiers(),
        questions=tuple(QuestionLine(id=q.id, text=q.text, source=q.source) for q in tax.questions if m.id in q.modes),
        probes=tuple(i for i in _ids() if i.partition(".")[0] == m.slug),
    )  # fmt: skip


@page(router, "/glossary", template="glossary.html.j2", nav="Glossary")
def glossary(ask: Ask, q: Asked = "") -> GlossaryPage:
    """Work backwards from a word, an id or a citation to the failure modes it belongs to."""
    word = q.strip()
    if word:
        return GlossaryPage(q=word, terms=tuple(map(_hit, load().lookup(word, MOST_HITS))))
    terms = sorted(load().glossary, key=lambda t: t.term.casefold())
    return GlossaryPage(
        q="",
        terms=tuple(TermLine(term=t.term, modes=t.modes, relation=t.relation, source=t.source) for t in terms),
    )


@page(router, "/probes", template="probes.html.j2", nav="Probes")
def probes(ask: Ask, q: Asked = "", mode: Asked = "") -> ProbesPage:
    """All probes, with how often each noticed a planted fault and cried wolf on a clean twin."""
    word = q.strip().lower()
    everything = read_probes()
    found = [
        p
        for p in everything
        if mode in ("", p.mode, p.mode_id)
        and (not word or word in f"{p.id} {p.summary} {p.knowledge} {p.source}".lower())
    ]
    return ProbesPage(q=q.strip(), mode=mode, probes=tuple(found), total=len(everything))


def _ids() -> tuple[str, ...]:
    from momus.core.registry import probe_ids

    return probe_ids()


def read_probes() -> tuple[ProbeLine, ...]:
    """Read once, by one thread: a probe's description is its code, and all of them take seconds to import."""
    with _READING:
        return _read()


@cache
def _read() -> tuple[ProbeLine, ...]:
    from momus.core.registry import probes as registered

    limits, rates = default_limits(), load_controls()
    ids = {slug: identity for identity, slug in load().slugs.items()}
    measured = tuple(
        ProbeLine(
            id=p.id, mode=p.modes[0], mode_id=ids.get(p.modes[0], ""), summary=p.summary, knowledge=p.knowledge.value,
            metric=p.metric, worse=p.worse, limit=limits[p.id].value if p.id in limits else None, source=p.source,
            controls=rates.get(p.id),
        )
        for p in sorted(registered(), key=lambda p: (ids.get(p.modes[0], ""), p.id))
    )  # fmt: skip
    return (*measured, *_detectors(ids))


def _detectors(ids: Mapping[str, str]) -> tuple[ProbeLine, ...]:
    """What `momus monitor` looks for in traffic: the same 17 modes, the same verdicts."""
    from momus.monitor.catalogue import entries

    return tuple(
        ProbeLine(
            id=e.probe, mode=e.mode, mode_id=ids.get(e.mode, ""), summary=e.summary, knowledge="watches traffic",
            metric=e.metric, worse=e.worse, limit=e.limit, source="", controls=None,
        )
        for e in sorted(entries(), key=lambda e: (ids.get(e.mode, ""), e.probe))
    )  # fmt: skip


def _hit(h: Hit) -> TermLine:
    return TermLine(
        term=h.term, modes=h.modes, relation=h.relation, source=h.source, kind=h.kind, note=h.note, why=h.why
    )


def _flow(identity: str, name: str, primary: bool) -> str:
    return f"{identity} {name}" + ("" if primary else ", which eases it")


def _bar(r: BarRow) -> BarLine:
    source = load().bugbar.source(r.source)
    levels = {s.value: s for s in Severity}
    return BarLine(
        id=r.id, source=source.name, verified=source.verified, variant=r.variant, range=r.range,
        highest=levels.get(r.high), text=r.text, conditions=r.conditions,
    )  # fmt: skip


def _tiers() -> tuple[tuple[str, ...], ...]:
    """The matrix that rates what no source rates: what is at stake, by the share of performance lost."""
    bar = load().bugbar
    head = ("", *(f"{b.id}, from {b.bound:.0%}" for b in bar.bands))
    return (head, *((t.id, *(b.levels[t.id] for b in bar.bands)) for t in bar.tiers))
