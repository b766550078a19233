"""The four renderers hold to the public contract."""

from __future__ import annotations

import io
import json
import re
from html.parser import HTMLParser

from momus.reports import html, json_, markdown, terminal
from momus.reports.view import ReportView
from momus.testing.report_contract import ReportContract, words


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []
        self.hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.hidden += tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self.hidden -= tag == "style"

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.text.append(data)


class TestTerminal(ReportContract):
    def render(self, view: ReportView) -> str:
        out = io.StringIO()
        terminal.render(view, out, width=100, color=False)
        return out.getvalue()


class TestMarkdown(ReportContract):
    def render(self, view: ReportView) -> str:
        out = io.StringIO()
        markdown.render(view, out)
        return out.getvalue()

    def read(self, text: str) -> str:
        return re.sub(r"\\([\\`*_\[\]#~!|])", r"\1", text).replace("\u200b", "")

    def markup(self, text: str) -> str:
        return re.sub(r"`[^`]*`", "", text)


class TestJson(ReportContract):
    def render(self, view: ReportView) -> str:
        return json_.dumps(view)

    def read(self, text: str) -> str:
        return "\n".join(words(json.loads(text)))


class TestHtml(ReportContract):
    def render(self, view: ReportView) -> str:
        return html.page(view)

    def read(self, text: str) -> str:
        reader = _Reader()
        reader.feed(text)
        return " ".join(reader.text)

    def markup(self, text: str) -> str:
        return text
