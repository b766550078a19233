"""Where everything of a card stands in its text: the nodes of a YAML document with their first and last character.

The reader of cards needs values with lines and columns; whoever edits the text needs the characters, and must tell an
alias from what it stands for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import yaml


@dataclass(eq=False)
class Node:
    """One value: its kind, its span (``start`` to ``end``, anchor and tag included), and what it holds.

    The span of a block list or mapping ends with its last value, not with the comments and blank lines behind it.
    """

    kind: Literal["scalar", "list", "map", "alias"]
    start: int
    end: int
    column: int = 0
    flow: bool = False
    anchor: str | None = None
    text: str = ""
    pairs: list[tuple[Node, Node]] = field(default_factory=list)
    items: list[Node] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        """Nothing at all is written, as behind ``facts:``."""
        return self.kind == "scalar" and self.start == self.end

    def of(self, key: str) -> Node | None:
        """The value under a key; None for an unknown key and for what is no mapping."""
        return next((value for name, value in self.pairs if name.kind == "scalar" and name.text == key), None)

    def inner(self) -> Iterator[Node]:
        """This node and everything in it; what an alias stands for is not in it."""
        yield self
        for child in (*(n for pair in self.pairs for n in pair), *self.items):
            yield from child.inner()


def outline(text: str) -> Node | None:
    """The nodes of the first document of a text that is known to be readable; None where there is none."""
    events: Iterator[Any] = iter(yaml.parse(text, Loader=yaml.SafeLoader))
    for event in events:
        if isinstance(event, yaml.NodeEvent):
            return _node(event, events)
    return None


def _node(event: Any, events: Iterator[Any]) -> Node:
    start, end, column = event.start_mark.index, event.end_mark.index, event.start_mark.column
    if isinstance(event, yaml.AliasEvent):
        return Node("alias", start, end, anchor=event.anchor)
    if isinstance(event, yaml.ScalarEvent):
        return Node("scalar", start, end, column, anchor=event.anchor, text=str(event.value))
    mapping = isinstance(event, yaml.MappingStartEvent)
    made = Node(
        "map" if mapping else "list", start, end, column, flow=bool(event.flow_style), anchor=event.anchor
    )  # fmt: skip
    children: list[Node] = []
    for following in events:
        if isinstance(following, yaml.CollectionEndEvent):
            closed: Any = following.end_mark
            made.end = closed.index if made.flow else max([start, *(c.end for c in children)])
            break
        children.append(_node(following, events))
    if mapping:
        made.pairs = list(zip(children[::2], children[1::2], strict=True))
        # An anchored mapping begins at its anchor; its keys stand where the first of them stands.
        made.column = children[0].column if children and not made.flow else made.column
    else:
        made.items = children
    return made
