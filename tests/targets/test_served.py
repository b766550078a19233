"""The path from bytes to an answer, and the lists of packages, from the card to the plan."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from momus.assess.facts import facts_for
from momus.assess.plan import Inspection, face_of, make_plan
from momus.card import SystemCard, TargetCard
from momus.core.capabilities import HasPackages, Serves, missing
from momus.core.errors import CardError, TargetError, UnsafeArtifact
from momus.core.registry import get_probe
from momus.targets import Target, open_files, open_served, open_target

CODE = """
def make():
    import neighbour
    return lambda data: neighbour.answer(data)


def answer(data):
    return len(data)


number = 7
"""


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "serve.py").write_text(CODE)
    (tmp_path / "neighbour.py").write_text("def answer(data):\n    return len(data) + 1\n")
    (tmp_path / "samples" / "deep").mkdir(parents=True)
    (tmp_path / "samples" / "a.jpg").write_bytes(b"one")
    (tmp_path / "samples" / "deep" / "b.PNG").write_bytes(b"three")
    (tmp_path / "requirements.txt").write_text("jinja2==2.10\n")
    return tmp_path


def card(**serve: Any) -> TargetCard:
    return TargetCard.model_validate({"serve": {"answer": "serve.py:answer", **serve}})


def test_bytes_are_answered_as_a_caller_would_be(base: Path) -> None:
    target = open_target(card(examples=["samples/"], also={"other": "serve.py:make"}), base)
    assert missing(target, Serves) == ()
    assert target.info.adapter == "served"
    serving = target.serving()
    assert serving.answer(b"1234") == 4
    assert serving.also["other"](b"1234") == 5
    assert [name for name, _ in serving.examples] == ["a.jpg", "deep/b.PNG"]
    assert serving.formats == ("jpeg", "png")


def test_whatever_changes_the_path_changes_its_digest(base: Path) -> None:
    def digest(**serve: Any) -> str:
        return open_served(card(**serve), base).info.digest

    first = digest(examples=["samples/"])
    assert digest(examples=["samples/"]) == first
    assert digest(examples=["samples/"], seconds=3) != first
    (base / "samples" / "a.jpg").write_bytes(b"two")
    second = digest(examples=["samples/"])
    (base / "serve.py").write_text(CODE + "\nx = 1\n")
    assert len({first, second, digest(examples=["samples/"])}) == 3


@pytest.mark.parametrize(
    ("serve", "said"),
    [
        ({"answer": "serve.py:number"}, "not a function"),
        ({"answer": "gone.py:answer"}, "does not exist"),
        ({"examples": ["gone/"]}, "does not exist"),
    ],
)
def test_what_cannot_be_served_is_told_in_one_line(base: Path, serve: dict[str, Any], said: str) -> None:
    with pytest.raises(TargetError, match=said):
        open_served(card(**serve), base)


def test_no_code_runs_beside_a_file_that_is_refused(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(base)
    (base / "model.pkl").write_bytes(b"cposix\nsystem\n(S'touch ran'\ntR.")
    (base / "serve.py").write_text("open('ran', 'w')\n" + CODE)
    given = TargetCard.model_validate({"path": "model.pkl", "serve": {"answer": "serve.py:answer"}})
    with pytest.raises(UnsafeArtifact):
        open_served(given, base)
    assert not (base / "ran").exists()


def test_lists_of_packages_are_named_and_not_opened(base: Path) -> None:
    given = TargetCard.model_validate(
        {"dependencies": {"locks": ["requirements.txt"], "environment": "this"}, "serve": {"answer": "serve.py:answer"}}
    )
    target = open_files(given, base)
    assert missing(target, HasPackages) == ()
    packages = target.packages()
    assert [p.name for p in packages.locks] == ["requirements.txt"]
    assert packages.environment is not None
    assert [p.name for p in packages.code] == ["serve.py"]
    before = target.info.digest
    (base / "requirements.txt").write_text("jinja2==3.1.6\n")
    assert open_files(given, base).info.digest != before
    assert open_files(given, base).info.packages == tuple(str(p) for p in packages.named)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ({"adapter": "served"}, "serve"),
        ({"dependencies": {"code": ["serve.py"]}}, "list of packages"),
        ({"serve": {"answer": "s.py:a", "formats": ["exe"]}}, "exe"),
    ],
)
def test_half_a_section_is_refused(target: dict[str, Any], said: str) -> None:
    with pytest.raises(CardError, match=said):
        SystemCard.from_dict({"system": "s", "targets": [target]})


def test_a_key_that_is_not_there_is_refused() -> None:
    with pytest.raises(CardError, match="not under supply"):
        SystemCard.from_dict({"system": "s", "supply": {"files": [{"path": "m.pt", "key": "acme"}]}})


def test_all_that_the_sections_name_is_among_the_paths(base: Path) -> None:
    given = SystemCard.from_dict(
        {
            "system": "s",
            "targets": [
                {
                    "serve": {"answer": "serve.py:answer", "examples": ["samples/"]},
                    "dependencies": {"locks": ["requirements.txt"], "environment": "this", "advisories": "osv.zip"},
                }
            ],
            "supply": {"keys": {"acme": "acme.pub"}, "files": [{"path": "m.pt", "signature": "m.sig", "key": "acme"}]},
        },
        base,
    )
    named = {p.text for p in given.paths()}
    assert named == {"serve.py", "samples/", "requirements.txt", "osv.zip", "acme.pub", "m.pt", "m.sig"}


def test_what_the_card_and_its_lock_say_of_a_file_reaches_the_probe(base: Path) -> None:
    given = SystemCard.from_dict(
        {"system": "s", "targets": [{"files": ["m.pt"]}], "supply": {"trusted": ["zoo/*"]}, "network": ["api.osv.dev"]},
        base,
    )
    assert "supply" not in facts_for("supply_chain", given, given.targets[0], [])
    (base / "momus.lock").write_text(json.dumps({"version": 1}))
    told = facts_for("supply_chain", given, given.targets[0], [])["supply"]
    assert told == {"lock": {"version": 1}, "files": [], "trusted": ["zoo/*"], "keys": {}, "base": str(base.resolve())}
    (base / "momus.lock").write_text("{")
    assert "no usable JSON" in facts_for("supply_chain", given, given.targets[0], [])["supply"]["lock"]["error"]


def test_a_function_is_a_target_from_python() -> None:
    target = Target.from_served(lambda data: data[0], formats=("png",))
    assert target.serving().answer(b"\x07") == 7
    with pytest.raises(TargetError, match="cannot answer"):
        Target.from_served(7)


def test_a_target_without_the_path_has_a_gap_that_says_what_to_add() -> None:
    served = ("dependencies.fuzzing", "dependencies.decoders", "dependencies.availability")
    given = SystemCard.from_dict({"system": "s", "targets": [{"name": "m", "files": ["m.pt"]}]})
    for identity in served:
        assert face_of(get_probe(identity)) == "served"
        info = {"task": "artifact", "modality": "file", "adapter": "files"}
        plan = make_plan(given, {"m": Inspection("m", info=info)}, seed=0, only=(identity,))
        assert [(g.why, "targets[].serve" in g.how_to_close) for g in plan.gaps if g.probe == identity] == [
            ("capability", True)
        ]


def test_a_changed_file_or_statement_beside_it_is_another_question(base: Path) -> None:
    (base / "m.pt").write_bytes(b"one")
    given = SystemCard.from_dict(
        {"system": "s", "targets": [{"files": ["m.pt"]}], "supply": {"files": [{"path": "m.pt"}]}}, base
    )

    def asked() -> str:
        return str(facts_for("supply_chain", given, given.targets[0], [])["supplied"])

    seen = [asked()]
    (base / "m.pt").write_bytes(b"two")
    seen.append(asked())
    (base / "SHA256SUMS").write_text("0  m.pt")
    assert len({*seen, asked()}) == 3
