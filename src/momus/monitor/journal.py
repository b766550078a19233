"""Journal: a snapshot and the lines since, so that a sink goes on after a restart as if nothing had happened.

A line a window costs a tenth of a millisecond. Neither file is flushed to the disk: a process that is killed loses
nothing, a machine that loses its power loses the newest points of a chart and nothing else.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

MOST_LINES = 256


class Journal:
    """``add`` appends a line, and now and then replaces all lines by what ``whole`` says they came to."""

    def __init__(self, snapshot: Path, lines: Path) -> None:
        self.snapshot, self.lines = snapshot, lines
        self._count = MOST_LINES  # the first line of a process replaces what an earlier one left behind

    def add(self, line: Mapping[str, Any], whole: Callable[[], Mapping[str, Any]]) -> None:
        """Keep a line. A disk that is full or read-only costs the keeping alone."""
        with contextlib.suppress(OSError):
            self.snapshot.parent.mkdir(parents=True, exist_ok=True)
            if self._count >= MOST_LINES:
                part = self.snapshot.with_suffix(".part")
                part.write_text(json.dumps(whole()), "utf-8")
                part.replace(self.snapshot)
                self.lines.write_text("", "utf-8")
                self._count = 0
                return
            with self.lines.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(line) + "\n")
            self._count += 1

    def read(self) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """The snapshot and the lines since; what cannot be read counts as absent, with all that follows it."""
        try:
            whole = json.loads(self.snapshot.read_text("utf-8"))
        except (OSError, ValueError):
            return {}, []
        lines: list[dict[str, Any]] = []
        with contextlib.suppress(OSError, ValueError):
            lines.extend(json.loads(text) for text in self.lines.read_text("utf-8").splitlines())
        return (whole, lines) if isinstance(whole, dict) else ({}, [])
