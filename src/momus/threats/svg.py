"""A few SVG shapes as text. Every string that is drawn passes through :func:`clean`, so nothing can break out of it."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

Point = tuple[float, float]
FONT = "system-ui, 'Segoe UI', 'Helvetica Neue', 'DejaVu Sans', Arial, sans-serif"


def clean(text: str, limit: int = 200) -> str:
    """Text fit for XML: escaped, without control characters, cut with an ellipsis after ``limit`` characters."""
    shown = "".join(c if c.isprintable() else " " for c in text)
    return escape(shown if len(shown) <= limit else f"{shown[: limit - 1].rstrip()}…")


def words(
    at: Point, text: str, *, size: float = 12, fill: str = "#1f2430", weight: int = 400, anchor: str = "start",
    italic: bool = False, limit: int = 200, halo: bool = False,
) -> str:  # fmt: skip
    """One line of text; ``halo`` puts a white rim around the letters where they cross a line."""
    more = ' font-style="italic"' if italic else ""
    more += ' paint-order="stroke" stroke="#fff" stroke-width="4" stroke-linejoin="round"' if halo else ""
    return (
        f'<text x="{at[0]:g}" y="{at[1]:g}" font-size="{size:g}" font-weight="{weight}" fill="{fill}" '
        f'text-anchor="{anchor}"{more}>{clean(text, limit)}</text>'
    )


def box(
    at: Point, size: Point, *, fill: str = "#fff", stroke: str = "#1f2430", width: float = 1.4, dash: str = "",
    radius: float = 8,
) -> str:  # fmt: skip
    """A rounded rectangle with its upper left corner at ``at``."""
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<rect x="{at[0]:g}" y="{at[1]:g}" width="{size[0]:g}" height="{size[1]:g}" rx="{radius:g}" '
        f'fill="{fill}" stroke="{stroke}" stroke-width="{width:g}"{dashes}/>'
    )


def outline(points: Iterable[Point], *, fill: str, stroke: str, width: float = 1.6, dash: str = "") -> str:
    """A closed polygon."""
    path = " ".join(f"{x:g},{y:g}" for x, y in points)
    return (
        f'<polygon points="{path}" fill="{fill}" stroke="{stroke}" stroke-width="{width:g}" '
        f'stroke-dasharray="{dash}" stroke-linejoin="round"/>'
    )


def line(points: Iterable[Point], *, stroke: str, width: float, dash: str = "", both: bool = False) -> str:
    """A line through points with an arrow head at its end, drawn by hand so that no marker ids can clash on a page."""
    way = list(points)
    path = " ".join(f"{x:g},{y:g}" for x, y in way)
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    heads = _head(way[-2], way[-1], stroke) + (_head(way[1], way[0], stroke) if both else "")
    return (
        f'<polyline points="{path}" fill="none" stroke="{stroke}" stroke-width="{width:g}" '
        f'stroke-linejoin="round"{dashes}/>{heads}'
    )


def _head(start: Point, tip: Point, fill: str) -> str:
    length = ((tip[0] - start[0]) ** 2 + (tip[1] - start[1]) ** 2) ** 0.5 or 1.0
    ux, uy = (tip[0] - start[0]) / length, (tip[1] - start[1]) / length
    bx, by = tip[0] - 10 * ux, tip[1] - 10 * uy
    corners = (tip, (bx - 5 * uy, by + 5 * ux), (bx + 5 * uy, by - 5 * ux))
    return f'<polygon points="{" ".join(f"{x:g},{y:g}" for x, y in corners)}" fill="{fill}"/>'


def disc(at: Point, letter: str, *, fill: str, stroke: str) -> str:
    """A letter in a circle: the name of a flow."""
    return f'<circle cx="{at[0]:g}" cy="{at[1]:g}" r="12" fill="{fill}" stroke="{stroke}" stroke-width="1.6"/>' + words(
        (at[0], at[1] + 4.6), letter, size=13, weight=700, anchor="middle", fill=stroke
    )


def frame(size: Point, title: str, description: str, parts: Iterable[str]) -> str:
    """The document: scales by its viewBox, names itself for screen readers, holds no script and loads nothing."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size[0]:g} {size[1]:g}" role="img" '
        f'font-family="{FONT}" style="max-width:100%;height:auto;background:#fff">'
        f"<title>{clean(title)}</title><desc>{clean(description, 2000)}</desc>"
        f'<rect width="{size[0]:g}" height="{size[1]:g}" fill="#fff"/>{"".join(parts)}</svg>'
    )
