"""Reads momus.yaml into a SystemCard. Every problem of the card is reported, each with its line and column."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from momus.card.explain import explain, position
from momus.card.schema import SystemCard
from momus.card.yaml_ import MAX_BYTES, VARIABLE, Document, Keys, read_yaml
from momus.core.errors import CardError


class CardProblems(CardError):
    """Everything that is wrong with one card; prints one line a problem."""

    def __init__(self, problems: tuple[CardError, ...]) -> None:
        self.problems = problems
        first = problems[0]
        super().__init__(first.message, code=first.code, place=first.place, hint=first.hint)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)

    def __reduce__(self) -> tuple[object, ...]:
        return (CardProblems, (self.problems,))


@dataclass(frozen=True)
class Source:
    """Where a card came from: its text, its plain content before expansion, and the place of every key."""

    path: Path | None
    base: Path
    text: str
    raw: Any
    document: Document

    @property
    def digest(self) -> str:
        plain = json.dumps(self.raw, sort_keys=True, separators=(",", ":"), default=str)
        return hashlib.sha256(plain.encode(errors="surrogatepass")).hexdigest()

    def place(self, keys: Keys) -> str:
        return self.document.place(keys)


def load_card(path: str | os.PathLike[str]) -> SystemCard:
    """The card in a YAML file (or in ``momus.yaml`` of a folder).

    Loads no model, runs no code, opens no data file. ``${NAME}`` in a value is replaced from the environment.

    Raises
    ------
    CardError
        The file cannot be read, is no YAML, or breaks the schema; :class:`CardProblems` lists all problems.
    """
    file = card_file(path)
    return card_of_text(card_text(file), path=file)


def card_file(path: str | os.PathLike[str]) -> Path:
    """The file meant by a path: a folder stands for the ``momus.yaml`` in it."""
    file = Path(path)
    return file / "momus.yaml" if file.is_dir() else file


def card_of_text(
    text: str,
    *,
    path: Path | None = None,
    base: Path | None = None,
    keep_variables: bool = False,
    environment: Mapping[str, str] | None = None,
    name: str = "card",
) -> SystemCard:
    """The card in a YAML text. ``path`` or ``name`` names it in errors; relative paths are meant from ``base`` or the
    folder of ``path``.

    ``keep_variables`` leaves an unset ``${NAME}`` as written instead of raising: for a stored card that is only judged
    or shown again, where the environment of its run is gone. ``environment`` takes the place of the process's own: an
    empty one where a card that somebody else wrote must not read what this process was started with.
    """
    document = read_yaml(text, str(path) if path else name)
    home = base or (path.parent if path else Path())
    known = os.environ if environment is None else environment
    return _build(document, path=path, base=home, text=text, strict=not keep_variables, known=known)


def card_of_dict(raw: Mapping[str, Any], base: Path) -> SystemCard:
    """The card from plain values; places in errors are key names, as there are no lines."""
    text = json.dumps(raw, indent=1, default=str)
    plain = json.loads(text) if isinstance(raw, Mapping) else raw
    return _build(_Keyed("card", plain), path=None, base=base, text=text)


class _Keyed(Document):
    """A document without lines: ``card: targets[0].path``."""

    def place(self, keys: Keys, *, of_key: bool = False) -> str:
        said = "".join(f"[{k}]" if isinstance(k, int) else f".{k}" for k in keys).lstrip(".")
        return f"{self.name}: {said}" if said else self.name


def card_text(file: Path) -> str:
    """The text of a card's file. CardError in one line for what can be wrong with a file."""
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
        return content.decode("utf-8-sig")
    except FileNotFoundError:
        raise CardError(
            "there is no such card", code="card/missing", place=str(file), hint="Start one with: momus init MODEL_FILE"
        ) from None
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        raise CardError(
            "the card is not UTF-8 text", code="card/encoding", place=f"{file}:{line}:{column}", hint="Save it as UTF-8"
        ) from None
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else str(error)
        raise CardError(
            f"the card cannot be read: {said}", code="card/unreadable", place=str(file), hint="Check path and rights"
        ) from None


def _build(
    document: Document,
    *,
    path: Path | None,
    base: Path,
    text: str,
    strict: bool = True,
    known: Mapping[str, str] = os.environ,
) -> SystemCard:
    raw = document.value
    problems = list(document.problems)
    if not isinstance(raw, Mapping):
        problems.append(
            CardError(
                "a card is a list of keys such as 'system: my-model'", code="card/wrong-type",
                place=document.place(()), hint="See docs/card.md for the smallest card",
            )
        )  # fmt: skip
        raise CardProblems(tuple(problems))
    missing: list[CardError] = []
    expanded = _expand(raw, (), document, missing, known)
    problems += missing if strict else []
    try:
        card = SystemCard.model_validate(expanded)
    except ValidationError as error:
        # What is already known to be wrong at a place would only be said a second time, in other words.
        told = {problem.place for problem in problems}
        problems += [problem for problem in explain(error, raw, document) if problem.place not in told]
    if problems:
        raise CardProblems(tuple(sorted(problems, key=position)))
    card._source = Source(path=path, base=base, text=text, raw=raw, document=document)
    return card


def _expand(value: Any, keys: Keys, document: Document, problems: list[CardError], known: Mapping[str, str]) -> Any:
    """``${NAME}`` replaced by what is known. Only values are expanded, never keys, and never a second time."""
    if isinstance(value, Mapping):
        return {k: _expand(v, (*keys, k), document, problems, known) for k, v in value.items()}
    if isinstance(value, list):
        return [_expand(v, (*keys, i), document, problems, known) for i, v in enumerate(value)]
    if not isinstance(value, str) or "${" not in value:
        return value
    problems += [
        CardError(
            f"the environment variable '{name}' is not set",
            code="card/missing-variable",
            place=document.place(keys),
            hint=f"Set it before the run: export {name}=…",
        )
        for name in VARIABLE.findall(value)
        if name not in known
    ]
    return VARIABLE.sub(lambda m: known.get(m[1], m[0]), value)
