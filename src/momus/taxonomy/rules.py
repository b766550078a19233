"""Premise rules: which facts make a mode apply, evaluated in three values (strong Kleene logic).

A comparison with an unknown fact is neither true nor false. ``all`` is false as soon as one part is false, ``any`` is
true as soon as one part is true; otherwise an unknown part leaves the whole unknown, and :func:`asks` names the facts
that would settle it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from momus.taxonomy.facts import FactValue, load_facts

SLUGS = (
    "perturbation", "poisoning", "inversion", "membership", "stealing", "reprogramming", "physical", "provider",
    "supply_chain", "backdoor", "dependencies", "reward_hacking", "side_effects", "shift", "natural", "corruption",
    "incomplete_testing",
)  # fmt: skip
EffectKind = Literal["applies", "raised", "unlikely", "not_applicable", "lowered", "critical"]
Truth = bool | None
Known = Mapping[str, FactValue]


def slug_of(name: str) -> str | None:
    """The slug of a mode given as slug, ``M04`` or ``m4``; None when it names no mode."""
    word = name.strip().lower().replace("-", "_").replace(" ", "_")
    if word in SLUGS:
        return word
    number = word.removeprefix("m")
    return SLUGS[int(number) - 1] if number.isascii() and number.isdigit() and 1 <= int(number[:4]) <= 17 else None


@dataclass(frozen=True, slots=True)
class Compare:
    """``fact test value``: one comparison."""

    fact: str
    test: str
    value: Any = None

    def truth(self, facts: Known) -> Truth:
        """True, False, or None where the fact is unknown."""
        found = facts.get(self.fact)
        return None if found is None else bool(_TESTS[self.test](self, found))

    def leaves(self) -> tuple[Compare, ...]:
        return (self,)


def _rank(c: Compare, found: FactValue) -> int:
    return load_facts()[c.fact].values.index(str(found))


_TESTS: Mapping[str, Any] = {
    "eq": lambda c, found: found == c.value,
    "ne": lambda c, found: found != c.value,
    "in": lambda c, found: found in c.value,
    "at_least": lambda c, found: _rank(c, found) >= load_facts()[c.fact].values.index(c.value),
    "more_than": lambda c, found: found > c.value,
    "includes": lambda c, found: any(v in c.value for v in found),
    "within": lambda c, found: all(v in c.value for v in found),
    "known": lambda c, found: True,
}


@dataclass(frozen=True, slots=True)
class Combine:
    """``all``, ``any`` or ``not`` over conditions; ``always`` has no parts and is true."""

    how: Literal["all", "any", "not", "always", "declared"]
    parts: tuple[Condition, ...] = ()

    def truth(self, facts: Known) -> Truth:
        """Strong Kleene value; ``declared`` is decided by the threat model, not by facts, and is False here."""
        if self.how in ("always", "declared"):
            return self.how == "always"
        values = [part.truth(facts) for part in self.parts]
        if self.how == "not":
            return None if values[0] is None else not values[0]
        decisive = self.how == "any"
        if decisive in values:
            return decisive
        return None if None in values else not decisive

    def leaves(self) -> tuple[Compare, ...]:
        return tuple(leaf for part in self.parts for leaf in part.leaves())


Condition = Compare | Combine


def asks(condition: Condition, facts: Known) -> tuple[str, ...]:
    """Keys of the unknown facts that keep a condition undetermined; none when it is true or false."""
    if condition.truth(facts) is not None:
        return ()
    if isinstance(condition, Compare):
        return (condition.fact,)
    return tuple(dict.fromkeys(key for part in condition.parts for key in asks(part, facts)))


@dataclass(frozen=True, slots=True)
class Attacker:
    """Who: where they stand, what they know, what they can do (NIST AI 100-2 letters)."""

    place: str
    knowledge: str
    can: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Effect:
    """What a rule that fires says about one mode. ``twice`` raises once more where it holds."""

    mode: str
    kind: EffectKind
    raised: bool = False
    final: bool = False
    twice: Condition | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One premise rule: when it fires, in words and as a condition; who attacks; what it says about which modes."""

    id: str
    when: Condition
    premise: str
    because: str
    effects: tuple[Effect, ...]
    attacker: Attacker | None = None

    def __rich__(self) -> str:
        touched = ", ".join(dict.fromkeys(f"{e.mode} {e.kind.replace('_', ' ')}" for e in self.effects))
        return f"[bold]{self.id}[/bold] when {self.premise}: {touched or 'shown as declared'}\n    {self.because}"


@dataclass(frozen=True, slots=True)
class Flow:
    """One of the information flows A to G, S, R, H (flows.toml): the condition under which a system has it."""

    id: str
    exists: Condition


@dataclass(frozen=True, slots=True)
class Chain:
    """Modes that open the way to one another (``leads``) or hide one another (``masks``); ``*`` is any mode."""

    modes: tuple[str, ...]
    says: str
    source: str
    kind: str = "leads"


@dataclass(frozen=True)
class RuleBook:
    """All rules, flows and chains, as read from the file."""

    rules: tuple[Rule, ...]
    flows: tuple[Flow, ...]
    chains: tuple[Chain, ...]
    by_id: Mapping[str, Rule] = field(repr=False)

    def touching(self, mode: str) -> tuple[tuple[Rule, Effect], ...]:
        """Rules with an effect on a mode (``M04``), each with that effect, in the order of the file."""
        return tuple((rule, effect) for rule in self.rules for effect in rule.effects if effect.mode == mode)


def load_rules() -> tuple[Rule, ...]:
    """The fifty premise rules R01 to R50, in order."""
    return load_book().rules


@cache
def load_book() -> RuleBook:
    """Rules, flow conditions and chains, read once. ValueError for a condition outside the vocabulary."""
    with (Path(__file__).parent / "rules.toml").open("rb") as stream:
        raw = tomllib.load(stream)
    rules = tuple(_rule(entry) for entry in raw["rule"])
    flows = tuple(Flow(f["id"], condition(f["exists"])) for f in raw["flow"])
    chains = tuple(Chain(tuple(c["modes"]), c["says"], c["source"], c.get("kind", "leads")) for c in raw["chain"])
    return RuleBook(rules, flows, chains, {rule.id: rule for rule in rules})


def _rule(entry: Mapping[str, Any]) -> Rule:
    who = entry.get("attacker")
    return Rule(
        id=entry["id"],
        when=condition(entry["when"]),
        premise=entry["premise"],
        because=entry["because"],
        effects=tuple(_effect(e) for e in entry["effects"]),
        attacker=Attacker(who["place"], who["knowledge"], tuple(who["can"])) if who else None,
    )


def _effect(entry: Mapping[str, Any]) -> Effect:
    twice = condition(entry["twice"]) if "twice" in entry else None
    return Effect(entry["mode"], entry["is"], entry.get("raised", False), entry.get("final", False), twice)


def condition(raw: Any) -> Condition:
    """A condition from its written form: ``[fact, test, value]`` or ``{all|any|not|always|declared: ...}``."""
    if isinstance(raw, list):
        fact, test, *value = raw
        if fact not in load_facts() or test not in _TESTS:
            raise ValueError(f"no such comparison: {raw}")
        return Compare(fact, test, _frozen(value[0]) if value else None)
    ((how, inner),) = raw.items()
    if how in ("always", "declared"):
        return Combine(how)
    parts = inner if isinstance(inner, list) and how != "not" else [inner]
    return Combine(how, tuple(condition(part) for part in parts))


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
