"""Tests that lie too long ago are told to the probes of mode M17, and nothing else about the day is."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from momus.assess.facts import facts_for
from momus.card import load_card

CARD = """
system: s
targets: [{name: m, path: m.pkl}]
tests: {ran: 2026-01-10, collected: 2025-12-01, max_age_days: 30}
"""


def test_only_what_is_too_old_is_named(tmp_path: Path) -> None:
    (tmp_path / "momus.yaml").write_text(CARD)
    card = load_card(tmp_path / "momus.yaml")
    target = card.targets[0]
    told = [facts_for("incomplete_testing", card, target, [], date(2026, 1, d)) for d in (11, 12, 13)]
    assert told[0]["overdue"] == ["collected"] and told[0] == told[1] == told[2], "a result stays valid from day to day"
    assert "overdue" not in facts_for("incomplete_testing", card, target, [], date(2025, 12, 15))
    assert facts_for("incomplete_testing", card, target, [], date(2026, 3, 1))["overdue"] == ["collected", "ran"]
    assert "overdue" not in facts_for("shift", card, target, [], date(2026, 3, 1))
