"""The report on a terminal: one line a mode, always 17, then what to do first. Plain text when piped."""

from __future__ import annotations

import io
from typing import IO, TYPE_CHECKING

from momus.core.records import Rating, Status
from momus.reports import wording
from momus.reports.text import Out, clean, encodable, opened, shorten
from momus.reports.view import ModeStatus, ModeView, ReportView

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

STYLES: dict[str, str] = {
    "critical": "bold white on red",
    "important": "bold red",
    "moderate": "bold yellow",
    "low": "bold blue",
    "fail": "bold red",
    "error": "bold magenta",
    "inconclusive": "yellow",
    "not_tested": "cyan",
    "pass": "green",
    "not_applicable": "dim",
}
# Longer paragraphs than this are somebody trying to push the report off the screen.
MOST_WORDS = 400
_VERDICT_WIDTH = len("FAIL important")
_SLUG_WIDTH = len("incomplete_testing")


def console_for(stream: IO[str], buffer: io.StringIO, width: int | None, color: bool | None) -> Console:
    """A console that writes to ``buffer`` what suits ``stream``: its width and colour if it is a terminal, else 100
    columns of plain text. User strings are never read as markup."""
    from rich.console import Console

    tty = bool(getattr(stream, "isatty", lambda: False)())
    return Console(
        file=buffer,
        width=width or (None if tty else 100),
        force_terminal=tty if color is None else color,
        no_color=color is False or None,
        markup=False,
        emoji=False,
        highlight=False,
    )


def render(view: ReportView, out: Out, *, width: int | None = None, color: bool | None = None, most: int = 3) -> None:
    """Write the report. ``width`` defaults to the terminal's (100 when piped); ``color`` to what the stream can show.

    ``most`` is how many modes are described under the table.
    """

    with opened(out) as stream:
        buffer = io.StringIO()
        console = console_for(stream, buffer, width, color)
        _report(view, console, most)
        stream.write(encodable(buffer.getvalue(), stream))


def to_rich(view: ReportView) -> Text:
    """The report as one rich renderable, for a notebook or a console of somebody else's."""
    from rich.text import Text

    buffer = io.StringIO()
    render(view, buffer, width=100, color=True)
    return Text.from_ansi(buffer.getvalue())


def _report(view: ReportView, console: Console, most: int) -> None:
    _head(view, console)
    for m in view.modes:
        console.print(row(m, console.width), no_wrap=True, overflow="crop", soft_wrap=False)
    _first(view, console, most)
    _accepted(view, console)
    _gaps(view, console)
    if view.outside:
        _title(console, "Outside these 17, and not looked at")
        _hanging(console, "", "; ".join(clean(x).split(": ")[0] for x in view.outside), 0)
    _title(console, "Measure one row again")
    shown = next((m.headline for m in view.priorities(1) if m.headline), None) or next(
        (m.headline for m in view.modes if m.headline), None
    )
    _command(console, wording.reproduce(view.run, shown))
    console.print()


def _head(view: ReportView, console: Console) -> None:
    from rich.text import Text

    run = view.run
    system = shorten(clean(run.system), max(12, console.width - 40))
    console.print()
    console.print(Text.assemble((system, "bold"), (f"   run {clean(run.id, 24)}   seed {run.seed}", "dim")))
    _hanging(console, "", wording.headline(view), 0)
    counts = Text()
    for status, n in view.counts.items():
        if n:
            counts.append("  " if counts else "")
            counts.append(f"{n} {wording.WORDS[status]}", style=STYLES[status])
    console.print(counts)
    for line in wording.asked(run):
        _hanging(console, "", line, 0)
    console.print()


def row(m: ModeView, width: int) -> Text:
    """One mode on one line of at most ``width`` columns: id, slug, verdict with severity, reading, probe."""
    from rich.cells import cell_len
    from rich.text import Text

    line = Text(no_wrap=True, overflow="crop")
    line.append(f"{m.id:<4}", style="dim")
    line.append(f"{m.slug:<{_SLUG_WIDTH}}  ", style="bold" if m.status in ("fail", "error") else "")
    line.append_text(verdict(m.status, wording.severity(m.severity) if m.status == "fail" else ""))
    line.append("  ")
    room = width - line.cell_len
    left, right = _fit(m, room)
    line.append(left)
    if right:
        line.append(" " * (room - cell_len(left) - cell_len(right)))
        line.append(right, style="dim")
    line.rstrip()
    return line


def verdict(status: ModeStatus, severity: str = "", width: int = _VERDICT_WIDTH) -> Text:
    """The verdict as words and, where there is colour, in colour."""
    from rich.text import Text

    text = Text(wording.LABELS[status], style=STYLES[status])
    if severity:
        text.append(" ")
        text.append(severity, style=STYLES.get(severity, ""))
    text.append(" " * (width - text.cell_len))
    return text


def _fit(m: ModeView, room: int) -> tuple[str, str]:
    """The richest wording of the row that fits: first the sample size goes, then the probe's name, then words."""
    from rich.cells import cell_len

    options = _wordings(m)
    for said, right in options:
        left = " ".join(said.split())
        if cell_len(left) + (1 + cell_len(right) if right else 0) <= room:
            return left, right
    return _cut(" ".join(options[-1][0].split()), room), ""


