"""Training code for ``provider.code``: scripts that leak in one way each, and honest ones."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from momus.core import digest
from momus.core.capabilities import TargetInfo
from momus.methods.code_leads import gather
from momus.zoo import Case
from momus.zoo.provider._scripts import CLEAN, FAULTY


class Folder:
    """A target that has code: writes it into a temporary folder that goes when the target goes."""

    def __init__(self, name: str, files: Mapping[str, str]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="momus-zoo-")
        for file, text in files.items():
            Path(self._folder.name, file).write_text(text, encoding="utf-8")
        self._code = gather([Path(self._folder.name)])
        held = digest.of_value(sorted(files.items()))
        self._info = TargetInfo(name, "artifact", "files", held, modality="file", output="none")

    @property
    def info(self) -> TargetInfo:
        return self._info

    def code(self) -> Sequence[Path]:
        return self._code


def cases(seed: int = 0) -> tuple[Case, ...]:
    """Each planted folder holds one leaking script beside honest ones; the seed chooses which stand beside it."""
    rng = np.random.default_rng(seed)
    made = []
    for name, late, text in CLEAN:
        made.append(Case(name, False, Folder(name, {"train.py": text}), held_out=late))
    for name, late, text in FAULTY:
        beside = CLEAN[int(rng.integers(len(CLEAN)))][2]
        made.append(Case(name, True, Folder(name, {"train.py": text, "evaluate.py": beside}), held_out=late))
    return tuple(made)
