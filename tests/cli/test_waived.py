"""A waiver in the store: the exit codes of assessing and reporting leave it out, and what is printed says so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from momus.core.decisions import Waived, now, system_id
from momus.store import open_store


def test_assess_and_report_honour_the_store_and_say_so(assessed: Path, momus_: Callable[..., Any]) -> None:
    """The assessed system, judged under a limit that nothing can keep."""
    card = assessed / "momus.yaml"
    card.write_text(card.read_text() + "limits: {shift.groups: -1.0}\n")
    first = momus_("assess", card, "--only", "shift.groups", "--bar", "low")
    assert first.code == 1 and "by Ann" not in first.out
    where, today = assessed / ".momus" / "runs.sqlite", now().date()
    with open_store(where) as store:
        decided = {"system": system_id(store.run().system), "mode": "shift", "by": "Ann", "reason": "seasonal"}
        store.append("", Waived(id="over", until=today - timedelta(days=1), **decided))
    assert momus_("report", "--store", where, "--bar", "low").code == 1
    with open_store(where) as store:
        store.append("", Waived(id="held", until=today, **decided))
    for words in (("assess", card, "--only", "shift.groups"), ("report", "--store", where)):
        said = momus_(*words, "--bar", "low")
        assert said.code == 0, said
        assert f"accepted until {today} by Ann: seasonal" in " ".join(said.out.split()) and "FAIL" in said.out
