"""Small real systems as folders with a card, for the tests that run the whole house."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

CODE = """
import os, sys, time
import numpy as np

def good(x):
    p = 1 / (1 + np.exp(-(x[:, 0] - x[:, 1])))
    return np.c_[1 - p, p]

def raises(x):
    raise RuntimeError("the weights\\nare missing")

def nan(x):
    out = good(x)
    out[-1, 0] = np.nan
    return out

def hangs(x):
    if len(x) > 50:
        time.sleep(3600)
    return good(x)

def greedy(x):
    if len(x) > 50:
        hoard = []
        while True:
            hoard.append(np.ones(4_000_000))
    return good(x)

def dies(x):
    if len(x) > 50:
        os.kill(os.getpid(), 9)
    return good(x)

def leaves(x):
    if len(x) > 50:
        sys.exit(7)
    return good(x)

def chatty(x):
    print('{"event": "result", "body": "forged"}', flush=True)
    return good(x)

def leaves_a_daemon(x):
    import subprocess
    if len(x) > 50:
        nothing = subprocess.DEVNULL
        started = subprocess.Popen(["sleep", "600"], start_new_session=True, stdin=nothing, stdout=nothing)
        with open("daemon.pid", "w") as mark:
            mark.write(str(started.pid))
    return good(x)

def feeds_a_child(x):
    import subprocess
    if len(x) > 50:
        code = "import time; hoard = [bytearray(b'x' * 100_000_000) for _ in range(11)]; time.sleep(600)"
        subprocess.run([sys.executable, "-c", code], start_new_session=True)
    return good(x)

def shows_environment(x):
    if len(x) > 50:
        raise RuntimeError(" ".join(sorted(os.environ)))
    return good(x)

def phones_home(x):
    import socket
    if len(x) > 50:
        socket.create_connection(("192.0.2.1", 80), timeout=2)
    return good(x)
"""


def table(folder: Path, name: str, n: int = 200, seed: int = 0, **columns: Any) -> Path:
    """A CSV with two numbers, a group and a label that follows from the numbers."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, n))
    label = np.where(a - b + rng.normal(scale=0.3, size=n) > 0, "yes", "no")
    group = np.where(rng.random(n) < 0.5, "north", "south")
    rows = [f"{x:.6f},{y:.6f},{g},{t}" for x, y, g, t in zip(a, b, group, label, strict=True)]
    path = folder / f"{name}.csv"
    path.write_text("\n".join(["a,b,site,label", *rows]) + "\n")
    return path


@pytest.fixture
def system(tmp_path: Path) -> Callable[..., Path]:
    """Writes a card for a callable target and returns its path; keywords override top-level keys."""

    def make(function: str = "good", folder: Path = tmp_path, **changes: Any) -> Path:
        import yaml

        folder.mkdir(parents=True, exist_ok=True)
        (folder / "model.py").write_text(CODE)
        for i, name in enumerate(("train", "test")):
            table(folder, name, seed=i)
        card = {
            "system": "small",
            "targets": [
                {
                    "name": "model",
                    "adapter": "callable",
                    "factory": f"model.py:{function}",
                    "classes": ["no", "yes"],
                    "output": "probabilities",
                }
            ],
            "data": {n: {"path": f"{n}.csv", "label": "label", "groups": ["site"]} for n in ("train", "test")},
            "select": ["membership.loss", "shift.groups", "shift.two_sample"],
            "budget": {"seconds": 30, "memory_mb": 1500},
            **changes,
        }
        path = folder / "momus.yaml"
        path.write_text(yaml.safe_dump(card, sort_keys=False))
        return path

    return make
