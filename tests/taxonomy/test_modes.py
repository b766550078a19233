"""The 17 modes and everything that refers to them hang together."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise

import pytest

from momus.core.errors import NotFound
from momus.taxonomy import load
from momus.taxonomy.facts import load_facts
from momus.taxonomy.load import HOME, read_mode
from momus.taxonomy.schema import TaxonomyError

TAX = load()
SLUGS = """perturbation poisoning inversion membership stealing reprogramming physical provider supply_chain backdoor
dependencies reward_hacking side_effects shift natural corruption incomplete_testing""".split()  # noqa: SIM905
IDS = [f"M{i:02}" for i in range(1, 18)]
ARXIV = re.compile(r"arXiv:\d{4}\.\d{4,5}(v\d+)?")
ATLAS_MITIGATIONS = {
    "AML.M0002": "Passive AI Output Obfuscation",
    "AML.M0003": "Model Hardening",
    "AML.M0004": "Restrict Number of AI Model Queries",
    "AML.M0005": "Control Access to AI Models and Data at Rest",
    "AML.M0006": "Use Ensemble Methods",
    "AML.M0007": "Sanitize Training Data",
    "AML.M0008": "Validate AI Model",
    "AML.M0009": "Use Multi-Modal Sensors",
    "AML.M0010": "Input Restoration",
    "AML.M0011": "Restrict Library Loading",
    "AML.M0012": "Encrypt Sensitive Information",
    "AML.M0013": "Code Signing",
    "AML.M0014": "Verify AI Artifacts",
    "AML.M0015": "Adversarial Input Detection",
    "AML.M0016": "Vulnerability Scanning",
    "AML.M0017": "AI Model Distribution Methods",
    "AML.M0019": "Control Access to AI Models and Data in Production",
    "AML.M0023": "AI Bill of Materials",
    "AML.M0024": "AI Telemetry Logging",
    "AML.M0025": "Maintain AI Dataset Provenance",
}


def test_all_17_in_microsofts_order() -> None:
    assert [m.id for m in TAX.modes] == IDS
    assert [m.slug for m in TAX.modes] == SLUGS
    assert [m.number for m in TAX.modes] == list(range(1, 18))
    assert [m.id for m in TAX.modes if m.intentional] == IDS[:11]


def test_slugs_agree_with_the_rules() -> None:
    from momus.taxonomy.rules import SLUGS as RULE_SLUGS

    assert tuple(TAX.slugs.values()) == RULE_SLUGS


def test_microsofts_classification() -> None:
    """The columns of the 2019 page: CIA, knowledge tags, access."""
    lost = {m.id: "".join(sorted(w[0].upper() for w in m.cia["microsoft"])) for m in TAX.modes}
    assert [lost[i] for i in IDS] == ["I", "I", "C", "C", "C", "AI", "I", "C", "I", "CI", "ACI"] + ["S"] * 6
    assert [m.access_violated for m in TAX.modes] == [False] * 7 + [True] * 4 + [None] * 6
    tags = {m.id: set(m.knowledge) for m in TAX.modes if m.knowledge}
    assert tags == {
        "M01": {"black box", "white box"},
        "M02": {"black box"},
        "M03": {"black box", "white box"},
        "M04": {"black box"},
    }


def test_kans_axes() -> None:
    places = [m.kan.place for m in TAX.modes]
    assert places == ["specific to machine learning"] * 7 + ["also common weaknesses"] * 4 + ["not applicable"] * 6
    assert all(m.kan.intent == m.intentional for m in TAX.modes)
    assert TAX.mode("M10").cia["kan"] == ("integrity",)
    assert TAX.mode("M06").cia["kan"] == ("integrity",)
    assert "availability" in TAX.mode("M02").cia["ours"]


def test_flows_match_the_reference() -> None:
    primary = [" ".join(m.flows_primary) for m in TAX.modes]
    assert primary == [
        "C",
        "A D E F",
        "C",
        "C",
        "C",
        "C",
        "S",
        "E",
        "G F",
        "E G",
        "F C",
        "R",
        "R",
        "A C",
        "C",
        "S C",
        "B",
    ]
    known = {f.id for f in TAX.flows}
    assert known == set("ABCDEFGSRH")
    for m in TAX.modes:
        assert set(m.flows) <= known
        assert not set(m.flows_primary) & set(m.flows_enabling)
    assert {f.id for f in TAX.flows if f.origin == "ours"} == set("SRH")


@pytest.mark.parametrize("mode", TAX.modes, ids=lambda m: m.slug)
def test_every_field_says_something(mode) -> None:
    for name in ("summary", "definition", "example", "failure_mode", "attack_mode", "flows_note", "knowledge_note"):
        assert len(getattr(mode, name)) > 10, name
    for name in ("cases", "impacts", "indicators", "mitigations", "legal_questions", "disagreements", "related"):
        assert getattr(mode, name), name
    assert all(len(m.text) > 20 for m in mode.mitigations)
    assert len({m.id for m in mode.mitigations}) == len(mode.mitigations)


@pytest.mark.parametrize("mode", TAX.modes, ids=lambda m: m.slug)
def test_sources_are_well_formed(mode) -> None:
    for case in mode.cases:
        if "arxiv" in case.source.lower():
            assert ARXIV.fullmatch(case.source), case.source
        if case.source.startswith("AML."):
            assert re.fullmatch(r"AML\.CS\d{4}", case.source)
    for m in mode.mitigations:
        assert m.source in {"MITRE ATLAS 5.6.0", "Microsoft threat modelling 2019", "ours"}
        if m.id.startswith("AML."):
            assert ATLAS_MITIGATIONS[m.id] == m.name
        else:
            assert m.id.startswith("MS-TM-" if m.source.startswith("Microsoft") else "OURS-")
    if not mode.intentional:  # ATLAS and Microsoft list no measure against the unintentional modes
        assert {m.source for m in mode.mitigations} == {"ours"}


def test_chains() -> None:
    leads = {(m.id, r.mode) for m in TAX.modes for r in m.related}
    assert all(target in IDS and target != source for source, target in leads)
    assert {("M05", "M01"), ("M05", "M03"), ("M05", "M04"), ("M09", "M10"), ("M10", "M07"), ("M11", "M02")} <= leads


def test_chains_of_the_rules_are_told_by_the_modes() -> None:
    from momus.taxonomy.rules import load_book

    told = {(m.id, r.mode) for m in TAX.modes for r in m.related}
    for chain in load_book().chains:
        pairs = [p for p in pairwise(chain.modes) if "*" not in p]
        assert all(p in told or p[::-1] in told for p in pairs), chain


def test_known_discrepancies_are_told() -> None:
    assert "wrong way round" in " ".join(TAX.mode("physical").disagreements)
    assert any("mining is the search" in d for d in TAX.mode("natural").disagreements)
    assert TAX.mode("stealing").cases[0].source == "arXiv:1609.02943"
    assert "1,150" in TAX.mode("stealing").cases[0].text


@pytest.mark.parametrize("name", ["M04", "m04", "4", "04", "membership", "Membership inference", "MEMBERSHIP"])
def test_mode_by_any_name(name) -> None:
    assert TAX.mode(name).id == "M04"


def test_unknown_mode_names_the_nearest() -> None:
    with pytest.raises(NotFound, match="membership"):
        TAX.mode("membershp")


def test_questions() -> None:
    ids = [q.id for q in TAX.questions]
    assert ids == [f"Q{i:02}" for i in range(1, 34)] + [f"U{i:02}" for i in range(1, 13)]
    assert sum(q.merges for q in TAX.questions) == 51
    assert all((q.merges > 0) == (q.id[0] == "Q") for q in TAX.questions)
    by_id = {q.id: q for q in TAX.questions}
    assert by_id["Q28"].modes == ()
    assert len(by_id["Q33"].modes) == 17
    assert by_id["Q16"].merges == 4
    for q in TAX.questions:
        assert set(q.modes) <= set(IDS)
        assert q.text.endswith("?")


def test_every_mode_is_asked_about() -> None:
    asked = {m for q in TAX.questions if q.id != "Q33" for m in q.modes}
    assert asked == set(IDS)


def test_questions_settle_known_facts() -> None:
    facts = set(load_facts())
    for q in TAX.questions:
        assert set(q.facts) <= facts, q.id
        assert q.facts or q.id == "Q33"


def test_outside_names_what_is_missing() -> None:
    assert {"bias", "prompt-injection", "hallucination", "sponge"} <= {o.id for o in TAX.outside}
    assert all(set(o.near) <= set(IDS) for o in TAX.outside)


def test_unknown_key_in_a_mode_file_is_refused() -> None:
    import tomllib

    raw = tomllib.loads((HOME / "modes" / "04-membership.toml").read_text())
    assert read_mode("x", raw) == TAX.mode("M04")
    with pytest.raises(TaxonomyError, match="unknown key 'colour'"):
        read_mode("x", raw | {"colour": "red"})
    with pytest.raises(TaxonomyError, match="'impacts' must be a list"):
        read_mode("x", raw | {"impacts": "much"})
    with pytest.raises(TaxonomyError, match="'summary' is missing"):
        read_mode("x", {k: v for k, v in raw.items() if k != "summary"})
    with pytest.raises(TaxonomyError, match="cia needs"):
        read_mode("x", raw | {"cia": {"microsoft": []}})


def test_crosswalk_binds() -> None:
    assert len(TAX.crosswalk) == 310
    versions = {f.name: f.version for f in TAX.frameworks}
    assert len(versions) == 12
    for x in TAX.crosswalk:
        assert x.mode_name == TAX.mode(x.mode_id).name
        assert versions[x.framework] == x.framework_version
        assert x.relation in {"exact", "broader", "narrower", "related", "none"}
        assert (x.object_id == "-") == (x.relation == "none")
    assert {x.framework for x in TAX.crosswalk} == set(versions)


SHAPES = {
    "MITRE ATLAS": r"AML\.T\d{4}(\.\d{3})?",
    "CWE": r"CWE-\d+",
    "NIST AI 100-2": r"NISTAML\.\d{2,3}|source code control",
    "OWASP ML Security Top 10": r"ML\d{2}:2023",
    "EU AI Act": r"Art\. \d+(\(\d\))?(-\(\d\))?",
    "IBM AI Risk Atlas": r"atlas-[a-z-]+",
    "AVID taxonomy": r"[SPEL]\d{2,4}",
}


@pytest.mark.parametrize("framework", SHAPES)
def test_framework_ids_have_one_shape_and_one_name(framework) -> None:
    rows = [x for x in TAX.crosswalk if x.framework == framework and x.relation != "none"]
    assert rows
    names: dict[str, set[str]] = {}
    for x in rows:
        assert re.fullmatch(SHAPES[framework], x.object_id), x.object_id
        names.setdefault(x.object_id, set()).add(re.sub(r" \(.*\)$", "", x.object_label))
    # The AI Act is cited by article with a label of ours; CWE-1039 is cited for M17 by what its text says.
    if framework != "EU AI Act":
        twice = {i: n for i, n in names.items() if len(n) > 1 and i != "CWE-1039"}
        assert not twice


def test_no_crosswalk_row_twice() -> None:
    seen = Counter((x.mode_id, x.framework, x.object_id, x.relation, x.object_label) for x in TAX.crosswalk)
    assert seen.most_common(1)[0][1] == 1


def test_glossary_binds() -> None:
    assert len(TAX.glossary) == 363
    assert len({t.term.lower() for t in TAX.glossary}) == 363
    for t in TAX.glossary:
        assert set(t.modes) <= set(IDS)
        assert t.relation in {"synonym", "broader", "narrower", "related"}
        for mention in re.findall(r"arXiv:\S+", t.source):
            assert ARXIV.fullmatch(mention.rstrip(";,)")), mention
    assert {m for t in TAX.glossary for m in t.modes} == set(IDS)


def test_rules_come_through_the_door() -> None:
    assert [r.id for r in TAX.rules] == [f"R{i:02}" for i in range(1, 51)]
    assert {e.mode for r in TAX.rules for e in r.effects} <= set(IDS)


def test_loading_imports_nothing_heavy() -> None:
    import subprocess
    import sys

    code = (
        "import sys; from momus.taxonomy import load; t = load(); t.modes; t.bugbar; t.lookup('trojan');"
        "print(sorted({'numpy', 'pydantic', 'torch', 'sklearn', 'scipy', 'rich', 'yaml'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
