"""A row over many runs as a picture the size of a word: value, interval and limit, drawn here so that no script is
needed. Colours stand in the style sheet, under ``.spark``."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape

from momus.core.decisions import RowSummary
from momus.reports import wording

WIDTH, HEIGHT, EDGE = 150.0, 36.0, 5.0
Place = tuple[float, RowSummary]


def spark(points: Sequence[RowSummary]) -> Markup:
    """The row's points, oldest first. The line joins what one probe measured on one target; other runs are marks."""
    if not points:
        return Markup()
    newest = next((p for p in reversed(points) if p.value is not None), None)
    step = (WIDTH - 2 * EDGE) / max(1, len(points) - 1)
    # A single run stands at the right end, where the newest always is.
    first = WIDTH - EDGE - step * (len(points) - 1)
    places = [(round(first + i * step, 1), p) for i, p in enumerate(points)]
    same = [(x, p) for x, p in places if newest is not None and comparable(p, newest)]
    parts = [_lines(same)] if same else []
    parts += [
        f'<rect class="{_class(p)}" x="{x - 2:g}" y="{HEIGHT - 5:g}" width="4" height="4"/>'
        for x, p in places
        if not any(p is other for _, other in same)
    ]
    label = escape(describe(points))
    # Numbers, and words of ours: nothing in here can come from a user's string, and the label is escaped.
    return Markup(  # noqa: S704
        f'<svg class="spark" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="img" aria-label="{label}">{"".join(parts)}</svg>'
    )


def comparable(a: RowSummary, b: RowSummary) -> bool:
    """Whether two points may be joined: the same probe measured the same thing on the same target."""
    same = (a.probe, a.target, a.metric, a.worse) == (b.probe, b.target, b.metric, b.worse)
    return same and a.value is not None and b.value is not None


def describe(points: Sequence[RowSummary]) -> str:
    """The same in words, for those who do not see it."""
    said = [wording.WORDS.get(p.status, p.status) for p in points]  # type: ignore[call-overload]
    numbers = [
        f"{w} {wording.number(p.value, _width(p))}" if p.value is not None else w
        for w, p in zip(said, points, strict=True)
    ]
    shown = numbers[-8:]
    lead = (
        f"the last {len(shown)} of {len(points)} runs"
        if len(points) > len(shown)
        else wording.count(len(points), "run")
    )
    limit = points[-1].limit
    return f"{lead}, oldest first: {', '.join(shown)}" + (
        f"; limit {wording.number(limit)}" if limit is not None else ""
    )


def _lines(same: Sequence[Place]) -> str:
    marks = [v for _, p in same for v in (p.low, p.high, p.value, p.limit) if v is not None]
    low, high = min(marks), max(marks)
    span = (high - low) or 1.0

    def y(value: float | None, instead: float | None) -> float:
        at = value if value is not None else instead if instead is not None else low
        return round(EDGE + (HEIGHT - 2 * EDGE) * (1 - (at - low) / span), 1)

    parts = []
    limit, worse = same[-1][1].limit, same[-1][1].worse
    if limit is not None:
        at = y(limit, None)
        top, bottom = (0.0, at) if worse == "higher" else (at, HEIGHT)
        parts.append(f'<rect class="beyond" x="0" y="{top:g}" width="{WIDTH:g}" height="{bottom - top:g}"/>')
        parts.append(f'<line class="limit" x1="0" x2="{WIDTH:g}" y1="{at:g}" y2="{at:g}"/>')
    ups = [(x, y(p.high, p.value)) for x, p in same]
    downs = [(x, y(p.low, p.value)) for x, p in reversed(same)]
    if len(same) > 1:
        parts.append(f'<polygon class="band" points="{_points([*ups, *downs])}"/>')
        parts.append(f'<polyline class="line" points="{_points([(x, y(p.value, None)) for x, p in same])}"/>')
    else:
        (x, top_end), (_, bottom_end) = ups[0], downs[0]
        parts.append(f'<line class="bar" x1="{x:g}" x2="{x:g}" y1="{top_end:g}" y2="{bottom_end:g}"/>')
    radius = 2.6 if len(same) <= 20 else 1.6
    parts += [f'<circle class="{_class(p)}" cx="{x:g}" cy="{y(p.value, None):g}" r="{radius}"/>' for x, p in same]
    return "".join(parts)


def _points(pairs: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in pairs)


def _class(p: RowSummary) -> str:
    status = p.status if p.status in wording.WORDS else "not_tested"
    return f"{status} {wording.severity(p.severity)}".strip()


def _width(p: RowSummary) -> float:
    return p.high - p.low if p.high is not None and p.low is not None else 0.0
