"""Facts about a system as its card states them: three-valued, typed, each with the evidence given for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, core_schema

from momus.core.errors import NotFound
from momus.taxonomy.facts import Fact, FactValue, load_facts


class Facts(Mapping[str, FactValue]):
    """What is known about a system: dotted key -> True, False, a word, several words or a number.

    A key that is absent is unknown, so ``facts.get("api.reach")`` is None until somebody says who can send queries.
    Asking for a key outside the vocabulary raises :class:`NotFound`, so a misspelt fact never reads as unknown.
    """

    __slots__ = ("_evidence", "_values")

    def __init__(self, values: Mapping[str, object] | None = None, evidence: Mapping[str, str] | None = None) -> None:
        vocabulary = load_facts()
        read = {key: _known(vocabulary, key).read(raw) for key, raw in (values or {}).items()}
        self._values: dict[str, FactValue] = {key: found for key in vocabulary if (found := read.get(key)) is not None}
        self._evidence: dict[str, str] = dict(evidence or {})

    def __getitem__(self, key: str) -> FactValue:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a fact, ``default`` when it is unknown. NotFound for a key that is no fact."""
        _known(load_facts(), key)
        return self._values.get(key, default)

    def evidence(self, key: str) -> str:
        """What the card offers as proof of a fact; empty when it is only declared."""
        return self._evidence.get(key, "")

    @property
    def unknown(self) -> tuple[str, ...]:
        """Keys of the vocabulary nobody has answered."""
        return tuple(key for key in load_facts() if key not in self._values)

    def with_(self, **changes: object) -> Facts:
        """A copy with some facts changed; write ``api__reach`` for ``api.reach`` and None for unknown."""
        merged: dict[str, object] = {**self._values}
        merged |= {key.replace("__", ".", 1): value for key, value in changes.items()}
        return Facts(merged, self._evidence)

    def plain(self) -> dict[str, Any]:
        """The facts as the card would write them, dotted."""
        out: dict[str, Any] = {}
        for key, value in self._values.items():
            shown = list(value) if isinstance(value, tuple) else value
            out[key] = {"value": shown, "evidence": self._evidence[key]} if self._evidence.get(key) else shown
        return out

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Facts) and self.plain() == other.plain()

    def __hash__(self) -> int:
        return hash(tuple(self._values.items()))

    def __repr__(self) -> str:
        return f"Facts({len(self)} known, {len(self.unknown)} unknown)"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            _parse, serialization=core_schema.plain_serializer_function_ser_schema(lambda facts: facts.plain())
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        dotted = {key: _fact_schema(fact) for key, fact in load_facts().items()}
        nested: dict[str, Any] = {}
        for key, entry in dotted.items():
            room, name = key.split(".")
            part = nested.setdefault(room, {"type": "object", "additionalProperties": False, "properties": {}})
            part["properties"][name] = entry
        return {
            "type": "object",
            "additionalProperties": False,
            "properties": {**nested, **dotted},
            "description": "What is true of the system. A fact that is left out is unknown.",
        }


def _known(vocabulary: Mapping[str, Fact], key: str) -> Fact:
    if key not in vocabulary:
        from difflib import get_close_matches

        near = get_close_matches(key, vocabulary, n=1, cutoff=0.5)
        raise NotFound(f"no fact '{key}'", hint=f"Did you mean '{near[0]}'?" if near else "See: momus check --schema")
    return vocabulary[key]


def _fact_schema(fact: Fact) -> dict[str, Any]:
    number: dict[str, Any] = {"type": "integer" if fact.kind == "count" else "number", "minimum": 0}
    word: dict[str, Any] = {"enum": list(fact.values)}
    plain: dict[str, Any] = {
        "yes_no": {"enum": [True, False, "yes", "no"]},
        "one_of": word,
        "some_of": {"anyOf": [word, {"type": "array", "items": word}]},
        "count": number,
        "number": number,
    }[fact.kind]
    unknown = {"enum": ["unknown", None]}
    proven = {
        "type": "object",
        "additionalProperties": False,
        "required": ["value"],
        "properties": {"value": {"anyOf": [plain, unknown]}, "evidence": {"type": "string"}},
    }
    return {"description": fact.ask, "anyOf": [plain, unknown, proven]}


