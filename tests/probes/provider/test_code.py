"""provider.code: leads become a number, files that were not understood keep it from passing."""

from __future__ import annotations

from pathlib import Path

import pytest

from momus.core.meter import Budget
from momus.core.records import Limit, Measurement, Status
from momus.judge import decide
from momus.probes.provider.code import code
from momus.targets.files import files_target

LIMIT = Limit(probe="provider.code", value=0)


def measured(folder: Path, budget: Budget | None = None) -> Measurement:
    return code(files_target([], code=[folder]), budget=budget)


def test_a_lead_shows_its_line_and_the_question(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("def f(model, x):\n    model.extra = x\n")
    m = measured(tmp_path)
    assert (m.value, decide(m, LIMIT).status) == (1.0, Status.FAIL)
    mark = next(e for e in m.evidence if e.kind == "file_mark")
    assert mark.path.endswith("train.py:2") and "model.extra = x" in mark.what and "Ask:" in mark.note
    assert any("no" in c.message and "proof" in c.message for c in m.caveats)


def test_clean_code_passes_and_names_the_libraries_it_did_not_read(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("import os\nimport numpy as np\nimport vendor_kit\nx = np.ones(3)\n")
    m = measured(tmp_path)
    assert decide(m, LIMIT).status is Status.PASS
    table = next(e for e in m.evidence if e.kind == "table")
    assert "numpy, vendor_kit" in table.note and "os" not in table.note.split(": ")[1].split(", ")


@pytest.mark.parametrize("name", ["helper.so", "helper.pyc", "old.py", "run.sh"])
def test_what_is_not_understood_blocks_a_pass(tmp_path: Path, name: str) -> None:
    (tmp_path / "train.py").write_text("x = 1\n")
    (tmp_path / name).write_text("print 'x'\n")
    m = measured(tmp_path)
    assert m.value == 0 and m.ci.high == 1 and decide(m, LIMIT).status is Status.INCONCLUSIVE


def test_a_link_out_of_the_folder_is_neither_read_nor_clean(tmp_path: Path) -> None:
    inside = tmp_path / "code"
    inside.mkdir()
    (tmp_path / "other.py").write_text("def f(model, x): model.extra = x\n")
    (inside / "train.py").write_text("x = 1\n")
    (inside / "linked.py").symlink_to(tmp_path / "other.py")
    m = measured(inside)
    assert m.value == 0 and decide(m, LIMIT).status is Status.INCONCLUSIVE


def test_spent_time_passes_nobody(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("x = 1\n")
    m = measured(tmp_path, Budget(seconds=0.0))
    assert decide(m, LIMIT).status is Status.INCONCLUSIVE


def test_the_digest_follows_the_code(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("import part\n")
    (tmp_path / "part.py").write_text("x = 1\n")
    before = files_target([], code=[tmp_path / "train.py"]).info
    (tmp_path / "part.py").write_text("x = 2\n")
    after = files_target([], code=[tmp_path / "train.py"]).info
    assert len(before.code) == 2 and before.digest != after.digest
