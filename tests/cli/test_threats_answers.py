"""`momus threats` with what people answered in a session, and the way of the answers into the card's file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from momus.card import load_card
from momus.cli.threats import threats
from momus.core.decisions import Answer, Waived, now, system_id
from momus.core.errors import NotFound
from momus.store import open_store

TEXT = "# ours\r\nsystem: scorer\r\nfacts:\r\n  api.reach: public  # since May\r\n"


def call(*words: Any) -> Any:
    return CliRunner().invoke(threats, [str(w) for w in words], standalone_mode=False)


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """A card beside a store that holds an answer, and a waiver of a mode."""
    file = tmp_path / "momus.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + TEXT.encode())
    name = system_id("scorer")
    with open_store(tmp_path / ".momus" / "runs.sqlite") as store:
        store.append("", Answer(system=name, fact="import.pretrained", value=False, evidence="sbom", author="Ann"))
        until = now().date()
        store.append("", Waived(id="a", system=name, mode="shift", reason="seasonal", by="Bo", until=until))
    return file


def test_answers_are_left_out_unless_asked_for(card: Path) -> None:
    plain, with_ = call(card).output, call(card, "--answers").output
    assert "M09 supply_chain       undetermined" in plain and "M09 supply_chain       not applicable" in with_
    assert "1 facts known" in plain and "2 facts known" in with_


def test_the_card_is_written_with_its_comments_and_line_ends(card: Path) -> None:
    assert call(card, "--write-card").return_value == 0
    raw = card.read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf# ours\r\nsystem: scorer\r\n") and b"public  # since May\r\n" in raw
    made = load_card(card)
    assert made.facts["import.pretrained"] is False and made.waivers[0].by == "Bo"
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert call(card, "--write-card").return_value == 0 and card.read_bytes() == raw


def test_the_document_is_written(card: Path, tmp_path: Path) -> None:
    file = tmp_path / "threats.md"
    assert call(card, "--answers", "-o", file).return_value == 0
    assert file.read_text("utf-8").startswith("# Threat model of scorer") and "sbom" in file.read_text("utf-8")
    refused = call(card, "-o", tmp_path / "momus.yaml" / "x.md")
    assert "cannot be written" in str(refused.exception)


def test_without_a_store_there_are_no_answers(tmp_path: Path) -> None:
    file = tmp_path / "momus.yaml"
    file.write_text(TEXT)
    assert isinstance(call(file, "--answers").exception, NotFound) and call(file).return_value == 0
