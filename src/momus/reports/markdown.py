"""The report as Markdown that fits a pull-request comment: 17 rows, then what failed and what to do."""

from __future__ import annotations

from momus.reports import wording
from momus.reports.text import Out, clean, markdown, markdown_code, opened
from momus.reports.view import ModeView, ReportView

# Hosted pull-request pages cut a comment at 65,536 characters.
MOST_CHARACTERS = 65_000
MARKS = {"fail": "✗", "error": "!", "inconclusive": "?", "not_tested": "○", "pass": "✓", "not_applicable": "–"}


def render(view: ReportView, out: Out, *, most: int = MOST_CHARACTERS) -> None:
    """Write the report; it keeps the 17 rows and drops findings from the end where ``most`` characters are too few."""
    parts = [_head(view), _table(view)]
    tail = _tail(view)
    room = most - sum(len(p) + 2 for p in parts) - len(tail) - 200
    left_out = 0
    for m in view.priorities(len(view.modes)):
        section = _finding(view, m)
        if len(section) + 2 > room:
            left_out += 1
            continue
        room -= len(section) + 2
        parts.append(section)
    if left_out:
        parts.append(f"*{left_out} more in the full report: too long for one comment.*")
    with opened(out) as stream:
        stream.write("\n\n".join(p for p in (*parts, tail) if p) + "\n")


def _head(view: ReportView) -> str:
    return f"## Momus: {markdown(view.run.system, 120)}\n\n**{wording.headline(view)}**"


def _table(view: ReportView) -> str:
    lines = ["| | Mode | Verdict | Severity | Reading | Probe |", "|---|---|---|---|---|---|"]
    for m in view.modes:
        probe = markdown_code(m.headline.probe, 60) if m.headline else ""
        severity = wording.severity(m.severity) if m.status == "fail" else ""
        lines.append(
            f"| {m.id} | {markdown(m.slug)} | {MARKS[m.status]} {wording.LABELS[m.status]} | {severity} "
            f"| {_reading(m)} | {probe} |"
        )
    return "\n".join(lines)


def _reading(m: ModeView) -> str:
    x, f = m.measurement, m.headline
    if x is None or f is None:
        todo = wording.next_step(m)
        return markdown(f"{wording.why(m)}: {todo}" if todo else wording.why(m), 160)
    if m.status == "pass":
        return markdown(f"{wording.passed(f)}; {wording.metric(x.metric)} {wording.reading(x)}", 200)
    return markdown(f"{wording.metric(x.metric)} {wording.reading(x)} {wording.against(f)}, n={x.n:,}", 200)


def _finding(view: ReportView, m: ModeView) -> str:
    severity = f" ({wording.severity(m.severity)})" if m.status == "fail" and m.severity else ""
    lines = [f"### {m.id} {markdown(m.name)}: {wording.LABELS[m.status]}{severity}", "", markdown(wording.why(m))]
    if m.status == "fail" and m.rating is not None:
        lines += ["", f"Bug bar: {markdown(m.rating.row)} ({markdown(m.rating.source)})"]
    if m.status == "fail" and m.remedies:
        lines += [
            "",
            *(f"- {markdown(x.text)}{f' ({markdown(x.id)})' if x.id else ''}" for x in m.remedies[:3]),
        ]
    elif wording.next_step(m):
        lines += ["", f"- {markdown(wording.next_step(m))}"]
    if m.headline is not None:
        command = wording.reproduce(view.run, m.headline).replace("`", "'")
        lines += ["", f"`{command}`"]
    return "\n".join(lines)


def _tail(view: ReportView) -> str:
    untested = [m.id for m in view.modes if m.status == "not_tested"]
    lines = []
    if untested:
        lines.append(f"**Not tested:** {', '.join(untested)}. Not tested is not a pass.")
    if view.outside:
        lines.append("**Outside the 17:** " + "; ".join(markdown(o.split(": ")[0], 80) for o in view.outside))
    versions = view.run.versions.get("momus", "")
    run = f"run {markdown_code(view.run.id, 40)}, seed {view.run.seed}, {view.run.created:%Y-%m-%d}"
    lines.append(f"<sub>Momus {markdown(clean(versions))} · {run} · a pass is a lower bound on harm</sub>")
    return "\n\n".join(lines)
