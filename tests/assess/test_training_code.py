"""Training code on the card: it is read before anything is opened, and also where the target cannot be opened."""

from __future__ import annotations

from pathlib import Path

from momus import assess
from momus.assess.run import plan
from momus.core.records import Status

LEAKS = "def train(x, y, seed):\n    train.memory = x\n    return None\n"
MODEL = "def predict(x):\n    raise RuntimeError('no weights')\n"


def card(folder: Path, more: str = "") -> Path:
    (folder / "provider.py").write_text(LEAKS)
    (folder / "model.py").write_text(MODEL)
    (folder / "momus.yaml").write_text(
        "system: Bought\ntargets:\n  - name: bought\n    adapter: callable\n    factory: model.py:predict\n"
        f"    classes: [a, b]\n{more}"
    )
    return folder / "momus.yaml"


def test_it_is_read_although_the_target_cannot_be_opened(tmp_path: Path) -> None:
    found = assess(card(tmp_path, "    code: provider.py\n"), only=["provider.code"])
    finding = next(f for f in found.findings if f.probe == "provider.code")
    assert finding.status is Status.FAIL, finding.reason
    assert finding.measurement is not None and finding.measurement.cost.queries == 0


def test_the_training_hook_is_read_too(tmp_path: Path) -> None:
    made = plan(card(tmp_path, "    train: provider.py:train\n"), only=["provider.code"])
    assert [j.probe for j in made.jobs] == ["provider.code"] and made.jobs[0].files_only


def test_without_code_it_says_what_to_name(tmp_path: Path) -> None:
    made = plan(card(tmp_path), only=["provider.code"])
    gap = next(g for g in made.gaps if g.probe == "provider.code")
    assert not made.jobs
    assert gap.detail == "no training code is named" and "targets[].code" in gap.how_to_close


def test_code_alone_is_a_target(tmp_path: Path) -> None:
    (tmp_path / "provider.py").write_text("x = 1\n")
    (tmp_path / "momus.yaml").write_text("system: S\ntargets:\n  - {adapter: files, code: provider.py}\n")
    found = assess(tmp_path / "momus.yaml", only=["provider.code"])
    assert [f.status for f in found.findings] == [Status.PASS]
