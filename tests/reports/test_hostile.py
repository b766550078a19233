"""Every hostile string in every field of every record, through every renderer: shown as text and nothing more.

Each renderer gets reports in which every place holds another string; over all turns every place held every string. The
quick part makes some of the turns; the soak makes all.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import date
from functools import cache, partial
from pathlib import Path

import pytest

from momus.core.decisions import Waived
from momus.core.evidence import Attachment
from momus.reports import attachments, compare, csv_, html, json_, junit, markdown, sarif, terminal
from momus.reports.compare import compare_view
from momus.reports.view import ReportView
from momus.testing import hostile
from momus.testing import hostile_checks as check
from momus.testing.report_sample import sample_view, with_evidence

STRINGS = hostile.strings()
NAMES = tuple(STRINGS)


@cache
def complete() -> ReportView:
    """The sample with attached files, waivers and everything else that a report can have."""
    files = [
        Attachment(title="A film", note="n", name="film.gif", media="image/gif", data=b"GIF89a\1\0\1\0"),
        Attachment(title="A clip", note="n", name="clip.wav", media="audio/wav", data=b"RIFF"),
        Attachment(title="A table", note="n", name="rows.csv", media="text/csv", data=b"a,b"),
    ]
    view = sample_view()
    shown = [e for m in view.modes for f in m.findings if f.measurement for e in f.measurement.evidence]
    view = with_evidence(*shown, *files)
    waived = Waived(id="w1", system="s", mode="membership", reason="known", by="A. Person", until=date(2027, 3, 1))
    modes = tuple(m.model_copy(update={"waived": (waived,)}) if m.slug == "membership" else m for m in view.modes)
    return view.model_copy(update={"modes": modes})


PLACES = hostile.places(complete())


def turned(turn: int) -> ReportView:
    """Every place holds a string, the next place the next one; another turn, other strings."""
    made = {place: STRINGS[NAMES[(k + turn) % len(NAMES)]] for k, place in enumerate(PLACES)}
    view: ReportView = hostile.poisoned(complete(), made.get)
    return view


def alike(name: str) -> ReportView:
    """Every place holds the same string."""
    view: ReportView = hostile.poisoned(complete(), lambda _: STRINGS[name])
    return view


def _text(render: Callable[..., None], view: object, **more: object) -> str:
    out = io.StringIO(newline="")
    render(view, out, **more)
    return out.getvalue()


_TERMINAL = partial(_text, terminal.render, width=100, color=True)
_MARKDOWN = partial(_text, markdown.render)
_JUNIT = partial(_text, junit.render)


def _compared(render: Callable[..., None], view: ReportView, **more: object) -> str:
    return _text(render, compare_view(complete(), view), **more) + _text(render, compare_view(view, complete()), **more)


@cache
def _harmless(render: Callable[[ReportView], str]) -> tuple[str, ...]:
    """What the renderer makes of harmless words: one, several, a flood of them."""
    some = ("word", "Some: words and more words", "harmless " * 2000)
    words = [hostile.poisoned(complete(), lambda _, w=word: w) for word in some]
    return tuple(render(view) for view in (sample_view(), complete(), *words))


def _page_of_change(view: ReportView) -> str:
    out = io.StringIO()
    html.render_compare(compare_view(complete(), view), out)
    return out.getvalue()


def _markdown_of_change(view: ReportView) -> str:
    return _text(compare.render_markdown, compare_view(complete(), view))


CHECKS: dict[str, Callable[[ReportView], list[str]]] = {
    "terminal": lambda v: check.terminal(_TERMINAL(v)),
    "narrow": lambda v: check.terminal(_text(terminal.render, v, width=60, color=False)),
    "page": lambda v: check.html(html.page(v), _harmless(html.page)),
    "markdown": lambda v: check.markdown(_MARKDOWN(v), _harmless(_MARKDOWN)),
    "json": lambda v: check.plain_json(json_.dumps(v)),
    "csv": lambda v: check.sheet(_text(csv_.render, v).removeprefix("\ufeff")),
    "sarif": lambda v: check.plain_json(_text(sarif.render_all, v)),
    "junit": lambda v: check.xml(_JUNIT(v), _harmless(_JUNIT)),
    "change": lambda v: check.terminal(_compared(compare.render_terminal, v, width=90, color=True)),
    "page of change": lambda v: check.html(_page_of_change(v), _harmless(_page_of_change)),
    "markdown of change": lambda v: check.markdown(_markdown_of_change(v), _harmless(_markdown_of_change)),
}
# The quick part takes turns that are far apart; together with the soak each place holds each string once.
SOME = range(0, len(NAMES), 13)


@pytest.mark.parametrize("renderer", CHECKS)
def test_every_place_holds_a_hostile_string(renderer: str) -> None:
    assert len(PLACES) > 110 and len(NAMES) > 60
    wrong = {turn: found for turn in SOME if (found := CHECKS[renderer](turned(turn)))}
    assert not wrong


@pytest.mark.parametrize("renderer", CHECKS)
def test_one_string_in_all_places(renderer: str) -> None:
    some = ("script", "breakout double", "rich", "title", "workflow", "next cell", "md block", "surrogate", "blank")
    wrong = {name: found for name in some if (found := CHECKS[renderer](alike(name)))}
    assert not wrong


@pytest.mark.soak
@pytest.mark.parametrize("renderer", CHECKS)
def test_every_string_in_every_place(renderer: str) -> None:
    views = [*(turned(k) for k in range(len(NAMES))), *(alike(name) for name in NAMES)]
    wrong = [found for view in views if (found := CHECKS[renderer](view))]
    assert not wrong


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("long", "long words")])
def test_files_stay_in_their_folder(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    written = attachments.save(alike(name), folder)
    assert len(written) == 3 and not check.files(folder, written)
    assert [p.name for p in tmp_path.iterdir()] == ["in"]


def test_a_string_that_is_taken_for_text_is_still_there_to_be_read() -> None:
    page = html.page(alike("script"))
    assert page.count("&lt;script&gt;top.hit=1;alert(1)&lt;/script&gt;") > 100


BROKEN: dict[str, tuple[Callable[[ReportView], list[str]], str]] = {
    "page": (lambda v: check.html(html.page(v).replace("&lt;", "<"), _harmless(html.page)), "script"),
    "attribute": (lambda v: check.html(html.page(v).replace("&#34;", '"'), _harmless(html.page)), "attribute"),
    "link": (
        lambda v: check.html(html.page(v).replace('href="#', f'href="{v.run.system}#'), _harmless(html.page)),
        "address",
    ),
    "terminal": (lambda v: check.terminal(_TERMINAL(v) + v.run.system), "title"),
    "log": (lambda v: check.terminal(_TERMINAL(v) + v.run.system), "workflow"),
    "markdown": (lambda v: check.markdown(f"{_MARKDOWN(v)}\n{v.run.system}", _harmless(_MARKDOWN)), "md image"),
    "mention": (lambda v: check.markdown(f"{_MARKDOWN(v)}\n{v.run.system}", _harmless(_MARKDOWN)), "mention"),
    "json": (lambda v: check.plain_json(json_.dumps(v).replace("\\u009b", "\x9b")), "clear"),
    "csv": (lambda v: check.sheet(_text(csv_.render, v).removeprefix("\ufeff").replace("'", "")), "at"),
    "cells": (lambda v: check.sheet(_text(csv_.render, v).replace('"', "")), "md table"),
    "junit": (lambda v: check.xml(_JUNIT(v).replace("&lt;", "<"), _harmless(_JUNIT)), "script"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_renderer_is_noticed(kind: str) -> None:
    inspect, name = BROKEN[kind]
    assert inspect(alike(name))


def test_a_file_outside_is_noticed(tmp_path: Path) -> None:
    outside = tmp_path / "evil"
    outside.write_text("x")
    (tmp_path / "in").mkdir()
    assert check.files(tmp_path / "in", [outside, tmp_path / "in" / ".." / "evil"])
