"""JSON lines that grow, rotate and are compressed: one path or a pattern, read on from any place."""

from __future__ import annotations

from pathlib import Path

from momus.monitor.decode import Decoder
from momus.monitor.log_files import Known, Text, folder_of, recognise
from momus.monitor.source import TOO_LONG, Aside, Keep, Position, Taken, finish

_LINE = 400.0  # bytes of a line, until it is known better
_OPEN = 16  # files held open


class LogFiles:
    """All files of a pattern, older before newer: rotated ones by their number or date, others by name.

    A file is known by its inode and a digest of its beginning, not by its name: renamed it goes on where it was, and
    a compressed or copied one is recognised. A file that became shorter, or begins otherwise, was truncated: the rest
    of the old one is looked for among its neighbours, then it is read from the start. One named file that was rotated
    between two looks is finished first. A last line without its end waits; an endless one is left out and counted.
    """

    def __init__(self, pattern: Path, decoder: Decoder) -> None:
        self._folder, self._pattern = folder_of(pattern)
        self._decoder = decoder
        self._open: dict[str, Text] = {}
        self._ends = False
        self._bytes = self._lines = 0.0
        self.told: tuple[str, ...] = ()

    def read(self, after: Position, most: int, keep: Keep | None = None) -> Taken:
        """Complete lines after a place."""
        known, copies = recognise(self._known(after), self._folder, self._pattern)
        for name in copies:
            self._tell(f"{name} begins as another log does: taken for its copy while that is there")
        aside = Aside()
        lines: list[bytes] = []
        for one in known:
            if len(lines) >= most:
                break
            if one.path is None and one.gone:
                continue
            self._from(one, most - len(lines), lines, aside)
            if one.path is None and len(lines) < most:
                one.gone = True
                if one.key in self._open:
                    self._open.pop(one.key).close()
                if one.owed:
                    aside.before(len(lines), "lost with its file", 1)
                    self._tell(f"{one.name} was removed before its end was read")
        self._forget({one.key for one in known})
        return finish(self._decoder, lines, {"files": [k.plain() for k in known]}, aside, keep)

    def _from(self, one: Known, most: int, lines: list[bytes], aside: Aside) -> None:
        text = self._text(one)
        if text is None:
            return
        found, long = text.take(most, complete=not (self._ends or one.rotated))
        for place, many in long:
            aside.before(len(lines) + place, TOO_LONG, many)
        lines += found
        self._bytes += text.at - one.at
        self._lines += len(found)
        one.at, one.skipping = text.at, text.skipping
        one.owed = text.owed

    def _text(self, one: Known) -> Text | None:
        """The open file, from where the position says."""
        held = self._open.get(one.key)
        if held is not None and held.serves(one) and (one.path is not None or held.whole(one)):
            self._open[one.key] = self._open.pop(one.key)  # the one used last stands at the end
            return held
        if held is not None:
            self._open.pop(one.key).close()
        if one.path is None:
            return None
        try:
            made = Text(one)
        except OSError as error:
            self._tell(f"{one.name}: {error.strerror or error}")
            return None
        while len(self._open) >= _OPEN:
            self._open.pop(next(iter(self._open))).close()
        self._open[one.key] = made
        return made

    def _tell(self, line: str) -> None:
        if line not in self.told:
            self.told = (*self.told[-9:], line)

    def _forget(self, keys: set[str]) -> None:
        for key in [k for k in self._open if k not in keys]:
            self._open.pop(key).close()

    @staticmethod
    def _known(after: Position) -> list[Known]:
        return [Known.of(entry) for entry in after.get("files", ())]

    def waiting(self, after: Position) -> int:
        """Bytes that wait, in lines of the mean length so far."""
        known, _ = recognise(self._known(after), self._folder, self._pattern)
        left = sum(max(0, one.size() - one.at) for one in known if one.path is not None)
        mean = self._bytes / self._lines if self._lines else _LINE
        return 0 if left < 2 else int(left / max(1.0, mean)) or 1

    def passed(self, position: Position) -> None:
        """Logs belong to whoever writes them: nothing is removed."""

    def done(self, after: Position) -> bool:
        """What was there is read."""
        return True

    def final(self) -> None:
        """The last lines have no end, and are lines."""
        self._ends = True

    def close(self) -> None:
        for text in self._open.values():
            text.close()
        self._open.clear()
