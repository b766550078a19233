"""Every kind of plot draws, twice the same, with its words as text and hostile names as words."""

from __future__ import annotations

import subprocess
import sys
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
    assert "currentColor" in one and plots._INK not in one
    assert "DejaVu" not in one and "<style" not in one
    assert len(one) < 20_000


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
    for e in ET.fromstring(svg).iter():
        if (
            e.tag.endswith("path")
            and plots.PALETTE[0] in (e.get("style") or "")
            and "stroke:" in (e.get("style") or "")
        ):
            return str(e.get("d")).replace("\n", " ").strip()
    raise AssertionError("no line was drawn")


def test_a_band_is_drawn_only_where_there_is_one() -> None:
    bare = Series(title="t", x_label="x", y_label="y", lines=(Line(name="n", x=(0, 1), y=(0, 1)),))
    band = Series(
        title="t", x_label="x", y_label="y", lines=(Line(name="n", x=(0, 1), y=(0, 1), low=(0, 0), high=(1, 1)),)
    )
    assert "opacity: 0.18" not in plots.draw(bare, "p")
    assert "opacity: 0.18" in plots.draw(band, "p")


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


def test_many_points_do_not_make_a_heavy_page() -> None:
    n = 20_000
    line = Line(name="n", x=tuple(range(n)), y=tuple((i * 7919 % 1000) / 1000 for i in range(n)))
    assert len(plots.draw(Series(title="t", x_label="x", y_label="y", lines=(line,)), "p")) < 25_000


def test_matplotlib_is_left_as_it_was_and_loaded_late() -> None:
    code = (
        "import sys, momus.reports, momus.reports.html, momus.reports.terminal\n"
        "assert not any(m.split('.')[0] == 'matplotlib' for m in sys.modules), 'matplotlib came with the import'\n"
        "import matplotlib\n"
        "read = lambda: {k: matplotlib.rcParams[k] for k in matplotlib.rcParams if k != 'backend'}\n"
        "before = read()\n"
        "from momus.reports import plots; from momus.testing.report_evidence import evidence\n"
        "plots.draw(evidence()['shift'][0], 'p')\n"
        "assert read() == before\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
