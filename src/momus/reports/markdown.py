"""The report as Markdown that fits a pull-request comment: what changed, 17 rows, then what failed and what to do.

Its first line is a mark that no reader sees: a bot finds its own comment by it and writes that anew.
"""

from __future__ import annotations

import re

from momus.core.decisions import system_id
from momus.core.errors import MomusError
from momus.core.records import Status
from momus.reports import change_text, wording
from momus.reports.places import elsewhere
from momus.reports.regression import Change
from momus.reports.text import Out, clean, markdown, markdown_code, opened
from momus.reports.view import Mitigation, ModeView, ReportView

# Hosted pull-request pages cut a comment at 65,536 characters.
MOST_CHARACTERS = 65_000
MARKS = {"fail": "✗", "error": "!", "inconclusive": "?", "not_tested": "○", "pass": "✓", "not_applicable": "–"}
_ATLAS = re.compile(r"AML\.M\d{4}")
_ADDRESS = re.compile(r"https?://[A-Za-z0-9._~:/?#@!$&*+,;=%-]{1,1000}")


def render(
    view: ReportView, out: Out, *, most: int = MOST_CHARACTERS, change: Change | None = None, link: str = ""
) -> None:
    """Write the report; it keeps the 17 rows and drops findings from the end where ``most`` characters are too few.

    ``change``: what a baseline knew, told first. ``link``: where the whole report lies.
    """
    parts = [_head(view, link), *([_change(change, most // 3)] if change is not None else []), _table(view)]
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


def mark(system: str) -> str:
    """The first line of a comment on a system; a hostile name cannot write another system's."""
    return f"<!-- momus:{system_id(system)} -->"


def address(link: str) -> str:
    """The link, if it is a plain web address that leaves no Markdown link before its end."""
    if not _ADDRESS.fullmatch(link):
        raise MomusError(
            f"this is no web address: {clean(link, 120)}", code="reports/link", hint="Give one as in https://ci/run/7"
        )
    return link


def _head(view: ReportView, link: str) -> str:
    whole = f"\n\n[The whole report]({address(link)})" if link else ""
    title = f"## Momus: {markdown(view.run.system, 120)}"
    return f"{mark(view.run.system)}\n{title}\n\n**{wording.headline(view)}**{whole}"


def _change(change: Change, most: int) -> str:
    """What changed, with fewer findings where they would fill the comment."""
    for count in (60, 20, 6):
        section = change_text.section(change, count)
        if len(section) <= most:
            return section
    return f"**{markdown(change_text.headline(change))}**"


def _table(view: ReportView) -> str:
    lines = ["| | Mode | Verdict | Severity | Reading | Probe |", "|---|---|---|---|---|---|"]
    for m in view.modes:
        probe = markdown_code(m.headline.probe, 60) if m.headline else ""
        severity = wording.severity(m.severity) if m.status == "fail" else ""
        severity += ", accepted" if m.accepted else ""
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
    """One row that needs a person, folded: its summary is what the table has no room for."""
    severity = f" ({wording.severity(m.severity)})" if m.status == "fail" and m.severity else ""
    title = f"{m.id} {markdown(m.name)}: {wording.LABELS[m.status]}{severity}"
    lines = [f"<details><summary>{title}</summary>", "", markdown(wording.why(m))]
    lines += _accepted(m)
    if m.status == "fail" and m.rating is not None:
        lines += ["", f"Bug bar: {markdown(m.rating.row)} ({markdown(m.rating.source)})"]
    if m.status == "fail" and m.remedies:
        lines += ["", *(f"- {markdown(x.text)}{_catalogue(x)}" for x in m.remedies[:3])]
    elif wording.next_step(m):
        lines += ["", f"- {markdown(wording.next_step(m))}"]
    if m.headline is not None:
        command = wording.reproduce(elsewhere(view.run), m.headline).replace("`", "'")
        lines += ["", f"`{command}`"]
    return "\n".join([*lines, "", "</details>"])


def _accepted(m: ModeView) -> list[str]:
    """Who accepted what of a failing row, and until when; its verdict stays."""
    told = []
    for w in m.waived:
        if any(f.status is Status.FAIL and m.waiver(f) == w for f in m.findings):
            what = markdown_code(w.probe, 60) if w.probe else "all of it"
            told.append(f"- Accepted, {what}: {markdown(w.reason)} ({markdown(w.by, 60)}, until {w.until:%Y-%m-%d})")
    return ["", *told] if told else []


def _catalogue(x: Mitigation) -> str:
    """The id of a mitigation, linked where its catalogue is on the web."""
    if not x.id:
        return ""
    if _ATLAS.fullmatch(x.id):
        return f" ([{x.id}](https://atlas.mitre.org/mitigations/{x.id}))"
    return f" ({markdown(x.id)})"


def _tail(view: ReportView) -> str:
    untested = [m.id for m in view.modes if m.status == "not_tested"]
    lines = []
    if untested:
        lines.append(f"**Not tested:** {', '.join(untested)}. Not tested is not a pass.")
    if late := _late(view):
        lines.append(late)
    if view.outside:
        lines.append("**Outside the 17:** " + "; ".join(markdown(o.split(": ")[0], 80) for o in view.outside))
    if asked := wording.asked(view.run):
        lines.append(f"**Served models:** {markdown('; '.join(asked))}.")
    versions = view.run.versions.get("momus", "")
    run = f"run {markdown_code(view.run.id, 40)}, seed {view.run.seed}, {view.run.created:%Y-%m-%d}"
    lines.append(f"<sub>Momus {markdown(clean(versions))} · {run} · a pass is a lower bound on harm</sub>")
    return "\n\n".join(lines)


def _late(view: ReportView) -> str:
    """What a run within minutes left out: rows that read pass have not seen it."""
    found = {(m.id, g.probe, g.target): None for m in view.modes for g in m.gaps if g.why == "budget"}
    if not found:
        return ""
    rows = ", ".join(dict.fromkeys(id_ for id_, _, _ in found))
    word = "measurement" if len(found) == 1 else "measurements"
    return f"**Out of time, not made:** {len(found)} {word} of {rows}. A pass there does not cover what was left out."
