"""On a node of a cluster: whether it would give the same numbers, and one job, followed and stopped by the board."""

from __future__ import annotations

import os
import platform
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib import metadata
from pathlib import Path
from typing import Any

from momus.assess.board import Board
from momus.core import digest

# Libraries whose version may change a number.
_COUNTED = (
    "numpy", "scipy", "scikit-learn", "pandas", "pyarrow", "torch", "onnxruntime", "xgboost", "lightgbm", "gymnasium",
)  # fmt: skip


@dataclass(frozen=True)
class Fitness:
    """What two machines must have in common for their numbers to be the same."""

    momus: str
    versions: Mapping[str, str]
    card: str

    def against(self, other: Fitness) -> str:
        """Why a node with ``other`` may not do the jobs of a machine with this one; nothing where it may."""
        if not other.card:
            return "it does not see the card's folder"
        if other.card != self.card:
            return "the card's folder holds another card there"
        for name in self.versions.keys() | other.versions.keys():
            here, there = self.versions.get(name, "none"), other.versions.get(name, "none")
            if here != there:
                return f"{name} is {there} there and {here} here, which could change numbers"
        if other.momus == self.momus:
            return ""
        return "its Momus differs in its code, or was changed since this run began, which could change numbers"


@dataclass(frozen=True)
class Unfit:
    """A node that may not do a job, and why."""

    node: str
    why: str


def look(board: Board, card: Path) -> Fitness:
    """What this machine has. The card counts only where the board beside it is the run's own."""
    seen = ""
    if (board.folder / "alive").exists():
        seen = digest.of_file(card) if card.is_file() else "in memory"
    return Fitness(_momus(), _versions(), seen)


def on_node(work: Callable[..., Any], item: tuple[Any, Any], board: Board, card: Path, wanted: Fitness) -> Any:
    """One job on this node, or why it must not be done here. ``work`` takes the item, a listener and a stop."""
    why = wanted.against(_mine(board, card))
    if why:
        return Unfit(socket.gethostname(), why)
    key = item[0].key
    return work(item, listener=partial(_note, board), stopped=board.watch(key))


def _note(board: Board, key: str, fraction: float, text: str) -> None:
    board.note(key, fraction, text)


@cache
def _mine(board: Board, card: Path) -> Fitness:
    return look(board, card)


@cache
def _momus() -> str:
    """Digest of all of Momus's code and data as they lie on this machine."""
    import momus

    root = Path(str(momus.__file__)).parent
    kept: Sequence[Path] = sorted(
        Path(folder) / name
        for folder, _, names in os.walk(root)
        for name in names
        if name.endswith((".py", ".toml", ".json", ".csv"))
    )
    return digest.of_value([[p.relative_to(root).as_posix(), digest.of_file(p)] for p in kept])


@cache
def _versions() -> Mapping[str, str]:
    from momus import __version__

    found = {"Momus": __version__, "Python": platform.python_version(), "the processor": platform.machine()}
    for name in _COUNTED:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
