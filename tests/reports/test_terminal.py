"""The terminal report: always 17 lines of one line each, at any width, with and without colour."""

from __future__ import annotations

import io
import re

import pytest
from rich.cells import cell_len

from momus.reports import terminal
from momus.reports.view import ReportView
from momus.testing.report_sample import hostile_view, sample_view


def shown(view: ReportView, **options: object) -> str:
    out = io.StringIO()
    terminal.render(view, out, **options)  # type: ignore[arg-type]
    return out.getvalue()


@pytest.mark.parametrize("width", [60, 80, 100, 140])
@pytest.mark.parametrize("view", [sample_view(), hostile_view()], ids=["sample", "hostile"])
def test_seventeen_lines_that_fit(view: ReportView, width: int) -> None:
    lines = shown(view, width=width, color=False).split("\n")
    rows = [x for x in lines if re.match(r"M\d\d [a-z]", x)]
    assert len(rows) == 17
    commands = [x for x in lines if "momus assess" in x]
    assert [x for x in lines if cell_len(x) > width and x not in commands] == []
    assert not [x for x in lines if x != x.rstrip()]


def test_a_row_says_it_all_in_one_line() -> None:
    row = next(x for x in shown(sample_view(), width=100).split("\n") if x.startswith("M04"))
    assert row.split() == (
        [
            "M04",
            "membership",
            "FAIL",
            "critical",
            "tpr@1%fpr",
            "0.31",
            "[0.29,",
            "0.33]",
            ">",
            "0.05",
            "n=2000",
            "membership.shadow",
        ]
    )


def test_not_tested_says_why_and_how_to_close() -> None:
    text = shown(sample_view(), width=100)
    assert "NOT TESTED      needs Gradients: Add targets[0].factory" in text
    assert "M10: waived by a.person until 2027-06-30: trained in-house. Remove the waiver" in text


def test_a_remedy_that_many_wait_for_is_said_once() -> None:
    view = sample_view()
    modes = []
    for m in view.modes:
        gaps = tuple(g.model_copy(update={"detail": "no probe", "how_to_close": f"see {m.id}"}) for g in m.gaps)
        modes.append(m.model_copy(update={"gaps": gaps}))
    text = shown(view.model_copy(update={"modes": tuple(modes)}), width=100)
    assert "M02 M03 M05 M06 M08 M10 M11 M15: no probe. see ID\n" in text


def test_the_three_worst_say_what_to_do() -> None:
    text = shown(sample_view(), width=100)
    first = text.index("Look at these first")
    part = text[first : text.index("Not tested, and how")]
    assert [m for m in re.findall(r"M\d\d", part) if m in ("M04", "M09", "M01")] == ["M04", "M09", "M01"]
    assert "Return labels or rounded probabilities" in part and "AML.M0014" in part
    assert "momus assess momus.yaml --only supply_chain.artifacts --seed 7 --fresh" in part


def test_a_command_is_never_broken_over_lines() -> None:
    assert "momus assess momus.yaml --only perturbation.pgd --seed 7 --fresh\n" in shown(sample_view(), width=40)


def test_plain_when_piped_and_words_beside_colour() -> None:
    plain = shown(sample_view())
    assert "\x1b" not in plain
    coloured = shown(sample_view(), width=100, color=True)
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == shown(sample_view(), width=100)


def test_colour_of_ours_only(monkeypatch: pytest.MonkeyPatch) -> None:
    coloured = shown(hostile_view(), width=100, color=True)
    assert set(re.findall(r"\x1b[^m]*m?", coloured)) <= set(re.findall(r"\x1b\[[0-9;]*m", coloured))
    assert "\x1b[31mred" not in coloured and "\x07" not in coloured


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = Screen()
    terminal.render(sample_view(), out, width=100)
    assert re.search(r"\x1b\[[0-9;]*3[0-7]", out.getvalue())
    monkeypatch.setenv("NO_COLOR", "1")
    out = Screen()
    terminal.render(sample_view(), out, width=100)
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]", out.getvalue())


def test_a_screen_without_unicode_gets_ascii() -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    terminal.render(sample_view(), out, width=60)
    out.flush()
    assert out.buffer.getvalue().decode("ascii").count("\nM") >= 17  # type: ignore[attr-defined]


def test_wide_characters_are_counted() -> None:
    view = sample_view()
    m = view.mode("poisoning")
    gap = m.gaps[0].model_copy(update={"detail": "模" * 80})
    changed = m.model_copy(update={"gaps": (gap,)})
    view = view.model_copy(update={"modes": tuple(changed if x.id == m.id else x for x in view.modes)})
    assert all(cell_len(x) <= 80 for x in shown(view, width=80).split("\n"))


def test_to_rich_is_the_same_report() -> None:
    assert "M17 incomplete_testing" in terminal.to_rich(sample_view()).plain
