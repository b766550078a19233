"""Catalogue: what each detector is, in words, from the docstrings it was written with."""

from __future__ import annotations

import inspect
import re
import sys
from dataclasses import dataclass
from typing import Any, Literal

from momus.core.errors import NotFound
from momus.judge import default_limits
from momus.monitor.detector import fits
from momus.monitor.findings import PREFIX


@dataclass(frozen=True)
class Entry:
    """One detector. ``doc`` says what it sees and what it does not, ``options`` what can be set on the card."""

    probe: str
    mode: str
    summary: str
    doc: str
    options: str
    metric: str
    worse: Literal["lower", "higher"]
    cheap: bool
    limit: float | None
    because: str


def entries() -> tuple[Entry, ...]:
    """All detectors in the order of their names."""
    return tuple(map(entry, fits()))


def entry(name: str) -> Entry:
    """One detector, by its name or as ``monitor/name``. NotFound names the nearest."""
    from difflib import get_close_matches

    word, known = name.removeprefix(PREFIX), fits()
    if word not in known:
        near = get_close_matches(word, known, n=3, cutoff=0.4)
        hint = f"Did you mean {', '.join(PREFIX + n for n in near)}?" if near else "See: momus list detectors"
        raise NotFound(f"no detector '{name}'", hint=hint)
    fit = known[word]
    module = sys.modules[fit.__module__]
    classes = (c for c in vars(module).values() if inspect.isclass(c))
    made: Any = next(c for c in classes if getattr(c, "name", None) == word)
    about = inspect.cleandoc(module.__doc__ or "")
    doc = inspect.getdoc(made) or ""
    limit = default_limits().get(PREFIX + word)
    return Entry(
        probe=PREFIX + word,
        mode=word.partition(".")[0],
        summary=_sentence(about.partition("\n\n")[0].partition(": ")[2] or about),
        doc=_words("\n\n".join(part for part in (about.partition("\n\n")[2], _own(doc)) if part)),
        options=_words(_own(inspect.getdoc(fit) or "")),
        metric=made.metric,
        worse=made.worse,
        cheap=made.cheap,
        limit=None if limit is None else limit.value,
        because="" if limit is None else limit.reason,
    )


def _own(doc: str) -> str:
    """A docstring that is not a mere pointer."""
    return "" if doc.startswith("See the module") else doc


def _words(text: str) -> str:
    """Paragraphs, each one line, without the marks of a docstring."""
    plain = re.sub(r":\w+:`~?([^`]*)`", r"\1", text).replace("``", "")
    return "\n\n".join(" ".join(part.split()) for part in plain.split("\n\n"))


def _sentence(text: str) -> str:
    plain = _words(text)
    return plain[:1].upper() + plain[1:]
