"""How `momus explain` looks: one page a thing, at most 100 columns, three readers for a mode."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.rule import Rule as Line
from rich.table import Table
from rich.text import Text

from momus.taxonomy import load
from momus.taxonomy.schema import BarRow, FailureMode, Flow, Outside, Question

if TYPE_CHECKING:
    from momus.core.probe import Probe
    from momus.monitor.catalogue import Entry
    from momus.taxonomy.rules import Rule

WIDTH = 100
_CROSS = ("MITRE ATLAS", "NIST AI 100-2", "OWASP ML Security Top 10", "CWE", "EU AI Act")
_SIGN = {"exact": "=", "broader": ">", "narrower": "<", "related": "~"}
# The sections of a probe's docstring, and what the margin calls them.
_SECTIONS = {
    "Measures": "Measures",
    "Why it matters": "Why it matters",
    "Options": "Options",
    "Returns": "Returns",
    "Evidence": "Evidence",
    "Raises": "Raises",
    "Cost": "Cost",
    "A pass means little when": "Mistrust it if",
    "Source": "Source",
}
_LEVEL = {"critical": "bold red", "important": "red", "moderate": "yellow", "low": "cyan"}


def console() -> Console:
    """Colours in a terminal, plain text in a pipe; never wider than a page that is pleasant to read."""
    return Console(width=min(shutil.get_terminal_size((WIDTH, 24)).columns, WIDTH), highlight=False)


def write(parts: Iterable[RenderableType]) -> None:
    """Print the parts without the trailing blanks that a pipe would keep."""
    out = console()
    with out.capture() as caught:
        for part in parts:
            out.print(part)
    print("\n".join(line.rstrip() for line in caught.get().rstrip("\n").split("\n")))


def show(kind: str, thing: Any) -> None:
    """Print the page of one thing."""
    pages: dict[str, Callable[[Any], Iterator[RenderableType]]] = {
        "mode": mode,
        "probe": probe,
        "detector": detector,
        "rule": rule,
        "question": question,
        "row": row,
        "flow": flow,
        "outside": outside,
    }
    write(pages[kind](thing))


def title(left: str, right: str) -> Table:
    grid = Table.grid(expand=True, padding=(0, 1))
    grid.add_column(ratio=1)
    grid.add_column(justify="right", no_wrap=True)
    grid.add_row(Text(left, style="bold"), Text(right, style="dim"))
    return grid


def section(name: str) -> Padding:
    return Padding(Line(Text(name, style="bold cyan"), align="left", style="dim", characters="─"), (1, 0, 0, 0))


def pairs(rows: Iterable[tuple[str, RenderableType]]) -> Padding:
    """Names on the left, wrapped text on the right."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", min_width=15, max_width=15)
    grid.add_column(ratio=1)
    for name, text in rows:
        if text:
            grid.add_row(Text(name), Text(text) if isinstance(text, str) else text)
    return Padding(grid, (0, 0, 0, 2))


