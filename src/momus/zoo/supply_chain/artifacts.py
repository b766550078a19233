"""Folders of artifact files for ``supply_chain.artifacts``: one bad file among benign ones, and none."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from momus.core import digest
from momus.core.capabilities import TargetInfo
from momus.zoo import Case
from momus.zoo.supply_chain import corpus_bad_files, corpus_bad_formats, corpus_bad_pickles, corpus_benign
from momus.zoo.supply_chain.corpus import Artifact


class Folder:
    """A target that has files: writes them into a temporary folder that goes when the target goes."""

    def __init__(self, name: str, artifacts: Sequence[Artifact]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="momus-zoo-")
        self._paths = []
        for i, artifact in enumerate(artifacts):
            path = Path(self._folder.name, f"{i}-{artifact.file}")
            path.write_bytes(artifact.data)
            self._paths.append(path)
        files = tuple(str(p) for p in self._paths)
        digested = digest.of_files(self._paths)
        self._info = TargetInfo(name, "artifact", "files", digested, modality="file", files=files, output="none")

    @property
    def info(self) -> TargetInfo:
        return self._info

    def files(self) -> Sequence[Path]:
        return tuple(self._paths)


def cases(seed: int = 0) -> tuple[Case, ...]:
    """Each planted folder holds one bad file of a group among benign ones; clean folders hold benign ones only."""
    rng = np.random.default_rng(seed)
    good = corpus_benign.files(seed, frameworks=False)
    benign = [a for a in good if not a.held_out]
    late = [a for a in good if a.held_out]
    bad = (*corpus_bad_pickles.files(), *corpus_bad_files.files(seed, large=False), *corpus_bad_formats.files())
    made = [Case("benign models", False, Folder("benign", benign))]
    made.append(Case("benign, held out", False, Folder("benign-held-out", late), held_out=True))
    for group in sorted({a.group for a in bad}):
        for held_out in (False, True):
            choice = [a for a in bad if a.group == group and a.held_out is held_out and a.name != "7z"]
            if choice:
                picked = choice[int(rng.integers(len(choice)))]
                name = f"{group}: {picked.name}"
                made.append(Case(name, True, Folder(picked.name, [*benign[:3], picked]), held_out=held_out))
    made.append(_replaced(benign[0]))
    return tuple(made)


def _replaced(artifact: Artifact) -> Case:
    """A harmless file that is not the one whose digest was recorded, as a swapped download would be."""
    target = Folder("replaced", [artifact])
    recorded = hashlib.sha256(artifact.data + b"another").hexdigest()
    name = target.files()[0].name
    return Case("replaced download", True, target, context={"digests": {name: recorded}})
