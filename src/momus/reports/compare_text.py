"""A comparison in words: on a terminal and as Markdown."""

from __future__ import annotations

import io

from momus.reports import wording
from momus.reports.compare import CompareView, LimitChange, ModeChange, ProbeChange, Reading
from momus.reports.markdown import MARKS
from momus.reports.terminal import console_for
from momus.reports.text import Out, clean, encodable, markdown, markdown_code, opened

_STYLES = {"worse": "bold red", "better": "green", "changed": "yellow", "same": "dim"}


def headline(view: CompareView) -> str:
    """The comparison in one sentence."""
    worse, better = len(view.worse), len(view.better)
    if not worse and not better:
        changed = sum(m.direction == "changed" for m in view.modes)
        return "No verdict changed." if not changed else f"{wording.count(changed, 'verdict')} changed; none got worse."
    return f"{worse} of {len(view.modes)} modes got worse, {better} got better."


def verdicts(m: ModeChange) -> str:
    """``PASS → FAIL important``, or the one verdict where it stayed."""
    before, after = (
        f"{wording.LABELS[s]} {wording.severity(v) if s == 'fail' else ''}".strip()
        for s, v in ((m.before, m.severity_before), (m.after, m.severity_after))
    )
    return after if before == after else f"{before} → {after}"


def reading(r: Reading | None) -> str:
    """Value and interval of one side, or a dash."""
    if r is None:
        return "–"
    value = wording.number(r.value, wording.breadth(r.ci))
    return value if wording.settled(r.ci) else f"{value} {wording.interval(r.ci)}"


def readings(p: ProbeChange) -> str:
    """``attack success 0.71 [0.68, 0.74] → 0.31 [0.28, 0.34]: better``."""
    known = p.before or p.after
    name = wording.metric(known.metric) if known else ""
    note = f" ({clean(p.note)})" if p.note else ""
    if p.change == "unchanged":
        return f"{name} {reading(p.after)} unchanged{note}"
    return f"{name} {reading(p.before)} → {reading(p.after)}: {p.change}{note}"


def limits(x: LimitChange) -> str:
    """``membership.shadow: 0.05 (default) → 0.1 (card)``."""
    return (
        f"{clean(x.probe)}: {wording.number(x.before)} ({clean(x.before_source)}) → "
        f"{wording.number(x.after)} ({clean(x.after_source)})"
    )


def render_terminal(view: CompareView, out: Out, *, width: int | None = None, color: bool | None = None) -> None:
    """One line a mode, always 17, and under it one line for each reading that can be compared."""
    from rich.text import Text

    with opened(out) as stream:
        buffer = io.StringIO()
        console = console_for(stream, buffer, width, color)
        console.print()
        console.print(
            Text.assemble(
                (clean(view.system_after, 60), "bold"), f"   {clean(view.before, 24)} → {clean(view.after, 24)}"
            )
        )
        console.print(Text(headline(view)))
        console.print()
        for m in view.modes:
            line = Text(no_wrap=True, overflow="ellipsis")
            line.append(f"{m.id:<4}", style="dim")
            line.append(f"{m.slug:<20}")
            line.append(verdicts(m), style=_STYLES[m.direction])
            console.print(line, overflow="ellipsis", no_wrap=True)
            for p in m.probes:
                body = Text(f"{'':<24}{clean(p.probe.split('.')[-1], 20)}: {readings(p)}", style="dim")
                console.print(body, overflow="ellipsis", no_wrap=True)
        if view.limits:
            console.print(Text("\nLimits that changed", style="bold underline"))
            for x in view.limits:
                console.print(Text(limits(x)), overflow="ellipsis", no_wrap=True)
        for warning in warnings(view):
            console.print(Text(f"\n{warning}", style="dim"))
        stream.write(encodable(buffer.getvalue(), stream))


def warnings(view: CompareView) -> list[str]:
    """What makes the two runs less comparable than they look."""
    found = []
    if view.system != view.system_after:
        found.append(f"These are two different systems: {clean(view.system, 60)} and {clean(view.system_after, 60)}.")
    if not view.same_card:
        found.append("The cards of the two runs differ.")
    if not view.same_seed:
        found.append("The seeds of the two runs differ.")
    return found


def render_markdown(view: CompareView, out: Out) -> None:
    """17 rows, then the limits that changed."""
    lines = [f"## Momus: {markdown(view.system_after, 120)}", "", f"**{headline(view)}**", ""]
    lines += [f"{markdown_code(view.before, 40)} → {markdown_code(view.after, 40)}", ""]
    lines += ["| | Mode | Verdict | Readings |", "|---|---|---|---|"]
    for m in view.modes:
        moved = "; ".join(f"{markdown(p.probe, 60)} {markdown(readings(p), 160)}" for p in m.probes)
        mark = {"worse": "▲ ", "better": "▼ "}.get(m.direction, "")
        lines.append(f"| {m.id} | {markdown(m.slug)} | {mark}{MARKS[m.after]} {verdicts(m)} | {moved} |")
    if view.limits:
        lines += ["", "**Limits that changed**", "", *(f"- {markdown(limits(x))}" for x in view.limits)]
    lines += [f"\n{w}" for w in map(markdown, warnings(view))]
    with opened(out) as stream:
        stream.write("\n".join(lines) + "\n")