def bullets(name: str, items: Iterable[str | Text]) -> Padding:
    """A list under a dim name, hanging behind its bullets."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=1)
    grid.add_column(ratio=1)
    for item in items:
        grid.add_row("•", item if isinstance(item, Text) else Text(item))
    outer = Table.grid()
    if name:
        outer.add_row(Text(name, style="dim"))
    outer.add_row(Padding(grid, (0, 0, 0, 2 if name else 0)))
    return Padding(outer, (0, 0, 0, 2))


def prose(text: str, above: int = 0) -> Padding:
    return Padding(Text(text), (above, 2, 0, 2))


def mode(m: FailureMode) -> Iterator[RenderableType]:
    """One failure mode: what it is, then the engineer, the responder, and the lawyer or policymaker."""
    yield title(f"{m.id}  {m.name}", f"{'intentional' if m.intentional else 'unintentional'} · {m.slug}")
    yield Line(style="dim")
    yield Padding(Text(m.summary, style="bold"), (0, 2, 0, 2))
    yield prose(m.definition, above=1)
    yield Padding(Text.assemble(("For example: ", "dim"), m.example), (1, 2, 0, 2))
    yield section("At a glance")
    yield pairs(_glance(m))
    yield section("For the engineer")
    yield pairs([("Fails when", m.failure_mode), ("Comes about", m.attack_mode), ("Test it with", _probes(m))])
    yield bullets("Seen in research", (_case(c.text, c.source, c.note) for c in m.cases))
    yield section("For the incident responder")
    yield pairs([("Severity", _severity(m))])
    yield bullets("Watch for", m.indicators)
    yield bullets("What to do", (_measure(x.name, x.text, x.id, x.source) for x in m.mitigations))
    if m.related:
        names = load()
        yield bullets("Look also at", (_also(r.relation, r.mode, names.slugs[r.mode], r.text) for r in m.related))
    yield section("For the lawyer and the policymaker")
    yield pairs([("Access", f"{_access(m)} {m.access_note}".strip())])
    yield bullets("What may follow", m.impacts)
    yield bullets("Open questions", m.legal_questions)
    yield pairs([("Known elsewhere", _crosswalk(m))])
    if m.disagreements:
        yield section("Where the sources differ")
        yield bullets("", m.disagreements)


def _glance(m: FailureMode) -> list[tuple[str, str]]:
    said = {"microsoft": "Microsoft", "kan": "Kan", "ours": "ours"}
    lost = "; ".join(f"{', '.join(v) or 'none named'} ({said[k]})" for k, v in m.cia.items())
    axes = f"{'intentional' if m.kan.intent else 'unintentional'}; weakness {m.kan.place}; lost: {m.kan.lost}"
    knows = ", ".join(m.knowledge)
    flows = {f.id: f for f in load().flows}

    def named(ids: tuple[str, ...]) -> str:
        return ", ".join(f"{i} {flows[i].name.lower()}" for i in ids)

    return [
        ("What is lost", f"{lost}. {m.cia_note}".strip()),
        ("Attacker knows", f"{knows}. {m.knowledge_note}" if knows else m.knowledge_note),
        ("Access control", {None: "no attacker", True: "violated", False: "not violated"}[m.access_violated]),
        ("Enters through", f"{named(m.flows_primary)}; eased by {named(m.flows_enabling)}. {m.flows_note}"),
        ("Kan's axes", f"{axes} ({m.kan.section})"),
    ]


def _access(m: FailureMode) -> str:
    if m.access_violated is None:
        return "No attacker, so no access is violated."
    kept = "is violated" if m.access_violated else "is not violated"
    return f"Access control in the traditional sense {kept} (Microsoft)."


def _probes(m: FailureMode) -> str:
    from momus.core.registry import probe_ids

    return ", ".join(i for i in probe_ids() if i.startswith(f"{m.slug}.")) or "no probe yet"


def _severity(m: FailureMode) -> Table:
    """All rows of the bug bar for this mode, source by source; for M12 to M17 our matrix."""
    bar, outer = load().bugbar, Table.grid()
    for source in bar.sources:
        rows = bar.of(m.id, source.id)
        if rows:
            outer.add_row(Text(source.name + ("" if source.verified else " (unverified)")))
            outer.add_row(_table((r.id, _levels(r), r.variant) for r in rows))
    if not outer.rows:
        outer.add_row(Text("No source rates it. Ours: what is at stake, by the share of performance lost."))
        head = ("", *(f"{b.id} from {b.bound:.0%}" for b in bar.bands))
        levels: list[tuple[str | Text, ...]] = [
            (t.id, *(Text(b.levels[t.id], _LEVEL.get(b.levels[t.id], "")) for b in bar.bands)) for t in bar.tiers
        ]
        outer.add_row(_table((head, *levels)))
    return outer


def _table(rows: Iterable[tuple[str | Text, ...]]) -> Padding:
    """Aligned cells, the first column dim."""
    grid = Table.grid(padding=(0, 2))
    for cells in rows:
        grid.add_row(Text(str(cells[0]), style="dim"), *cells[1:])
    return Padding(grid, (0, 0, 0, 2))


def _levels(r: BarRow) -> Text:
    return Text(r.range, _LEVEL.get(r.high, ""))


def _case(text: str, source: str, note: str) -> Text:
    return Text.assemble(text, (f"  {source}", "cyan"), (f"  {note}" if note else "", "dim"))


def _measure(name: str, text: str, identity: str, source: str) -> Text:
    tag = identity if identity.startswith("AML.") and "ATLAS" in source else source
    return Text.assemble((f"{name}. ", "bold"), text, (f"  {tag}", "cyan"))


def _also(relation: str, identity: str, slug: str, text: str) -> Text:
    return Text.assemble((f"{relation.capitalize()} {identity} {slug}. ", "bold"), text)


def _crosswalk(m: FailureMode) -> Table:
    """The five frameworks a report cites, exact matches first; the sign says how their entry stands to the mode."""
    outer = Table.grid()
    outer.add_row(Text("= the same, > wider, < narrower, ~ akin", "dim"))
    rows = []
    for name in _CROSS:
        links = [x for x in load().crosswalk if x.mode_id == m.id and x.framework == name and x.relation in _SIGN]
        links.sort(key=lambda x: list(_SIGN).index(x.relation))
        rows.append((name, "  ".join(f"{_SIGN[x.relation]}{x.object_id}" for x in links) or "no entry"))
    outer.add_row(_table(rows))
    return outer


def _doc(text: str) -> Iterator[RenderableType]:
    """A docstring: paragraphs that flow at the page's width, then its sections as pairs.

    A section is ``Name: text`` or a name in a line of its own with its text under it.
    """
    names = "|".join(_SECTIONS)
    parts = re.split(rf"^({names})(?::|$|(?<=when)(?= ))", text, flags=re.MULTILINE)
    for i, paragraph in enumerate(re.split(r"\n\s*\n", parts[0].strip())):
        yield prose(_flowing(paragraph), above=int(i > 0))
    if len(parts) > 1:
        yield Text("")
        yield pairs((_SECTIONS[n], _flowing(body)) for n, body in zip(parts[1::2], parts[2::2], strict=True))


def _flowing(text: str) -> str:
    return " ".join(text.split()).replace("``", "")


def probe(p: Probe) -> Iterator[RenderableType]:
    """One probe: its docstring, what it needs, its options and what it costs."""
    from momus.core.capabilities import abilities

    yield title(p.id, f"{p.knowledge.value} · version {p.version}")
    yield Line(style="dim")
    yield from _doc(p.doc)
    yield section("At a glance")
    yield pairs(
        [
            ("Measures", f"{p.metric}{f' ({p.unit})' if p.unit else ''}; {p.worse} is worse"),
            ("Mode", ", ".join(p.modes)),
            ("Needs", ", ".join(abilities(p.needs)) or "nothing"),
            ("Data", ", ".join(p.data) or "none"),
            ("Also uses", ", ".join(p.optional_data)),
            ("For", ", ".join((*p.tasks, *p.modalities)) or "every target"),
            ("Cost", p.cost),
            ("Extra", f"pip install 'momus[{p.extra}]'" if p.extra else ""),
            ("Source", p.source),
        ]
    )
    if p.options:
        yield section("Options and defaults")
        yield pairs(
            (name, "left to the probe" if default is None else str(default)) for name, default in p.options.items()
        )


def detector(d: Entry) -> Iterator[RenderableType]:
    """One detector of `momus monitor`: what it sees, its limit, what to do when it is at alarm."""
    m = load().mode(d.mode)
    yield title(d.probe, f"{m.id} {d.mode} · watched in traffic")
    yield Line(style="dim")
    yield Padding(Text(d.summary, style="bold"), (0, 2, 0, 2))
    if d.doc:
        yield prose(d.doc, above=1)
    yield section("At a glance")
    limit = "none is set: say limits: {" + d.probe + ": VALUE} on the card" if d.limit is None else f"{d.limit:g}"
    dear = "" if d.cheap else "left out first under load, where the card says shed: dear"
    because = f": {d.because}" if d.because else ""
    yield pairs([
        ("Measures", f"{d.metric}; {d.worse} is worse"), ("Limit", limit + because), ("Options", d.options),
        ("Cost", dear),
    ])  # fmt: skip
    yield section("When it is at alarm")
    yield bullets("Watch for", m.indicators)
    yield bullets("What to do", (_measure(x.name, x.text, x.id, x.source) for x in m.mitigations))


def rule(r: Rule) -> Iterator[RenderableType]:
    """One premise rule."""
    says = "; ".join(f"{e.mode} {load().slugs[e.mode]} {e.kind.replace('_', ' ')}" for e in r.effects)
    yield title(f"{r.id}  premise rule", "ours")
    yield Line(style="dim")
    rows = [("When", r.premise), ("Then", says or "shown as declared, not as evidenced"), ("Because", r.because)]
    if r.attacker:
        rows.append(("Attacker", f"{r.attacker.place}; {r.attacker.knowledge}; {', '.join(r.attacker.can)}"))
    rows.append(("Reads facts", ", ".join(dict.fromkeys(leaf.fact for leaf in r.when.leaves()))))
    yield pairs(rows)


def question(q: Question) -> Iterator[RenderableType]:
    """One review question."""
    merges = {0: "", 1: "1 of Microsoft's 51"}.get(q.merges, f"{q.merges} of Microsoft's 51 in one")
    yield title(q.id, q.source)
    yield Line(style="dim")
    yield Padding(Text(q.text, style="bold"), (0, 2, 1, 2))
    raised = "all 17" if len(q.modes) == 17 else ", ".join(f"{m} {load().slugs[m]}" for m in q.modes)
    yield pairs(
        [
            ("A bad answer", f"raises {raised}" if raised else q.note),
            ("Settles", ", ".join(q.facts)),
            ("Merges", merges),
        ]
    )


def row(r: BarRow) -> Iterator[RenderableType]:
    """One row of the bug bar."""
    source = load().bugbar.source(r.source)
    yield title(f"{r.id}  {r.variant}", ", ".join(f"{m} {load().slugs[m]}" for m in r.modes))
    yield Line(style="dim")
    whose = f" (condition: {r.selected_by})" if r.selected_by else ""
    unverified = "" if source.verified else " Unverified: never used for a rating."
    yield pairs(
        [
            ("Level", _levels(r)),
            ("Means", r.text),
            ("Holds if any of", ", ".join(r.when_any) + whose if r.when_any else ""),
            ("Holds if all of", ", ".join(r.when_all)),
            ("Upper end if", ", ".join(r.high_any) + " (condition: ours)" if r.high_any else ""),
            ("Older parallel", r.parallel),
            ("Source", f"{source.name}, {source.version}. {source.note}{unverified}"),
        ]
    )


def flow(f: Flow) -> Iterator[RenderableType]:
    """One information flow, with the modes that enter through it."""
    modes = load().modes
    yield title(f"Flow {f.id}  {f.name}", f"{f.origin} · {f.phase}")
    yield Line(style="dim")
    yield pairs(
        [
            ("From, to", f"{f.source} → {f.target}"),
            ("Carries", f.text),
            ("Entered by", ", ".join(f"{m.id} {m.slug}" for m in modes if f.id in m.flows_primary)),
            ("Eases", ", ".join(f"{m.id} {m.slug}" for m in modes if f.id in m.flows_enabling)),
        ]
    )


def outside(items: tuple[Outside, ...]) -> Iterator[RenderableType]:
    """What none of the 17 covers."""
    yield title("Outside the 17", "a clean result says nothing about these")
    yield Line(style="dim")
    yield pairs((o.name, f"{o.text} Nearest: {', '.join(o.near)}.  {o.source}") for o in items)
