"""What a session shows is what `momus threats` says of the card that it exports, whatever was answered."""

from __future__ import annotations

from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from momus.assess.session import session_of_run, session_of_text
from momus.card.read import card_of_text
from momus.core.decisions import Answer, system_id
from momus.core.records import Run
from momus.taxonomy.facts import Fact, load_facts
from momus.threats import threats

FACTS = load_facts()


def value(fact: Fact) -> st.SearchStrategy[Any]:
    """A value of a fact, as an answer holds it; None: not known."""
    some = {
        "yes_no": st.booleans(),
        "one_of": st.sampled_from(fact.values or ("",)),
        "some_of": st.sets(st.sampled_from(fact.values or ("",)), min_size=1).map(lambda v: tuple(sorted(v))),
        "count": st.sampled_from([0, 1, 40]),
        "number": st.sampled_from([0, 0.5, 3.0]),
    }[fact.kind]
    return st.none() | some


# Older answers may hold what the vocabulary has no more, or words that only read as a value.
STALE = st.sampled_from(["nonsense", "yes", ("a", "b"), -5, 10**400, True])
KEYS = st.sampled_from(list(FACTS))
ANSWERS = st.lists(
    KEYS.flatmap(
        lambda key: st.builds(
            Answer, system=st.just("s"), fact=st.just(key), value=value(FACTS[key]) | STALE,
            evidence=st.sampled_from(["", "plan.pdf", "${HOME}: 4 # no"]), author=st.sampled_from(["Ann", "Bo"]),
            withdrawn=st.sampled_from([False, False, False, True]),
        )
    ),
    max_size=12,
)  # fmt: skip


@settings(max_examples=15, deadline=None)
@given(
    stated=st.lists(KEYS, max_size=15, unique=True).flatmap(
        lambda keys: st.fixed_dictionaries({k: value(FACTS[k]) for k in keys})
    ),
    proven=st.booleans(),
    answers=ANSWERS,
)
def test_a_session_and_its_exported_card_say_the_same(
    stated: dict[str, Any], proven: bool, answers: list[Answer]
) -> None:
    plain = {k: "unknown" if v is None else list(v) if isinstance(v, tuple) else v for k, v in stated.items()}
    facts = {k: {"value": v, "evidence": "p. 3"} if proven and v != "unknown" else v for k, v in plain.items()}
    text = yaml.safe_dump({"system": "s", "facts": facts}, sort_keys=False)
    kept = [Answer.model_validate_json(a.model_dump_json()) for a in answers]
    session = session_of_text(text, [a.model_copy(update={"system": system_id("s")}) for a in kept])
    shown, exported = session.model.modes, threats(card_of_text(session.text())).modes
    for slug, threat in exported.items():
        mine = shown[slug]
        assert (mine.words, mine.severity, mine.reason) == (threat.words, threat.severity, threat.reason), slug
    assert len(session.asked) == len(FACTS)


def test_answers_about_a_card_with_variables_belong_to_the_system_of_its_runs() -> None:
    run = Run(id="r", system="red scorer", card_digest="0" * 64, card_text="system: ${TEAM} scorer\n", seed=0)
    answer = Answer(system=system_id("red scorer"), fact="api.auth", value=True, author="Ann")
    session = session_of_run(run, [answer])
    assert session.system == system_id("red scorer") and session.fact("api.auth").by == answer


def test_what_was_taken_back_is_in_no_dispute_and_before_leaves_out_the_last_word() -> None:
    said = {"system": system_id("s"), "fact": "api.auth"}
    ann, back = Answer(**said, value=True, author="Ann"), Answer(**said, author="Bo", withdrawn=True)
    bo = Answer(**said, value=False, author="Bo")
    session = session_of_text("system: s\n", [ann, back, bo])
    assert session.fact("api.auth").standing == (bo,) and not session.fact("api.auth").disputed
    assert session.before("api.auth").answers == (ann, back)
