"""The report as one self-contained HTML page: no script, nothing loaded from elsewhere, every string escaped.

Autoescaping is strict and every string that reaches the page is cleaned of control and direction characters on its way.
The reader is chosen by radio buttons and CSS alone; on paper all three readers' views are printed.
"""

from __future__ import annotations

import base64
from functools import cache
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from momus.core.evidence import Attachment, Bars, Cell, Grid, Series, Table
from momus.core.records import Finding
from momus.reports import svg, wording
from momus.reports.compare import CompareView
from momus.reports.text import Out, clean, clean_block, opened, visible
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
# Longer strings in a page of ours are somebody else's flood; the JSON report keeps them whole.
MOST_CHARACTERS = 1200


def render(view: ReportView, out: Out, *, most: int = 3) -> None:
    """Write the page. ``most`` is how many modes are put first."""
    with opened(out) as stream:
        stream.write(page(view, most=most))


def page(view: ReportView, *, most: int = 3) -> str:
    """The whole page as a string."""
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            view=view,
            first=view.priorities(most),
            untested=[m for m in view.modes if m.status == "not_tested"],
            controls=view.used_controls,
            ids={m.slug: m.id for m in view.modes},
            picture=_picture(view.picture_svg),
        )
    )


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
        numeric=_numeric,
        image=_image,
        photo=_photo,
        file=_file,
        block=lambda text: Markup(escape(clean_block(text))),  # noqa: S704 - escaped in the same breath
        shown=lambda text: visible(text)[:MOST_CHARACTERS],
        short=lambda text, most: clean(text, most),
    )
    return made


def _cleaned(value: Any) -> Any:
    """Clean what a template prints; markup of our own passes, and so do numbers."""
    return clean(value, MOST_CHARACTERS) if isinstance(value, str) and not isinstance(value, Markup) else value


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


def _image(png: bytes) -> str:
    """A data address for PNG bytes; a grey pixel's worth of nothing for bytes that are no PNG."""
    kept = png if png.startswith(b"\x89PNG\r\n\x1a\n") else b""
    return Markup(f"data:image/png;base64,{base64.b64encode(kept).decode()}")  # noqa: S704 - base64 only


def _file(e: Attachment) -> str:
    """A data address for an attached file; its media type is one of a fixed few."""
    return Markup(f"data:{e.media};base64,{base64.b64encode(e.data).decode()}")  # noqa: S704 - base64 only


def _photo(png: bytes) -> bool:
    """True for a picture so large that it is shown smaller than it is; small ones keep their pixels square."""
    return len(png) > 24 and int.from_bytes(png[16:20], "big") >= 160


def _numeric(table: Table, column: int) -> bool:
    cells = [row[column] for row in table.rows if column < len(row) and row[column] is not None]
    return bool(cells) and all(isinstance(c, int | float) and not isinstance(c, bool) for c in cells)


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
    if m.ci.method != "exact":
        parts.append(f'<line class="ci" x1="{x(m.ci.low)}" x2="{x(m.ci.high)}" y1="10" y2="10"/>')
    parts.append(f'<circle class="dot" cx="{x(m.value)}" cy="10" r="3.6"/>')
    # Numbers only: nothing in here can come from a user's string.
    return Markup(  # noqa: S704
        f'<svg class="strip" style="width:{width}px" viewBox="0 0 {width} 20" aria-hidden="true">{"".join(parts)}</svg>'
    )
