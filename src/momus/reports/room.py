"""How much room a piece of a report gets, from all it could want down to a line that says what is missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from momus.reports.pictures import Fit


@dataclass(frozen=True)
class Room:
    """The most that is shown of each kind. ``whole`` keeps everything as it is stored, whatever it weighs."""

    text: int = 1200  # characters of one string: a longer one is somebody's flood
    items: int = 200  # entries of a list
    figures: int = 30
    table: int = 40
    lines: int = 60
    plots: bool = True
    rows: int = 8  # of pictures
    columns: int = 6
    fit: Fit = Fit()  # noqa: RUF009 - frozen
    films: bool = True
    files: bool = True
    whole: bool = False


WHOLE = Room(text=100_000, items=100_000, figures=10_000, table=100_000, lines=100_000, rows=10_000, columns=1000,
             whole=True)  # fmt: skip
ROOMS = (
    Room(),
    Room(text=600, items=100, fit=Fit(300, 65, 22_000, 48 * 48)),
    Room(text=400, items=50, table=30, lines=40, fit=Fit(200, 55, 14_000, 32 * 32)),
    Room(text=300, items=30, figures=12, table=15, lines=20, rows=5, fit=Fit(200, 45, 8_000, 32 * 32), films=False),
    Room(text=200, items=20, figures=8, table=8, lines=10, rows=3, columns=4, fit=Fit(160, 40, 5_000, 28 * 28),
         films=False),
    Room(text=120, items=10, figures=5, table=4, lines=6, rows=1, columns=4, fit=Fit(128, 35, 3_000, 16 * 16),
         films=False),
    Room(text=80, items=5, figures=3, table=0, lines=0, plots=False, rows=0, films=False),
)  # fmt: skip


@dataclass
class Piece:
    """Something that can be made at each level of room: 0 is the most, the last is the least it can be."""

    make: Callable[[int], Mapping[str, str]]
    levels: int
    weight: float = 1.0
    # What it costs beyond its own text, pictures say; asked each time, since one that is there already costs nothing.
    more: Callable[[Mapping[str, str]], int] = lambda _: 0
    least: Callable[[int], float] | None = None  # a level that costs at least so much need not be tried
    chosen: Mapping[str, str] = field(default_factory=dict)
    level: int = 0
    _made: dict[int, Mapping[str, str]] = field(default_factory=dict)

    def at(self, level: int) -> Mapping[str, str]:
        """The piece at one level, made once."""
        if level not in self._made:
            self._made[level] = self.make(level)
        return self._made[level]

    def cost(self, level: int) -> int:
        """Bytes that it adds to the page."""
        made = self.at(level)
        return sum(len(text.encode()) for text in made.values()) + self.more(made)

    def forget(self) -> None:
        """Keep only what was chosen."""
        self._made.clear()

    @property
    def floor(self) -> int:
        """What it costs at least."""
        return self.cost(self.levels - 1)

    def fit(self, most: float) -> int:
        """Take the most that costs no more than that, or else the least there is; returns what it costs."""
        for level in range(self.levels):
            last = level == self.levels - 1
            if not last and self.least is not None and self.least(level) > most:
                continue
            cost = self.cost(level)
            if last or cost <= most:
                break
        self.chosen, self.level = self.at(level), level
        return cost


class Ledger:
    """Who holds what: a picture that two pieces show is paid for once. Without pictures there is nothing to hold."""

    def hold(self, made: Mapping[str, str]) -> None:
        """These are in the page."""

    def release(self, made: Mapping[str, str]) -> None:
        """These are not in the page any more."""


def share(pieces: Sequence[Piece], spare: float, ledger: Ledger | None = None) -> float:
    """Gives each piece a fair, weighted share of ``spare`` beyond the least it can be; returns what is left.

    What wants little is served first and leaves the rest of its share to the others, so that nobody goes without
    because somebody else wants much. What is left then goes to the weightiest that can use it.
    """
    ledger = ledger or Ledger()
    wants = [p.least(0) if p.least is not None else float(p.cost(0)) for p in pieces]
    left = sum(p.weight for p in pieces)
    for i in sorted(range(len(pieces)), key=lambda i: (wants[i] / pieces[i].weight, i)):
        piece = pieces[i]
        floor = piece.floor
        spare -= piece.fit(floor + max(0.0, spare * piece.weight / left)) - floor
        left -= piece.weight
        ledger.hold(piece.chosen)
    for piece in sorted(pieces, key=lambda p: -p.weight):
        if piece.level and spare > 0:
            ledger.release(piece.chosen)
            before = piece.cost(piece.level)
            spare -= piece.fit(before + spare) - before
            ledger.hold(piece.chosen)
    for piece in pieces:
        piece.forget()
    return spare
