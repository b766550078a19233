"""Every hostile file is flagged or refused, no benign one is called dangerous, and what is said to fire fires."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from functools import cache
from itertools import groupby
from pathlib import Path

import pytest

from momus.methods.artifacts import FileReport, scan, scan_bytes

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from corpus.benign_texts import real_weights  # noqa: E402
from corpus.build import write  # noqa: E402
from corpus.everything import benign, hostile  # noqa: E402
from corpus.items import MARKER, Item  # noqa: E402

# What is needed beside the core to make the files that each loader opens.
NEEDED = {
    "torch": "torch", "script": "torch", "package": "torch", "skops": "skops", "keras": "keras", "dill": "dill",
    "policy": "stable_baselines3", "pandas": "pandas", "template": "jinja2",
}  # fmt: skip


@cache
def bad() -> tuple[Item, ...]:
    return tuple(hostile(large=False))


@cache
def good() -> tuple[Item, ...]:
    return tuple(benign(0))


@cache
def read(item: Item) -> FileReport:
    return scan_bytes(item.data, name=item.file)


def told(items: list[Item]) -> list[tuple[str, str, str]]:
    return [(i.carrier, i.name, read(i).verdict) for i in items]


def test_the_corpus_is_large_and_covers_every_carrier() -> None:
    carriers = Counter(i.carrier for i in bad())
    assert len(bad()) >= 500
    assert {"pickle", "pickle gadget", "pickle bomb", "joblib", "numpy", "torch zip", "torch legacy", "torch package",
            "keras", "skops", "policy", "yaml", "json", "template", "script", "native", "pmml", "r", "onnx",
            "tensorflow", "tflite", "safetensors", "gguf", "tar", "zip", "bomb", "renamed",
            } <= set(carriers)  # fmt: skip
    assert sum(bool(i.loader) for i in bad()) >= 250
    assert 0.25 < sum(i.held_out for i in bad()) / len(bad()) < 0.42
    assert len(good()) >= 120


def test_every_hostile_file_is_flagged_or_refused() -> None:
    assert told([i for i in bad() if read(i).verdict == "nothing found"]) == []


def test_what_fires_in_a_pickle_is_flagged_and_not_only_refused() -> None:
    """The reader of pickles is complete: it never has to say that it did not understand."""
    fires = [
        i
        for i in bad()
        if i.loader in ("pickle", "twice", "joblib", "numpy", "dill", "torch", "skops", "policy", "pandas")
    ]
    assert told([i for i in fires if read(i).verdict not in ("dangerous", "suspicious")]) == []


def test_most_of_what_fires_is_named_dangerous() -> None:
    fires = [i for i in bad() if i.loader and i.kind == "code" and not i.carrier.startswith("script")]
    assert sum(read(i).verdict == "dangerous" for i in fires) > 0.85 * len(fires)


def test_no_benign_file_is_called_dangerous() -> None:
    assert told([i for i in good() if read(i).verdict == "dangerous"]) == []


def test_honest_pickles_checkpoints_and_arrays_are_understood() -> None:
    """A tool that cries wolf is switched off: nine of ten files that people save every day get no mark at all."""
    kinds = ("sklearn", "xgboost", "lightgbm", "pandas", "numpy", "joblib", "stdlib", "torch", "safetensors", "onnx")
    pickled = [i for i in good() if i.trick in kinds and not i.file.endswith((".csv", ".parquet"))]
    assert sum(read(i).verdict == "nothing found" for i in pickled) > 0.9 * len(pickled)


def test_another_seed_draws_other_models_and_none_of_them_is_dangerous() -> None:
    other = benign(11, slow=False, real=False)
    same = {i.name: i.data for i in good()}
    assert sum(i.data != same.get(i.name) for i in other) > 0.6 * len(other)
    assert told([i for i in other if read(i).verdict == "dangerous"]) == []


def test_real_weight_files_are_not_called_dangerous() -> None:
    found = list(real_weights())
    if not found:
        pytest.skip("none of the packages with real weights is installed")
    assert [(name, scan(path).verdict) for name, path in found if scan(path).verdict == "dangerous"] == []


@pytest.mark.parametrize("step", [5, pytest.param(1, marks=pytest.mark.soak)])
def test_what_is_said_to_fire_fires_in_a_locked_child(step: int, tmp_path: Path) -> None:
    """Of each loader's files every fifth; all of them in the soak."""
    missing = {k for k, module in NEEDED.items() if not _there(module)}
    able = [i for i in bad() if i.loader and i.loader not in missing and not _needs_more(i)]
    able.sort(key=lambda i: i.loader)
    fires = [i for _, some in groupby(able, lambda i: i.loader) for i in list(some)[::step]]
    folders = write(fires, tmp_path / "hostile")
    plan = [[i.loader, str((tmp_path / str(e["path"])).parents[len(Path(i.file).parts) - 1]), i.file]
            for i, e in zip(fires, folders, strict=True)]  # fmt: skip
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    command = [sys.executable, "-I", str(HERE / "fire.py"), str(tmp_path / "plan.json")]
    subprocess.run(command, timeout=280, check=True, capture_output=True, cwd=tmp_path, stdin=subprocess.DEVNULL)
    for _ in range(50):  # some payloads start a process and do not wait for it
        silent = [(i.name, _why(folder)) for i, (_, folder, _) in zip(fires, plan, strict=True) if not _fired(folder)]
        if not silent:
            break
        time.sleep(0.1)
    assert silent == []
    assert len(able) >= 100


def _there(module: str) -> bool:
    try:
        __import__(module)
    except ImportError:
        return False
    return True


def _needs_more(item: Item) -> bool:
    """Whether a gadget's own library is absent here."""
    module = item.name.split(".")[0]
    return item.carrier == "pickle gadget" and module.isidentifier() and not _there(module)


def _fired(folder: str) -> bool:
    return os.path.lexists(Path(folder, MARKER))


def _why(folder: str) -> str:
    reason = Path(folder, "why-not")
    return reason.read_text() if reason.exists() else "did not end"


def test_the_folder_that_is_written_has_a_manifest(tmp_path: Path) -> None:
    entries = write(bad()[:40], tmp_path / "hostile")
    assert [e["name"] for e in entries] == [i.name for i in bad()[:40]]
    assert all((tmp_path / str(e["path"])).is_file() for e in entries)
    assert {"carrier", "trick", "loader", "held_out", "kind"} <= set(entries[0])
