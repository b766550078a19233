"""Reading a card: what is right is read, what is wrong is told with file, line and column, all of it at once."""

from __future__ import annotations

import pickle
import re
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from momus.card import CardProblems, DataCard, Facts, SystemCard, TargetCard, load_card
from momus.card.inspect import check_card
from momus.card.read import card_of_text
from momus.core.errors import CardError, NotFound

GOOD = """\
system: loan-approval
facts:
  api.reach: public
  model: {output: scores, modality: [table]}
  data.persons: true
  train.dp: {value: no, evidence: "notes, page 2"}
targets:
  - {name: scorer, path: model.joblib, classes: [deny, no, 1]}
data: {test: test.csv, train: {path: t.csv, limit: 5}, label: approved, groups: sex}
select: [M04, "corruption.*"]
limits: {membership.shadow: 0.05}
waivers: [{mode: M07, reason: no sensor, by: a.person, until: 2027-06-30}]
network: api.example.org
tests:
  domain:
    columns: {age: [[18, 30], [30, 60]], sex: [1, 2, x]}
    conditions: [{name: night, accepted_by: b.person}]
"""


def test_a_card_is_read() -> None:
    card = card_of_text(GOOD, path=Path("/somewhere/momus.yaml"))
    assert card.system == "loan-approval"
    assert dict(card.facts) == {
        "model.modality": ("table",), "model.output": ("scores",), "api.reach": "public", "data.persons": True,
        "train.dp": False,
    }  # fmt: skip
    assert card.facts.evidence("train.dp") == "notes, page 2"
    assert card.facts.get("env.sensors") is None
    assert card.targets[0].adapter == "sklearn"
    assert card.targets[0].classes == ("deny", "no", "1")  # words stay words, YAML 1.2
    assert card.data["test"].path == "test.csv"
    assert card.data["train"].label == card.data["test"].label == "approved"
    assert card.data["train"].limit == 5
    assert card.data["test"].groups == ("sex",)
    assert card.select == ("membership", "corruption.*")
    assert card.waivers[0].mode == "physical"
    assert card.network == ("api.example.org",)
    assert card.tests.domain.columns["age"] == ((18.0, 30.0), (30.0, 60.0))
    assert card.tests.domain.columns["sex"] == (1, 2, "x")
    assert not card.tests.domain.conditions[0].covered
    assert card.resolve("model.joblib") == Path("/somewhere/model.joblib")
    assert card.place("targets", 0, "path") == "/somewhere/momus.yaml:8:26"
    assert card.place("nowhere") == "/somewhere/momus.yaml:1:1"
    assert card.text == GOOD


