"""Facts and waivers written into the text of a card: what was asked for stands there, and nothing else is touched."""

from __future__ import annotations

import re
from datetime import date

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from momus.card.edit import Stated, edit_card
from momus.card.read import card_of_text
from momus.card.schema import SystemCard, Waiver
from momus.core.errors import CardError
from momus.taxonomy.facts import Fact, FactValue, load_facts

CARD = """\
# Who answers for it: the fraud team.
system: "fraud"        # as the register calls it
description: >
  Scores payments.
  Refuses some.

facts:
  # how it is reached
  api.reach: internal  # since May
  api: {auth: yes, rate_limit: unknown}
  model:
    paradigm: supervised
    output:            # what callers see
      - label          # the class
      - scores
  env.sensors:
    value: no          # none at all
    evidence: "plan.pdf"
limits: {membership.shadow: 0.05}  # agreed
"""


def card(text: str) -> SystemCard:
    return card_of_text(text, keep_variables=True, environment={})


def waiver(mode: str = "shift", reason: str = "known, mended in June") -> Waiver:
    return Waiver(mode=mode, reason=reason, by="Ann Example", until=date(2027, 1, 31))


def test_facts_change_where_they_stand_in_the_form_they_have() -> None:
    made = edit_card(
        CARD,
        facts={
            "api.reach": Stated("public", "https://example.org/api"),
            "api.rate_limit": Stated(False),
            "env.sensors": Stated(True, 'photo "3": #1'),
            "model.labels": Stated(2),
            "data.persons": Stated(True),
            "ops.rollback": Stated(None),
        },
    )
    assert '  api.reach: {value: public, evidence: "https://example.org/api"}  # since May\n' in made
    assert "  api: {auth: yes, rate_limit: no}\n" in made
    assert '    value: yes          # none at all\n    evidence: "photo \\"3\\": #1"\n' in made
    assert "      - scores\n    labels: 2\n" in made
    assert "  data.persons: yes\nlimits: {membership.shadow: 0.05}  # agreed\n" in made
    assert made.startswith(CARD[: CARD.index("facts:")]) and "ops.rollback" not in made


def test_a_list_keeps_its_comments_when_it_is_replaced() -> None:
    made = edit_card(CARD, facts={"model.output": Stated(("label",))})
    assert "      # the class\n      label\n" in made and card(made).facts["model.output"] == ("label",)


def test_a_list_in_the_column_of_its_key_gives_way_to_a_word() -> None:
    text = "system: a\nfacts:\n  model.output:\n  - label  # the class\n  - scores\n  api.auth: yes\n"
    for value in (("label",), None):
        made = edit_card(text, facts={"model.output": Stated(value)})
        assert card(made).facts.get("model.output") == value and "# the class" in made


def test_a_card_without_facts_gets_a_section() -> None:
    for text in (
        "system: a\n",
        "system: a",
        "system: a\nfacts:\n",
        "system: a\nfacts: {}\n",
        "{system: a}\n",
        "system: a\r\n",
    ):
        made = edit_card(text, facts={"data.persons": Stated(True), "api.reach": Stated("public", "x")})
        assert card(made).facts.plain() == {"api.reach": {"value": "public", "evidence": "x"}, "data.persons": True}
        assert ("\r" in made) == ("\r" in text)
    assert (
        edit_card("system: a\n", facts={"data.persons": Stated(True)}) == "system: a\n\nfacts:\n  data.persons: yes\n"
    )


def test_waivers_are_added_beside_those_there_are() -> None:
    made = edit_card(CARD, waivers=[waiver(), waiver("M04", "two: [words] # and more")])
    assert card(made).waivers == (waiver(), waiver("membership", "two: [words] # and more"))
    assert made.startswith(CARD)
    again = edit_card(made, waivers=[waiver(), waiver("M01")])
    assert [w.mode for w in card(again).waivers] == ["shift", "membership", "perturbation"] and again.startswith(made)
    flow = "system: a\nwaivers: [{mode: M14, by: b, until: 2027-01-01, reason: r}]  # agreed\n"
    assert edit_card(flow, waivers=[waiver("M01")]).endswith('reason: "known, mended in June"}]  # agreed\n')
    assert edit_card("system: a\nwaivers: []\n", waivers=[waiver()]).count("waivers") == 1


