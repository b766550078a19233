"""Evidence as pictures: SVG of a few hundred words, text kept as text, the same bytes at each call.

Colours and widths stand in the page's own style sheet (under ``.plot``), so that a plot reads on light paper and on a
dark screen, costs two to five kilobytes, and a page with a strict policy can show it. Nothing is drawn that a screen
could not show: places are rounded to a tenth of a unit and long lines keep the least and greatest of each step.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from html import escape

from momus.core.evidence import Bars, Grid, Line, Series
from momus.reports.axes import Scale, width
from momus.reports.text import clean, shorten

WIDTH = 640.0
MOST_LINES = 8
MOST_POINTS = 300  # of one line
ALL_POINTS = 1200  # of all lines of a picture
MOST_BARS = 40
MOST_CELLS = (40, 30)
SHADES = 24
_STOPS = ((0xE9, 0xEF, 0xF5), (0x7F, 0xB0, 0xD8), (0x1D, 0x5F, 0x9E), (0x0B, 0x2E, 0x52))


def draw(evidence: Series | Bars | Grid, prefix: str) -> str:
    """The picture as inline SVG; ``prefix`` keeps its ids apart from those of other pictures on the page."""
    height, body = _drawn(evidence)
    p = "".join(c for c in prefix if c.isalnum() or c in "-_")
    return (
        f'<svg viewBox="0 0 {WIDTH:g} {height:g}" role="img" aria-labelledby="{p}-title {p}-desc">'
        f'<title id="{p}-title">{_words(evidence.title, 200)}</title><desc id="{p}-desc">'
        f"{escape(describe(evidence))}</desc>{body}</svg>"
    )


@lru_cache(maxsize=512)
def _drawn(evidence: Series | Bars | Grid) -> tuple[float, str]:
    """Height and body; kept, because one report is often written in several forms and shown many times."""
    if isinstance(evidence, Series):
        return _series(evidence)
    return _bars(evidence) if isinstance(evidence, Bars) else _grid(evidence)


def describe(e: Series | Bars | Grid) -> str:
    """What the picture shows, in a sentence for those who cannot see it."""
    if isinstance(e, Series):
        lines = [f"{clean(x.name, 60)} goes from {x.y[0]:.3g} to {x.y[-1]:.3g}" for x in e.lines[:6] if x.y]
        return f"{clean(e.y_label, 80)} against {clean(e.x_label, 80)}. {'; '.join(lines)}."
    if isinstance(e, Bars):
        bars = [f"{clean(n, 40)} {v:.3g}" for n, v in zip(e.names, e.values, strict=False)][:12]
        return f"{clean(e.y_label, 80)}: {', '.join(bars)}."
    flat = [v for row in e.values for v in row]
    span = f"from {min(flat):.3g} to {max(flat):.3g}" if flat else "empty"
    return f"{clean(e.value_label, 80)} for {len(e.rows)} rows and {len(e.columns)} columns, {span}."


def _words(text: str, most: int) -> str:
    return escape(clean(text, most), quote=False)


def _text(x: float, y: float, text: str, css: str = "", *, most: int = 90) -> str:
    named = f' class="{css}"' if css else ""
    return f'<text x="{x:g}" y="{y:g}"{named}>{_words(text, most)}</text>'


def _path(points: Iterable[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in points)


def _series(e: Series) -> tuple[float, str]:
    most = min(MOST_POINTS, ALL_POINTS // max(1, min(MOST_LINES, len(e.lines))))
    lines = [_thinned(x, most) for x in e.lines[:MOST_LINES]]
    log_x = e.log_x and bool(lines) and all(v > 0 for x in lines for v in x.x)
    log_y = e.log_y and any(v > 0 for x in lines for v in x.y)
    legend, top = _legend(lines, 26.0)
    bottom = top + 190
    y = Scale([v for x in lines for v in (*x.y, *x.low, *x.high)], (bottom, top + 6), log=log_y, spare=0.05)
    if not log_y and lines and all(0 <= v <= 1 for x in lines for v in x.y):
        y.fix(-0.02, 1.02)
    marks = y.ticks()
    left = max((width(t) for _, t in marks), default=0.0) + 12
    x = Scale([v for line in lines for v in line.x], (left + 8, WIDTH - 14), log=log_x, spare=0.01)
    parts = [_text(0, 13, e.y_label, "s"), legend, _frame(x, y, left, bottom, marks)]
    for i, line in enumerate(lines):
        parts.append(_line(line, i, x, y))
    parts.append(_text((left + WIDTH) / 2, bottom + 40, e.x_label, "s m"))
    return bottom + 46, "".join(parts)


def _frame(x: Scale, y: Scale, left: float, bottom: float, marks: Sequence[tuple[float, str]]) -> str:
    """Lines across at each mark of the upright axis, words along both."""
    across = "".join(f"M{left:g} {y(v):g}H{WIDTH:g}" for v, _ in marks)
    at = x.ticks()
    down = "".join(f"M{x(v):g} {bottom:g}v4" for v, _ in at)
    return (
        (f'<path class="g" d="{across}"/>' if across else "")
        + f'<path class="x" d="M{left:g} {bottom:g}H{WIDTH:g}{down}"/>'
        + "".join(_text(left - 6, y(v) + 4.5, t, "e") for v, t in marks)
        + "".join(_text(min(x(v), WIDTH - width(t) / 2), bottom + 19, t, "m") for v, t in at)
    )


def _legend(lines: Sequence[Line], top: float) -> tuple[str, float]:
    """A swatch and a name for each line, in as many rows as they need; where the plot starts below them."""
    if len(lines) < 2:
        return "", top
    parts, left, y = [], 0.0, top + 10
    for i, line in enumerate(lines):
        name = shorten(clean(line.name), 48)
        wide = 34 + width(name) + 22
        if left and left + wide > WIDTH:
            left, y = 0.0, y + 20
        parts.append(f'<path class="{_look(line, i)}" d="M{left:g} {y - 4.5:g}h26"/>{_text(left + 33, y, name)}')
        left += wide
    return "".join(parts), y + 14


def _look(line: Line, place: int) -> str:
    return "d" if line.dashed else f"l k{place % 6}" + (" z" if place >= 6 else "")


def _line(line: Line, place: int, x: Scale, y: Scale) -> str:
    parts = []
    if line.low and len(line.low) == len(line.high) == len(line.x):
        there = [i for i in range(len(line.x)) if y.shows(line.low[i]) and y.shows(line.high[i])]
        edge = [(x(line.x[i]), y(line.high[i])) for i in there]
        edge += [(x(line.x[i]), y(line.low[i])) for i in reversed(there)]
        if edge:
            parts.append(f'<path class="b k{place % 6}" d="{_path(edge)}Z"/>')
    runs: list[list[tuple[float, float]]] = [[]]
    for a, b in zip(line.x, line.y, strict=False):
        if y.shows(b):
            runs[-1].append((x(a), y(b)))
        elif runs[-1]:
            runs.append([])
    drawn = "".join(_path(run) for run in runs if run)
    if not drawn:
        return "".join(parts)
    parts.append(f'<path class="{_look(line, place)}" d="{drawn}"/>')
    if len(line.x) <= 15 and not line.dashed:
        dots = "".join(f"M{a:g} {b:g}h0" for run in runs for a, b in run)
        parts.append(f'<path class="o k{place % 6}" d="{dots}"/>')
    return "".join(parts)


def _thinned(line: Line, most: int = MOST_POINTS) -> Line:
    """At most ``most`` points: the ends, and of each step the least and the greatest, so that no peak is lost."""
    n = min(len(line.x), len(line.y))
    kept = list(range(n))
    if n > most:
        step = math.ceil(n / max(1, (most - 2) // 2))
        groups = [range(k, min(n, k + step)) for k in range(0, n, step)]
        ends = {0, n - 1}
        for g in groups:
            ends |= {min(g, key=line.y.__getitem__), max(g, key=line.y.__getitem__)}
        kept = sorted(ends)

    def pick(values: Sequence[float]) -> tuple[float, ...]:
        return tuple(values[i] for i in kept) if len(values) >= n and values else ()

    return line.model_copy(
        update={"x": pick(line.x), "y": pick(line.y), "low": pick(line.low), "high": pick(line.high)}
    )


def _bars(e: Bars) -> tuple[float, str]:
    n = min(len(e.names), len(e.values), MOST_BARS)
    names = [shorten(clean(name), 34) for name in e.names[:n]]
    banded = n > 0 and len(e.low) >= n and len(e.high) >= n
    ends = [max(v, h) for v, h in zip(e.values, e.high, strict=False)] if banded else list(e.values[:n])
    said = [f"{v:.3g}" for v in e.values[:n]]
    left = min(230.0, max((width(name) for name in names), default=0.0)) + 12
    right = WIDTH - 16 - max((width(t) for t in said), default=0.0)
    reference = [] if e.reference is None else [e.reference]
    seen = [0.0, *e.values[:n], *(e.low[:n] if banded else ()), *ends, *reference]
    x = Scale(seen, (left, right), spare=0.02)
    if min(seen) >= 0:
        x.fix(0.0, x.high)
    bottom = 8.0 + 28 * max(1, n)
    at = x.ticks()
    parts = [f'<path class="g" d="{"".join(f"M{x(v):g} 4V{bottom:g}" for v, _ in at)}"/>' if at else ""]
    for i in range(n):
        y = 22.0 + 28 * i
        zero, value = x(0.0), x(e.values[i])
        parts.append(f'<path class="w k0" d="M{zero:g} {y:g}H{value:g}"/>')
        if banded:
            parts.append(f'<path class="l k0" d="M{x(e.low[i]):g} {y:g}H{x(e.high[i]):g}"/>')
        parts.append(f'<path class="o k0" d="M{value:g} {y:g}h0"/>')
        parts.append(_text(left - 10, y + 4.5, names[i], "e") + _text(x(ends[i]) + 9, y + 4.5, said[i]))
    parts += [f'<path class="d" d="M{x(v):g} 4V{bottom:g}"/>' for v in reference]
    parts += [_text(x(v), bottom + 17, t, "m") for v, t in at]
    parts.append(_text((left + WIDTH) / 2, bottom + 38, e.y_label, "s m"))
    return bottom + 44, "".join(parts)


def _grid(e: Grid) -> tuple[float, str]:
    rows, columns = min(len(e.rows), len(e.values), MOST_CELLS[0]), min(len(e.columns), MOST_CELLS[1])
    if not rows or not columns:
        return 30.0, _text(0, 18, "empty", "s")
    flat = [v for row in e.values[:rows] for v in row[:columns] if math.isfinite(v)]
    names = [shorten(clean(name), 30) for name in e.rows[:rows]]
    heads = [shorten(clean(name), 14) for name in e.columns[:columns]]
    left = min(220.0, max(map(width, names))) + 12
    wide, tall = (WIDTH - left) / columns, 28.0
    shade = Scale(flat, (0.0, SHADES - 1.0))
    bottom = rows * tall
    cells: dict[int, list[str]] = {}
    words: tuple[list[str], list[str]] = ([], [])
    for r in range(rows):
        for c, v in enumerate(e.values[r][:columns]):
            level = round(shade(v))
            x, y = left + c * wide, (r + 0.5) * tall
            cells.setdefault(level, []).append(f"M{x:.4g} {y:g}h{wide - 1.5:.3g}")
            if rows * columns <= 160:
                words[level > SHADES / 2].append(_text(round(x + wide / 2, 1), y + 4.5, f"{v:.3g}", "m"))
    parts = [f'<path class="q" stroke="{_shade(k)}" d="{"".join(d)}"/>' for k, d in sorted(cells.items())]
    parts += [f'<g class="on{k}">{"".join(t)}</g>' for k, t in enumerate(words) if t]
    parts += [_text(left - 8, (r + 0.5) * tall + 4.5, name, "e") for r, name in enumerate(names)]
    steep = max(map(width, heads)) > wide
    foot = bottom + (12 + 0.62 * max(map(width, heads)) if steep else 18)
    for c, name in enumerate(heads):
        x = round(left + (c + 0.5) * wide, 1)
        if steep:
            turned = f'<text class="e" transform="translate({x + 4:g} {bottom + 12:g}) rotate(-38)">'
            parts.append(f"{turned}{_words(name, 14)}</text>")
        else:
            parts.append(_text(x, bottom + 18, name, "m"))
    if rows * columns > 160:
        parts.append(_key(left, foot + 8, shade))
        foot += 24
    parts.append(_text((left + WIDTH) / 2, foot + 20, e.value_label, "s m"))
    return round(foot + 26, 1), "".join(parts)


def _key(left: float, y: float, shade: Scale) -> str:
    """The shades from least to greatest, for a grid whose cells are too small for numbers."""
    step = 7
    low, high = f"{shade.low:.3g}", f"{shade.high:.3g}"
    start = left + width(low) + 8
    boxes = "".join(
        f'<path stroke="{_shade(k)}" stroke-width="12" d="M{start + k * step:g} {y:g}h{step}"/>' for k in range(SHADES)
    )
    return _text(left, y + 4.5, low) + boxes + _text(start + SHADES * step + 8, y + 4.5, high)


def _shade(level: int) -> str:
    place = level / (SHADES - 1) * (len(_STOPS) - 1)
    k = min(int(place), len(_STOPS) - 2)
    mixed = (round(a + (b - a) * (place - k)) for a, b in zip(_STOPS[k], _STOPS[k + 1], strict=True))
    return "#" + "".join(f"{v:02x}" for v in mixed)
