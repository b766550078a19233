"""Evidence as pictures: matplotlib's object interface to SVG, text kept as text, the same bytes at each call.

Ink is the page's own colour, so that a plot reads on light paper and on a dark screen. matplotlib is loaded when the
first plot is drawn, and no state of it is changed for anybody else.
"""

from __future__ import annotations

import io
import math
import re
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from momus.core.evidence import Bars, Grid, Line, Series
from momus.reports import svg
from momus.reports.text import clean, shorten

# Okabe and Ito's palette, darkened until it reads on white and on near-black: distinct for every colour vision.
PALETTE = ("#2f7fc1", "#d97706", "#1f9d74", "#a861a8", "#8a8f98", "#b8860b")
_INK = "#010203"
# The page chooses the typeface; matplotlib only needs one to measure with.
_FONT = re.compile(r"(?<=font-size: )([\d.]+px); font-family: [^;\"]+|font: ([\d.]+px) [^;\"]+")
_STYLES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1, 1.6)), (0, (6, 2, 1, 2)))
_SETTINGS: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "momus",
    "text.parse_math": False,
    "font.family": ["sans-serif"],
    "font.size": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "axes.linewidth": 0.7,
    "axes.unicode_minus": True,
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "xtick.major.size": 3.0,
    "ytick.major.size": 3.0,
    "xtick.minor.size": 0.0,
    "ytick.minor.size": 0.0,
    "legend.frameon": False,
    "legend.fontsize": 9.5,
    "path.simplify": True,
}
MOST_POINTS = 300
MOST_BARS = 40
MOST_CELLS = (40, 30)


def draw(evidence: Series | Bars | Grid, prefix: str) -> str:
    """The picture as inline SVG; ``prefix`` keeps its ids apart from those of other pictures on the page."""
    kinds: dict[type, tuple[Callable[..., None], tuple[float, float]]] = {
        Series: (_series, (6.4, 3.3)),
        Bars: (_bars, (6.4, 0.7 + 0.3 * max(2, min(MOST_BARS, len(getattr(evidence, "names", ())))))),
        Grid: (_grid, (6.4, 0.9 + 0.31 * max(1, min(MOST_CELLS[0], len(getattr(evidence, "rows", ())))))),
    }
    paint, size = kinds[type(evidence)]
    raw = _svg(lambda ax: paint(ax, evidence), size)
    made = svg.inline(raw, prefix, title=clean(evidence.title, 200), description=describe(evidence))
    return _FONT.sub(lambda m: m[1] or f"font-size: {m[2]}", made).replace(_INK, "currentColor")


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


def _svg(paint: Callable[[Any], None], size: tuple[float, float]) -> str:
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    out = io.StringIO()
    with mpl.rc_context(_SETTINGS), warnings.catch_warnings():
        # The browser's fonts draw the text; that matplotlib's own lack a glyph does not matter.
        warnings.simplefilter("ignore", UserWarning)
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasSVG(figure)
        figure.patch.set_alpha(0)
        ax = figure.add_subplot()
        ax.patch.set_alpha(0)
        paint(ax)
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = out.getvalue()
    return text[text.index("<svg") :]


def _plain_ticks(value: float, _position: int = 0) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _axis(axis: Any, log: bool) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    axis.set_major_locator(LogLocator(numticks=7) if log else MaxNLocator(6))
    axis.set_major_formatter(FuncFormatter(_plain_ticks))
    axis.set_minor_formatter(NullFormatter())


