"""The memory that a child and its parent share: inputs go one way, outcomes the other, and a mark says where it is.

Nothing here waits or calls the system: a round trip for every input would cost more than most decoders do.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from momus.methods.fuzz import wire

Kind = Literal["answered", "refused", "raised", "crashed", "hung", "memory", "nonfinite"]
KINDS: tuple[Kind, ...] = ("answered", "refused", "raised", "crashed", "hung", "memory", "nonfinite")
MOST = 512  # inputs in a batch
_INBOX, _OUTBOX = 16 << 20, 64 << 20
_SIZE = struct.Struct("<Q")
_HEAD = struct.Struct("<qqqdq")  # inputs, outcomes written, next free byte, since when, input in work
_COUNT = struct.Struct("<q")
_WRITTEN = struct.Struct("<qq")
_MARK = struct.Struct("<dq")
_RECORD = struct.Struct("<BddII")
_FIRST = 64  # where outcomes begin


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one input.

    ``detail`` begins with what tells one failure from another (exception class or signal, and its place) and goes on
    after a colon; of an answer it says what it looks like. ``seconds`` is time by the clock; ``peak_mb`` is memory
    beyond what the process held before, 0 below 1 MB. ``answer`` is kept only where the harness was asked to.
    """

    kind: Kind
    seconds: float
    peak_mb: float
    detail: str
    answer: Any = None

    @property
    def place(self) -> str:
        """Class or signal and file:line, the same for every input that fails in one way."""
        return self.detail.partition(": ")[0]

    @property
    def harmful(self) -> bool:
        """Whether a caller can hurt the service, or be given a broken number, by this input alone."""
        return self.kind in ("crashed", "hung", "memory", "nonfinite")


class Area:
    """One batch of inputs and what came of it."""

    def __init__(self, largest: int = 0) -> None:
        self.room = max(_INBOX, largest + _SIZE.size * (MOST + 2))
        self.inbox = mmap.mmap(-1, self.room)
        self.outbox = mmap.mmap(-1, _OUTBOX)

    def close(self) -> None:
        self.inbox.close()
        self.outbox.close()

    def fits(self, inputs: Sequence[bytes]) -> int:
        """How many of the inputs, from the first, one batch holds; 0 where not even the first fits."""
        room, count = self.room - _SIZE.size * (MOST + 1), 0
        for data in inputs[:MOST]:
            room -= len(data)
            if room < 0:
                break
            count += 1
        return count

    def put(self, inputs: Sequence[bytes]) -> None:
        """Write a batch and clear what the one before left."""
        at = _SIZE.size * (len(inputs) + 1)
        ends = [at]
        for data in inputs:
            at += len(data)
            ends.append(at)
        self.inbox[: _SIZE.size * len(ends)] = struct.pack(f"<{len(ends)}Q", *ends)
        self.inbox[ends[0] : at] = b"".join(inputs)
        _HEAD.pack_into(self.outbox, 0, len(inputs), 0, _FIRST, 0.0, -1)

    def inputs(self) -> Iterator[bytes]:
        """The batch as the child reads it."""
        (count,) = _COUNT.unpack_from(self.outbox, 0)
        ends = struct.unpack_from(f"<{count + 1}Q", self.inbox)
        for i in range(count):
            yield self.inbox[ends[i] : ends[i + 1]]

    def mark(self, index: int, now: float) -> None:
        _MARK.pack_into(self.outbox, 24, now, index)

    def write(self, kind: int, seconds: float, peak_mb: float, detail: bytes, answer: bytes) -> bool:
        """Add an outcome; False where the room is used up, which leaves it out."""
        done, at = _WRITTEN.unpack_from(self.outbox, 8)
        end = at + _RECORD.size + len(detail) + len(answer)
        if end > _OUTBOX:
            if at > _FIRST:
                return False
            answer, end = b"", at + _RECORD.size + len(detail)  # alone it does not fit either
        _RECORD.pack_into(self.outbox, at, kind, seconds, peak_mb, len(detail), len(answer))
        self.outbox[at + _RECORD.size : end] = detail + answer
        _WRITTEN.pack_into(self.outbox, 8, done + 1, end)
        return True

    def now_at(self) -> tuple[int, float]:
        """The input in work (-1: none), and since when."""
        since, current = _MARK.unpack_from(self.outbox, 24)
        return current, since

    def outcomes(self, count: int) -> list[Outcome]:
        """What the child wrote, as far as it can be believed: an input may have damaged the child's memory."""
        done = min(max(0, _COUNT.unpack_from(self.outbox, 8)[0]), count)
        found: list[Outcome] = []
        words: dict[bytes, str] = {}
        at, outbox = _FIRST, self.outbox
        for _ in range(done):
            kind, seconds, peak, told, kept = _RECORD.unpack_from(outbox, at)
            at += _RECORD.size
            if kind >= len(KINDS) or at + told + kept > _OUTBOX or not 0 <= seconds < 1e9 or not 0 <= peak < 1e9:
                break
            raw = outbox[at : at + told]
            detail = words.get(raw)
            if detail is None:
                detail = words[raw] = raw.decode("utf-8", "replace")
            at += told
            try:
                answer = wire.decode(outbox[at : at + kept]) if kept else None
            except ValueError:
                break
            at += kept
            found.append(Outcome(KINDS[kind], seconds, peak, detail, answer))
        return found