# (text, line:column, code, part of the message or hint)
WRONG = [
    ("targets: [{path: a.pkl, adapter: sclearn}]", "2:34", "card/unknown-adapter", "Did you mean 'sklearn'?"),
    ("targets:\n  - path: a.pkl\n    taks: classifier", "4:5", "card/unknown-key", "Did you mean 'task'?"),
    ("sistem: x", "2:1", "card/unknown-key", "Did you mean 'system'?"),
    ("facts: {api.reech: public}", "2:20", "card/unknown-fact", "Did you mean 'api.reach'?"),
    ("facts:\n  api: {reach: publick}", "3:16", "card/unknown-value", "Did you mean 'public'?"),
    ("facts: {reach: public}", "2:16", "card/unknown-fact", "Did you mean 'api.reach'?"),
    ("facts: {api.reach: public, api: {reach: none}}", "2:41", "card/duplicate-key", "twice"),
    ("facts: {data.persons: {value: yes, proof: x}}", "2:43", "card/unknown-key", "evidence"),
    ("facts: [a]", "2:8", "card/wrong-type", "mapping"),
    ("targets: [{name: b, adapter: torch}]", "2:11", "card/missing-key", "factory: model.py:build"),
    ("targets: [{name: b, adapter: policy, factory: p.py:f}]", "2:11", "card/missing-key", "env"),
    ("targets: [{name: b}]", "2:11", "card/missing-key", "adapter"),
    ("targets: [{path: a.onnx}, {path: b.onnx}]", "1:1", "card/duplicate-name", "model"),
    ("targets: [{path: a.onnx, input: {range: [1, 0]}}]", "2:33", "card/empty-range", "low to high"),
    ("targets: [{path: a.onnx, input: {shape: [3, 0]}}]", "2:45", "card/invalid-value", "greater than 0"),
    ("targets: [{path: a.onnx, data: {test: tset}}]", "1:1", "card/unknown-data", "tset"),
    ("data: {test: {labl: x}}", "2:15", "card/unknown-key", "Did you mean 'label'?"),
    ("data: {test: {label: x}}", "2:14", "card/missing-key", "path"),
    ("data: {test: t.csv, label: [a]}", "2:28", "card/invalid-value", "string"),
    ("data: {test: 5}", "2:14", "card/invalid-value", "DataCard"),
    ("limits: {membrship.shadow: 0.05}", "2:28", "card/unknown-probe", "mode.technique"),
    ("limits: {membership.shadow: low}", "2:29", "card/invalid-value", "number"),
    ("limits: {membership.shadow: .nan}", "2:29", "card/invalid-value", "number"),
    ("waivers: [{mode: M18, reason: x, by: y, until: 2030-01-01}]", "2:18", "card/unknown-mode", "M01 to M17"),
    ("waivers: [{mode: M07, reason: x, by: y, until: soon}]", "2:48", "card/invalid-value", "date"),
    ("waivers: [{mode: M07, reason: x, until: 2030-01-01}]", "2:11", "card/missing-key", "'by'"),
    ("budget: {queries: 0}", "2:19", "card/invalid-value", "greater than 0"),
    ("tests: {domain: {columns: {age: [[3, 1]]}}}", "2:34", "card/empty-range", "low to high"),
    ("tests: {domain: {columns: {age: [[1, 2, 3]]}}}", "2:34", "card/bin", "two numbers"),
    ("description: ${MOMUS_ABSENT}", "2:14", "card/missing-variable", "export MOMUS_ABSENT"),
    ("description: a\ndescription: b", "3:1", "card/duplicate-key", "line 2"),
    ("description: !!python/object:os.system [x]", "2:14", "card/tag", "plain value"),
    ("description: &a [*a]", "2:14", "card/alias-loop", "alias"),
    ("description: [\n", "3:1", "card/syntax", "expected"),
    ("description: a: b", "2:15", "card/syntax", "not allowed here"),
    ("\tdescription: a", "2:1", "card/syntax", "tabs"),
    ("? [a]\n: b", "2:3", "card/key", "one word"),
    ("description: \x07", "2:14", "card/syntax", "not allowed in YAML"),
    ("description: b\n---\nx: y", "3:1", "card/syntax", "another document"),
]


@pytest.mark.parametrize(("text", "place", "code", "part"), WRONG, ids=[w[0][:40] for w in WRONG])
def test_errors_have_place_code_and_remedy(text: str, place: str, code: str, part: str) -> None:
    body = text if text.startswith("sistem") else f"system: s\n{text}"
    if text.startswith("sistem"):
        body = f"description: s\n{text}"
    with pytest.raises(CardError) as caught:
        card_of_text(body, path=Path("momus.yaml"))
    line = next((x for x in str(caught.value).splitlines() if code in x), "")
    assert line.startswith(f"momus.yaml:{place} {code}: "), str(caught.value)
    assert part in line


def test_all_problems_are_told_in_the_order_of_the_file() -> None:
    text = "facts: {api.reech: x}\ntargets: [{path: a.pkl, adapter: q, taks: 1}]\nbudget: {queries: -1, second: 2}\n"
    with pytest.raises(CardProblems) as caught:
        card_of_text(text, path=Path("momus.yaml"))
    error = caught.value
    assert [p.code for p in error.problems] == [
        "card/missing-key", "card/unknown-fact", "card/unknown-adapter", "card/unknown-key", "card/invalid-value",
        "card/unknown-key",
    ]  # fmt: skip
    assert len(str(error).splitlines()) == 6
    assert all(re.match(r"momus\.yaml:\d+:\d+ card/", line) for line in str(error).splitlines())
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_secrets_come_from_the_environment_and_are_never_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOMUS_TOKEN", "s3cr3t-value")
    card = card_of_text("system: s\ntargets: [{path: a.onnx, options: {token: '${MOMUS_TOKEN}'}}]\n")
    assert card.targets[0].options == {"token": "s3cr3t-value"}
    assert "s3cr3t" not in repr(card) + str(card) + card.text + str(card.stored())
    assert card.stored()["targets"][0]["options"]["token"] == "${MOMUS_TOKEN}"
    first = card.digest
    monkeypatch.setenv("MOMUS_TOKEN", "other")
    assert card_of_text(card.text).digest == first
    with pytest.raises(CardError) as caught:
        card_of_text(
            "system: s\nbudget: {queries: '${MOMUS_TOKEN}'}\nwaivers: [{mode: '${MOMUS_TOKEN}'}]\n"
            "facts: {api.reach: 'x${MOMUS_TOKEN}'}\ntargets: [{name: '${MOMUS_TOKEN}', adapter: torch}]\n"
        )
    assert "other" not in str(caught.value)
    assert str(caught.value).count("${MOMUS_TOKEN}") == 4


