"""Prepared folders, made once; the tutorial's own folder is what its reader ends with."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

Prepare = Callable[[str], Path]


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Like a worker: two threads on such small work wait for each other, on a busy machine for seconds."""
    import sklearn.ensemble  # noqa: F401 - its OpenMP must be loaded to be limited
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield


@pytest.fixture(scope="session", autouse=True)
def _one_nursery() -> Iterator[None]:
    """Workers of every page are forked from one process; what a job lacks there it imports itself."""
    from momus.assess import supervise

    with patch.dict(supervise._FOR, callable=supervise._FOR["sklearn"]):
        yield


@pytest.fixture(scope="session")
def prepare(tmp_path_factory: pytest.TempPathFactory) -> Prepare:
    """A fresh copy of a prepared folder by name; each is made when it is first asked for. ``credit`` is what the
    tutorial leaves behind: two runs of one system, the second after it was mended."""
    from docs.folders import FOLDERS
    from docs.terminal import play

    made: dict[str, Path] = {}

    def give(name: str) -> Path:
        if name not in made:
            made[name] = tmp_path_factory.mktemp("made") / name
            if name == "credit":
                left = play("docs/tutorial.md", give)
                assert left is not None
                shutil.copytree(left, made[name])
            else:
                assert name in FOLDERS, f"no prepared folder '{name}'; there are {', '.join(FOLDERS)} and credit"
                FOLDERS[name](made[name])
        copy = tmp_path_factory.mktemp("page") / name
        shutil.copytree(made[name], copy, symlinks=True)
        return copy

    return give
