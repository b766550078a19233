"""The costliest input of a given size: generators that know formats, a search over their mutations, and its growth.

Costs are the processor time inside the asking process and its peak of memory, never time by the clock: other work on
the machine does not count. What costs less than a floor counts as the floor, so that noise has nothing to multiply.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal

import numpy as np

from momus.methods.fuzz import costly_pictures as pictures
from momus.methods.fuzz import costly_texts as texts
from momus.methods.fuzz.harness import Harness
from momus.methods.fuzz.mutate import mutate

FLOOR_S, FLOOR_MB = 0.001, 4.0
Make = Callable[[int], bytes]
FAMILIES: dict[str, Mapping[str, Make]] = {
    "png": pictures.PNG, "gif": pictures.GIF, "jpeg": pictures.JPEG, "webp": pictures.WEBP, "tiff": pictures.TIFF,
    "bmp": pictures.BMP, "wav": pictures.WAV, "flac": pictures.FLAC, "csv": texts.CSV, "json": texts.JSON,
    "jsonl": texts.JSONL, "text": texts.TEXT, "xml": texts.XML, "npy": texts.NPY, "npz": texts.NPZ,
    "parquet": texts.PARQUET, "other": texts.OTHER,
}  # fmt: skip
_PLAIN = frozenset({"text", "csv", "json", "jsonl", "xml", "other"})
_KEPT, _BROOD = 6, 24


@dataclass(frozen=True, slots=True)
class Cost:
    """What one input took. ``over``: more than one request may take, so that the numbers are only lower bounds."""

    seconds: float
    mb: float
    over: str = ""  # "", "hung", "memory" or "crashed"
    refused: bool = False  # by an exception, after the work that was measured

    @property
    def weight(self) -> float:
        """In floors, the larger of both."""
        return max(self.seconds / FLOOR_S, self.mb / FLOOR_MB, 1.0)


@dataclass(frozen=True, slots=True)
class Found:
    """An input, where it came from, and what it took each time it was asked."""

    data: bytes
    name: str
    costs: tuple[Cost, ...]
    make: Make | None = None

    @property
    def over(self) -> str:
        """Empty unless it was over the limit each time: once may be the machine's doing."""
        return self.costs[0].over if all(c.over for c in self.costs) else ""

    def seconds(self) -> tuple[float, float, float]:
        """Least, median and most."""
        return _spread([c.seconds for c in self.costs])

    def mb(self) -> tuple[float, float, float]:
        return _spread([c.mb for c in self.costs])

    @property
    def weight(self) -> float:
        """In floors, by the least of the times it was asked: noise only adds."""
        return min(c.weight for c in self.costs)


def _spread(values: Sequence[float]) -> tuple[float, float, float]:
    return min(values), float(np.median(values)), max(values)


class _Timed:
    """A function whose answer is the processor time it took, warm in whatever process it is called."""

    def __init__(self, function: Callable[[bytes], Any], warm: Sequence[bytes]) -> None:
        self._function, self._warm, self._pid = function, tuple(warm), 0

    def __call__(self, data: bytes) -> tuple[float, bool]:
        if os.getpid() != self._pid:  # a child of its own: imports and caches are not this input's cost
            self._pid = os.getpid()
            for honest in self._warm:
                with suppress(Exception):
                    self._function(honest)
        begun = time.process_time()
        try:
            self._function(data)
        except MemoryError:
            raise
        except Exception:
            return time.process_time() - begun, True  # a refusal after hard work is work too
        return time.process_time() - begun, False


class Asker:
    """Asks a function for costs. A context manager; ``spend(n)`` is called before n inputs are asked."""

    def __init__(
        self,
        function: Callable[[bytes], Any],
        *,
        warm: Sequence[bytes],
        seconds: float,
        memory_mb: int,
        spend: Callable[[int], None],
    ) -> None:
        self._seconds, self._memory_mb, self._spend = seconds, memory_mb, spend
        self._harness = Harness(_Timed(function, warm), seconds=seconds, memory_mb=memory_mb, keep=True)
        self.asked = self.answered = 0

    def __enter__(self) -> Asker:
        self._harness.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._harness.__exit__(*error)

    def costs(self, inputs: Sequence[bytes]) -> list[Cost]:
        self._spend(len(inputs))
        self.asked += len(inputs)
        costs = [self._cost(o) for o in self._harness.run(inputs)]
        self.answered += sum(not (c.refused or c.over) for c in costs)
        return costs

    def _cost(self, outcome: Any) -> Cost:
        if outcome.kind == "hung":
            return Cost(self._seconds, outcome.peak_mb, "hung")
        if outcome.kind == "memory":
            return Cost(0.0, float(self._memory_mb), "memory")
        if outcome.kind == "crashed" or outcome.answer is None:
            return Cost(0.0, 0.0, "crashed")
        seconds, refused = outcome.answer
        return Cost(max(float(seconds), 0.0), outcome.peak_mb, refused=bool(refused))

    def repeated(self, data: bytes, times: int) -> tuple[Cost, ...]:
        """The same input again and again; once more only where it was over the limit."""
        first = self.costs([data])
        return tuple(first + (self.costs([data]) if first[0].over else self.costs([data] * (times - 1))))