def test_what_reads_so_already_is_not_touched() -> None:
    same = {
        "api.reach": Stated("internal"),
        "env.sensors": Stated(False, "plan.pdf"),
        "model.output": Stated(("label", "scores")),
    }
    assert edit_card(CARD, facts=same) == CARD
    assert edit_card(CARD) == CARD


def test_the_environment_is_neither_read_nor_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "hunter2")
    made = edit_card("system: ${SECRET}\n", facts={"data.persons": Stated(True, "see ${SECRET}")})
    assert "hunter2" not in made and made.startswith("system: ${SECRET}\n")
    assert card_of_text(made).facts.evidence("data.persons") == "see $ {SECRET}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("system: a\nfacts: {api.auth: &y yes, api.rate_limit: *y}\n", "anchor '&y'"),
        ("system: a\nfacts:\n  api: &a {auth: yes}\n  data: *a\n", "there is no fact"),
        ("system: a\nfacts: {api.auth: yes}\nfacts: {}\n", "a second time"),
        ("system: a\nfacts: {api.auth: yes, api: {auth: no}}\n", "stated twice"),
        ("system: [a\n", "expected"),
    ],
    ids=["anchor", "alias", "twice", "two-forms", "no-yaml"],
)  # fmt: skip
def test_a_card_that_cannot_be_changed_is_refused_in_one_line(text: str, said: str) -> None:
    with pytest.raises(CardError, match=re.escape(said)) as caught:
        edit_card(text, facts={"api.auth": Stated(False)})
    assert "\n" not in str(caught.value) and caught.value.place.startswith("momus.yaml")


def test_an_alias_is_replaced_without_its_anchor() -> None:
    text = "system: a\nfacts: {api.auth: &y yes, api.rate_limit: *y}\n"
    assert edit_card(text, facts={"api.rate_limit": Stated(False)}) == text.replace("*y", "no")


def test_values_outside_the_vocabulary_are_no_edit() -> None:
    with pytest.raises(ValueError):
        edit_card("system: a\n", facts={"api.reach": Stated("everybody")})


# -- random cards --------------------------------------------------------------------------------------------------

words = st.text(st.characters(codec="utf-8"), max_size=30)
anything = st.text(st.characters(), max_size=40)  # lone surrogates and control characters too


def value_of(fact: Fact) -> st.SearchStrategy[FactValue]:
    if fact.kind == "yes_no":
        return st.booleans()
    if fact.kind == "one_of":
        return st.sampled_from(fact.values)
    if fact.kind == "some_of":
        some = st.lists(st.sampled_from(fact.values), min_size=1, unique=True)
        return some.map(lambda v: tuple(w for w in fact.values if w in v))
    return st.integers(0, 10**6) if fact.kind == "count" else st.floats(0, 1e6).map(lambda v: round(v, 3))


@st.composite
def stated(draw: st.DrawFn, most: int = 6, proof: st.SearchStrategy[str] = words) -> dict[str, Stated]:
    keys = draw(st.lists(st.sampled_from(sorted(load_facts())), max_size=most, unique=True))
    made = {}
    for key in keys:
        value = draw(st.none() | value_of(load_facts()[key]))
        made[key] = Stated(value, draw(st.just("") | proof))
    return made


def yaml_value(draw: st.DrawFn, value: FactValue | None, pad: str, flow: bool) -> str:
    """A value in one of the ways a person may write it."""
    if value is None:
        return draw(st.sampled_from(["unknown", "''"] if flow else ["unknown", "~", "''", "null", ""]))
    if isinstance(value, tuple):
        if not flow and draw(st.booleans()):
            return "".join(f"\n{pad}  - {v}  # item {i}" for i, v in enumerate(value)).replace("- ", "- ", 1)
        return f"[{', '.join(value)}]" if draw(st.booleans()) or len(value) > 1 else value[0]
    plain = ("yes" if value else "no") if isinstance(value, bool) else str(value)
    if isinstance(value, bool) and draw(st.booleans()):
        plain = "true" if value else "false"
    form = draw(st.sampled_from(["plain", "single", "double"]))
    return {"plain": plain, "single": f"'{plain}'", "double": f'"{plain}"'}[form]


def yaml_fact(draw: st.DrawFn, fact: Stated, pad: str, flow: bool) -> str:
    value = yaml_value(draw, fact.value, pad + "  ", True)
    proof = "'" + re.sub(r"[^ -~]|\$\{|['#]", "", fact.evidence) + "'"
    if fact.evidence and not flow and draw(st.booleans()):
        return f"\n{pad}  value: {value}   # inner\n{pad}  evidence: {proof}"
    if fact.evidence:
        return f"{{value: {value}, evidence: {proof}}}"
    return yaml_value(draw, fact.value, pad, flow)


