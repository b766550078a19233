"""`momus init`, `momus check` and `momus threats`, as a user calls them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from momus.cli.check import check
from momus.cli.init import init
from momus.cli.threats import threats
from momus.core.errors import CardError

CARD = """\
system: "street [bold] reader"
facts: {api.reach: public, api.input_control: full, env.sensors: no}
targets: [{name: net, path: net.onnx, classes: [a, b]}]
data: {test: test.csv, label: y}
"""


@pytest.fixture
def card(tmp_path: Path) -> Path:
    file = tmp_path / "momus.yaml"
    file.write_text(CARD)
    (tmp_path / "test.csv").write_text("x,y\n1,a\n")
    return file


def call(command: object, *arguments: object) -> Result:
    return CliRunner().invoke(command, [str(a) for a in arguments], standalone_mode=False)  # type: ignore[arg-type]


def test_threats_prints_17_lines(card: Path) -> None:
    said = call(threats, card).output.splitlines()
    rows = [line for line in said if len(line) > 6 and line[2] == "M" and line[3:5].isdigit()]
    assert [row[2:5] for row in rows] == [f"M{i:02}" for i in range(1, 18)]
    assert "applies" in rows[0]
    assert "R01" in rows[0]
    assert "declared n/a" in rows[6]
    assert "street [bold] reader" in said[0]
    assert any(line.startswith("ask ") for line in said)


def test_threats_details_of_one_mode(card: Path) -> None:
    said = call(threats, card, "--mode", "M07").output
    assert "declared not applicable" in said
    assert "R50" in said
    assert "M01" not in said
    everything = call(threats, card, "--verbose").output
    assert everything.count("attacker ") >= 2
    assert "AML.M0003" in everything


def test_threats_json_and_picture(card: Path, tmp_path: Path) -> None:
    svg = tmp_path / "p.svg"
    done = call(threats, card, "--json", "--svg", svg)
    assert len(json.loads(done.stdout)["modes"]) == 17
    assert ET.fromstring(svg.read_text()).tag.endswith("svg")


def test_an_unwritable_picture_is_a_usage_error(card: Path, tmp_path: Path) -> None:
    done = call(threats, card, "--svg", tmp_path / "no" / "p.svg")
    assert isinstance(done.exception, click.BadParameter)
    assert "cannot be written" in str(done.exception)


def test_check_tells_what_is_missing(card: Path) -> None:
    done = call(check, card)
    assert done.return_value == 2
    assert f"{card}:3:29 card/missing-file: net.onnx does not exist" in done.output
    (card.parent / "net.onnx").write_bytes(b"")
    done = call(check, card)
    assert done.return_value == 0
    assert "the card is right" in done.output
    known = re.search(r"(\d+) facts known", call(threats, card).output)
    assert known and f"{known[1]} known" in done.output, "one count for both: what the targets show counts too"
    plain = json.loads(call(check, card, "--json").output)
    assert plain["ok"]
    assert plain["questions"][0]["modes"]


def test_check_prints_the_schema_without_a_card() -> None:
    assert json.loads(call(check, "--schema").output)["title"] == "momus.yaml"


def test_init_writes_once_and_checks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("d").mkdir()
    Path("d/train.csv").write_text("a,b\n1,2\n")
    assert call(init, "d/train.csv").return_value == 0
    assert Path("momus.yaml").exists()
    assert call(check).return_value == 0
    kept = Path("momus.yaml").read_text()
    again = call(init, "d/train.csv")
    assert isinstance(again.exception, CardError)
    assert again.exception.code == "card/exists"
    assert Path("momus.yaml").read_text() == kept
    elsewhere = call(init, "d/train.csv", "-o", "d")
    assert elsewhere.return_value == 0
    assert "train: train.csv" in Path("d/momus.yaml").read_text()


@pytest.mark.parametrize("verb", ["check", "threats"])
def test_verbs_load_no_framework(card: Path, verb: str) -> None:
    (card.parent / "net.onnx").write_bytes(b"")
    code = (
        "import sys\nfrom momus.cli.main import cli\n"
        f"cli.main(['{verb}', {str(card)!r}], standalone_mode=False)\n"
        "print([m for m in ('numpy', 'sklearn', 'scipy', 'torch', 'pandas', 'sqlalchemy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_check_shows_what_the_columns_were_taken_for(card: Path) -> None:
    (card.parent / "test.csv").write_text("age,town,y\n31,Ulm,a\n40,Bonn,b\n")
    (card.parent / "net.onnx").write_bytes(b"x")
    plain, shown = call(check, card), call(check, card, "--data")
    assert "town" not in plain.output
    assert [line.split()[:3] for line in shown.output.splitlines() if "inferred" in line] == [
        ["age", "integer", "inferred"],
        ["town", "categorical", "inferred"],
    ]
    assert json.loads(call(check, card, "--data", "--json").output)["columns"]["test"]["rows"][1][3] == "Bonn, Ulm"
    (card.parent / "test.csv").write_text("age,y\n31,a\n,c\n")
    broken = call(check, card, "--data")
    assert broken.return_value == 2
    assert "test: " in broken.output and "data/label-outside" in broken.output


def test_several_cards_are_checked_and_each_is_told(momus_, assessed: Path) -> None:
    Path("wrong.yaml").write_text("sytem: x\n")
    said = momus_("check", "wrong.yaml", "momus.yaml", "none.yaml")
    assert said.code == 2 and "the card is right" in said.out
    assert "wrong.yaml:1:1" in said.err and "none.yaml" in said.err
    assert momus_("check", "momus.yaml", "momus.yaml").code == 0
