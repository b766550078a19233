"""The page in a number of bytes: what leads comes first, everybody gets a fair share, and what is missing is said.

The page is rendered once with marks where findings and evidence go. Then the marks are filled, with less room for each
piece until all of them fit: first the findings with their numbers, then plots, tables and excerpts, then pictures and
films, then attached files. JSON and the store keep everything.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from markupsafe import Markup

from momus.core.evidence import Attachment, Evidence, Pictures
from momus.core.records import Finding, Status
from momus.reports.album import Album
from momus.reports.room import ROOMS, Piece, Room, share
from momus.reports.view import ReportView

# Two megabytes as every post office counts them; a mail that carries the page needs a third more.
LIMIT = 2_000_000
FILES = 200_000  # of these, the most that attached files take
_FRAME, _FINDINGS, _WORDS = 0.35, 0.5, 0.6  # the most of what is left that each may take
_SPARE = 4_000  # for the words about what is missing
_MARK = re.compile("\0([FE])([\\w-]+)\0")
SEEN = ("image/gif", "audio/wav")
_NOTE = "note"
_LINE = len(ROOMS)  # the level below the last room: a line

Macros = Callable[[Room], Any]  # the parts of a page in an amount of room
Frame = Callable[[Room, Mapping[str, Any]], str]  # the page around its findings


@dataclass
class _Found:
    """One finding on its way to the page."""

    number: str
    row: str
    id: str
    finding: Finding
    severity: str
    leads: bool

    @property
    def weight(self) -> float:
        fails = self.finding.status is Status.FAIL
        return (3.0 if fails else 2.0) if self.leads else 1.5 if fails else 1.0


class Fitted:
    """Fills one page. ``frame`` renders it around marks; ``macros`` gives its parts, told an album and a slot."""

    def __init__(self, view: ReportView, frame: Frame, parts: Callable[[Room, Mapping[str, Any]], Any], limit: int):
        self.view, self.frame, self.limit = view, frame, limit
        self.album = Album()
        self._leads = {m.id: m.headline for m in view.modes}
        self._found: list[_Found] = []
        self._current = ""
        told = {"view": view, "album": self.album, "evidence_slot": self._mark_evidence}
        self.macros: Macros = cache(lambda room: parts(room, told))

    def page(self) -> str:
        """The whole page, of at most ``limit`` bytes."""
        for scale in (1.0, 0.9, 0.7, 0.5):
            self.album.held.clear()
            made = self._filled(int(self.limit * scale))
            if len(made.encode()) <= self.limit:
                break
        return made

    def _filled(self, limit: int) -> str:
        around = self._around(limit)
        left = float(limit - len(_MARK.sub("", around).encode()) - _SPARE)
        heads = self._heads(left * _FINDINGS)
        shown = [f for f in self._found if f"\0E{f.number}-" in heads.get(f.number, "")]
        words, seen, files = (self._pieces(shown, kind) for kind in (_is_words, _is_seen, _is_file))
        left -= sum(len(text.encode()) for text in heads.values()) + sum(p.floor for p in (*words, *seen, *files))
        left = left * (1 - _WORDS) + share(words, left * _WORDS)
        left = share(seen, left, self.album)
        share(files, min(left, FILES))
        made = {k: v for p in (*words, *seen, *files) for k, v in p.chosen.items()}
        made[_NOTE] = self._said([p for p in (*words, *seen) if p.level], [p for p in files if p.level])
        text = _MARK.sub(lambda m: heads.get(m[2], "") if m[1] == "F" else m[0], around)
        return self.album.finish(_MARK.sub(lambda m: made.get(m[2], ""), text))

    def _around(self, limit: int) -> str:
        """The page with a mark for each finding; with shorter lists and strings where it would take too much."""
        for room in ROOMS:
            self._found.clear()
            made = self.frame(room, {"finding_slot": self._mark_finding, "note_slot": Markup(f"\0E{_NOTE}\0")})  # noqa: S704
            if len(_MARK.sub("", made).encode()) <= limit * _FRAME:
                break
        return made

    def _mark_finding(self, f: Finding, id: str, severity: str = "") -> Markup:
        number, row = str(len(self._found)), id.rpartition("-")[0]
        self._found.append(_Found(number, row, id, f, severity, self._leads.get(row) == f))
        return Markup(f"\0F{number}\0")  # noqa: S704 - a number

    def _mark_evidence(self, e: Evidence, id: str) -> Markup:
        del e
        return Markup(f"\0E{self._current}-{int(id.rpartition('-')[2])}\0")  # noqa: S704 - numbers

    def _heads(self, room: float) -> dict[str, str]:
        """The findings with their numbers, and marks where their evidence goes; a line each where they are many."""
        pieces: list[Piece] = []
        kept: set[str] = set()
        for f in sorted(self._found, key=lambda f: -f.weight):
            piece = Piece(partial(self._head, f), _LINE + 1, f.weight, least=_least_head)
            room -= piece.floor
            if room < 0:
                break
            pieces.append(piece)
            kept.add(f.number)
        share(pieces, room)
        heads = {k: v for p in pieces for k, v in p.chosen.items()}
        return {**heads, **self._missing([f for f in self._found if f.number not in kept])}

    def _head(self, f: _Found, level: int) -> dict[str, str]:
        macros, self._current = self.macros(ROOMS[min(level, len(ROOMS) - 1)]), f.number
        made = macros.finding_line if level == _LINE else macros.finding
        return {f.number: str(made(f.finding, f.id, f.severity))}

    def _missing(self, missing: Sequence[_Found]) -> dict[str, str]:
        """In the place of each row's last finding without room: how many there are and how they ended."""
        rows: dict[str, list[_Found]] = {}
        for f in missing:
            rows.setdefault(f.row, []).append(f)
        macros = self.macros(ROOMS[-1])
        counts = {row[-1].number: Counter(f.finding.status.value for f in row) for row in rows.values()}
        return {number: str(macros.findings_missing(count)) for number, count in counts.items()}

    def _pieces(self, shown: Sequence[_Found], wanted: Callable[[Evidence], bool]) -> list[Piece]:
        pieces = []
        for f in shown:
            evidence = f.finding.measurement.evidence if f.finding.measurement else ()
            items = {(f"{f.number}-{k}", f"{f.id}-{k}"): e for k, e in enumerate(evidence, 1) if wanted(e)}
            groups = [items] if wanted is not _is_file else [{k: e} for k, e in items.items()]
            for group in (g for g in groups if g):
                piece = Piece(partial(self._made, group), _LINE + 1, f.weight, more=self.album.cost)
                if wanted is _is_seen:
                    piece.least = partial(_least_of, group)
                pieces.append(piece)
        return pieces

    def _made(self, group: Mapping[tuple[str, str], Evidence], level: int) -> dict[str, str]:
        """A finding's evidence of one kind at one level of room; below the last a single line for all of it."""
        macros = self.macros(ROOMS[min(level, len(ROOMS) - 1)])
        if level == _LINE:
            return {next(iter(group))[0]: str(macros.evidence_missing(len(group)))}
        return {number: str(macros.evidence(e, id, level == 0)) for (number, id), e in group.items()}

    def _said(self, shorter: Sequence[Piece], left_out: Sequence[Piece]) -> str:
        """For the whole page: what is shown smaller, and what only has its name here."""
        lossy = sum(self.album.made[k].kept == "compressed" for k in +self.album.held)
        return str(self.macros(ROOMS[0]).page_note(lossy, len(shorter), len(left_out)))


def _least_head(level: int) -> float:
    """Bytes below which no finding is shown in full: among thousands it need not be tried."""
    return 0.0 if level == _LINE else 1200.0


def _least_of(group: Mapping[tuple[str, str], Evidence], level: int) -> float:
    """Bytes below which that level cannot be: a photograph takes at least a thirtieth of a byte a pixel."""
    if level >= len(ROOMS):
        return 0.0
    room, total = ROOMS[level], 0.0
    for e in group.values():
        if isinstance(e, Pictures):
            for p in (p for row in e.rows[: room.rows] for p in row[: room.columns]):
                sides = (int.from_bytes(p.png[16:20], "big"), int.from_bytes(p.png[20:24], "big"))
                total += 150 + min(len(p.png), 0.03 * min(sides[0], room.fit.side) * min(sides[1], room.fit.side))
    return total


def _is_seen(e: Evidence) -> bool:
    return isinstance(e, Pictures) or (isinstance(e, Attachment) and e.media in SEEN)


def _is_file(e: Evidence) -> bool:
    return isinstance(e, Attachment) and e.media not in SEEN


def _is_words(e: Evidence) -> bool:
    return not isinstance(e, Pictures | Attachment)
