"""Decides, for each of the 17 modes, what the facts of a system say: the only place where rules become verdicts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from momus.card.facts import Facts
from momus.card.schema import SystemCard
from momus.core.records import Severity
from momus.taxonomy.bugbar import Move, level, moved
from momus.taxonomy.facts import FactValue, load_facts
from momus.taxonomy.load import Taxonomy, load
from momus.taxonomy.rules import Condition, Effect, Rule, RuleBook, Truth, asks, load_book
from momus.taxonomy.schema import FailureMode
from momus.threats.model import (
    Attacker,
    ChainUse,
    Fired,
    FlowState,
    FlowUse,
    Mitigation,
    ModeThreat,
    Presence,
    Question,
    ThreatModel,
    Verdict,
)

CAPABILITIES = {
    "TD": "control of training data",
    "MC": "control of the model",
    "TE": "control of the input at use",
    "LL": "no control of labels",
    "SC": "control of source code",
    "QA": "query access",
}


@dataclass(frozen=True, slots=True)
class _Held:
    """One effect of one rule on the mode at hand, with the truth of the rule's premise."""

    rule: Rule
    effect: Effect
    truth: Truth


def threats(card: SystemCard) -> ThreatModel:
    """The threat model of a system: every mode gets a verdict, and what is unknown stays *undetermined*.

    Reads the card's facts alone; nothing is loaded or run. Facts the card leaves open are taken from its targets where
    they are plain to see (number of classes, a policy is an agent) and listed in ``observed``.
    """
    book, tax = load_book(), load()
    facts, observed = _observe(card)
    present = {flow.id: _presence(flow.exists.truth(facts)) for flow in book.flows}
    modes = {mode.slug: _mode(mode, book, facts, present, tax) for mode in tax.modes}
    slugs = {mode.id: mode.slug for mode in tax.modes}
    flows = tuple(
        FlowState(id=f.id, name=f.name, text=f.text, start=f.source, end=f.target, present=present.get(f.id, "unknown"))
        for f in tax.flows
    )
    return ThreatModel(
        system=card.system,
        card_digest=card.digest,
        modes=modes,
        flows=flows,
        chains=tuple(_chains(book, modes, slugs)),
        observed={key: f"{_said(facts[key])} ({why})" for key, why in observed.items()},
        facts_known=len(facts),
        facts_unknown=len(facts.unknown),
    )


def _observe(card: SystemCard) -> tuple[Facts, dict[str, str]]:
    """The card's facts, completed by what its targets show, and where each completed fact was seen."""
    seen: dict[str, tuple[FactValue, str]] = {}
    for target in card.targets:
        if target.classes:
            seen["model.labels"] = (len(target.classes), f"classes of target '{target.name}'")
        if target.adapter == "policy":
            seen["rl.agent"] = (True, f"target '{target.name}' is a policy")
    seen = {key: entry for key, entry in seen.items() if key not in card.facts}
    proof = {key: card.facts.evidence(key) for key in card.facts} | {key: why for key, (_, why) in seen.items()}
    values = {**card.facts, **{key: value for key, (value, _) in seen.items()}}
    return Facts(values, proof), {key: why for key, (_, why) in seen.items()}


def _presence(truth: Truth) -> Presence:
    return "unknown" if truth is None else "yes" if truth else "no"


def verdict_of(held: list[_Held]) -> Verdict:
    """The verdict from the truth of every premise that touches a mode.

    A premise that makes the mode apply wins over one that rules it out, unless the latter is final; and as long as one
    that could make it apply is unknown, nothing rules it out. So an unknown fact never leads to *not applicable*.
    """
    true = [h for h in held if h.truth]
    if any(h.effect.kind == "not_applicable" and h.effect.final for h in true):
        return "not_applicable"
    if any(h.effect.kind == "applies" for h in true):
        return "raised" if _raises(true) else "applies"
    if any(h.effect.kind == "applies" and h.truth is None for h in held):
        return "undetermined"
    return "not_applicable" if any(h.effect.kind == "not_applicable" for h in true) else "unlikely"


def _raises(true: list[_Held]) -> list[_Held]:
    return [h for h in true if h.effect.kind == "raised" or h.effect.raised]


