"""Every kind of plot draws, twice the same, with its words as text and hostile names as words."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from momus.core.evidence import Bars, Grid, Line, Series
from momus.reports import plots
from momus.testing.report_evidence import evidence
from momus.testing.report_sample import HOSTILE

SERIES, BARS, GRID = evidence()["perturbation"][0], evidence()["shift"][0], evidence()["corruption"][0]


def _text(svg: str) -> str:
    return " ".join("".join(e.itertext()) for e in ET.fromstring(svg).iter() if e.tag.endswith("text"))


@pytest.mark.parametrize("e", [SERIES, BARS, GRID], ids=lambda e: e.kind)
def test_draws_the_same_twice_in_the_colour_of_the_page(e: Series | Bars | Grid) -> None:
    one = plots.draw(e, "p")
    assert one == plots.draw(e, "p")
    assert "style" not in one and "fill=" not in one  # ink and faces are the page's, in its style sheet
    assert len(one) < 5_000


@pytest.mark.parametrize(
    ("e", "words"),
    [
        (SERIES, ("accuracy", "epsilon (share of the pixel range)", "pgd, 40 steps", "random noise of the same size")),
        (BARS, ("north", "overseas", "0.21", "error")),
        (GRID, ("gaussian noise", "jpeg compression", "0.98", "share of clean accuracy")),
    ],
    ids=["series", "bars", "grid"],
)
def test_words_are_text(e: Series | Bars | Grid, words: tuple[str, ...]) -> None:
    text = _text(plots.draw(e, "p"))
    assert not [w for w in words if w not in text]


def test_a_line_runs_through_its_points() -> None:
    flat = plots.draw(Series(title="t", x_label="x", y_label="y", lines=(Line(name="n", x=(0, 1), y=(0.5, 0.5)),)), "p")
    steep = plots.draw(
        Series(title="t", x_label="x", y_label="y", lines=(Line(name="n", x=(0, 1), y=(0.1, 0.9)),)), "p"
    )
    ends = [
        [tuple(map(float, p.split())) for p in path.replace("M", "").split("L")] for path in (_path(flat), _path(steep))
    ]
    (_, y0), (_, y1) = ends[0]
    assert y0 == y1
    (x0, low), (x1, high) = ends[1]
    assert x1 > x0 and high < low  # up is less in SVG


def _path(svg: str) -> str:
    return next(str(e.get("d")) for e in ET.fromstring(svg).iter() if e.get("class") == "l k0")


def test_a_band_is_drawn_only_where_there_is_one() -> None:
    bare = Series(title="t", x_label="x", y_label="y", lines=(Line(name="n", x=(0, 1), y=(0, 1)),))
    band = Series(
        title="t", x_label="x", y_label="y", lines=(Line(name="n", x=(0, 1), y=(0, 1), low=(0, 0), high=(1, 1)),)
    )
    assert 'class="b k0"' not in plots.draw(bare, "p")
    assert 'class="b k0"' in plots.draw(band, "p")


def test_log_axes_say_so_in_plain_numbers() -> None:
    text = _text(plots.draw(evidence()["membership"][0], "p"))
    assert "0.001" in text and "0.01" in text and "$" not in text


@pytest.mark.parametrize(
    "e",
    [
        Series(title="", x_label="", y_label="", lines=()),
        Series(title="", x_label="", y_label="", lines=(Line(name="", x=(), y=()),)),
        Series(title="", x_label="x", y_label="y", log_x=True, log_y=True, lines=(Line(name="n", x=(0, 1), y=(0, 0)),)),
        Series(title="", x_label="x", y_label="y", lines=(Line(name="n", x=(1,), y=(2,), low=(1, 2), high=(3,)),)),
        Bars(title="", y_label="", names=(), values=()),
        Bars(title="", y_label="", names=("a",), values=(1e9,), low=(0,), high=(2e9,)),
        Grid(title="", rows=(), columns=(), values=(), value_label=""),
        Grid(title="", rows=("a",), columns=("b",), values=((1,),), value_label="v"),
        Grid(title="", rows=("a", "b"), columns=("b", "c"), values=((1,), (2, 3)), value_label="v"),
    ],
)
def test_odd_evidence_still_draws(e: Series | Bars | Grid) -> None:
    assert plots.draw(e, "p").startswith("<svg")


def test_hostile_names_are_words_and_no_formula() -> None:
    name = HOSTILE + r"$\frac{1}{"
    for e in (
        Series(
            title=name,
            x_label=name,
            y_label=name,
            lines=(Line(name=name, x=(0, 1), y=(0, 1)), Line(name="b", x=(0, 1), y=(1, 0))),
        ),
        Bars(title=name, y_label=name, names=(name, "$x$"), values=(1, 2)),
        Grid(title=name, rows=(name,), columns=("$y$",), values=((1,),), value_label=name),
    ):
        svg = plots.draw(e, "p")
        assert "<script" not in svg and "\u202e" not in svg and "\x1b" not in svg
        assert len(svg) < 30_000


def test_many_points_do_not_make_a_heavy_page_and_no_peak_is_lost() -> None:
    n = 20_000
    values = [(i * 7919 % 1000) / 2000 for i in range(n)]
    values[12_345] = 1.0
    line = Line(name="n", x=tuple(range(n)), y=tuple(values))
    drawn = plots.draw(Series(title="t", x_label="x", y_label="y", lines=(line,)), "p")
    assert len(drawn) < 6_000
    heights = [float(p.split()[1]) for p in _path(drawn).replace("M", "").split("L")]
    assert sorted(heights)[0] < sorted(heights)[1] - 50, "the one peak is not drawn"
    many = Series(title="t", x_label="x", y_label="y", lines=(line,) * 8)
    assert len(plots.draw(many, "p")) < 24_000


def test_a_logarithm_has_no_place_for_zero() -> None:
    line = Line(name="n", x=(1, 2, 3, 4, 5), y=(1, 10, 0, 10, 1))
    drawn = plots.draw(Series(title="t", x_label="x", y_label="y", lines=(line,), log_y=True), "p")
    assert _path(drawn).count("M") == 2, "the line runs on through a value that cannot be shown"


@pytest.mark.parametrize("values", [(-1e308, 1e308), (1e-320, 1.0), (7.0, 7.0), (1e12, 1e12 + 1), (-5.0, -4.0)])
@pytest.mark.parametrize("log", [False, True])
def test_any_numbers_give_places_within_the_picture(values: tuple[float, float], log: bool) -> None:
    lines = (Line(name="n", x=(0.5, 1), y=values),)
    series = Series(title="t", x_label="x", y_label="y", lines=lines, log_x=log, log_y=log)
    bars = Bars(title="t", y_label="y", names=("a", "b"), values=values)
    grid = Grid(title="t", rows=("r",), columns=("a", "b"), values=(values,), value_label="v")
    for e in (series, bars, grid):
        root = ET.fromstring(plots.draw(e, "p"))
        high = float(str(root.get("viewBox")).split()[3])
        places = [(float(t.get("x", 0)), float(t.get("y", 0))) for t in root.iter() if t.tag.endswith("text")]
        assert all(-1 <= x <= plots.WIDTH and 0 <= y <= high for x, y in places), places


def test_the_page_has_a_rule_for_each_class_of_a_plot() -> None:
    rules = (Path(plots.__file__).parent / "templates" / "style.css").read_text()
    lines = tuple(Line(name=str(i), x=(0, 1), y=(0, i), low=(0, 0), high=(1, 1), dashed=i == 7) for i in range(8))
    drawn = plots.draw(Series(title="t", x_label="x", y_label="y", lines=lines), "p") + "".join(
        plots.draw(e, "p") for e in (SERIES, BARS, GRID)
    )
    used = {name for names in re.findall(r'class="([^"]+)"', drawn) for name in names.split()}
    assert len(used) > 15 and not [name for name in used if f".{name} {{" not in rules]
