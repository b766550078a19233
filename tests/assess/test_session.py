"""A session: answers over a card, what follows from them, and the way back into the card's text."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from momus.assess import recall
from momus.assess.session import TOPICS, Session, session_of_text
from momus.assess.session_text import document
from momus.card.read import card_of_text
from momus.core.decisions import Answer, Waived, system_id
from momus.core.errors import NotFound
from momus.core.records import Run
from momus.store import open_store
from momus.taxonomy.facts import load_facts
from momus.threats import threats

CARD = """\
system: scorer   # the old name
facts:
  api.reach: public
  data.persons: yes   # customers
  train.where: inhouse
"""
SYSTEM = system_id("scorer")
DAY = datetime(2026, 5, 1, tzinfo=UTC)


def said(fact: str, value: Any, author: str = "Ann", *, hour: int = 0, **more: Any) -> Answer:
    return Answer(system=SYSTEM, fact=fact, value=value, author=author, created=DAY + timedelta(hours=hour), **more)


def session(*answers: Answer, text: str = CARD) -> Session:
    return session_of_text(text, answers)


def test_an_answer_lies_over_the_card_and_changes_what_follows() -> None:
    alone = session()
    assert alone.model == threats(alone.card) and not alone.changes(alone.alone)
    asked = alone.next
    assert asked is not None and asked.settles
    after = session(said("import.pretrained", True, evidence="bill of materials"))
    assert {c.mode: c.after for c in after.changes(alone.model)}.keys() >= {"supply_chain", "backdoor"}
    assert after.undetermined < alone.undetermined
    fact = after.fact("import.pretrained")
    assert (fact.said, fact.source, fact.evidence) == ("yes", "answer", "bill of materials")
    assert after.fact("api.reach").source == "card" and after.card.text == CARD


def test_the_latest_answer_holds_and_both_are_told() -> None:
    made = session(said("api.auth", True), said("api.auth", False, "Bo", hour=1))
    fact = made.fact("api.auth")
    assert fact.value is False and fact.disputed and [a.author for a in fact.standing] == ["Ann", "Bo"]
    agreed = session(*made.answers, said("api.auth", False, hour=2))
    assert not agreed.fact("api.auth").disputed
    alone = session(said("api.auth", True), said("api.auth", False, hour=1))
    assert not alone.fact("api.auth").disputed  # people may change their minds


def test_a_withdrawn_answer_gives_way_to_the_card() -> None:
    made = session(said("api.reach", "none"), said("api.reach", None, hour=1, withdrawn=True))
    assert made.fact("api.reach").said == "public" and made.fact("api.reach").source == "card"
    assert len(made.fact("api.reach").history) == 2 and made.model.modes == made.alone.modes


def test_not_known_is_an_answer_and_is_asked_last() -> None:
    first = session().next
    assert first is not None
    made = session(said(first.key, None))
    assert made.next is not None and made.next.key != first.key
    known = session(said("api.reach", None))
    assert known.fact("api.reach").value is None and known.undetermined >= session().undetermined


def test_answers_that_the_vocabulary_does_not_know_are_passed_over() -> None:
    made = session(said("gone.fact", True), said("api.reach", "everybody"), said("model.labels", True))
    assert made.effective.facts == made.card.facts
    with pytest.raises(NotFound):
        made.fact("gone.fact")


def test_answers_of_another_system_do_not_count() -> None:
    stranger = Answer(system="another", fact="api.reach", value="none", author="Ann")
    assert session(stranger).answers == ()


def test_what_if_records_nothing() -> None:
    made = session()
    tried = made.with_(said("import.pretrained", True))
    assert tried.changes(made.model) and not made.answers


def test_the_card_gets_the_answers_with_their_evidence() -> None:
    made = session(
        said("api.reach", "internal"),
        said("data.hashed", True, "Bo [x]", evidence="wiki: #3"),
        said("ops.rollback", None),
    )
    text = made.text()
    assert text.startswith(
        "system: scorer   # the old name\nfacts:\n  api.reach: internal\n  data.persons: yes   # cust"
    )
    facts = card_of_text(text).facts
    assert facts.evidence("data.hashed") == "wiki: #3 (Bo [x], 2026-05-01)" and facts.evidence("api.reach") == ""
    again = session_of_text(text)
    assert [t.verdict for t in again.model.modes.values()] == [t.verdict for t in made.model.modes.values()]


def test_waivers_of_modes_go_into_the_card_and_those_of_findings_do_not() -> None:
    told = {"system": SYSTEM, "mode": "shift", "reason": "seasonal", "by": "Ann", "until": date(2026, 9, 1)}
    whole, single = Waived(id="a", **told), Waived(id="b", probe="shift.groups", **told)
    ended = Waived(id="c", **{**told, "until": date(2026, 1, 1)})
    made = session_of_text(CARD, (), (whole, single, ended))
    kept = made.accepted(date(2026, 5, 1))
    assert kept == (whole,) and len(made.waiving(date(2026, 5, 1))) == 2
    (stated,) = card_of_text(made.text(kept)).waivers
    assert (stated.mode, stated.by, stated.reason) == ("shift", "Ann", "seasonal")


def test_the_environment_of_this_process_stays_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "hunter2")
    made = session_of_text("system: scorer\ndescription: ${TOKEN}\n")
    assert made.card.description == "${TOKEN}" and "hunter2" not in document(made, DAY.date())


def test_a_stored_card_that_is_judged_again_does_not_see_it_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "hunter2")
    monkeypatch.setenv("LIMIT", "0.25")
    text = "system: scorer\ndescription: ${TOKEN} ${LIMIT}\n"
    with open_store(":memory:") as store:
        store.append("a", Run(id="a", system="scorer", card_digest="", card_text=text, seed=0))
        assert recall(store, "a").card.description == "${TOKEN} ${LIMIT}"
        # A number that the card cannot do without is filled in; nothing else is.
        more = f"{text}limits: {{membership.shadow: '${{LIMIT}}'}}\n"
        store.append("b", Run(id="b", system="scorer", card_digest="", card_text=more, seed=0))
        card = recall(store, "b").card
        assert card.limits == {"membership.shadow": 0.25} and card.description == "${TOKEN} 0.25"


def test_the_document_tells_everything_and_escapes_it() -> None:
    made = session_of_text(
        CARD,
        [said("api.auth", True, "<b>Ann|</b>", evidence="[x](javascript:1)")],
        [Waived(id="a", system=SYSTEM, mode="shift", reason="a|b", by="Ann", until=date(2026, 9, 1))],
    )
    text = document(made, date(2026, 10, 1))
    assert all(f"| M{i:02} |" in text for i in range(1, 18)) and "expired" in text
    assert "<b>" not in text and "\\[x\\](javascript" in text and "| a\\|b |" in text
    assert "```mermaid" in text and "scorer" not in text.partition("```mermaid")[2].partition("```")[0]
    assert "declared only" in text and "## Open questions" in text


def test_every_room_of_the_vocabulary_has_a_title() -> None:
    assert {key.partition(".")[0] for key in load_facts()} == TOPICS.keys()


values = st.sampled_from([True, False, None, "public", "none", 3, ("label",), "unknown", "?", -1, 1e300])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([*load_facts(), "no.fact"]), values, st.booleans()), max_size=6))
def test_any_answers_make_a_session_whose_card_says_the_same(given_: list[tuple[str, Any, bool]]) -> None:
    answers = [said(f, v, hour=i, withdrawn=w) for i, (f, v, w) in enumerate(given_)]
    made = session(*answers)
    after = session_of_text(made.text())
    assert dict(after.card.facts) == dict(made.effective.facts)
    assert len(made.asked) == len(load_facts())
