"""Outbox: messages on the disk until their receiver has said that it has them. A restart loses none."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from momus.core import digest

MOST = 10_000  # messages that wait; alarms are rare, so whoever has more has a receiver that is gone for good


@dataclass(frozen=True)
class Letter:
    """One message for one receiver, which is named by a digest: its address may hold a secret."""

    path: Path
    receiver: str
    key: str
    body: bytes


def receiver_of(url: str) -> str:
    """The name of a receiver: a digest of its address."""
    return digest.of_value(["alert", url])[:16]


class Outbox:
    """A folder of letters, oldest first. Each is written whole and flushed before :meth:`put` returns."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, receiver: str, key: str, order: int, body: bytes) -> bool:
        """Keep a letter; False where the folder is full or cannot be written. The same key twice is one letter."""
        text = json.dumps({"receiver": receiver, "key": key, "body": body.decode("utf-8")})
        path = self.folder / f"{order:012d}-{receiver}-{key}.json"
        if any(self.folder.glob(f"*-{receiver}-{key}.json")):
            return True
        if sum(1 for _ in self._files()) >= MOST:
            return False
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            handle, part = tempfile.mkstemp(dir=self.folder, suffix=".part")
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            Path(part).replace(path)
            _flush(self.folder)
        except OSError:
            return False
        return True

    def letters(self) -> list[Letter]:
        """All letters, oldest first; one that cannot be read is set aside."""
        found = []
        for path in self._files():
            try:
                held: dict[str, Any] = json.loads(path.read_text("utf-8"))
                found.append(Letter(path, held["receiver"], held["key"], held["body"].encode()))
            except FileNotFoundError:
                continue
            except (OSError, ValueError, KeyError, TypeError, AttributeError):
                with contextlib.suppress(OSError):
                    path.replace(path.with_suffix(".unreadable"))
        return found

    def done(self, letter: Letter) -> None:
        """The receiver has it."""
        letter.path.unlink(missing_ok=True)

    def __len__(self) -> int:
        return sum(1 for _ in self._files())

    def _files(self) -> Iterator[Path]:
        return iter(sorted(self.folder.glob("*.json")))


def _flush(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
