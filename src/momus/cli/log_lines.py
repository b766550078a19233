"""Keeps what is printed from commanding a build server. Runners obey lines such as ``::add-mask::`` or ``##[error]``,
whoever printed them, and names of systems, targets and files come from files that may be hostile."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# GitHub reads '::word' where a line begins, behind any blanks, and '##[word' anywhere in it.
_BEGIN = re.compile(r"^([^\S\r\n]*):(?=:)|(?<=[\r\n])([^\S\r\n]*):(?=:)")
_WITHIN = re.compile(r"#(?=#(?:\[|vso\[|teamcity\[))")
_OPEN = re.compile(r"[^\S\r\n]*:?")


def quiet(text: str) -> str:
    """The text with a blank in every word that a runner would obey; ``text`` begins a line."""
    return _WITHIN.sub("# ", _BEGIN.sub(r"\1\2: ", text))


class QuietLines:
    """A text stream that writes to another what no runner obeys."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._line = ""  # what the line under way has so far, if a command could still begin there; "." if not

    def write(self, text: str) -> int:
        joined = self._line + text
        self._stream.write(quiet(joined)[len(self._line) :])
        last = re.split(r"[\r\n]", joined)[-1]
        self._line = last if _OPEN.fullmatch(last) else "."
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def guarded() -> Iterator[None]:
    """Inside, standard output and error command no runner."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = QuietLines(before[0]), QuietLines(before[1])
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
