"""The function behind a served target: rows in, an entry a row out, from the server or from what it answered before."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from momus.core.errors import BudgetSpent, TargetError
from momus.core.samples import NumpyArray
from momus.targets import answers
from momus.targets.http_answers import Answers, Row, packed, row_keys, unpacked
from momus.targets.http_canaries import alike
from momus.targets.http_protocols import Protocol
from momus.targets.http_rows import split


class Asker:
    """Callable with a batch of any size; requests of at most the card's ``rows``, several under way at once.

    ``kept`` holds what was answered before; None asks every row every time. ``deadline`` is by ``time.monotonic``.
    """

    def __init__(self, name: str, protocol: Protocol, sender: Any) -> None:
        self.name, self.protocol, self.sender = name, protocol, sender
        self.kept: Answers | None = None
        self.deadline = float("inf")
        self.asked = 0  # rows that the server was asked by this process
        self.remembers = False  # whether an answer was kept, or taken from those kept
        self._spots: dict[bytes, tuple[NumpyArray, Row]] = {}

    def __call__(self, fed: NumpyArray) -> NumpyArray:
        if self.kept is None:
            return self.fresh(fed)
        keys = row_keys(fed)
        rows = self.kept.get(keys, lambda at: self._packed(fed, at), self._in_time)
        self.remembers = True
        if self.kept.others:
            given = {k: (fed[i : i + 1].copy(), rows[i]) for i, k in enumerate(keys) if k in self.kept.others}
            self._spots = {k: v for k, v in (self._spots | given).items() if k in self.kept.others}
        try:
            return unpacked(rows)
        except ValueError:
            raise answers.bad_answer(
                self.name, fed, "the model's answers changed their form in the middle",
                "See whether another version was deployed",
            ) from None  # fmt: skip

    def fresh(self, fed: NumpyArray) -> NumpyArray:
        """Answers that the server gives now, whatever was answered before."""
        parts = split(fed, self.protocol.rows)
        bodies = [self.protocol.encode(p) for p in parts]
        counts = [len(p) for p in parts]
        replies = self.sender.post(self.protocol.path, bodies, counts, self.protocol.content_type)
        self.asked += len(fed)
        found = [self._read(reply, part) for reply, part in zip(replies, parts, strict=True)]
        if len(found) == 1:
            return found[0]
        if len({a.shape[1:] for a in found}) > 1:
            raise answers.bad_answer(
                self.name, fed, f"the model answered rows of shapes {found[0].shape[1:]} and others in one batch"
            )
        return np.concatenate(found)

    def still_holds(self) -> bool:
        """Whether a few of the answers that others had asked for, and this process took, are given again now."""
        if not self._spots:
            return True
        fed = np.concatenate([row for row, _ in self._spots.values()])
        now = answers.array(self.name, fed, self.fresh(fed))
        try:
            return alike(unpacked([row for _, row in self._spots.values()]), unpacked(packed(now)))
        except ValueError:
            return False

    def _read(self, reply: Any, part: NumpyArray) -> NumpyArray:
        try:
            return answers.array(self.name, part, self.protocol.decode(reply.body, len(part)))
        except TargetError as error:
            # A server may repeat what it was sent, the token included.
            said = self.sender.excerpt(error.message.encode("utf-8", "replace"))
            raise TargetError(said, code=error.code, place=error.place, hint=error.hint) from None

    def _packed(self, fed: NumpyArray, at: Sequence[int]) -> list[Row]:
        out = self.fresh(fed[np.asarray(at, dtype=np.int64)])
        return packed(out)

    def _in_time(self) -> None:
        if time.monotonic() > self.deadline:
            raise BudgetSpent
