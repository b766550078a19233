"""Artifact files as a target: they are listed and digested, and nothing in them is loaded or run."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

from momus.core import digest
from momus.core.capabilities import TargetInfo
from momus.core.errors import TargetError
from momus.methods.code_leads import digest_of, gather
from momus.targets.described import Described


class FilesTarget(Described):
    """Files that somebody downloads, ships or loads."""

    def __init__(self, paths: Sequence[Path], info: TargetInfo, code: Sequence[Path] = ()) -> None:
        self._paths = tuple(paths)
        self._code = tuple(code)
        self._info = info

    def files(self) -> Sequence[Path]:
        """The files, absolute, in the order given; folders are opened into the files below them, sorted."""
        return self._paths

    def code(self) -> Sequence[Path]:
        """The files of the training code, with what they import from beside them."""
        return self._code

    @property
    def _what(self) -> str:
        return f"{len(self._paths)} files"


def files_target(
    paths: Sequence[str | Path] | str | Path, *, name: str = "artifacts", code: Sequence[str | Path] = ()
) -> FilesTarget:
    """A FilesTarget over files and folders, and over training code that is read and never run.

    Raises TargetError for one that is missing or a set that is empty.
    """
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    found: list[Path] = []
    for path in (existing(Path(p)) for p in given):
        found += sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    read = gather([existing(Path(p)) for p in code])
    if not found and not read:
        raise TargetError("there are no files to look at", place=f"target '{name}'", hint="List files: on the card")
    digested = digest.of_files(found)
    info = TargetInfo(
        name=name,
        task="artifact",
        adapter="files",
        digest=digest.of_value([digested, digest_of(read)]) if read else digested,
        modality="file",
        files=tuple(str(p) for p in found),
        output="none",
        code=tuple(str(p) for p in read),
    )
    return FilesTarget(found, info, read)


def existing(path: Path) -> Path:
    """The path made absolute; TargetError with the nearest names in its folder when there is nothing."""
    path = path.resolve()
    if path.exists():
        return path
    beside = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
    near = difflib.get_close_matches(path.name, beside, n=3, cutoff=0.4)
    raise TargetError(
        "this file does not exist",
        code="target/missing-file",
        place=str(path),
        hint=f"Did you mean {', '.join(near)}?" if near else "Paths are meant from the card's folder",
    )
