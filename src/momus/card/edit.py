"""Changes facts and waivers in the text of a card and leaves everything else as its authors wrote it.

The text is spliced, never written anew: comments, order, quotes, indentation and line ends stay. The result is read
again and compared; if anything but what was asked for differs, nothing is changed and one line says so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from momus.card.facts import Facts
from momus.card.outline import Node, outline
from momus.card.read import card_of_text
from momus.card.schema import SystemCard, Waiver
from momus.card.yaml_ import read_yaml
from momus.core.errors import CardError
from momus.taxonomy.facts import FactValue, load_facts

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n", "none", "unknown"})


@dataclass(frozen=True)
class Stated:
    """A fact as a card shall state it: its value, None for unknown, and what is offered as proof."""

    value: FactValue | None = None
    evidence: str = ""


@dataclass(frozen=True)
class _Splice:
    """Text that takes the place of the characters from ``start`` to ``end``. ``depth`` orders those at one place."""

    start: int
    end: int
    text: str
    depth: int = 0


def edit_card(
    text: str, *, facts: Mapping[str, Stated] | None = None, waivers: Iterable[Waiver] = (), name: str = "momus.yaml"
) -> str:
    """The text of a card with these facts and, beside those it has, these waivers.

    A fact that already reads so, and a waiver that stands there already, are not touched. Raises CardError where the
    text is no card, and where it cannot be changed without touching something else.
    """
    before = _read(text, name)
    wanted = {key: _checked(key, stated) for key, stated in (facts or {}).items()}
    changed = {key: stated for key, stated in wanted.items() if _stands(before.facts, key) != stated}
    added = [_readable(w) for w in waivers]
    added = [w for i, w in enumerate(added) if w not in before.waivers and w not in added[:i]]
    if not changed and not added:
        return text
    root = outline(text)
    if root is None or root.kind != "map":
        raise _refused("its outermost level is no plain mapping", name)
    pen = _Pen(text, root, name)
    try:
        pen.facts(changed)
        pen.waivers(added)
        made = pen.result()
    except RecursionError:
        raise _refused("it is nested too deeply", name) from None
    return _proven(text, made, before, wanted, added, name)


def _read(text: str, name: str) -> SystemCard:
    """The card of a text, its variables kept by name: what they stand for has no place in an edited card."""
    return card_of_text(text, keep_variables=True, environment={}, name=name)


def _checked(key: str, stated: Stated) -> Stated:
    """The fact as its vocabulary reads it, its evidence as a card can hold it. ValueError for another value."""
    Facts({key: stated.value})
    value = load_facts()[key].read(stated.value)
    return Stated(value, "" if value is None else _unexpanded(stated.evidence))


def _unexpanded(text: str) -> str:
    """Text in which nothing is taken for a variable of the environment when the card is read."""
    return text.replace("${", "$ {")


def _readable(waiver: Waiver) -> Waiver:
    return waiver.model_copy(update={"reason": _unexpanded(waiver.reason), "by": _unexpanded(waiver.by)})


def _stands(facts: Facts, key: str) -> Stated:
    return Stated(facts.get(key), facts.evidence(key) if key in facts else "")


def _proven(
    text: str, made: str, before: SystemCard, wanted: Mapping[str, Stated], added: list[Waiver], name: str
) -> str:
    """The new text, once it was seen to say what was asked for and nothing else."""
    why = "what else it says would change"
    try:
        after = _read(made, name)
    except CardError as error:
        raise _refused(f"the result would be no card: {error.message}", name) from None
    untouched = ("facts", "waivers")
    old, new = (_plain(t, name) for t in (text, made))
    same = {k: v for k, v in old.items() if k not in untouched} == {k: v for k, v in new.items() if k not in untouched}
    kept = all(_stands(after.facts, key) == stated for key, stated in wanted.items())
    others = {*load_facts()} - {*wanted}
    kept = kept and all(_stands(after.facts, key) == _stands(before.facts, key) for key in others)
    if not same or not kept or after.waivers != (*before.waivers, *added):
        raise _refused(why, name)
    return made


def _plain(text: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = read_yaml(text, name).value
    return found


def _refused(why: str, name: str) -> CardError:
    return CardError(
        f"the card cannot be changed without damage: {why}", code="card/edit", place=name,
        hint="Write the lines into it by hand",
    )  # fmt: skip


class _Pen:
    """Gathers the splices for one text."""

    def __init__(self, text: str, root: Node, name: str) -> None:
        self.text, self.root, self.name = text, root, name
        self.line_end = "\r\n" if "\r\n" in text else "\n"
        self.splices: list[_Splice] = []

    def result(self) -> str:
        made = self.text
        # From the end to the beginning; at one place the deeper line comes first in the text, so it is put in last.
        order = sorted(enumerate(self.splices), key=lambda n: (n[1].start, -n[1].depth, n[0]), reverse=True)
        for _, s in order:
            made = made[: s.start] + s.text + made[s.end :]
        return made

    def facts(self, facts: Mapping[str, Stated]) -> None:
        section = self.root.of("facts")
        new: list[tuple[str, Stated]] = []
        for key, stated in facts.items():
            room, _, name = key.partition(".")
            inner = section.of(room) if section is not None else None
            found = section.of(key) if section is not None else None
            found = found or (inner.of(name) if inner is not None else None)
            if found is not None:
                self._state(found, stated)
            elif stated.value is None:
                continue  # what nobody wrote is unknown already
            elif inner is not None and inner.kind == "map" and inner.pairs:
                self._add(inner, [f"{name}: {_fact(stated)}"])
            elif inner is not None and inner.kind == "alias":
                raise _refused(f"'facts.{room}' is an alias", self.name)
            else:
                new.append((key, stated))
        if new:
            self._section("facts", section, [f"{key}: {_fact(stated)}" for key, stated in new])

    def waivers(self, waivers: list[Waiver]) -> None:
        if not waivers:
            return
        section = self.root.of("waivers")
        if section is not None and section.kind == "list" and section.items:
            said = [_waiver(w) for w in waivers]
            if section.flow:
                self._put(section.items[-1].end, "".join(f", {line}" for line in said))
            else:
                self._lines(section, [f"- {line}" for line in said])
        else:
            self._section("waivers", section, [f"- {_waiver(w)}" for w in waivers])

    def _section(self, key: str, section: Node | None, lines: list[str]) -> None:
        """Lines under a key of the card, which is made where there is none and filled where it is empty."""
        listed = key == "waivers"
        flow = ("[", "]") if listed else ("{", "}")
        inline = ", ".join(line.removeprefix("- ") if listed else line for line in lines)
        if section is None and not self.root.flow:
            end = self._end_of(self.root)
            gap = "" if not self.text[:end].rstrip(" ").endswith(("\n\n", "\r\n\r\n")) else "no"
            body = [f"{key}:", *(f"  {line}" for line in lines)]
            self._lines(self.root, body if gap else ["", *body])
        elif section is None:
            self._put(self.root.pairs[-1][1].end, f", {key}: {flow[0]}{inline}{flow[1]}")
        elif section.kind == "map" and section.pairs and not listed:
            self._add(section, lines)
        elif section.empty and not self.root.flow:
            first = next(k for k, v in self.root.pairs if v is section)
            pad = self.line_end + " " * (first.column + 2)
            self._put(self._line_end(section.end), "".join(pad + line for line in lines))
        elif section.kind == "alias" or section.anchor:
            raise _refused(f"'{key}' is an alias", self.name)
        else:
            space = " " if section.empty else ""
            self._replace(section, f"{space}{flow[0]}{inline}{flow[1]}")

    def _state(self, node: Node, stated: Stated) -> None:
        """A written fact brought to what it shall be, in the form it has where that can hold it."""
        value, proof = node.of("value"), node.of("evidence")
        if node.kind == "map" and node.pairs:
            if value is not None:
                self._replace(value, f"{' ' if value.empty else ''}{_value(stated.value)}")
            if proof is not None:
                self._replace(proof, f"{' ' if proof.empty else ''}{_quoted(stated.evidence)}")
            missing = [] if value is not None else [f"value: {_value(stated.value)}"]
            missing += [f"evidence: {_quoted(stated.evidence)}"] if proof is None and stated.evidence else []
            if missing:
                self._add(node, missing)
        else:
            self._replace(node, f"{' ' if node.empty else ''}{_fact(stated)}")

    def _add(self, mapping: Node, lines: list[str]) -> None:
        """Keys after the last one of a mapping that has some."""
        if mapping.kind == "map" and mapping.flow:
            self._put(mapping.pairs[-1][1].end, "".join(f", {line}" for line in lines))
        else:
            self._lines(mapping, lines)

    def _lines(self, block: Node, lines: list[str]) -> None:
        """Lines after the last one of a block, indented as it is."""
        end = self._end_of(block)
        pad = " " * block.column
        depth = 0 if block is self.root else 1 + block.column  # a list may stand in the column of its key
        told = [f"{pad}{line}" if line else "" for line in lines]
        if self.text[:end].endswith("\n"):
            self._put(end, "".join(line + self.line_end for line in told), depth)
        else:
            self._put(end, "".join(self.line_end + line for line in told), depth)

    def _end_of(self, block: Node) -> int:
        """Where the line ends that a block ends in; a folded or literal text ends with its own line break."""
        return block.end if self.text[: block.end].endswith("\n") else self._line_end(block.end)

    def _line_end(self, at: int) -> int:
        found = self.text.find("\n", at)
        end = len(self.text) if found < 0 else found
        return end - 1 if end > at and self.text[end - 1] == "\r" else end

    def _put(self, at: int, text: str, depth: int = 0) -> None:
        self.splices.append(_Splice(at, at, text, depth))

    def _replace(self, node: Node, text: str) -> None:
        """New text for a value. Comments inside the old one are kept, above the line it begins in."""
        held = {n.anchor for n in node.inner() if n.anchor and n.kind != "alias"}
        inside = {id(n) for n in node.inner()}
        if any(n.kind == "alias" and n.anchor in held and id(n) not in inside for n in self.root.inner()):
            raise _refused(f"a value is used elsewhere by its anchor '&{min(held)}'", self.name)
        end = node.end
        while end > node.start and self.text[end - 1] in "\r\n":  # a literal text ends behind its last line break
            end -= 1
        begin = self.text.rfind("\n", 0, node.start) + 1
        comments = self._comments(node)
        if node.kind == "list" and not node.flow and self._under_its_key(begin, node.start):
            text = f"  {text}"  # a list may stand in the column of its key, a word may not
        if comments:
            pad = self.text[begin : node.start]
            pad = pad[: len(pad) - len(pad.lstrip(" "))]
            self._put(begin, "".join(f"{pad}{c}{self.line_end}" for c in comments), depth=-1)
        self.splices.append(_Splice(node.start, end, text))

    def _under_its_key(self, begin: int, start: int) -> bool:
        """Whether what begins at ``start`` has a line of its own, no further in than the key above it."""
        above = [line for line in self.text[:begin].splitlines() if line.strip() and not line.lstrip().startswith("#")]
        pad = self.text[begin:start]
        return not pad.strip() and bool(above) and len(above[-1]) - len(above[-1].lstrip(" ")) >= len(pad)

    def _comments(self, node: Node) -> list[str]:
        """The comments between the words of a value."""
        if node.kind == "scalar" or node.kind == "alias":
            return []
        words = sorted((n.start, n.end) for n in node.inner() if n.kind == "scalar")
        gaps = zip([node.start, *(e for _, e in words)], [*(s for s, _ in words), node.end], strict=True)
        found: list[str] = []
        for start, end in gaps:
            found += [m[1] for m in re.finditer(r"(?:^|\s)(#[^\r\n]*)", self.text[start:end])]
        return found


def _fact(stated: Stated) -> str:
    value = _value(stated.value)
    return f"{{value: {value}, evidence: {_quoted(stated.evidence)}}}" if stated.evidence else value


def _value(value: FactValue | None) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return value[0] if len(value) == 1 else f"[{', '.join(value)}]"
    return str(value)


def _waiver(waiver: Waiver) -> str:
    return (
        f"{{mode: {waiver.mode}, by: {_text(waiver.by)}, until: {waiver.until.isoformat()}, "
        f"reason: {_quoted(waiver.reason)}}}"
    )


def _text(text: str) -> str:
    """A string as YAML: plain where that is one word and no other value, else in quotes."""
    return text if _PLAIN.fullmatch(text) and text.lower() not in _WORDS else _quoted(text)


def _quoted(text: str) -> str:
    """A string in double quotes with nothing in it that a YAML reader would take for anything but text."""
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in quoted)
