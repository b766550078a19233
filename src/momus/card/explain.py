"""Schema errors in the user's words: place, what is wrong, and the nearest thing that would be right."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from momus.card.schema import SystemCard
from momus.card.shorthand import SHARED
from momus.card.yaml_ import VARIABLE, Document, Keys
from momus.core.errors import CardError

_LONG = 60


def explain(error: ValidationError, raw: Any, document: Document) -> list[CardError]:
    """One CardError per problem, each problem once."""
    found: dict[tuple[str, str, str], CardError] = {}
    for detail in error.errors(include_url=False, include_input=True):
        problem = _one(dict(detail), raw, document)
        found.setdefault((problem.place, problem.code, problem.message), problem)
    return list(found.values())


def position(problem: CardError) -> tuple[int, int]:
    """Line and column of a problem, to sort by."""
    parts = problem.place.rsplit(":", 2)
    return (int(parts[1]), int(parts[2])) if len(parts) == 3 and parts[1].isdigit() and parts[2].isdigit() else (0, 0)


def _one(detail: dict[str, Any], raw: Any, document: Document) -> CardError:
    kind: str = detail["type"]
    keys = _written(tuple(detail["loc"]), raw)
    name = next((str(k) for k in reversed(keys) if isinstance(k, str)), "card")
    if kind == "extra_forbidden":
        return _unknown_key(keys, document)
    if kind == "missing":
        parent = keys[:-1]
        return CardError(
            f"key '{detail['loc'][-1]}' is missing", code="card/missing-key", place=document.place(parent),
            hint=f"Add {detail['loc'][-1]}: …",
        )  # fmt: skip
    shown = _shown(_at(raw, keys))
    if kind == "literal_error":
        return _not_one_of(name, shown, detail, keys, document)
    if kind.startswith("card/"):
        secrets = _expanded(_at(raw, keys))
        message, _, hint = _masked(str(detail["msg"]), secrets).partition(". ")
        return CardError(message.rstrip("."), code=kind, place=document.place(keys), hint=hint)
    if isinstance(_at(raw, keys), Mapping | Sequence) and not isinstance(_at(raw, keys), str):
        shown = "a list" if isinstance(_at(raw, keys), list) else "a mapping"
    return CardError(
        f"{name} {shown} does not fit: {_plain(str(detail['msg']))}", code="card/invalid-value",
        place=document.place(keys), hint="Correct the value; docs/card.md has every key",
    )  # fmt: skip


def _expanded(value: Any) -> dict[str, str]:
    """Text of the environment -> the name it came from, for every variable that a value (or a part of it) uses."""
    if isinstance(value, Mapping | list):
        parts = value.values() if isinstance(value, Mapping) else value
        return {text: name for part in parts for text, name in _expanded(part).items()}
    if not isinstance(value, str):
        return {}
    return {os.environ[name]: f"${{{name}}}" for name in VARIABLE.findall(value) if os.environ.get(name)}


def _masked(message: str, secrets: Mapping[str, str]) -> str:
    for text in sorted(secrets, key=len, reverse=True):
        message = message.replace(text, secrets[text])
    return message


def _written(loc: tuple[int | str, ...], raw: Any) -> Keys:
    """The keys as the user wrote them: union markers dropped, shared data keys moved back to where they stand."""
    if len(loc) >= 3 and loc[0] == "data" and loc[2] in SHARED and not _has(raw, loc[:3]):
        loc = ("data", *loc[2:])
    keys: list[int | str] = []
    value = raw
    for step in loc:
        in_list = isinstance(value, list) and isinstance(step, int) and step < len(value)
        if in_list or (isinstance(value, Mapping) and step in value):
            value = value[step]
            keys.append(step)
        elif isinstance(value, Mapping) and step != "[key]" and step == loc[-1]:
            keys.append(step)
    return tuple(keys)


def _has(raw: Any, keys: Keys) -> bool:
    for key in keys:
        if not isinstance(raw, Mapping) or key not in raw:
            return False
        raw = raw[key]
    return True


def _at(raw: Any, keys: Keys) -> Any:
    for key in keys:
        try:
            raw = raw[key]
        except (KeyError, IndexError, TypeError):
            return None
    return raw


def _shown(value: Any) -> str:
    text = "nothing" if value is None else f"'{value}'"
    return text if len(text) <= _LONG else f"{text[: _LONG - 2]}…'"


def _plain(message: str) -> str:
    return message.removeprefix("Value error, ").removeprefix("Input ").rstrip(".")


def _unknown_key(keys: Keys, document: Document) -> CardError:
    known = sorted(_fields(keys[:-1]))
    near = get_close_matches(str(keys[-1]), known, n=1, cutoff=0.6)
    hint = f"Did you mean '{near[0]}'?" if near else f"Known keys here: {', '.join(known)}"
    return CardError(
        f"there is no key '{keys[-1]}' here",
        code="card/unknown-key",
        place=document.place(keys, of_key=True),
        hint=hint,
    )


def _not_one_of(name: str, shown: str, detail: Mapping[str, Any], keys: Keys, document: Document) -> CardError:
    allowed = [w.strip(" '") for w in str(detail["ctx"]["expected"]).replace(" or ", ", ").split(",")]
    near = get_close_matches(shown.strip("'").lower(), allowed, n=1, cutoff=0.5)
    return CardError(
        f"{name} {shown} is not one of {', '.join(allowed)}", code=f"card/unknown-{name.replace('_', '-')}",
        place=document.place(keys), hint=f"Did you mean '{near[0]}'?" if near else "Choose one of them",
    )  # fmt: skip


def _fields(keys: Keys) -> frozenset[str]:
    """The field names of the section that stands at ``keys``."""
    section: type[BaseModel] = SystemCard
    for key in keys:
        field = section.model_fields.get(str(key))
        inner = next(_sections(field.annotation), None) if field is not None else None
        section = inner or section
    return frozenset(section.model_fields)


def _sections(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _sections(part)