def _parse(raw: object) -> Facts:
    """Facts from what a card wrote, dotted or nested, with every problem reported at its place."""
    if isinstance(raw, Facts):
        return raw
    if raw is None:
        return Facts()
    if not isinstance(raw, Mapping):
        raise PydanticCustomError("card/wrong-type", "facts must be a mapping such as 'api.reach: public'")
    vocabulary = load_facts()
    problems: list[InitErrorDetails] = []
    values: dict[str, object] = {}
    evidence: dict[str, str] = {}
    for loc, key, entry in _flat(raw, vocabulary):
        fact = vocabulary.get(key)
        if fact is None:
            problems.append(_unknown_key(loc, key, vocabulary))
            continue
        if key in values:
            problems.append(_problem(loc, "card/duplicate-key", f"fact '{key}' is stated twice", entry))
        value, proof, wrong = _open(entry)
        if wrong:
            problems.append(_problem((*loc, wrong), "card/unknown-key", _EVIDENCE, entry))
            continue
        try:
            fact.read(value)
        except ValueError as error:
            problems.append(_problem(loc, "card/unknown-value", _not_allowed(fact, str(error)), value))
            continue
        values[key] = value
        if proof:
            evidence[key] = proof
    if problems:
        raise ValidationError.from_exception_data("facts", problems)
    return Facts(values, evidence)


_EVIDENCE = "a fact is written as a value, or as value and evidence"
Loc = tuple[int | str, ...]


def _flat(raw: Mapping[Any, Any], vocabulary: Mapping[str, Fact]) -> Iterator[tuple[Loc, str, object]]:
    rooms = {key.split(".")[0] for key in vocabulary}
    for outer, entry in raw.items():
        if isinstance(entry, Mapping) and str(outer) in rooms:
            for inner, value in entry.items():
                yield (str(outer), str(inner)), f"{outer}.{inner}", value
        elif entry is not None or str(outer) not in rooms:
            yield (str(outer),), str(outer), entry


def _open(entry: object) -> tuple[object, str, str]:
    """(value, evidence, first key that does not belong) of one written fact."""
    if not isinstance(entry, Mapping):
        return entry, "", ""
    wrong = next((str(k) for k in entry if k not in ("value", "evidence")), "")
    return entry.get("value"), str(entry.get("evidence") or ""), wrong


def _unknown_key(loc: Loc, key: str, vocabulary: Mapping[str, Fact]) -> InitErrorDetails:
    from difflib import get_close_matches

    rooms = sorted({k.split(".")[0] for k in vocabulary})
    tails = {k.split(".")[1]: k for k in vocabulary}
    near = get_close_matches(key, [*vocabulary, *rooms], n=1, cutoff=0.6)
    near = near or [tails[t] for t in get_close_matches(key.split(".")[-1], tails, n=1, cutoff=0.7)]
    hint = f" Did you mean '{near[0]}'?" if near else f" Facts begin with {', '.join(rooms)}."
    return _problem(loc, "card/unknown-fact", f"there is no fact '{key}'.{hint}", key)


def _not_allowed(fact: Fact, shown: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(shown.lower(), fact.values or ("yes", "no", "unknown"), n=1, cutoff=0.5)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    return f"{fact.key} '{shown}' is not {fact.allowed}.{hint}"


def _problem(loc: Loc, code: str, message: str, value: object) -> InitErrorDetails:
    escaped = message.replace("{", "{{").replace("}", "}}")
    return InitErrorDetails(type=PydanticCustomError(code, escaped), loc=loc, input=value)
