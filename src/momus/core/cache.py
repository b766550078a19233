"""Arrays that cost much and can be made again: kept on disk by the digest of all that they depend on."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from momus.core.samples import NumpyArray

_STALE = 3600.0  # seconds after which a file that was not finished never will be
LARGEST = 4 << 30  # bytes kept in all; what was not used for longest goes first


@dataclass(frozen=True, slots=True)
class Cache:
    """A folder of .npz files named by digest. ``reads`` False makes everything anew and keeps it for later.

    Nothing in it is ever unpickled. A file that cannot be read counts as absent.
    """

    folder: Path
    reads: bool = True

    def arrays(self, key: str, make: Callable[[], Mapping[str, NumpyArray]]) -> Mapping[str, NumpyArray]:
        """The arrays under ``key`` (a hexadecimal digest), made by ``make`` where there are none yet.

        Two processes that want the same key at once: the second waits for the first and reads what it made. What
        ``make`` raises is raised, and nothing is kept. A disk that is full or read-only costs the keeping alone.
        """
        with contextlib.suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
        with self._alone(key):
            found = self._read(key) if self.reads else None
            if found is None:
                found = dict(make())
                with contextlib.suppress(OSError):
                    self._keep(key, found)
            return found

    def holds(self, key: str) -> bool:
        """Whether something is kept under ``key`` and would be read."""
        return self.reads and self._path(key).exists()

    def busy(self, key: str) -> bool:
        """Whether somebody makes what is kept under ``key`` at this moment."""
        try:
            with open(self.folder / f"{key}.lock", "w") as stream:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.npz"

    @contextlib.contextmanager
    def _alone(self, key: str) -> Iterator[None]:
        try:
            stream = open(self.folder / f"{key}.lock", "w")  # noqa: SIM115 - closed below, after the caller's work
        except OSError:
            yield
            return
        with stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            yield

    def _read(self, key: str) -> dict[str, NumpyArray] | None:
        try:
            with np.load(self._path(key), allow_pickle=False) as held:
                found = {name: held[name] for name in held.files}
            os.utime(self._path(key))
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile):
            return None
        return found

    def _keep(self, key: str, arrays: Mapping[str, NumpyArray]) -> None:
        handle, name = tempfile.mkstemp(dir=self.folder, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as stream:
                np.savez(stream, **arrays)  # type: ignore[arg-type]
            Path(name).replace(self._path(key))
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise
        self._shrink()

    def _shrink(self) -> None:
        files = sorted(((p.stat().st_mtime, p.stat().st_size, p) for p in self.folder.glob("*.npz")), reverse=True)
        total = 0
        for part in self.folder.glob("*.part"):  # of a process that was killed while it wrote
            if time.time() - part.stat().st_mtime > _STALE:
                part.unlink(missing_ok=True)
        for _, size, path in files:
            total += size
            if total > LARGEST:
                path.unlink(missing_ok=True)


def default_folder() -> Path:
    """``momus`` in the user's folder for caches (XDG_CACHE_HOME, else ~/.cache)."""
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "momus" / "arrays"
