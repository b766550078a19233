"""What a run and its nodes tell each other through the card's folder, which all of them see.

A node writes how far its jobs are; the run writes which jobs are over, and by touching one file that it still lives. A
job whose run has fallen silent, or that another node has finished, is stopped where it runs.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from momus.core.errors import MomusError

SILENT = 60.0  # seconds without a sign of the run, after which its jobs are stopped
STALE = 3600.0  # seconds after which what a killed run left behind is removed
_EVERY = 1.0  # seconds between two notes of one job
_ALIVE = "alive"


@dataclass(frozen=True)
class Board:
    """A folder beside the card's store. It is sent to nodes, where its path must mean the same folder."""

    folder: Path

    @classmethod
    def beside(cls, base: Path, run: str) -> Board:
        """A new one under the card's folder; MomusError where nothing can be written there."""
        above = base.resolve() / ".momus" / "nodes"
        board = cls(above / run[:16])
        try:
            board.folder.mkdir(parents=True, exist_ok=True)
            board.sign()
        except OSError as error:
            raise MomusError(
                f"nothing can be written beside the card: {error.strerror or error}", code="assess/shared-folder",
                place=str(above), hint="Jobs on other machines are followed through that folder; make it writable",
            ) from error  # fmt: skip
        board._sweep(above)
        return board

    def _sweep(self, above: Path) -> None:
        """Remove boards of runs that were killed."""
        for old in above.iterdir():
            with contextlib.suppress(OSError):
                if old != self.folder and time.time() - (old / _ALIVE).stat().st_mtime > STALE:
                    shutil.rmtree(old, ignore_errors=True)

    def sign(self) -> None:
        """A sign of life."""
        (self.folder / _ALIVE).write_text(str(time.time()))

    @contextlib.contextmanager
    def living(self) -> Iterator[None]:
        """A sign of life every few seconds while the block runs; afterwards nothing is left of the board."""
        over = threading.Event()

        def beat() -> None:
            while not over.wait(SILENT / 12):
                with contextlib.suppress(OSError):
                    self.sign()

        thread = threading.Thread(target=beat, name="momus-board", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            shutil.rmtree(self.folder, ignore_errors=True)

    def note(self, key: str, fraction: float, text: str) -> None:
        """On a node: how far a job is. At most once a second; a disk that refuses costs the note alone."""
        path = self.folder / f"{key}.note"
        with contextlib.suppress(OSError):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime < _EVERY:
                    return
            handle, part = tempfile.mkstemp(dir=self.folder, suffix=".part")
            with os.fdopen(handle, "w") as stream:
                json.dump([fraction, text], stream)
            Path(part).replace(path)

    def noted(self, key: str) -> tuple[float, str] | None:
        """In the run: how far a job said that it is."""
        try:
            fraction, text = json.loads((self.folder / f"{key}.note").read_text())
            return float(fraction), str(text)
        except (OSError, ValueError):
            return None

    def end(self, key: str) -> None:
        """In the run: a job has its result; whoever else works at it may stop."""
        with contextlib.suppress(OSError):
            (self.folder / f"{key}.over").touch()

    def watch(self, key: str) -> Watch:
        """On a node: asks whether a job may go on."""
        return Watch(self.folder, key)


class Watch:
    """Says when a job is to stop. What counts is that the sign changes: no clock is held against another machine's."""

    def __init__(self, folder: Path, key: str) -> None:
        self._folder, self._key = folder, key
        self._sign, self._changed, self._asked = "", time.monotonic(), 0.0
        self._stopped = False

    def __call__(self) -> bool:
        now = time.monotonic()
        if self._stopped or now - self._asked < 0.5:
            return self._stopped
        self._asked = now
        try:
            sign = (self._folder / _ALIVE).read_text()
        except FileNotFoundError:
            sign = self._sign if self._folder.is_dir() else "gone"
        except OSError:
            sign = self._sign
        if sign != self._sign:
            self._sign, self._changed = sign, now
        self._stopped = sign == "gone" or now - self._changed > SILENT or (self._folder / f"{self._key}.over").exists()
        return self._stopped
