"""Rules on the card reach the samples, and are refused where they cannot be read or the data say the opposite."""

from __future__ import annotations

from pathlib import Path

import pytest

from momus.card import DataCard
from momus.core.errors import DataError
from momus.data import describe, read_data


@pytest.fixture
def file(tmp_path: Path) -> Path:
    rows = [(i, i + 1 if i % 10 else i - 1, i % 2) for i in range(40)]
    (tmp_path / "t.csv").write_text("used,limit,y\n" + "".join(f"{a},{b},{c}\n" for a, b, c in rows), "utf-8")
    return tmp_path


def read(base: Path, *rules: str) -> object:
    return read_data(DataCard(path="t.csv", label="y", rules=rules), base, name="test")


def test_rules_reach_the_samples_and_exceptions_are_told(file: Path) -> None:
    samples = read_data(DataCard(path="t.csv", label="y", rules=("used <= limit",)), file, name="test")
    assert samples.rules == ("used <= limit",)
    assert "4 of 40 rows break 'used <= limit'" in describe(samples).note


@pytest.mark.parametrize(
    ("rule", "code", "words"),
    [
        ("used <= limt", "data/rule", "no column 'limt'"),
        ("used <=", "data/rule", "position 8"),
        ("used > limit", "data/rule-broken", "36 of 40 rows break the rule"),
    ],
)
def test_refusals_name_the_rule(file: Path, rule: str, code: str, words: str) -> None:
    with pytest.raises(DataError) as caught:
        read(file, "used <= 100", rule)
    assert caught.value.code == code and words in caught.value.message
    assert caught.value.place == "data.test.rules[1]"


def test_rules_need_a_table(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text('{"text": "good day", "y": 1}\n{"text": "bad day", "y": 0}\n', "utf-8")
    with pytest.raises(DataError, match="rows of a table"):
        read_data(DataCard(path="t.jsonl", label="y", rules=("a <= b",)), tmp_path, name="test")


def test_check_names_line_and_column(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from momus.cli.main import main

    card = "system: s\ntargets: [{path: m.joblib, classes: [a, b]}]\n"
    card += "data:\n  test: t.csv\n  label: y\n  rules:\n    - used <= limt\n"
    (file / "momus.yaml").write_text(card, "utf-8")
    with pytest.raises(SystemExit):
        main(["check", str(file / "momus.yaml"), "--data"])
    assert "momus.yaml:7:7 data/rule: there is no column 'limt'" in capsys.readouterr().out