def _mode(
    mode: FailureMode, book: RuleBook, facts: Facts, present: Mapping[str, Presence], tax: Taxonomy
) -> ModeThreat:
    held = [_Held(rule, effect, rule.when.truth(facts)) for rule, effect in book.touching(mode.id)]
    verdict = verdict_of(held)
    true = [h for h in held if h.truth and _belongs(h, verdict)]
    twice = sum(h.effect.twice is not None and h.effect.twice.truth(facts) is True for h in true)
    raised = len({h.rule.id for h in _raises(true)}) + twice if verdict == "raised" else 0
    declared = verdict == "not_applicable" and _only_declared(true, facts)
    fired = _fired(true, facts)
    if declared:
        fired.append(_declared(book, true, facts))
    bar = _severity(mode.slug, verdict, true, facts)
    return ModeThreat(
        mode=mode.slug,
        id=mode.id,
        name=mode.name,
        verdict=verdict,
        reason=_reason(verdict, true, held, facts),
        raised=min(raised, 2) if twice else min(raised, 1),
        declared=declared,
        rules=tuple(fired),
        attackers=_attackers(true),
        flows=tuple(_flows(mode, present, tax)),
        questions=_questions(verdict, held, facts, tax),
        mitigations=tuple(Mitigation(id=m.id, source=m.source, text=m.text) for m in mode.mitigations),
        **bar,
    )


def _belongs(held: _Held, verdict: Verdict) -> bool:
    """Whether a rule that fired speaks for the verdict: what raises or rules out is silent where the other side won."""
    sides: dict[Verdict, tuple[str, ...]] = {
        "applies": ("applies", "lowered", "critical"),
        "raised": ("applies", "raised", "lowered", "critical"),
        "undetermined": (),
        "unlikely": ("unlikely",),
        "not_applicable": ("not_applicable",),
    }
    return held.effect.kind in sides[verdict]


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def _used(condition: Condition, facts: Facts) -> dict[str, str]:
    return {leaf.fact: _said(facts[leaf.fact]) for leaf in condition.leaves() if leaf.fact in facts}


def _fired(true: list[_Held], facts: Facts) -> list[Fired]:
    """Each rule once, with all it says about the mode."""
    said: dict[str, list[str]] = {}
    for h in true:
        word = "applies, raised" if h.effect.raised else h.effect.kind.replace("_", " ")
        said.setdefault(h.rule.id, []).append(word)
    rules = {h.rule.id: h.rule for h in true}
    return [
        Fired(
            id=rule.id,
            effect=", ".join(said[rule.id]),
            premise=rule.premise,
            because=rule.because,
            facts=_used(rule.when, facts),
        )
        for rule in rules.values()
    ]


def _only_declared(true: list[_Held], facts: Facts) -> bool:
    keys = {key for h in true for key in _used(h.rule.when, facts)}
    return any(not facts.evidence(key) for key in keys)


def _declared(book: RuleBook, true: list[_Held], facts: Facts) -> Fired:
    rule = next(r for r in book.rules if r.when.truth({}) is False and not r.effects)
    bare = {k: v for h in true for k, v in _used(h.rule.when, facts).items() if not facts.evidence(k)}
    return Fired(id=rule.id, effect="declared not applicable", premise=rule.premise, because=rule.because, facts=bare)


def _reason(verdict: Verdict, true: list[_Held], held: list[_Held], facts: Facts) -> str:
    if verdict == "undetermined":
        open_facts = dict.fromkeys(k for h in held if h.effect.kind == "applies" for k in asks(h.rule.when, facts))
        return f"not known: {', '.join(open_facts)}"
    if verdict == "unlikely" and not true:
        count = sum(h.effect.kind == "applies" for h in held)
        return (
            "the premise that would make it apply does not hold"
            if count == 1
            else f"none of the {count} premises that would make it apply holds"
        )
    base = [h for h in true if h.effect.kind in ("applies", "unlikely", "not_applicable")]
    text = "; ".join(dict.fromkeys(h.rule.premise for h in base[:2]))
    worse = [h for h in true if h.effect.kind == "raised"]
    if worse and base[0].rule.when.truth({}):  # a premise that always holds tells the reader nothing about this system
        return worse[0].rule.premise
    return f"{text}; and {worse[0].rule.premise}" if worse else text


