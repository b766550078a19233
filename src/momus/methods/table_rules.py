"""Rules that every row of a table obeys, as written on the card: read without ``eval``, checked whole tables at a time.

The language
------------
Comparisons (``<= < >= > == !=``) of sums, products and quotients of columns and numbers, joined by ``and``, ``or``,
``not``, brackets and at most one ``implies``; chains (``0 <= a <= b``) and ``kind in ('none', 'other')`` are allowed.
A category is written as a quoted name (``kind == 'none'``), a name with odd characters in backquotes
(`` `bill total` <= 5 ``). The name of a one-hot group can be compared with a quoted member: ``region == 'north'``.
A row with a missing value in a rule's columns cannot break that rule.
"""

from __future__ import annotations

import difflib
import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from array_api_compat import array_namespace

from momus.core.errors import DataError
from momus.core.samples import Column

Array = Any
_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[^\W\d][\w.]*)|`(?P<quoted>[^`]+)`"
    r"|'(?P<one>[^']*)'|\"(?P<two>[^\"]*)\"|(?P<sign><=|>=|==|!=|[-+*/()<>=,]))"
)
_WORDS = frozenset({"and", "or", "not", "implies", "in"})
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "<=": operator.le, "<": operator.lt, ">=": operator.ge, ">": operator.gt, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip
_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Number:
    """A constant; the code of a category is one too."""

    value: float


@dataclass(frozen=True, slots=True)
class Field:
    """A column, by its index."""

    index: int


@dataclass(frozen=True, slots=True)
class Arithmetic:
    sign: str
    left: Value
    right: Value


@dataclass(frozen=True, slots=True)
class Compare:
    sign: str
    left: Value
    right: Value


@dataclass(frozen=True, slots=True)
class Join:
    """``and``, ``or``, ``not`` (one part) or ``implies`` (two parts)."""

    word: str
    parts: tuple[Condition, ...]


Value = Number | Field | Arithmetic
Condition = Compare | Join


@dataclass(frozen=True)
class Rule:
    """One rule over the columns of a table: its text, what it says, and the columns it speaks of."""

    text: str
    condition: Condition
    columns: tuple[int, ...]

    def holds(self, x: Array) -> Array:
        """(n,) booleans: which rows obey it."""
        xp = array_namespace(x)
        unknown = xp.any(xp.isnan(x[:, list(self.columns)]), axis=1)
        return truth(self.condition, x) | unknown

    def __str__(self) -> str:
        return self.text


def parse(text: str, columns: Sequence[Column]) -> Rule:
    """The rule that ``text`` states about ``columns``. DataError with the position of what cannot be read."""
    return _Parser(text, columns).rule()


def value_of(value: Value, x: Array) -> Array:
    """(n,) values of an expression."""
    if isinstance(value, Number):
        return array_namespace(x).zeros_like(x[:, 0]) + value.value
    if isinstance(value, Field):
        return x[:, value.index]
    return _ARITHMETIC[value.sign](value_of(value.left, x), value_of(value.right, x))


def truth(condition: Condition, x: Array) -> Array:
    """(n,) booleans. Comparisons that allow equality forgive the rounding of a sum, strict ones do not."""
    if isinstance(condition, Compare):
        left, right = value_of(condition.left, x), value_of(condition.right, x)
        if condition.sign in ("<", ">"):
            return _COMPARE[condition.sign](left, right)
        xp = array_namespace(x)
        same = xp.abs(left - right) <= 8 * xp.finfo(x.dtype).eps * (1 + xp.abs(left) + xp.abs(right))
        if condition.sign in ("==", "!="):
            return same if condition.sign == "==" else ~same
        return _COMPARE[condition.sign](left, right) | same
    parts = [truth(p, x) for p in condition.parts]
    if condition.word == "not":
        return ~parts[0]
    if condition.word == "implies":
        return ~parts[0] | parts[1]
    out = parts[0]
    for part in parts[1:]:
        out = out & part if condition.word == "and" else out | part
    return out


def broken(rules: Sequence[Rule], x: Array, x0: Array | None = None) -> Array:
    """(n,) booleans: rows that break a rule which their original ``x0`` (where given) keeps."""
    xp = array_namespace(x)
    bad = x[:, 0] != x[:, 0]
    bad = xp.zeros_like(bad)
    for rule in rules:
        wrong = ~rule.holds(x)
        bad = bad | (wrong if x0 is None else wrong & rule.holds(x0))
    return bad


class _Parser:
    """Recursive descent; every token knows its position, so that an error can point at it."""

    def __init__(self, text: str, columns: Sequence[Column]) -> None:
        self.text = text
        self.columns = columns
        self.index = {c.name: i for i, c in enumerate(columns)}
        self.groups: dict[str, list[int]] = {}
        for i, c in enumerate(columns):
            if c.one_hot is not None:
                self.groups.setdefault(c.one_hot, []).append(i)
        self.tokens = self._tokens()
        self.at = 0
        self.used: set[int] = set()

    def rule(self) -> Rule:
        condition = self._condition()
        if self._word("implies"):
            condition = Join("implies", (condition, self._condition()))
        kind, word, place = self.tokens[self.at]
        if kind != "end":
            raise self._error(f"'{word}' was not expected here", place)
        if not self.used:
            raise self._error("the rule speaks of no column", 0)
        return Rule(self.text, condition, tuple(sorted(self.used)))

    def _tokens(self) -> list[tuple[str, str, int]]:
        found, at = [], 0
        while self.text[at:].strip():
            match = _TOKEN.match(self.text, at)
            if match is None:
                place = at + len(self.text[at:]) - len(self.text[at:].lstrip())
                raise self._error(f"'{self.text[place]}' has no meaning in a rule", place)
            kind = str(match.lastgroup)
            word = str(match[kind])
            kind = {"quoted": "name", "one": "text", "two": "text"}.get(kind, kind)
            if match.lastgroup == "name" and word.lower() in _WORDS and word not in self.index:
                kind, word = "word", word.lower()
            if word == "=" and kind == "sign":
                raise self._error("'=' is not a comparison", match.start(str(match.lastgroup)), "Write ==")
            found.append((kind, word, match.start(str(match.lastgroup))))
            at = match.end()
        return [*found, ("end", "the end of the rule", len(self.text))]

    def _condition(self) -> Condition:
        return self._joined("or", lambda: self._joined("and", self._negation))

    def _joined(self, word: str, part: Callable[[], Condition]) -> Condition:
        parts = [part()]
        while self._word(word):
            parts.append(part())
        return parts[0] if len(parts) == 1 else Join(word, tuple(parts))

    def _negation(self) -> Condition:
        if self._word("not"):
            return Join("not", (self._negation(),))
        start, seen = self.at, set(self.used)
        if self._sign("("):  # a bracket holds a condition or the start of a sum: try the condition first
            try:
                inner = self._condition()
                if self._sign(")") and self.tokens[self.at][1] not in (*_COMPARE, *_ARITHMETIC):
                    return inner
            except DataError:
                pass  # then it is the start of a sum, or the error comes again with its own place
            self.at, self.used = start, seen
        return self._comparison()

    def _comparison(self) -> Condition:
        left, parts = self._side(), []
        if self._word("in"):
            return self._members(left)
        while self.tokens[self.at][1] in _COMPARE and self.tokens[self.at][0] == "sign":
            _, sign, place = self.tokens[self.at]
            self.at += 1
            right = self._side()
            parts.append(self._compared(sign, left, right, place))
            left = right
        if not parts:
            _, word, place = self.tokens[self.at]
            raise self._error(f"a comparison was expected before {_shown(word)}", place, "As in: a <= b")
        return parts[0] if len(parts) == 1 else Join("and", tuple(parts))

    def _members(self, left: Value | str | _Group) -> Condition:
        parts: list[Condition] = []
        place = self.tokens[self.at][2]
        if not self._sign("("):
            raise self._error("'in' wants a list in brackets", place, "As in: kind in ('none', 'other')")
        while True:
            place = self.tokens[self.at][2]
            parts.append(self._compared("==", left, self._side(), place))
            if self._sign(")"):
                return parts[0] if len(parts) == 1 else Join("or", tuple(parts))
            if not self._sign(","):
                raise self._error("a comma or ')' was expected", self.tokens[self.at][2])

    def _side(self) -> Value | str | _Group:
        """One side of a comparison: a quoted category, a one-hot group, or a sum."""
        kind, word, place = self.tokens[self.at]
        if kind == "text":
            self.at += 1
            return word
        if kind == "name" and word not in self.index and word in self.groups:
            self.at += 1
            return _Group(word, place)
        return self._sum()

    def _compared(self, sign: str, left: Value | str | _Group, right: Value | str | _Group, place: int) -> Condition:
        if isinstance(left, str) or isinstance(right, _Group):
            mirrored = {"<=": ">=", ">=": "<=", "<": ">", ">": "<"}
            left, right, sign = right, left, mirrored.get(sign, sign)
        if isinstance(left, _Group):
            return self._of_group(sign, left, right, place)
        if isinstance(right, str):
            right = self._category(left, right, place)
        assert not isinstance(left, str) and not isinstance(right, _Group)
        return Compare(sign, left, right)

    def _category(self, left: Value | str | _Group, name: str, place: int) -> Value:
        if not isinstance(left, Field):
            raise self._error(f"'{name}' can be compared with a column only", place)
        column = self.columns[left.index]
        if name not in column.categories:
            listed = ", ".join(column.categories[:6]) or "it has none"
            near = difflib.get_close_matches(name, column.categories, n=1)
            hint = f"Did you mean '{near[0]}'?" if near else f"Its categories: {listed}"
            raise self._error(f"'{name}' is no category of the column '{column.name}'", place, hint)
        return Number(float(column.categories.index(name)))

    def _of_group(self, sign: str, group: _Group, right: Value | str | _Group, place: int) -> Condition:
        if not isinstance(right, str) or sign not in ("==", "!="):
            raise self._error(
                f"the one-hot group '{group.name}' can only be compared with a member by == or !=", place,
                f"As in: {group.name} == 'a member'",
            )  # fmt: skip
        members = {self.columns[i].name: i for i in self.groups[group.name]}
        known = members | {n.removeprefix(group.name).lstrip("=_:. -"): i for n, i in members.items()}
        if right not in known:
            raise self._error(f"'{right}' is no member of '{group.name}'", place, f"Its columns: {', '.join(members)}")
        self.used.add(known[right])
        return Compare(sign, Field(known[right]), Number(1.0))

    def _sum(self) -> Value:
        left = self._product()
        while self.tokens[self.at][0] == "sign" and self.tokens[self.at][1] in "+-":
            sign = self.tokens[self.at][1]
            self.at += 1
            left = Arithmetic(sign, left, self._product())
        return left

    def _product(self) -> Value:
        left = self._factor()
        while self.tokens[self.at][0] == "sign" and self.tokens[self.at][1] in "*/":
            sign = self.tokens[self.at][1]
            self.at += 1
            left = Arithmetic(sign, left, self._factor())
        return left

    def _factor(self) -> Value:
        kind, word, place = self.tokens[self.at]
        self.at += 1
        if kind == "number":
            return Number(float(word))
        if kind == "name":
            return self._field(word, place)
        if kind == "sign" and word == "-":
            inner = self._factor()
            return Number(-inner.value) if isinstance(inner, Number) else Arithmetic("-", Number(0.0), inner)
        if kind == "sign" and word == "(":
            found = self._sum()
            if not self._sign(")"):
                raise self._error("')' is missing", self.tokens[self.at][2])
            return found
        self.at -= 1
        hint = "A category can only be compared with a column" if kind == "text" else ""
        raise self._error(f"a column or a number was expected before {_shown(word)}", place, hint)

    def _field(self, name: str, place: int) -> Field:
        if name not in self.index:
            near = difflib.get_close_matches(name, [*self.index, *self.groups], n=1, cutoff=0.5)
            hint = f"Did you mean '{near[0]}'?" if near else f"The columns: {', '.join([*self.index][:8])}"
            raise self._error(f"there is no column '{name}'", place, hint)
        self.used.add(self.index[name])
        return Field(self.index[name])

    def _word(self, word: str) -> bool:
        return self._take("word", word)

    def _sign(self, sign: str) -> bool:
        return self._take("sign", sign)

    def _take(self, kind: str, word: str) -> bool:
        if self.tokens[self.at][:2] != (kind, word):
            return False
        self.at += 1
        return True

    def _error(self, message: str, at: int, hint: str = "") -> DataError:
        return DataError(
            f"{message}, at position {at + 1} of '{self.text}'", code="data/rule", place="rules", hint=hint
        )


@dataclass(frozen=True, slots=True)
class _Group:
    """The name of a one-hot group, where it stands in place of a column."""

    name: str
    place: int


def _shown(word: str) -> str:
    return word if word.startswith("the end") else f"'{word}'"
