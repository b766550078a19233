"""The report as one self-contained HTML page: no script, nothing loaded from elsewhere, every string escaped.

Autoescaping is strict and every string that reaches the page is cleaned of control and direction characters on its way.
The reader is chosen by radio buttons and CSS alone; on paper all three readers' views are printed.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sized
from functools import cache
from typing import TYPE_CHECKING, Any

from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from momus.core.evidence import Attachment, Bars, Cell, Grid, Picture, Series, Table
from momus.core.records import Finding
from momus.reports import album, fitted, svg, wording
from momus.reports.compare import CompareView
from momus.reports.room import ROOMS, WHOLE, Room
from momus.reports.text import Out, clean, clean_block, opened, shorten, visible
from momus.reports.view import ModeStatus, ReportView

if TYPE_CHECKING:
    from jinja2 import Environment

MARKS: dict[ModeStatus, str] = {
    "fail": "✗",
    "error": "!",
    "inconclusive": "?",
    "not_tested": "○",
    "pass": "✓",
    "not_applicable": "–",
}


def render(view: ReportView, out: Out, *, most: int = 3, limit: int | None = fitted.LIMIT) -> None:
    """Write the page. ``most`` is how many modes are put first; see :func:`page` for ``limit``."""
    with opened(out) as stream:
        stream.write(page(view, most=most, limit=limit))


def render_whole(view: ReportView, out: Out) -> None:
    """Write the page with everything in it as it is stored, whatever that weighs."""
    render(view, out, limit=None)


def page(view: ReportView, *, most: int = 3, limit: int | None = fitted.LIMIT) -> str:
    """The page as a string of at most ``limit`` bytes; None puts everything in as it is stored."""
    known = {
        "view": view,
        "first": [m for m in view.priorities(most) if not m.accepted],
        "untested": [m for m in view.modes if m.status == "not_tested"],
        "controls": view.used_controls,
        "ids": {m.slug: m.id for m in view.modes},
        "picture": _picture(view.picture_svg),
    }

    def frame(room: Room, told: Mapping[str, Any]) -> str:
        return _environment().get_template("report.html.j2").render(**known, room=room, **told)

    def parts(room: Room, told: Mapping[str, Any]) -> Any:
        return _environment().get_template("parts.html.j2").make_module({**told, "room": room})

    return frame(WHOLE, {}) if limit is None else fitted.Fitted(view, frame, parts, limit).page()


def render_compare(view: CompareView, out: Out) -> None:
    """Write the page of a comparison."""
    from momus.reports import compare_text

    with opened(out) as stream:
        stream.write(_environment().get_template("compare.html.j2").render(change=view, t=compare_text))


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("momus.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        finalize=_cleaned,
    )
    made.globals.update(
        w=wording,
        marks=MARKS,
        plot=_plot,
        strip=strip,
        cell=_cell,
        numerics=_numerics,
        picture_figure=_picture_figure,
        pictures_told=album.told,
        still=_still,
        film=album.film,
        file=_file,
        saved=_saved,
        size=_size,
        more=_more,
        block=_block,
        shown=_shown,
        short=lambda text, most: clean(text, most),
        # A page of its own may set these: how much room there is, and who puts findings, evidence and pictures in.
        room=ROOMS[0],
        finding_slot=None,
        evidence_slot=None,
        note_slot="",
        album=None,
    )
    return made


@pass_context
def _cleaned(context: Context, value: Any) -> Any:
    """Clean what a template prints; markup of our own passes, and so do numbers."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return clean(value, context["room"].text)


@pass_context
def _block(context: Context, text: str) -> Markup:
    return Markup(escape(clean_block(text, context["room"].lines)))  # noqa: S704 - escaped in the same breath


@pass_context
def _shown(context: Context, text: str) -> str:
    return shorten(visible(text), context["room"].text)


@pass_context
def _picture_figure(context: Context, picture: Picture) -> Markup:
    return album.figure(picture, context["room"], context["album"])


@pass_context
def _more(context: Context, items: Sized) -> Markup:
    """What a list leaves out, as its last entry."""
    over = len(items) - context["room"].items
    text = f'<li class="quiet">{over:,} more in the JSON report</li>' if over > 0 else ""
    return Markup(text)  # noqa: S704 - a number


def _plot(e: Series | Bars | Grid, prefix: str) -> Markup:
    from momus.reports import plots

    return Markup(plots.draw(e, prefix))  # noqa: S704 - rebuilt element by element in svg.inline


def _picture(text: str) -> Markup | None:
    if not text:
        return None
    try:
        return Markup(svg.inline(text, "flows", title="Where the failure modes enter the system"))  # noqa: S704
    except svg.PictureError:
        return None


def _file(e: Attachment) -> str:
    """A data address for an attached file; its media type is one of a fixed few."""
    return Markup(f"data:{e.media};base64,{base64.b64encode(e.data).decode()}")  # noqa: S704 - base64 only


def _saved(e: Attachment) -> str:
    """Where a file can be saved from: nowhere when the page shows it already, it is not put in twice."""
    return "" if e.media in fitted.SEEN else _file(e)


def _size(e: Attachment) -> str:
    return f"{len(e.data) / 1024:,.0f} KiB" if len(e.data) >= 1024 else f"{len(e.data)} bytes"


@pass_context
def _still(context: Context, e: Attachment) -> Markup:
    """The first picture of a film that has no room in the page."""
    return album.still(e, context["room"])


def _numerics(table: Table) -> list[bool]:
    """Which of the first columns hold numbers alone."""
    columns = ([row[k] for row in table.rows if k < len(row)] for k in range(min(60, len(table.columns))))
    kept = ([c for c in cells if c is not None] for cells in columns)
    return [
        bool(cells) and all(isinstance(c, int | float) and not isinstance(c, bool) for c in cells) for cells in kept
    ]


def _cell(value: Cell) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1e6 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else value


def strip(f: Finding, width: int) -> Markup:
    """A reading as a small picture: its interval as a bar, its limit as a line, the harmful side shaded."""
    m = f.measurement
    if m is None:
        return Markup()
    marks = [m.ci.low, m.ci.high, m.value, *([f.limit.value] if f.limit else [])]
    low, high = (0.0, 1.0) if min(marks) >= 0 and max(marks) <= 1 else (min(0.0, *marks), max(marks))
    span = (high - low) * (1.0 if high <= 1 else 1.12) or 1.0

    def x(value: float) -> float:
        return round(4 + (width - 8) * (value - low) / span, 1)

    parts = [f'<line class="axis" x1="4" x2="{width - 4}" y1="10" y2="10"/>']
    if f.limit is not None:
        at = x(f.limit.value)
        left, right = (4.0, at) if m.worse == "lower" else (at, width - 4.0)
        parts.append(f'<rect class="beyond" x="{left}" y="3" width="{max(0.0, right - left):.1f}" height="14"/>')
        parts.append(f'<line class="limit" x1="{at}" x2="{at}" y1="2" y2="18"/>')
    if not wording.settled(m.ci):
        parts.append(f'<line class="ci" x1="{x(m.ci.low)}" x2="{x(m.ci.high)}" y1="10" y2="10"/>')
    parts.append(f'<circle class="dot" cx="{x(m.value)}" cy="10" r="3.6"/>')
    # Numbers only: nothing in here can come from a user's string.
    return Markup(  # noqa: S704
        f'<svg class="strip w{width}" viewBox="0 0 {width} 20" aria-hidden="true">{"".join(parts)}</svg>'
    )
