"""Known systems get known verdicts, and an unknown fact never makes a mode vanish."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from momus.card import SystemCard
from momus.core.records import Severity
from momus.taxonomy.facts import load_facts
from momus.taxonomy.rules import SLUGS, slug_of
from momus.threats import ThreatModel, threats

_spec = importlib.util.spec_from_file_location("rule_cards", Path(__file__).parents[1] / "taxonomy" / "test_rules.py")
assert _spec is not None
assert _spec.loader is not None
_rules = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_rules)
FIRES = _rules.FIRES

CREDIT = {
    "model": {"paradigm": "supervised", "modality": "table", "output": "scores", "backbone_public": False},
    "api": {"reach": "public", "auth": True, "rate_limit": False, "input_control": "partial", "schema": "narrow",
            "log_per_caller": False, "fronted": False},
    "artifact.reach": "server",
    "data": {"class": "confidential", "persons": True, "membership_sensitive": True, "class_is_person": False,
             "sources": "internal", "public_copy": False, "provenance": True, "hashed": True,
             "third_party_labels": False},
    "loop.feedback": "none",
    "train": {"where": "inhouse", "code_from_provider": False, "gap": "large"},
    "provider.can_query": False,
    "import.pretrained": False,
    "env": {"sensors": False, "acts": False, "changes": True},
    "rl": {"agent": False, "proxy_reward": False},
    "use": {"secret_ip": True, "decides_others": True, "attacker_gain": True, "compute_cost": False},
    "ops.drift_monitor": False,
}  # fmt: skip
CAMERA = {  # a vision model on a production line, no API, closed room, imported and fine-tuned
    "model": {"paradigm": "supervised", "modality": "image", "output": "label", "backbone_public": True},
    "api": {"reach": "none", "fronted": False, "schema": "free_form"},
    "artifact.reach": "server",
    "data": {"class": "general", "persons": False, "sources": ["internal", "sensor"], "third_party_labels": False},
    "loop.feedback": "none",
    "train.where": "inhouse",
    "import": {"pretrained": True, "verified": True, "format": "data_only", "finetuned": True},
    "env": {"sensors": True, "public_space": False, "acts": False, "sites": 1, "changes": False},
    "rl": {"agent": False, "proxy_reward": False},
    "test": {"corruptions": False, "hard_set": True},
}
AGENT = {
    "model": {"paradigm": "reinforcement", "modality": "state"},
    "loop.feedback": "none",
    "env": {"acts": True, "sensors": False},
    "rl": {"agent": True, "proxy_reward": True, "goal_metric": False, "stoppable": True, "live_exploration": False,
           "impact_penalty": False},
    "api.reach": "none",
}  # fmt: skip


def model_of(facts: dict[str, object], **more: object) -> ThreatModel:
    return threats(SystemCard.from_dict({"system": "s", "facts": facts, **more}))


def verdicts(model: ThreatModel) -> dict[str, str]:
    return {t.id: t.verdict for t in model.modes.values()}


def test_credit_model_behind_a_public_api() -> None:
    model = model_of(CREDIT, targets=[{"path": "m.joblib", "classes": ["deny", "approve"]}])
    assert verdicts(model) == {
        "M01": "raised", "M02": "unlikely", "M03": "raised", "M04": "raised", "M05": "raised", "M06": "unlikely",
        "M07": "not_applicable", "M08": "not_applicable", "M09": "not_applicable", "M10": "unlikely", "M11": "applies",
        "M12": "not_applicable", "M13": "not_applicable", "M14": "raised", "M15": "applies", "M16": "applies",
        "M17": "applies",
    }  # fmt: skip
    assert model.modes["shift"].words == "raised twice"
    assert model.modes["membership"].severity is Severity.CRITICAL
    assert model.modes["membership"].attackers[0].capability == ("query access",)
    assert model.modes["physical"].severity is None
    assert model.observed["model.labels"].startswith("2 ")
    assert {c.modes for c in model.chains} >= {("stealing", "membership"), ("stealing", "perturbation")}


def test_internal_vision_model() -> None:
    found = verdicts(model_of(CAMERA))
    assert found["M01"] == "raised"  # public weights make a stand-in, however closed the service
    assert found["M07"] == "unlikely"  # a sensor, but nobody reaches what it sees
    assert found["M09"] == found["M10"] == "applies"
    assert found["M16"] == "raised"
    assert found["M05"] == found["M04"] == "unlikely"
    assert found["M15"] == "applies"
    assert found["M12"] == "not_applicable"


def test_reinforcement_learning_agent() -> None:
    model = model_of(AGENT)
    found = verdicts(model)
    assert found["M12"] == found["M13"] == "raised"
    assert found["M07"] == "not_applicable"
    assert found["M05"] == "unlikely"
    assert {r.id for r in model.modes["reward_hacking"].rules} == {"R40", "R41"}
    assert model.modes["reward_hacking"].attackers == ()


def test_a_policy_target_is_an_agent_even_if_nobody_says_so() -> None:
    model = model_of({}, targets=[{"adapter": "policy", "factory": "p.py:act", "env": {"test": "CartPole-v1"}}])
    assert model.modes["reward_hacking"].verdict == "applies"
    assert model.modes["side_effects"].verdict == "applies"
    assert "policy" in model.observed["rl.agent"]


def test_nothing_known_means_undetermined_never_not_applicable() -> None:
    model = model_of({})
    always = {"M11", "M14", "M15", "M16", "M17"}
    for mode, verdict in verdicts(model).items():
        assert verdict == ("applies" if mode in always else "undetermined"), mode
    for threat in model.modes.values():
        if threat.verdict == "undetermined":
            assert any(q.settles for q in threat.questions)
            assert threat.severity is not None
            assert threat.rules == ()
    assert model.facts_known == 0
    assert all(f.present in ("unknown", "yes") for f in model.flows)
    best, slugs = model.questions[0]
    assert best.id == "api.reach"
    assert len(slugs) >= 4


@pytest.mark.parametrize("rule", sorted(FIRES))
def test_every_rule_is_reachable(rule: str) -> None:
    facts, mode, verdict = FIRES[rule]
    threat = model_of(dict(facts)).modes[str(slug_of(mode))]
    assert threat.verdict == verdict
    assert rule in {r.id for r in threat.rules}
    shown = next(r for r in threat.rules if r.id == rule)
    assert shown.facts or rule in ("R38", "R45")


def test_not_applicable_by_word_alone_is_shown_as_declared() -> None:
    told = model_of({"env.sensors": False}).modes["physical"]
    assert told.declared
    assert told.words == "declared not applicable"
    assert told.rules[-1].id == "R50"
    shown = model_of({"env.sensors": {"value": False, "evidence": "architecture.pdf, page 3"}}).modes["physical"]
    assert shown.verdict == "not_applicable"
    assert not shown.declared
    assert [r.id for r in shown.rules] == ["R28"]


def test_given_away_models_cannot_be_stolen_even_when_the_api_is_public() -> None:
    facts = {"artifact.reach": "public", "api.reach": "public", "use.secret_ip": True}
    assert model_of(facts).modes["stealing"].verdict == "not_applicable"
    assert model_of({**facts, "artifact.reach": "edge"}).modes["stealing"].verdict == "applies"


def test_rules_move_severity_with_a_reason() -> None:
    world = {"env.sensors": True, "env.public_space": True, "use.safety": True}
    assert model_of(world).modes["physical"].severity is Severity.CRITICAL
    base = {"data.persons": True, "data.membership_sensitive": True}
    plain = model_of(base).modes["membership"]
    bounded = model_of({**base, "train.dp": True, "train.dp_epsilon": 2}).modes["membership"]
    assert plain.severity is not None
    assert bounded.severity is not None
    assert bounded.severity.rank == plain.severity.rank - 1
    assert any(reason.startswith("R17") for reason in bounded.severity_reasons)
    unstated = model_of({**base, "train.dp": True}).modes["membership"]
    assert unstated.severity is plain.severity  # a promise without a bound lowers nothing


def test_no_gain_lowers_once_not_twice() -> None:
    queries = {"api.reach": "public", "api.input_control": "full"}
    free = model_of(queries).modes["perturbation"]
    idle = model_of({**queries, "use.attacker_gain": False, "use.security": False, "use.safety": False})
    assert free.severity is not None
    low = idle.modes["perturbation"].severity
    assert low is not None
    assert free.severity.rank - low.rank == 1
    assert idle.modes["perturbation"].verdict == "applies"


def _value(key: str) -> st.SearchStrategy[object]:
    fact = load_facts()[key]
    if fact.kind == "yes_no":
        return st.booleans()
    if fact.kind == "one_of":
        return st.sampled_from(fact.values)
    if fact.kind == "some_of":
        return st.lists(st.sampled_from(fact.values), min_size=1, max_size=3)
    return st.integers(0, 4)


USED = sorted({leaf.fact for rule in _rules.RULES for leaf in rule.when.leaves()})
CARDS = st.fixed_dictionaries({}, optional={key: _value(key) for key in USED})


@given(CARDS, st.data())
@settings(max_examples=80, deadline=None)
def test_forgetting_a_fact_never_rules_a_mode_out(facts: dict[str, object], data: st.DataObject) -> None:
    before = model_of(facts)
    assert tuple(before.modes) == SLUGS
    for threat in before.modes.values():
        if threat.verdict == "undetermined":
            assert any(q.settles for q in threat.questions)
        if threat.here:
            assert threat.rules
            assert threat.severity is not None
    if not facts:
        return
    forgotten = data.draw(st.sampled_from(sorted(facts)))
    after = model_of({k: v for k, v in facts.items() if k != forgotten})
    for slug, threat in after.modes.items():
        if threat.verdict in ("not_applicable", "unlikely"):
            assert before.modes[slug].verdict in ("not_applicable", "unlikely"), (slug, forgotten)
        if threat.verdict == "not_applicable":
            assert before.modes[slug].verdict == "not_applicable", (slug, forgotten)


@given(CARDS)
@settings(max_examples=25, deadline=None)
def test_answering_the_open_questions_settles_every_verdict(facts: dict[str, object]) -> None:
    for _ in range(len(USED)):
        model = model_of(facts)
        open_ = [q.id for t in model.modes.values() if t.verdict == "undetermined" for q in t.questions if q.settles]
        if not open_:
            break
        fact = load_facts()[open_[0]]
        facts = {**facts, open_[0]: False if fact.kind == "yes_no" else fact.values[0] if fact.values else 1}
    assert model_of(facts).count("undetermined") == 0


def test_a_model_reads_back_from_json() -> None:
    model = model_of(CREDIT)
    assert ThreatModel.model_validate_json(model.model_dump_json()) == model
