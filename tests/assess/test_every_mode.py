"""Every mode has a probe; one that had none would be told, and never be silent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from momus.assess import plan, selection
from momus.assess.plan import Inspection, make_plan
from momus.card import SystemCard
from momus.core.errors import NotFound
from momus.core.registry import probe_ids
from momus.taxonomy import load

INFO = {"task": "artifact", "modality": "file", "adapter": "files"}
CARD = SystemCard.from_dict({"system": "s"})


def test_all_seventeen_modes_have_a_probe() -> None:
    assert {i.partition(".")[0] for i in probe_ids()} >= {m.slug for m in load().modes}


def test_a_mode_without_a_probe_is_a_gap_and_cannot_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    some = tuple(i for i in probe_ids() if not i.startswith("dependencies."))
    for room in (plan, selection):
        monkeypatch.setattr(room, "probe_ids", lambda: some)
    gaps = make_plan(CARD, {}, seed=0).gaps
    assert [(g.mode, g.why) for g in gaps] == [("dependencies", "no-probe")]
    with pytest.raises(NotFound, match="momus explain dependencies"):
        selection.selected(CARD, ["M11"])


def test_where_files_come_from_is_asked_only_when_somebody_says_so(tmp_path: Path) -> None:
    (tmp_path / "m.npz").write_bytes(b"x")
    seen = {"m": Inspection("m", files={"files": ["m.npz"], "digest": "d"}, info=INFO)}

    def gaps(**more: Any) -> list[str]:
        given = SystemCard.from_dict({"system": "s", "targets": [{"name": "m", "files": ["m.npz"]}], **more}, tmp_path)
        made = make_plan(given, seen, seed=0, only=("supply_chain.provenance",))
        return [g.how_to_close for g in made.gaps if g.probe == "supply_chain.provenance"]

    assert ["momus lock" in remedy for remedy in gaps()] == [True]
    assert gaps(supply={"files": [{"path": "m.npz", "source": "zoo/m"}]}) == []
    (tmp_path / "momus.lock").write_text("{}")
    assert gaps() == []