def _series(ax: Any, e: Series) -> None:
    lines = [_thinned(x) for x in e.lines[:8]]
    log_x = e.log_x and all(v > 0 for x in lines for v in x.x) if lines else False
    log_y = e.log_y and any(v > 0 for x in lines for v in x.y)
    if log_x:
        ax.set_xscale("log")
    if log_y:
        ax.set_yscale("log", nonpositive="mask")
    for i, line in enumerate(lines):
        colour = _INK if line.dashed else PALETTE[i % len(PALETTE)]
        style = (0, (4, 3)) if line.dashed else _STYLES[(i // len(PALETTE)) % len(_STYLES)]
        ax.plot(
            line.x,
            line.y,
            color=colour,
            linestyle=style,
            linewidth=1.1 if line.dashed else 2.0,
            alpha=0.6 if line.dashed else 1.0,
            marker="o" if len(line.x) <= 15 and not line.dashed else None,
            markersize=4,
            label=shorten(clean(line.name), 48),
            solid_capstyle="round",
        )
        if line.low and len(line.low) == len(line.high) == len(line.x):
            ax.fill_between(line.x, line.low, line.high, color=colour, alpha=0.18, linewidth=0)
    _axis(ax.xaxis, log_x)
    _axis(ax.yaxis, log_y)
    if not log_y and lines and all(0 <= v <= 1 for x in lines for v in x.y):
        ax.set_ylim(-0.02, 1.02)
    ax.set_xlabel(shorten(clean(e.x_label), 90))
    ax.set_ylabel(shorten(clean(e.y_label), 50))
    ax.grid(True, axis="y", color=_INK, alpha=0.12, linewidth=0.7)
    ax.set_axisbelow(True)
    if len(lines) > 1:
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, borderaxespad=0.2, handlelength=2.4)


def _thinned(line: Line) -> Line:
    """At most MOST_POINTS points, the first and the last kept: more cannot be seen and make the page heavy."""
    n = min(len(line.x), len(line.y))
    step = max(1, math.ceil(n / MOST_POINTS))
    keep = sorted({*range(0, n, step), n - 1}) if n else []

    def pick(values: Sequence[float]) -> tuple[float, ...]:
        return tuple(values[i] for i in keep) if len(values) >= n and values else ()

    return line.model_copy(
        update={"x": pick(line.x), "y": pick(line.y), "low": pick(line.low), "high": pick(line.high)}
    )


def _bars(ax: Any, e: Bars) -> None:
    n = min(len(e.names), len(e.values), MOST_BARS)
    places = list(range(n))
    ax.barh(places, e.values[:n], height=0.58, color=PALETTE[0], alpha=0.35, linewidth=0)
    ends = list(e.values[:n])
    if len(e.low) >= n and len(e.high) >= n and n:
        ax.hlines(places, e.low[:n], e.high[:n], color=PALETTE[0], linewidth=2.2)
        ends = list(e.high[:n])
    ax.plot(e.values[:n], places, linestyle="", marker="o", markersize=5.5, color=PALETTE[0], clip_on=False)
    for y, (value, end) in enumerate(zip(e.values, ends, strict=False)):
        ax.annotate(f"{value:.3g}", (max(value, end), y), (6, 0), textcoords="offset points", va="center", fontsize=9)
    if e.reference is not None:
        ax.axvline(e.reference, color=_INK, linewidth=1.1, linestyle=(0, (4, 3)), alpha=0.7)
    ax.set_yticks(places, [shorten(clean(name), 32) for name in e.names[:n]])
    ax.set_ylim(n - 0.45, -0.55)
    ax.tick_params(axis="y", length=0)
    ax.margins(x=0.09)
    _axis(ax.xaxis, False)
    ax.set_xlabel(shorten(clean(e.y_label), 90))
    ax.spines["left"].set_visible(False)
    ax.grid(True, axis="x", color=_INK, alpha=0.12, linewidth=0.7)
    ax.set_axisbelow(True)


def _grid(ax: Any, e: Grid) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    rows, columns = min(len(e.rows), len(e.values), MOST_CELLS[0]), min(len(e.columns), MOST_CELLS[1])
    values = [[row[c] if c < len(row) else math.nan for c in range(columns)] for row in e.values[:rows]]
    if not rows or not columns:
        ax.set_axis_off()
        return
    shades = LinearSegmentedColormap.from_list("momus", ["#e9eff5", "#7fb0d8", "#1d5f9e", "#0b2e52"])
    mesh = ax.pcolormesh(values, cmap=shades, edgecolors="white", linewidth=1.2)
    flat = [v for row in values for v in row if not math.isnan(v)]
    low, high = (min(flat), max(flat)) if flat else (0.0, 1.0)
    if rows * columns <= 160:
        for r, row in enumerate(values):
            for c, v in enumerate(row):
                dark = high > low and (v - low) / (high - low) > 0.5
                ink = "#ffffff" if dark else "#10243a"
                ax.text(c + 0.5, r + 0.5, f"{v:.3g}", ha="center", va="center", fontsize=8.5, color=ink)
    else:
        ax.figure.colorbar(mesh, ax=ax, shrink=0.8).outline.set_visible(False)
    ax.set_yticks([r + 0.5 for r in range(rows)], [shorten(clean(x), 30) for x in e.rows[:rows]])
    ax.set_xticks([c + 0.5 for c in range(columns)], [shorten(clean(x), 14) for x in e.columns[:columns]])
    ax.set_ylim(rows, 0)
    ax.tick_params(length=0)
    ax.set_xlabel(shorten(clean(e.value_label), 90))
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
