"""examples/runs-on-load: the tampered files answer as the honest ones, are all found, and are seen to act."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from momus.assess.proof import prove
from momus.assess.proof.loaders import natural
from momus.core import landlock, seccomp
from momus.methods.artifacts import scan

for package in ("torch", "keras", "stable_baselines3"):
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed", allow_module_level=True)
FOLDER = Path(__file__).resolve().parents[2] / "examples" / "runs-on-load"
NAMES = ("digits.joblib", "digits.joblib.z", "digits.pt", "digits-legacy.pt", "digits.keras", "agent.zip")
locked = pytest.mark.skipif(
    seccomp.machine() is None or landlock.version() < 3, reason="this machine has no Landlock 3 or no filter"
)

# Opens a file of the example as its user would, in a folder of its own, and counts what it gets right.
OPEN = """
import json, sys
sys.path.insert(0, sys.argv[1])
import joblib, prepare
model = joblib.load(sys.argv[2])
_, x, _, y = prepare.digits()
print(json.dumps([float(model.score(x, y)), model.predict(x).tolist()]))
"""


@pytest.fixture(scope="module")
def prepare() -> ModuleType:
    spec = importlib.util.spec_from_file_location("runs_on_load_prepare", FOLDER / "prepare.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def weights(prepare: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    prepare.main(folder)
    return folder


def test_nothing_runs_while_the_files_are_made(weights: Path) -> None:
    assert sorted(p.name for p in (weights / "tampered").iterdir()) == sorted(NAMES)
    assert not list(weights.rglob("momus-marker"))
    assert not Path("momus-marker").exists()


@pytest.mark.parametrize("name", NAMES)
def test_every_tampered_file_is_found_and_no_honest_one_is_called_dangerous(weights: Path, name: str) -> None:
    assert scan(weights / "tampered" / name).verdict == "dangerous"
    assert scan(weights / "honest" / name).verdict in ("nothing found", "suspicious")


def test_the_tampered_classifier_is_as_good_as_the_honest_one_and_has_run_a_command(weights: Path) -> None:
    told, marked = {}, {}
    for kind in ("honest", "tampered"):
        room = weights / f"room-{kind}"
        room.mkdir()
        command = [sys.executable, "-c", OPEN, str(FOLDER), str(weights / kind / "digits.joblib")]
        done = subprocess.run(command, cwd=room, capture_output=True, text=True, timeout=120, check=True)
        told[kind], marked[kind] = json.loads(done.stdout), (room / "momus-marker").exists()
    assert told["honest"] == told["tampered"]
    assert told["honest"][0] > 0.93
    assert marked == {"honest": False, "tampered": True}


@locked
@pytest.mark.parametrize("name", NAMES)
def test_loading_shows_the_command_and_does_not_let_it_happen(weights: Path, name: str) -> None:
    path = weights / "tampered" / name
    loaders = natural(scan(path).format, path.suffix)
    proof = prove(path, "", loaders=loaders[:1])
    assert "ran a command" in [a.what for a in proof.tries[0].acts]
    assert any("touch momus-marker" in a.detail for a in proof.tries[0].acts)
    assert not list(path.parent.rglob("momus-marker"))


@locked
@pytest.mark.parametrize("name", ["digits.joblib", "digits-legacy.pt", "agent.zip"])
def test_the_honest_twin_does_nothing(weights: Path, name: str) -> None:
    path = weights / "honest" / name
    proof = prove(path, "", loaders=natural(scan(path).format, path.suffix)[:1])
    assert [t.outcome for t in proof.tries] == ["loaded"]
    assert not proof.acted, proof.tries


def test_a_pickle_of_another_protocol_is_not_tampered_with(prepare: ModuleType) -> None:
    with pytest.raises(ValueError, match="protocol 2"):
        prepare.tampered(b"(dp0\n.")
