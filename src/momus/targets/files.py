"""Artifact files as a target: they are listed and digested, and nothing in them is loaded or run."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from momus.card.schema import TargetCard
from momus.core import digest, usercode
from momus.core.capabilities import Packages, TargetInfo
from momus.core.errors import TargetError
from momus.methods.code_leads import digest_of, gather
from momus.targets.described import Described


class FilesTarget(Described):
    """Files that somebody downloads, ships or loads."""

    def __init__(
        self, paths: Sequence[Path], info: TargetInfo, code: Sequence[Path] = (), packages: Packages | None = None
    ) -> None:
        self._paths = tuple(paths)
        self._code = tuple(code)
        self._packages = packages or Packages()
        self._info = info

    def files(self) -> Sequence[Path]:
        """The files, absolute, in the order given; folders are opened into the files below them, sorted."""
        return self._paths

    def code(self) -> Sequence[Path]:
        """The files of the training code, with what they import from beside them."""
        return self._code

    def packages(self) -> Packages:
        """Where the software beneath is written down."""
        return self._packages

    @property
    def _what(self) -> str:
        return f"{len(self._paths)} files"


def files_target(
    paths: Sequence[str | Path] | str | Path,
    *,
    name: str = "artifacts",
    code: Sequence[str | Path] = (),
    packages: Packages | None = None,
) -> FilesTarget:
    """A FilesTarget over files and folders, training code that is read and never run, and lists of packages.

    Raises TargetError for one that is missing or a set that is empty.
    """
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    found: list[Path] = []
    for path in (existing(Path(p)) for p in given):
        found += sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    read = gather([existing(Path(p)) for p in code])
    listed = () if packages is None else packages.named
    if not found and not read and not listed:
        raise TargetError("there are no files to look at", place=f"target '{name}'", hint="List files: on the card")
    digested: Any = digest.of_files(found)
    if packages is not None and listed:
        digested = digest.of_value([digested, _of_packages(packages)])
    info = TargetInfo(
        name=name,
        task="artifact",
        adapter="files",
        digest=digest.of_value([digested, digest_of(read)]) if read else digested,
        modality="file",
        files=tuple(str(p) for p in found),
        output="none",
        code=tuple(str(p) for p in read),
        packages=tuple(str(p) for p in listed),
    )
    return FilesTarget(found, info, read, packages)


def packages_of(card: TargetCard, base: Path) -> Packages | None:
    """What the card says of the software beneath, with the serving code that it names anywhere."""
    given = card.dependencies
    if given is None:
        return None
    served = [] if card.serve is None else [address for _, address in card.serve.code()]
    hooks = [usercode.code_file(a, base) for a in (card.factory, *served)]
    code = [existing(base / p) for p in given.code] + [h for h in hooks if h is not None and h.is_file()]
    place: Path | None = None
    if given.environment:
        place = Path(sys.prefix) if given.environment == "this" else existing(base / given.environment)
    return Packages(
        locks=tuple(existing(base / p) for p in given.locks),
        sboms=tuple(existing(base / p) for p in given.sbom),
        environment=place,
        code=tuple(dict.fromkeys(code)),
        advisories=None if given.advisories is None else existing(base / given.advisories),
    )


def _of_packages(packages: Packages) -> str:
    """One digest over the lists, the names of what is installed, the code, and the state of the advisories."""
    installed = () if packages.environment is None else packages.environment.glob("**/site-packages/*-info")
    code = [f for p in packages.code for f in (sorted(p.rglob("*.py")) if p.is_dir() else [p])]
    dump: Any = packages.advisories
    if dump is not None and dump.is_dir():  # hundreds of thousands of small files: their dates tell enough
        found = sorted((p.relative_to(dump).as_posix(), p.stat()) for p in dump.rglob("*") if p.is_file())
        dump = [(name, s.st_size, s.st_mtime_ns) for name, s in found]
    elif dump is not None:
        dump = digest.of_file(dump)
    lists = digest.of_files([*packages.locks, *packages.sboms])
    return digest.of_value([lists, sorted(p.name for p in installed), digest.of_files(code), dump])


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
