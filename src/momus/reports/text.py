"""Makes strings that a user, a model or an attacker wrote harmless: on a terminal, in Markdown, in a picture.

A terminal obeys escape sequences, a Markdown page obeys pipes and angle brackets, and every screen obeys Unicode's
direction overrides (the 'Trojan Source' trick, arXiv:2111.00169). Names of columns, classes and files reach us from
files that may be hostile, so every string passes through here on its way out. What holds for
any line is in `core.text`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TextIO

from momus.core.text import HIDDEN, clean, orderless, shorten

__all__ = [
    "Out", "clean", "clean_block", "encodable", "markdown", "markdown_code", "opened", "orderless", "shorten",
    "visible",
]  # fmt: skip

Out = TextIO | Path | str

_MARKDOWN: dict[int, str] = {ord(c): f"\\{c}" for c in "\\`*_[]#~!|"} | {
    ord("<"): "&lt;",
    ord(">"): "&gt;",
    ord("&"): "&amp;",
}

_PLAIN: dict[int, str] = {
    ord(c): p for c, p in {"…": "~", "·": "-", "–": "-", "≤": "<=", "≥": ">=", "×": "x", "→": ">"}.items()
}


def clean_block(text: object, most_lines: int = 60, most_columns: int = 200) -> str:
    """Several lines, each cleaned by making hidden characters visible: evidence must show what an attacker hid."""
    lines = str(text).replace("\r\n", "\n").split("\n")
    shown = [shorten(visible(line.expandtabs(4)), most_columns) for line in lines[:most_lines]]
    if len(lines) > most_lines:
        shown.append(f"… {len(lines) - most_lines} more lines")
    return "\n".join(shown)


def visible(text: object) -> str:
    """The text with every hidden character written out as an escape, ``\\x1b`` or ``\\u202e``."""
    s = str(text)
    return s if s.isprintable() else "".join(c if unicodedata.category(c) not in HIDDEN else _spelled(c) for c in s)


def _spelled(c: str) -> str:
    point = ord(c)
    return f"\\x{point:02x}" if point < 0x100 else f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"


def markdown(text: object, most: int = 400) -> str:
    """Text that Markdown shows as written: no table cell, tag, link, mention or heading can come out of it."""
    s = clean(text, most).translate(_MARKDOWN)
    # A zero-width space keeps hosted pages from notifying @someone; the entity keeps them from linking a bare address.
    return s.replace("@", "@\u200b").replace("://", "&#58;//").replace("www.", "www&#46;")


def markdown_code(text: object, most: int = 200) -> str:
    """Text in a Markdown code span that is not left before its end."""
    return "`" + clean(text, most).replace("`", "'").replace("|", "\\|") + "`"


@contextmanager
def opened(out: Out) -> Iterator[IO[str]]:
    """A stream to write to: ``out`` itself, or the file at that path, which appears only once it is complete."""
    if not isinstance(out, str | Path):
        yield out
        return
    path = Path(out)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        with open(partial, "w", encoding="utf-8", newline="\n") as stream:
            yield stream
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def encodable(text: str, stream: Any) -> str:
    """The text with what the stream's encoding lacks replaced by the nearest plain character, and without orders."""
    text = orderless(text)
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        plain = text.translate(_PLAIN)
        return plain.encode(encoding, "replace").decode(encoding)
    return text