@dataclass
class Search:
    """The search and what it went through: the best of each generator, and of the mutations."""

    asker: Asker
    size: int
    rng: Random
    enough: float = math.inf  # weight at which nothing costlier needs to be found
    best: list[Found] = field(default_factory=list)

    def run(self, kinds: Sequence[str], honest: Mapping[str, Sequence[bytes]], tries: int) -> Found | None:
        """The costliest input found within ``tries``; the first that takes more than a request may ends the search."""
        for kind in kinds:
            for name, make in FAMILIES.get(kind, {}).items():
                found = self._try(f"{kind}: {name}", make)
                if found is not None and found.over:
                    return found
        left = max(0, tries - self.asker.asked)
        for kind in kinds:
            over = self._evolve(kind, list(honest.get(kind, ())), left // len(kinds))
            if over is not None:
                return over
        return self._confirmed()

    def _try(self, name: str, make: Make) -> Found | None:
        data = make(self.size)
        if not data or len(data) > self.size * 1.05 + 64:
            return None
        return self._note(Found(data, name, tuple(self.asker.costs([data])), make))

    def _note(self, found: Found) -> Found | None:
        """Keep it among the best; one that was over the limit is asked again before it is believed."""
        if found.over in ("hung", "memory"):
            found = Found(found.data, found.name, self.asker.repeated(found.data, 2), found.make)
            if all(c.over in ("hung", "memory") for c in found.costs):
                return found
        if found.over != "crashed":  # a crash is another probe's finding
            self.best.append(found)
            self.best.sort(key=lambda f: -f.weight)
            del self.best[_KEPT * 4 :]
        return None

    def _evolve(self, kind: str, honest: list[bytes], tries: int) -> Found | None:
        pool = [f.data for f in self.best if f.name.startswith(kind)][:_KEPT] + honest[:_KEPT]
        while tries >= _BROOD and pool and not (self.best and self.best[0].weight >= self.enough):
            tries -= _BROOD
            brood = [self._child(self.rng.choice(pool), kind, pool, honest) for _ in range(_BROOD)]
            least = min((f.weight for f in self.best[:_KEPT]), default=1.0)
            for data, cost in zip(brood, self.asker.costs(brood), strict=True):
                if not cost.over and cost.weight <= 1.2 * least:
                    continue
                over = self._note(Found(data, f"{kind}: found by search", (cost,)))
                if over is not None:
                    return over
                pool = [data, *pool][: 3 * _KEPT]
        return None

    def _child(self, parent: bytes, kind: str, pool: list[bytes], honest: list[bytes]) -> bytes:
        if self.rng.random() < (0.5 if kind in _PLAIN else 0.15):
            return pumped(self.rng.choice(honest or pool), self.rng, self.size)
        return mutate(parent, self.rng, kind, pool)[: self.size]

    def _confirmed(self) -> Found | None:
        """The best few asked five times more, each by itself; the costliest by its least time."""
        again = [Found(f.data, f.name, self.asker.repeated(f.data, 5), f.make) for f in self.best[:3]]
        return max(again, key=lambda f: f.weight, default=None)


def pumped(data: bytes, rng: Random, size: int) -> bytes:
    """A short piece of the input repeated until the size is reached: what backtracking and quadratic code dislike."""
    start = rng.randrange(len(data) + 1)
    piece = data[start : start + rng.choice((1, 1, 2, 3, 5, 8))] or b"a"
    if data and rng.random() < 0.4:
        piece = bytes([rng.choice(sorted(set(data)))])  # rare signs as often as common ones
    end = data[start + len(piece) :][: size // 8]
    if rng.random() < 0.5:
        end = rng.choice((b"!", b"\0", b"\n", b" x", b"\xff"))
    head = data[:start][: size // 8]
    return (head + piece * max(1, (size - len(head) - len(end)) // len(piece)) + end)[:size]


@dataclass(frozen=True, slots=True)
class Growth:
    """Costs at several sizes, in seconds or MB. ``over`` says that the last size was more than a request may take.

    ``slope`` is the power of the size by which the cost grows, with its interval; without ``high`` it is at least that.
    """

    sizes: tuple[int, ...] = ()
    costs: tuple[float, ...] = ()
    by: Literal["seconds", "mb"] = "seconds"
    over: bool = False
    slope: float | None = None
    low: float | None = None
    high: float | None = None
    name: str = ""


def growth(asker: Asker, found: Found, size: int, *, steps: int = 24) -> Growth:
    """How the cost of a generator's inputs grows with their size, up to where it is more than a request may take."""
    assert found.make is not None, "an input that mutation found has no other sizes"
    ladder = sorted({int(size / 2 ** (i / 2)) for i in range(steps) if size / 2 ** (i / 2) >= 8})
    by: Literal["seconds", "mb"] = "mb" if _of_memory(found) else "seconds"
    seen: dict[int, tuple[int, float, bool]] = {}

    def over(i: int) -> bool:
        if i not in seen:
            made = found.make(ladder[i]) if found.make else b""
            costs = asker.costs([made])
            costs += [] if costs[0].over else asker.costs([made] * 2)
            # Noise adds time; memory that an allocator kept from the time before is missing from a peak.
            value = min(c.seconds for c in costs) if by == "seconds" else max(c.mb for c in costs)
            seen[i] = len(made), value, bool(costs[0].over)
        return seen[i][2]

    low, high = -1, len(ladder)  # the largest size that is answered within the limits, by halving
    while high - low > 1:
        middle = (low + high) // 2 if high < len(ladder) else len(ladder) - 1
        low, high = (low, middle) if over(middle) else (middle, high)
    for i in range(max(0, low - 7), low + 1):
        over(i)
    ends = [i for i in sorted(seen) if i <= low + 1]
    points = [
        seen[i] for i, after in zip(ends, [*ends[1:], -1], strict=True) if after < 0 or seen[after][0] > seen[i][0]
    ]
    floor = FLOOR_S if by == "seconds" else FLOOR_MB
    fitted = slope([(n, v) for n, v, beyond in points if not beyond and v > floor])
    if fitted[0] is None and len(points) > 1 and points[-1][2] and points[-2][1] <= floor:
        # Within one step from nothing to more than a request may take: that steep at least.
        b = math.log(max(points[-1][1] / floor, 1.0)) / math.log(points[-1][0] / points[-2][0])
        fitted = b, b, None
    sizes, costs = tuple(n for n, _, _ in points), tuple(max(v, floor) for _, v, _ in points)
    return Growth(sizes, costs, by, points[-1][2], *fitted, name=found.name)


def _of_memory(found: Found) -> bool:
    if found.over:
        return found.over == "memory"
    return found.mb()[0] / FLOOR_MB > found.seconds()[0] / FLOOR_S


def slope(points: Sequence[tuple[int, float]]) -> tuple[float | None, float | None, float | None]:
    """The power of growth by least squares over the logarithms, with a 95 % interval; nothing below three points."""
    if len(points) < 3:
        return None, None, None
    x, y = np.log([float(n) for n, _ in points]), np.log([v for _, v in points])
    centred = x - x.mean()
    spread = float((centred**2).sum())
    b = float((centred * y).sum()) / spread
    rest = y - y.mean() - b * centred
    error = math.sqrt(float((rest**2).sum()) / (len(points) - 2) / spread)
    wide = {3: 12.71, 4: 4.30, 5: 3.18, 6: 2.78, 7: 2.57}.get(len(points), 2.45) * error  # Student's t
    return b, b - wide, b + wide


def rung(value: float, *, up: bool = False) -> float:
    """The nearest quarter of a power of ten below (or above): what a repeated measurement can be trusted to."""
    quarters = 4 * math.log10(max(value, 1.0))
    whole = math.ceil(quarters - 1e-6) if up else math.floor(quarters + 1e-6)
    return float(f"{10 ** (whole / 4):.2g}")


def unfolded(answers: Iterator[Any] | Sequence[Any]) -> list[int]:
    """Bytes of decoded values, by arrays and texts in them."""
    return [_bytes_of(a) for a in answers]


def _bytes_of(value: Any, depth: int = 0) -> int:
    if isinstance(value, np.ndarray):
        return int(value.nbytes)
    if isinstance(value, str | bytes):
        return len(value)
    if isinstance(value, Mapping) and depth < 8:
        return sum(_bytes_of(v, depth + 1) for v in value.values())
    if isinstance(value, list | tuple) and depth < 8:
        return sum(_bytes_of(v, depth + 1) for v in value)
    return 8
