"""YAML text to plain values, each with its place. Reads scalars, lists and mappings; builds no objects, runs nothing.

Words such as ``yes``, ``no`` and ``12:30`` stay text (YAML 1.2), so class names and times survive as written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from momus.core.errors import CardError

MAX_BYTES = 1 << 18
MAX_VALUES = 100_000
MAX_DEPTH = 60

Keys = tuple[str | int, ...]
Mark = tuple[int, int]

VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_INT = re.compile(r"[-+]?[0-9]{1,300}|0x[0-9a-fA-F]{1,250}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,4})?")
_WORDS = {"null": None, "~": None, "": None, "true": True, "false": False}
_PLAIN_TAGS = frozenset(
    f"tag:yaml.org,2002:{t}"
    for t in ("null", "bool", "int", "float", "str", "timestamp", "merge", "value", "seq", "map")
)


@dataclass
class Document:
    """Plain values and where each stands: 1-based (line, column) of every value and of every mapping key."""

    name: str
    value: Any = None
    values: dict[Keys, Mark] = field(default_factory=dict)
    keys: dict[Keys, Mark] = field(default_factory=dict)
    problems: list[CardError] = field(default_factory=list)

    def place(self, keys: Keys, *, of_key: bool = False) -> str:
        """``name:line:column`` of a value (or its key), or of the nearest parent that is written down."""
        if of_key and keys in self.keys:
            return f"{self.name}:{self.keys[keys][0]}:{self.keys[keys][1]}"
        for end in range(len(keys), -1, -1):
            if keys[:end] in self.values:
                line, column = self.values[keys[:end]]
                return f"{self.name}:{line}:{column}"
        return f"{self.name}:1:1"


def read_yaml(text: str, name: str) -> Document:
    """The document in ``text``. CardError where it is no YAML at all; lesser problems are gathered in ``problems``."""
    if len(text) > MAX_BYTES:
        raise CardError(
            f"the card is larger than {MAX_BYTES >> 10} KiB", code="card/too-large", place=f"{name}:1:1",
            hint="A card names data files; it does not hold them",
        )  # fmt: skip
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        raise _syntax(error, name) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        column = error.position - (text.rfind("\n", 0, error.position) + 1) + 1
        raise CardError(
            f"character #x{ord(text[error.position]):04x} is not allowed in YAML", code="card/syntax",
            place=f"{name}:{line}:{column}", hint="Save the file as UTF-8 text",
        ) from None  # fmt: skip
    except RecursionError:
        raise CardError(
            "brackets are nested too deeply", code="card/too-deep", place=f"{name}:1:1", hint="Flatten the card"
        ) from None
    document = Document(name)
    if node is None:
        raise CardError(
            "the card is empty", code="card/empty", place=f"{name}:1:1", hint="Start one with: momus init model.onnx"
        )
    document.value = _Builder(document).build(node, ())
    return document


def _syntax(error: yaml.MarkedYAMLError, name: str) -> CardError:
    mark = error.problem_mark or error.context_mark
    place = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else f"{name}:1:1"
    said = " ".join(str(error.problem or error.context or "this is not YAML").split())
    hint = "A value that begins with a special character needs quotes; indent with spaces, not tabs"
    return CardError(said, code="card/syntax", place=place, hint=hint)


class _Builder:
    """Walks the node tree once, counting what it builds: an alias costs as much as what it stands for."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.built = 0
        self.open: set[int] = set()

    def build(self, node: yaml.Node, keys: Keys) -> Any:
        line, column = node.start_mark.line + 1, node.start_mark.column + 1
        self.document.values[keys] = (line, column)
        self.built += 1
        place = f"{self.document.name}:{line}:{column}"
        if self.built > MAX_VALUES or len(keys) > MAX_DEPTH:
            raise CardError(
                "the card unfolds to too many values", code="card/too-large", place=place, hint="Use fewer aliases"
            )
        if id(node) in self.open:
            raise CardError(
                "an alias refers to the value it stands in", code="card/alias-loop", place=place, hint="Remove it"
            )
        if node.tag not in _PLAIN_TAGS:
            self._problem(place, "card/tag", f"the tag '{node.tag}' is not read", "Write a plain value")
            return None
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        self.open.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                return [self.build(child, (*keys, i)) for i, child in enumerate(node.value)]
            return self._mapping(node, keys) if isinstance(node, yaml.MappingNode) else None
        finally:
            self.open.discard(id(node))

    def _mapping(self, node: yaml.MappingNode, keys: Keys) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            mark = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            place = f"{self.document.name}:{mark[0]}:{mark[1]}"
            if not isinstance(key_node, yaml.ScalarNode):
                self._problem(place, "card/key", "a key must be one word", "Write key: value")
                continue
            key = str(key_node.value)
            if key in found:
                first = self.document.keys[(*keys, key)]
                self._problem(
                    place, "card/duplicate-key", f"key '{key}' stands here a second time",
                    f"The first is in line {first[0]}; remove one",
                )  # fmt: skip
                continue
            self.document.keys[(*keys, key)] = mark
            found[key] = self.build(value_node, (*keys, key))
        return found

    def _scalar(self, node: yaml.ScalarNode) -> str | int | float | bool | None:
        text = str(node.value)
        if node.style is not None or (node.tag.endswith(":str") and text.lower() not in _WORDS):
            return text
        if text.lower() in _WORDS:
            return _WORDS[text.lower()]
        if _INT.fullmatch(text):
            return int(text, 0) if text.lower().startswith("0x") else int(text)
        return float(text) if _FLOAT.fullmatch(text) else text

    def _problem(self, place: str, code: str, message: str, hint: str) -> None:
        self.document.problems.append(CardError(message, code=code, place=place, hint=hint))