def _wordings(m: ModeView) -> list[tuple[str, str]]:
    """What the row could say, as (left, right), richest first."""
    f, said = m.headline, wording.why(m)
    if f is None or f.measurement is None:
        todo = wording.next_step(m)
        rich = [(f"{said}: {todo}", "")] if todo else []
        return [(said, clean(f.probe)), *rich, (said, "")] if f is not None else [*rich, (said, "")]
    x = f.measurement
    label, value, limit = wording.metric(x.metric), wording.reading(x), wording.against(f)
    probe, n = clean(f.probe), f"n={x.n}"
    if m.accepted and (covering := m.waiver(f)) is not None:
        told = wording.accepted_shortly(covering)
        return [(f"{label} {value} {limit}; {told}", ""), (f"{value} {limit}; {told}", ""), (told, "")]
    if m.status == "pass":
        return [(f"{said}: {value} {limit}", ""), (said, "")]
    return [
        (f"{label} {value} {limit} {n}", probe),
        (f"{label} {value} {limit}", probe),
        (f"{label} {value} {limit} {n}", probe.split(".")[-1]),
        (f"{label} {value} {limit}", probe.split(".")[-1]),
        (f"{label} {value} {limit}", ""),
        (f"{value} {limit}", ""),
    ]


def _cut(text: str, room: int) -> str:
    """Shorten by the columns a terminal uses, in which a Chinese character counts two."""
    from rich.cells import cell_len, set_cell_size

    return text if cell_len(text) <= room else set_cell_size(text, room - 1).rstrip() + "…"


def _first(view: ReportView, console: Console, most: int) -> None:
    chosen = [m for m in view.priorities(most) if not m.accepted]
    if not chosen:
        return
    _title(console, "Look at this first" if len(chosen) == 1 else "Look at these first")
    from rich.text import Text

    for place, m in enumerate(chosen, 1):
        head = Text(f"{place}  {m.id} {clean(m.name)}  ", style="bold")
        head.append_text(verdict(m.status, wording.severity(m.severity) if m.status == "fail" else "", 0))
        console.print(head)
        _hanging(console, "what", _what(m), 7, indent=3)
        if m.rating is not None and m.status == "fail":
            _hanging(console, "bar", _bar(m.rating), 7, indent=3)
        for n, action in enumerate(_actions(m)):
            _hanging(console, "" if n else "do", action, 7, indent=3)
        if m.headline is not None:
            _command(console, wording.reproduce(view.run, m.headline), "again", 7, 3)


def _bar(rating: Rating) -> str:
    """The bug bar row that fired, who wrote it, and the reason nearest to the measurement."""
    because = f": {clean(rating.reasons[-1], 160)}" if rating.reasons else ""
    return f"{clean(rating.row)} ({clean(rating.source)}){because}"


def _what(m: ModeView) -> str:
    x = m.measurement
    if m.status == "fail" and x is not None and m.headline is not None:
        return f"{wording.metric(x.metric)} {wording.reading(x)} {wording.against(m.headline)}: {wording.scope(x)}"
    return wording.why(m)


def _actions(m: ModeView) -> list[str]:
    """What to do next: the mitigations of a failure; for the rest, what would let the test decide."""
    if m.status != "fail":
        todo = wording.next_step(m)
        stands = [clean(c.message) for c in m.measurement.caveats if c.blocks != "none"] if m.measurement else []
        said = _what(m)  # what stands in the way is told there; here only what else does
        left = [t for t in (todo, *(c for c in stands if c not in said)) if t][:3]
        return left or ([] if stands else ["raise the number of samples or the budget, then run again"])
    return [f"{clean(x.text)}{f' ({clean(x.id)})' if x.id else ''}" for x in m.remedies[:3]]


def _accepted(view: ReportView, console: Console) -> None:
    """What fails and somebody accepted: who, until when, and why. It does not count against the bar."""
    found = [(m, f, w) for m in view.modes for f in m.findings if f.status is Status.FAIL and (w := m.waiver(f))]
    if not found:
        return
    _title(console, "Failing, and accepted for a time")
    for m, f, waived in found:
        what = f"{m.id}: {clean(f.probe)} on {clean(f.target, 60)}"
        _hanging(console, "", f"{what}: {wording.accepted(waived)}", 0, under=5)


def _gaps(view: ReportView, console: Console) -> None:
    """Each way to close a hole once, with all the modes that wait for it."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for m in view.modes:
        for g in m.gaps if m.status != "not_applicable" else ():
            # A remedy that differs in nothing but the mode's own id is one remedy.
            close = clean(g.how_to_close)
            found.setdefault((clean(g.detail), close.replace(m.id, "ID")), {})[m.id] = close
    if not found:
        return
    _title(console, "Not tested, and how to close it")
    for (detail, close), ids in found.items():
        modes = list(dict.fromkeys(ids))
        close = close.replace("ID", modes[0]) if len(modes) == 1 else close
        _hanging(
            console,
            "",
            f"{' '.join(modes)}: {detail}. {close}" if close else f"{' '.join(modes)}: {detail}",
            0,
            under=5,
        )


def _title(console: Console, text: str) -> None:
    from rich.text import Text

    console.print()
    console.print(Text(text, style="bold underline"))


def _hanging(console: Console, label: str, body: str, gap: int, *, indent: int = 0, under: int = 0) -> None:
    """A label and a paragraph beside it, wrapped under itself and ``under`` columns further in; endless text is cut."""
    from rich.text import Text

    text = shorten(clean(body), MOST_WORDS)
    lines = list(Text(text).wrap(console, max(20, console.width - gap - indent - under))) or [Text()]
    head = Text(" " * indent)
    head.append(label, style="dim")
    if label and head.cell_len >= gap + indent:
        console.print(head)
        head = Text()
    head.append(" " * (gap + indent - head.cell_len))
    for line in lines:
        line.rstrip()
        console.print(head + line)
        head = Text(" " * (gap + indent + under))


def _command(console: Console, command: str, label: str = "", gap: int = 0, indent: int = 0) -> None:
    """A command on one line however long, so that it can be copied."""
    from rich.text import Text

    line = Text(" " * indent)
    line.append(f"{label:<{gap}}", style="dim")
    line.append(command, style="bold")
    console.print(line, soft_wrap=True)