def test_a_stored_card_reads_without_its_environment() -> None:
    text = "system: s\ntargets: [{path: a.onnx, options: {token: '${MOMUS_ABSENT}'}}]\n"
    assert card_of_text(text, keep_variables=True).targets[0].options["token"] == "${MOMUS_ABSENT}"


def test_a_variable_is_expanded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A", "${B}")
    monkeypatch.setenv("N", "7")
    card = card_of_text("system: s\ndescription: 'x ${A} y'\nbudget: {queries: '${N}'}\n")
    assert card.description == "x ${B} y"
    assert card.budget.queries == 7


def test_comments_and_order_do_not_change_the_digest() -> None:
    a = card_of_text("system: s\ndescription: d\n")
    assert a.digest == card_of_text("# hello\ndescription: d\nsystem: s\n").digest
    assert a.digest != card_of_text("system: s\ndescription: e\n").digest
    assert a.digest == SystemCard.from_dict({"system": "s", "description": "d"}).digest


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "card/empty"),
        (b"# nothing\n", "card/empty"),
        (b"just words", "card/wrong-type"),
        (b"system: \xff\xfe", "card/encoding"),
        (b"a" * ((1 << 18) + 5), "card/too-large"),
        (b"[" * 5000, "card/too-deep"),
    ],
)
def test_files_that_are_no_cards(tmp_path: Path, content: bytes, code: str) -> None:
    file = tmp_path / "momus.yaml"
    file.write_bytes(content)
    with pytest.raises(CardError) as caught:
        load_card(file)
    assert caught.value.code == code
    assert str(file) in str(caught.value)


def test_missing_and_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(CardError, match="card/missing: there is no such card"):
        load_card(tmp_path)
    with pytest.raises(CardError, match="card/"):
        load_card("a\x00b")


@pytest.mark.timeout(30)
def test_alias_bombs_stop_early() -> None:
    text = "system: s\na: &a [x,x,x,x,x,x,x,x,x,x]\n"
    for i in range(8):
        text += f"{chr(98 + i)}: &{chr(98 + i)} [{','.join([f'*{chr(97 + i)}'] * 10)}]\n"
    with pytest.raises(CardError, match="card/too-large"):
        card_of_text(text)


def test_aliases_work() -> None:
    card = card_of_text("system: &n s\ndescription: *n\n")
    assert card.description == "s"


SNIPPETS = st.sampled_from(
    ["system: s\n", "facts:\n", "  api.reach: public\n", "targets:\n", "  - path: a.onnx\n", "    classes: [a, b]\n",
     "data: {test: t.csv, label: y}\n", "&a ", "*a", "<<: ", "!!binary x", "? ", ": ", "- ", "{", "}", "[", "]", "'",
     '"', "|\n", ">\n", "\t", "\n", "---\n", "%YAML 1.1\n", "0x1f", "1e999", "-.inf", "9" * 50, "null", "~", "${X}",
     "\u2028", "waivers: [{mode: M01}]\n", "tests: {domain: {columns: {a: [1]}}}\n", "limits: {a.b: 1}\n",
     "budget: {queries: 1}\n"]
)  # fmt: skip


@given(st.one_of(st.text(max_size=80), st.lists(SNIPPETS, max_size=12).map("".join)))
@settings(max_examples=300, deadline=None)
def test_any_text_gives_a_card_or_a_card_error(text: str) -> None:
    try:
        card = card_of_text(text, path=Path("momus.yaml"))
    except CardError as error:
        for line in str(error).splitlines():
            assert re.match(r"momus\.yaml:\d+:\d+ card/[a-z0-9_-]+: ", line), line
    else:
        assert card.system


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.fixed_dictionaries(
        {"system": st.just("s")}, optional={k: PLAIN for k in SystemCard.model_fields if k != "system"}
    )
)
@settings(max_examples=150, deadline=None)
def test_any_values_give_a_card_or_a_card_error(raw: dict[str, object]) -> None:
    try:
        SystemCard.from_dict(raw)
    except CardError as error:
        assert str(error).startswith("card")


def test_from_dict_names_keys_instead_of_lines() -> None:
    with pytest.raises(CardError, match=r"^card: targets\[0\]\.adapter card/unknown-adapter"):
        SystemCard.from_dict({"system": "s", "targets": [{"path": "a", "adapter": "x"}]})


