"""The text form of protobuf messages: fields with their paths, read without a schema.

Source: the protobuf text format specification: comments, strings in pieces, both kinds of brackets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from momus.methods.artifacts.report import Job, Region, TooMuch

_TOKEN = re.compile(
    r"""(?P<skip>[\s,;]+|\#[^\n]*)|(?P<open>[{<])|(?P<close>[}>])|(?P<list>[\[\]])|(?P<colon>:)"""
    r"""|(?P<text>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')|(?P<word>[\w.+\-/]+)""",
    re.S,
)
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{1,2}|[0-7]{1,3}|u[0-9a-fA-F]{4}|.)", re.S)
_MOST = 5_000_000


class NotText(Exception):
    """The text is no message; the argument says where it stops."""


def _plain(token: str) -> str:
    def value(match: re.Match[str]) -> str:
        what = match[1]
        if what[0] in "xu":
            return chr(int(what[1:], 16)) if len(what) > 1 else what
        if what[0] in "01234567":
            return chr(int(what, 8))
        return {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}.get(what, what)

    return _ESCAPE.sub(value, token[1:-1])


def entries(job: Job, content: Region) -> Iterator[tuple[tuple[str, ...], str, str | None, int]]:
    """(path of messages, field, value or None where a message starts, offset), in order."""
    if len(content) > job.limits.text:
        raise TooMuch(f"has more than {job.limits.text >> 20} MiB of text")
    text = content.take(0, len(content)).decode("utf-8", "replace")
    path: list[str] = []
    key, pending, at, count = "", None, 0, 0
    awaiting = False
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise NotText(f"at character {at:,}")
        count += 1
        if count % 4096 == 0:
            job.check_time()
            if count > _MOST:
                raise TooMuch(f"has more than {_MOST:,} words")
        kind, token = match.lastgroup, match[0]
        if kind == "text" and pending is not None and not awaiting:
            pending += _plain(token)  # neighbouring texts are one text
        elif kind != "skip":
            if pending is not None:
                yield tuple(path), key, pending, at
                pending = None
            if kind == "open":
                yield tuple(path), key, None, at
                path.append(key)
                awaiting = False
                if len(path) > 200:
                    raise TooMuch("nests more than 200 messages")
            elif kind == "close":
                if not path:
                    raise NotText(f"at character {at:,}")
                key = path.pop()
            elif kind == "colon":
                awaiting = True
            elif kind == "text":
                pending, awaiting = _plain(token), False
            elif kind == "word" and awaiting:
                yield tuple(path), key, token, at
                awaiting = False
            elif kind == "word":
                key = token
        at = match.end()
    if pending is not None:
        yield tuple(path), key, pending, at
    if path:
        raise NotText("it ends inside a message")
