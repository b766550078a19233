"""Whether what was rendered from hostile records is still only text: each check reads the format as its reader would.

A check returns what it found wrong, one line each. Give the checks of pages and Markdown the same report rendered from
harmless records: whatever has elements, attributes or links that the harmless one lacks let a string become more.
"""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

_SGR = re.compile(r"\x1b\[[0-9;]*m")
# A build log obeys a line that begins like this.
_ORDERS = re.compile(r"(?:^\s*(?=::))(::[\w-]+)|(##\[|##vso\[|##teamcity\[)", re.M)
_ADDRESS = re.compile(r"#[^\s\"'<>]*|data:(image/(webp|png|gif)|audio/wav|[a-z]+/[a-z-]+);base64,[A-Za-z0-9+/=]*")
_EMBEDDABLE = re.compile(r"data:(image/(webp|png|gif)|audio/wav);base64,")
_LOADS = ("src", "href", "xlink:href", "action", "formaction", "poster", "srcset", "data", "background", "ping")


def controls(text: str, *, allow: str = "\n") -> list[str]:
    """Characters that a screen obeys or hides."""
    acting = {c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp", "Cn") and c not in allow}
    return [f"U+{ord(c):04X} reaches the reader" for c in sorted(acting)]


class _Shape(HTMLParser):
    """What a browser builds: elements, attributes, and what in them is no text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, tuple[tuple[str, str], ...]]] = []
        self.other: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple((k, v or "") for k, v in attrs)))

    def handle_comment(self, data: str) -> None:
        self.other.append(f"a comment: {data[:40]!r}")

    def handle_pi(self, data: str) -> None:
        self.other.append(f"an instruction: {data[:40]!r}")

    def unknown_decl(self, data: str) -> None:
        self.other.append(f"a declaration: {data[:40]!r}")


def _shape(page: str) -> _Shape:
    seen = _Shape()
    seen.feed(page)
    seen.close()
    return seen


def html(page: str, harmless: Iterable[str], *, local: bool = False) -> list[str]:
    """A page: nothing but elements and attributes that harmless pages have; no address leads out of it.

    ``local``: addresses on the same server, which begin with one slash, are the page's own.
    """
    seen = _shape(page)
    known = _known(tuple(harmless))
    wrong = [*seen.other, *controls(page)]
    for tag, pairs in seen.elements:
        named = dict(pairs)
        wrong += [f"<{tag} {name}>" for name in ("", *named) if (tag, name) not in known]
        for name, value in named.items():
            if name.startswith("on") or name == "style":
                wrong.append(f"<{tag} {name}={value[:40]!r}>")
            elif name in _LOADS and not _ours(tag, value, local):
                wrong.append(f"<{tag} {name}={value[:60]!r}> leads elsewhere")
            elif name == "class" and re.search(r"[^\w\s-]", value):
                wrong.append(f"<{tag} class={value[:40]!r}>")
    return list(dict.fromkeys(wrong))


@lru_cache(maxsize=16)
def _known(pages: tuple[str, ...]) -> frozenset[tuple[str, str]]:
    """The elements and attributes of harmless pages."""
    return frozenset((tag, k) for page in pages for tag, pairs in _shape(page).elements for k in ("", *dict(pairs)))


def _ours(tag: str, value: str, local: bool) -> bool:
    if local and re.fullmatch(r"/(?![/\\])[^\s\"'<>\\]*|[\w./?=&%~-]*", value):
        return True
    if tag == "a":
        return bool(_ADDRESS.fullmatch(value))
    return value.startswith("#") or bool(_EMBEDDABLE.match(value) and _ADDRESS.fullmatch(value))


def terminal(text: str) -> list[str]:
    """Output to a terminal: colours of ours and lines, no other order, and none that a build log would obey."""
    return [*controls(_SGR.sub("", text)), *_orders(_SGR.sub("", text))]


def _orders(text: str) -> list[str]:
    return [f"a build log would obey {(m[1] or m[2])!r}" for m in _ORDERS.finditer(text)]


def markdown(text: str, harmless: Iterable[str]) -> list[str]:
    """Markdown as a page that hosts code shows it: the same kinds of blocks, no address, image, tag or mention."""
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    known = {_kind(t) for other in harmless for t in _tokens(reader.parse(other))}
    tokens = list(_tokens(reader.parse(text)))
    wrong = [f"a {_kind(t)}: {t.content[:60]!r}" for t in tokens if _kind(t) not in known]
    for t in (t for t in tokens if t.type == "text"):
        wrong += [f"notifies {m[0]!r}" for m in re.finditer(r"(?<![\w`])@\w+", t.content)]
    # A page that hosts code links an address that the source holds as one; not in code, and a link of ours is no other.
    bare = re.sub(r"`[^`\n]*`|\]\(https://[\w./#-]*\)", "", text)
    wrong += [f"is linked: {m[0]!r}" for m in re.finditer(r"https?://\S+|www\.\w\S*", bare)]
    return list(dict.fromkeys([*wrong, *controls(text, allow="\n\u200b"), *_orders(text)]))


def _tokens(tokens: Iterable[Any]) -> Iterator[Any]:
    for t in tokens:
        yield t
        yield from _tokens(t.children or ())


def _kind(token: Any) -> str:
    """What a token is; markup and addresses by their content, since one of ours does not excuse another."""
    if token.type in ("html_block", "html_inline"):
        tags = re.findall(r"<!--.*?-->|<[^>]*>?", token.content, re.S)
        return f"html {sorted({re.sub(r'<!-- momus:[a-z0-9-]+ -->', '<!-- ours -->', t) for t in tags})}"
    if token.type == "link_open":
        return f"link {re.sub(r'M[0-9]{2}', 'M', str(token.attrGet('href')))}"
    return str(token.type) + str(token.tag)


def sheet(text: str) -> list[str]:
    """A CSV, read with each separator that a spreadsheet may be set to."""
    wrong = [] if len({len(row) for row in _cells(text, ",")}) == 1 else ["a line has more or fewer cells than others"]
    for separator in ",;\t":
        for cell in (c for row in _cells(text, separator) for c in row):
            bare = cell.lstrip(' "\t\r\n\0\ufeff\u200b')
            if bare[:1] in ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20") and not _number(bare):
                wrong.append(f"a formula, cells cut at {separator!r}: {cell[:60]!r}")
    return [*wrong, *controls(text, allow="\r\n")]


def _cells(text: str, separator: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))


def _number(text: str) -> bool:
    try:
        float(text.rstrip('"'))
    except ValueError:
        return False
    return True


def plain_json(text: str) -> list[str]:
    """JSON that can be read back, and that controls no terminal on its way."""
    try:
        json.loads(text)
    except ValueError as error:
        return [f"no JSON: {error}"]
    return controls(text)


def xml(text: str, harmless: Iterable[str]) -> list[str]:
    """XML that can be read, with the elements and attributes of harmless ones and nothing declared."""
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        return ["declares something"]
    try:
        root = ET.fromstring(text)  # noqa: S314 - declarations were refused above
    except ET.ParseError as error:
        return [f"no XML: {error}"]
    known = {(e.tag, k) for other in harmless for e in ET.fromstring(other).iter() for k in ("", *e.attrib)}  # noqa: S314
    found = [(e.tag, k) for e in root.iter() for k in ("", *e.attrib)]
    return [*(f"<{tag} {k}>" for tag, k in found if (tag, k) not in known), *controls(text, allow="\n\t")]


def files(folder: Path, written: Iterable[Path]) -> list[str]:
    """Files that lie in their folder under names that every system takes for one."""
    wrong = []
    for path in written:
        inside = path.resolve().parent == folder.resolve()
        named = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,220}", path.name) and not path.name.endswith(".")
        if not inside or not named or not path.is_file():
            wrong.append(f"{path} leaves its folder or has a name with a meaning")
    return wrong