@st.composite
def cards(draw: st.DrawFn) -> tuple[str, str, str]:
    """What stands before the facts, the section of facts, and what stands behind it."""
    facts = draw(stated())
    style = draw(st.sampled_from(["none", "empty", "braces", "flow", "dotted", "nested", "mixed"]))
    step = draw(st.sampled_from(["  ", "    ", " "]))
    lines: list[str] = []
    if style == "empty":
        lines = ["facts:  # none yet"]
    elif style == "braces" or (style not in ("none", "empty") and not facts):
        lines = ["facts: {}  # none"]
    elif style == "flow":
        inner = ", ".join(f"{k}: {yaml_fact(draw, f, '', True)}" for k, f in facts.items())
        lines = [f"facts: {{{inner}}}  # all in one line"]
    elif style != "none":
        lines = ["facts:   # what is true"]
        rooms: dict[str, list[tuple[str, Stated]]] = {}
        for key, fact in facts.items():
            nested = style == "nested" or (style == "mixed" and draw(st.booleans()))
            rooms.setdefault(key.split(".")[0] if nested else "", []).append((key, fact))
        for room, entries in rooms.items():
            lines += [f"{step}{room}:"] if room else []
            pad = step * 2 if room else step
            for i, (key, fact) in enumerate(entries):
                lines += [f"{pad}# note {i} on {key}", ""] if draw(st.booleans()) else []
                tail = draw(st.sampled_from(["", "  # a remark: {with} [marks]", "   "]))
                lines.append(f"{pad}{key.split('.')[1] if room else key}: {yaml_fact(draw, fact, pad, False)}{tail}")
    head = draw(st.sampled_from(["", "# top\n", "---\n"]))
    names = ["a", "'b: #'", "ünï ✓", '"\\u00e9"']
    head += f"system: {draw(st.sampled_from(names))}\n"
    head += draw(
        st.sampled_from(
            ["", "description: |\n  two\n  lines\n\n", "probes: {membership.shadow: {shadows: &n 16, x: *n}}\n"]
        )
    )
    tail = draw(
        st.sampled_from(
            [
                "", "# the end\n", "\nlimits:\n  membership.shadow: 0.05  # agreed\n", "description: |+\n  kept\n\n",
                "description: >-\n  folded", "waivers:\n- {mode: M14, by: b, until: 2027-01-01, reason: r}\n",
            ]
        )
    )  # fmt: skip
    if "description" in head and "description" in tail:
        tail = ""
    end = draw(st.sampled_from(["\n", "\r\n"]))
    section = "".join(line + "\n" for line in lines)
    return tuple(part.replace("\n", end) for part in (head, section, tail))  # type: ignore[return-value]


def comments(text: str) -> list[str]:
    return sorted(re.findall(r"(?:^|(?<=\s))#[^\r\n]*", text))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(parts=cards(), wanted=stated(proof=anything), waived=st.booleans(), reason=words)
def test_any_card_says_what_was_asked_for_and_keeps_the_rest(
    parts: tuple[str, str, str], wanted: dict[str, Stated], waived: bool, reason: str
) -> None:
    text = "".join(parts)
    before = card(text)
    decided = [waiver(reason=reason)] if waived and reason.strip() else []
    made = edit_card(text, facts=wanted, waivers=decided)
    after = card(made)
    for key in load_facts():
        had = Stated(before.facts.get(key), before.facts.evidence(key) if key in before.facts else "")
        want = wanted.get(key, had)
        proof = want.evidence.replace("${", "$ {") if want.value is not None else ""
        assert (after.facts.get(key), after.facts.evidence(key) if key in after.facts else "") == (want.value, proof)
    rest = {"facts", "waivers"}
    assert after.model_dump(exclude=rest) == before.model_dump(exclude=rest)
    # Outside the two sections every byte stays; inside, every line that states no fact that was changed.
    assert made.startswith(parts[0])
    assert parts[2].rstrip() in made
    remarks = re.compile(r"#[^\r\n]*")
    assume(not any("#" in s.evidence for s in wanted.values()) and "#" not in reason)
    assert sorted(remarks.findall(text)) == sorted(remarks.findall(made))
    assert edit_card(made, facts=wanted, waivers=decided) == made
