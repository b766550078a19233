"""What is heard of one child, and how much of it is believed.

A line counts when it bears the seal, the next number, and says something that the recorder says at that point. From the
moment the file runs code of its own the seal may be in its hands, so a sealed line can add acts and can end the try; it
cannot take an act back, start the clock anew, say that nothing was loaded, or bring the listener to a stop.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import signal
import time
from dataclasses import dataclass, field
from typing import Any

from momus.assess.proof.events import AUDIT
from momus.assess.proof.records import Act

_KEPT = 200  # acts, and notes, kept of one try
_LINE, _ALL = 1 << 16, 8 << 20  # bytes of one sealed line, and of all of them
_AT_ONCE = 16  # pieces read before the parent looks at its other duties; more than a pipe holds
_BOUNDS = ("too slow", "too large")
_BEFORE: dict[str, tuple[type, ...]] = {"missing": (str,), "locked": (dict, list), "loading": ()}
_AFTER: dict[str, tuple[type, ...]] = {
    "event": (str, str, bool),
    "import": (str,),
    "loaded": (str,),
    "failed": (str, str),
    "over": (),
}


@dataclass
class Account:
    """Acts, notes and the end of one try, as told by the child and seen by the parent."""

    acts: list[Act] = field(default_factory=list)
    notes: list[Act] = field(default_factory=list)
    uncounted: int = 0
    outcome: str = ""
    error: str = ""
    layers: dict[str, str] = field(default_factory=dict)
    lacking: list[str] = field(default_factory=list)
    missing: str = ""
    loading: float = 0.0  # when the file was handed to its loader
    excused: set[str] = field(default_factory=set)  # temporary files of packages that were imported meanwhile
    key: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    _count: int = 0
    _heard: int = 0
    _pending: bytes = b""
    _over: bool = False

    def hear(self, report: int) -> bool:
        """Read what lies in the pipe; False at its end. What comes after too many bytes is thrown away, but read."""
        for _ in range(_AT_ONCE):
            try:
                piece = os.read(report, 1 << 16)
            except (BlockingIOError, OSError):
                return True
            if not piece:
                return False
            self._heard += len(piece)
            if self._heard > _ALL or len(self._pending) > _LINE:
                self._pending = b""
                self.uncounted += 1
                continue
            *lines, self._pending = (self._pending + piece).split(b"\n")
            for line in lines:
                self._line(line)
        return True

    def keep(self, act: Act, proves: bool) -> None:
        kept = self.acts if proves else self.notes
        if act in kept[-20:]:
            return  # the same again, as in a loop
        if len(kept) < _KEPT:
            kept.append(act)
        else:
            self.uncounted += 1

    def settle(self, status: int) -> None:
        """What the end of the process adds to what was heard."""
        if self.missing or self.lacking or not self.loading:
            self.outcome = self.outcome or f"ended with status {status}"
            return
        if (self._over and status == 0) or self.outcome in _BOUNDS:
            return
        if -status in (signal.SIGKILL, signal.SIGXCPU):
            self.outcome = "too slow"  # the kernel's limit on processor time
        elif status < 0:
            self.outcome, self.error = "killed", signal.strsignal(-status) or str(-status)
        else:
            self.outcome = "ended"
            told = f"exit status {status}"
            self.keep(Act("ended the process before the loader was done", told, "parent", False), True)

    def _line(self, line: bytes) -> None:
        seal, body = line[:32], line[32:]
        right = hashlib.blake2b(body, key=self.key, digest_size=16).hexdigest().encode()
        try:
            number, kind, *values = json.loads(body) if seal == right else (-1, "")
        except (ValueError, TypeError, RecursionError):
            number, kind, values = -1, "", []
        if number == self._count:
            self._count += 1
            if self._possible(kind, values):
                self._believe(kind, values)
                return
        told = line[:80].decode("ascii", "replace")
        self.keep(Act("wrote into the record of this examination", told, "parent", False), True)

    def _possible(self, kind: Any, values: list[Any]) -> bool:
        """Whether the recorder could say this now."""
        if not isinstance(kind, str):
            return False
        wanted = (_AFTER if self.loading else _BEFORE).get(kind)
        if wanted is None or tuple(map(type, values)) != wanted:
            return False
        return kind != "event" or values[0] in AUDIT

    def _believe(self, kind: str, values: list[Any]) -> None:
        if kind == "missing":
            self.missing = values[0]
        elif kind == "locked":
            self.layers, self.lacking = values
        elif kind == "loading":
            self.loading = time.monotonic()
        elif kind in ("loaded", "failed") and self.outcome in _BOUNDS:
            pass  # too late, or said by the file: the parent has ended it
        elif kind == "loaded":
            self.outcome, self.error = "loaded", ""
        elif kind == "failed":
            self.outcome, self.error = "failed", f"{values[0]}: {values[1]}"[:300]
            if values[0] in ("SystemExit", "KeyboardInterrupt"):
                self.keep(Act("asked the program that loads it to end", self.error, "interpreter", False), True)
        elif kind == "import":
            self.excused.add(os.path.normpath(values[0]))
        elif kind == "over":
            self._over = True
        elif kind == "event":
            event, told, refused = values
            known = AUDIT[event]
            self.keep(Act(known.words, told[:600], "interpreter", refused), known.act)
