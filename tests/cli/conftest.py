"""One small system, assessed once for all tests of this room, and a way to call the command line in this process."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

CODE = """
import time
import numpy as np

def good(x):
    p = 1 / (1 + np.exp(-(x[:, 0] - x[:, 1])))
    return np.c_[1 - p, p]

def hangs(x):
    if len(x) > 50:
        time.sleep(3600)
    return good(x)
"""


def write_table(folder: Path, name: str, n: int, seed: int) -> None:
    """A CSV of two numbers, a site and a label that follows from the numbers."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, n))
    label = np.where(a - b + rng.normal(scale=0.3, size=n) > 0, "yes", "no")
    site = np.where(rng.random(n) < 0.5, "north", "south")
    rows = [f"{x:.6f},{y:.6f},{s},{t}" for x, y, s, t in zip(a, b, site, label, strict=True)]
    (folder / f"{name}.csv").write_text("\n".join(["a,b,site,label", *rows]) + "\n")


def write_system(folder: Path, function: str = "good", n: int = 200, **changes: Any) -> Path:
    """A card with its model and data in ``folder``; returns the card's path."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.py").write_text(CODE)
    for seed, name in enumerate(("train", "test")):
        write_table(folder, name, n, seed)
    target = {"name": "model", "adapter": "callable", "factory": f"model.py:{function}", "classes": ["no", "yes"]}
    card = {
        "system": "small",
        "facts": {"api.reach": "public", "model.output": "scores", "data.persons": True},
        "targets": [{**target, "output": "probabilities"}],
        "data": {role: {"path": f"{role}.csv", "label": "label", "groups": ["site"]} for role in ("train", "test")},
        "select": ["membership.loss", "shift.groups"],
        "budget": {"seconds": 30, "memory_mb": 1500},
        **changes,
    }
    path = folder / "momus.yaml"
    path.write_text(yaml.safe_dump(card, sort_keys=False))
    return path


@dataclass(frozen=True)
class Said:
    """What a command line answered."""

    code: int
    out: str
    err: str


Call = Callable[..., Said]


@pytest.fixture
def momus_(capsys: pytest.CaptureFixture[str]) -> Call:
    """The command line in this process: ``momus_("report", "latest")``. A traceback fails the test, whatever it is."""
    from momus.cli.main import main

    def call(*arguments: object) -> Said:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(a) for a in arguments])
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        assert isinstance(ended.value.code, int)
        return Said(ended.value.code, out, err)

    return call


@pytest.fixture(scope="session")
def _assessed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a system and two stored runs, the second under another seed."""
    import momus

    folder = tmp_path_factory.mktemp("assessed")
    card = write_system(folder)
    momus.assess(card)
    momus.assess(card, seed=1)
    yield folder


@pytest.fixture
def assessed(_assessed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the assessed folder, and the current folder set to it."""
    folder = tmp_path / "system"
    shutil.copytree(_assessed, folder)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def fresh(tmp_path: Path) -> Callable[..., Path]:
    """Writes a system of one's own and returns its card."""
    return lambda **changes: write_system(tmp_path / "own", **changes)