def _attackers(true: list[_Held]) -> tuple[Attacker, ...]:
    found: dict[tuple[str, str], Attacker] = {}
    for h in sorted(true, key=lambda h: h.effect.kind == "raised"):
        who = h.rule.attacker
        told = h.effect.kind == "raised" and who is not None and any(k == who.knowledge for _, k in found)
        if who is not None and not told and (who.place, who.knowledge) not in found:
            found[(who.place, who.knowledge)] = Attacker(
                place=who.place,
                knowledge=who.knowledge,
                capability=tuple(CAPABILITIES[c] for c in who.can),
                rule=h.rule.id,
            )
    return tuple(found.values())


def _flows(mode: FailureMode, present: Mapping[str, Presence], tax: Taxonomy) -> Iterator[FlowUse]:
    names = {f.id: f.name for f in tax.flows}
    for primary, ids in ((True, mode.flows_primary), (False, mode.flows_enabling)):
        for key in ids:
            if present.get(key, "unknown") != "no":
                yield FlowUse(
                    id=key,
                    text=f"{key} {names.get(key, '').lower()}".strip(),
                    primary=primary,
                    present=present.get(key, "unknown"),
                )


def _questions(verdict: Verdict, held: list[_Held], facts: Facts, tax: Taxonomy) -> tuple[Question, ...]:
    """Unknown facts of the rules that still matter: those that decide first, then those that could only raise."""
    decide = [h for h in held if verdict == "undetermined" and h.truth is None and h.effect.kind != "raised"]
    worsen = [h for h in held if verdict in ("applies", "undetermined") and h.truth is None and _raises([h])]
    vocabulary = load_facts()
    found: dict[str, Question] = {}
    for settles, rules in ((True, decide), (False, worsen)):
        for key in dict.fromkeys(k for h in rules for k in asks(h.rule.when, facts)):
            if key not in found:
                found[key] = Question(
                    id=key,
                    text=vocabulary[key].ask,
                    numbers=tuple(q.id for q in tax.questions if key in q.facts),
                    rules=tuple(dict.fromkeys(h.rule.id for h in rules if key in asks(h.rule.when, facts))),
                    settles=settles,
                )
    return tuple(found.values())


def _severity(slug: str, verdict: Verdict, true: list[_Held], facts: Facts) -> dict[str, Any]:
    """The bug bar's level under these facts, moved by the rules that lower it or set a floor, each with its reason."""
    if verdict in ("not_applicable", "unlikely"):
        return {}
    rated = level(slug, facts)
    moves = tuple(_moves(slug, true, facts, rated.severity))
    severity, reasons = moved(rated.severity, moves)
    return {
        "severity": severity,
        "row": rated.row,
        "source": rated.source,
        "severity_reasons": (*map(str, rated.reasons), *reasons),
        "moves": moves,
    }


def _moves(slug: str, true: list[_Held], facts: Facts, rated: Severity) -> Iterator[Move]:
    """What the rules that hold do to the level; a rule whose facts the bar's own conditions counted does nothing."""
    for h in true:
        if h.effect.kind == "critical":
            yield Move(h.rule.id, "critical", h.rule.premise)
        elif h.effect.kind == "lowered":
            keys = _used(h.rule.when, facts)
            blind = level(slug, {key: value for key, value in facts.items() if key not in keys})
            yield Move(h.rule.id, "counted" if blind.severity.rank > rated.rank else "lower", h.rule.premise)


def _chains(book: RuleBook, modes: Mapping[str, ModeThreat], slugs: Mapping[str, str]) -> Iterator[ChainUse]:
    for chain in book.chains:
        named = tuple(slugs[m] for m in chain.modes if m in slugs)
        if named and all(modes[slug].here for slug in named):
            yield ChainUse(
                modes=named,
                kind="masks" if chain.kind == "masks" else "leads",
                says=chain.says,
                source=chain.source,
            )