def test_facts_do_not_take_misspelt_questions_for_unknown() -> None:
    facts = Facts({"api.reach": "public"})
    assert facts.get("api.auth") is None
    with pytest.raises(NotFound, match=r"Did you mean 'api\.reach'"):
        facts.get("api.reech")
    assert facts.with_(api__reach=None).get("api.reach") is None
    assert len(facts.unknown) + len(facts) == len(Facts({}).unknown)


def test_expired_waivers_do_not_count() -> None:
    card = card_of_text(GOOD)
    assert card.waiver("physical", date(2027, 6, 30)) is not None
    assert card.waiver("M07", date(2027, 6, 30)) is not None
    assert card.waiver("physical", date(2027, 7, 1)) is None
    assert card.waiver("membership", date(2026, 1, 1)) is None
    notes = check_card(card, today=date(2027, 7, 1)).notes
    assert "card/expired-waiver" in {n.code for n in notes}


def test_check_finds_missing_files_outside_paths_and_unknown_probes(tmp_path: Path) -> None:
    home = tmp_path / "card"
    home.mkdir()
    (tmp_path / "t.csv").write_text("a\n")
    (home / "momus.yaml").write_text(
        "system: s\ntargets: [{path: m.onnx, train: t.py:fit}]\ndata: {test: ../t.csv, label: a}\n"
        "probes: {membership.los: {}}\nskip: [shift, 'membership.*', nonsense]\n"
    )
    done = check_card(load_card(home))
    assert {(p.code, p.place.rsplit("momus.yaml")[-1]) for p in done.problems} == {
        ("card/missing-file", ":2:18"), ("card/missing-file", ":2:33"), ("card/unknown-probe", ":4:26"),
        ("card/unknown-probe", ":5:31"),
    }  # fmt: skip
    assert [n.code for n in done.notes] == ["card/outside"]
    assert "Did you mean 'membership.loss'?" in str([str(p) for p in done.problems])
    assert done.plain()["ok"] is False


def test_the_schema_accepts_what_the_reader_accepts() -> None:
    from momus.card.json_schema import card_schema

    schema = card_schema()
    assert set(schema["properties"]) == set(SystemCard.model_fields)
    assert schema["required"] == ["system"]
    facts = schema["properties"]["facts"]["properties"]
    assert {"api", "api.reach"} <= set(facts)
    assert {"type": "string", "description": "path of the file"} in schema["properties"]["data"][
        "additionalProperties"
    ]["anyOf"]
    assert "label" in schema["properties"]["data"]["properties"]
    assert schema["additionalProperties"] is False


def test_the_guide_shows_cards_that_read() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "card.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```yaml\n(.*?)```", guide, re.DOTALL)
    assert len(blocks) == 7
    for block in blocks:
        card_of_text(block if block.startswith("system") else f"system: s\n{block}")
    named = set(re.findall(r"^\| `(\w+)`(?:, `(\w+)`)?", guide, re.MULTILINE))
    told = {key for pair in named for key in pair if key}
    assert set(SystemCard.model_fields) <= told | {"description"}
    for section in (TargetCard, DataCard):
        assert set(section.model_fields) <= told | {"drop", "time", "columns", "limit"}


def test_a_name_stands_once_in_a_list() -> None:
    with pytest.raises(CardError, match="'no' stands twice"):
        SystemCard.from_dict({"system": "x", "targets": [{"path": "m.joblib", "classes": ["no", "no"]}]})


def test_check_asks_for_the_code_behind_weights(tmp_path: Path) -> None:
    for name in ("w.pt", "p.pt2", "model.py"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "momus.yaml").write_text("system: x\ntargets:\n  - {name: a, path: w.pt}\n  - {name: b, path: p.pt2}\n")
    done = check_card(load_card(tmp_path / "momus.yaml"))
    assert [(p.code, p.place.rsplit("momus.yaml", 1)[1]) for p in done.problems] == [("card/missing-key", ":3:5")]
    (tmp_path / "momus.yaml").write_text("system: x\ntargets: [{path: w.pt, factory: 'model.py:build'}]\n")
    assert check_card(load_card(tmp_path / "momus.yaml")).ok


def test_a_digest_for_no_file_is_an_error() -> None:
    target = f"{{name: m, adapter: onnx, path: a/model.onnx, digests: {{modle.onnx: {'a' * 64}}}}}"
    text = f"system: s\ntargets: [{target}]\n"
    with pytest.raises(CardError, match=r"card/unknown-file.*'modle\.onnx'.*a/model\.onnx"):
        card_of_text(text)
    assert card_of_text(text.replace("modle", "model")).targets[0].digests
