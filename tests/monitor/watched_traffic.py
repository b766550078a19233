"""Traffic of a small credit scorer, what it looks like when nothing is wrong, and a listener that keeps it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from momus.card.monitor import MonitorCard
from momus.core.records import Interval
from momus.core.samples import Column, ColumnKind
from momus.core.seeds import rng
from momus.monitor.closed import dumped
from momus.monitor.decode import Decoder
from momus.monitor.detector import Reading
from momus.monitor.events import Batch
from momus.monitor.reference import Reference
from momus.monitor.sinks import Closed
from momus.monitor.source import open_source
from momus.monitor.watch import Pace, Watch

JOBS = ("clerk", "farmer", "nurse", "smith")
COLUMNS = (
    Column("age", low=18, high=90),
    Column("income"),
    Column("debt"),
    Column("job", ColumnKind.CATEGORICAL, 0, 3, JOBS),
)


def reference(n: int = 400, **changes: Any) -> Reference:
    draw = rng(1, "reference", 0)
    x = np.column_stack([draw.uniform(18, 90, n), draw.normal(size=n), draw.normal(size=n), draw.integers(0, 4, n)])
    p = draw.random(n)
    known: dict[str, Any] = {
        "target": "scorer", "system": "credit", "task": "classifier", "x": x, "columns": COLUMNS, "encoder": "table",
        "outputs": np.column_stack([1 - p, p]), "said": (p > 0.5).astype(np.int64),
        "label": draw.integers(0, 2, n).astype(float), "members": np.zeros((0, 4)), "classes": ("repaid", "default"),
    }  # fmt: skip
    return Reference(**{**known, **changes})


def event(i: int, **changes: Any) -> dict[str, Any]:
    p = (i * 37 % 1000) / 1000
    made = {
        "time": 1_700_000_000 + i * 0.5, "caller": f"caller {i % 23}",
        "input": {
            "age": 20 + i % 60, "income": i % 7 - 3.25, "debt": None if i % 50 == 0 else i % 5, "job": JOBS[i % 4],
        },
        "output": [round(1 - p, 3), p], "label": i % 2, "seconds": 0.01, "size": 240, "status": 200, "number": i,
    }  # fmt: skip
    return {**made, **changes}


def lines(low: int, high: int) -> bytes:
    return b"".join(json.dumps(event(i)).encode() + b"\n" for i in range(low, high))


class Sums:
    """A detector that would notice a single event lost, doubled or moved to another window."""

    name: ClassVar[str] = "test.sums"
    metric: ClassVar[str] = "sum"
    worse: ClassVar[Literal["lower", "higher"]] = "higher"

    def __init__(self, *, cheap: bool = True) -> None:
        self.cheap = cheap  # type: ignore[misc]
        self._of = np.zeros(4, np.int64)
        self.taken: list[int] = []

    def take(self, batch: Batch) -> None:
        number = np.rint((batch.time - 1_700_000_000) / 0.5)
        number = number[~np.isnan(number)].astype(np.int64)
        self._of += np.array([len(batch), number.sum(), (number * number % 1009).sum(), (number % 97).sum()])
        self.taken.append(len(batch))

    def close(self, number: int) -> Reading | None:
        n, total, squares, rest = (int(v) for v in self._of)
        self._of[:] = 0
        if not n:
            return None
        p = float(rng(0, "sums", total).random())
        return Reading(
            float(total), Interval(low=float(rest), high=float(total + rest)), n, p, scope={"squares": squares}
        )

    def state(self) -> Mapping[str, np.ndarray[Any, Any]]:
        return {"of": self._of}

    def restore(self, state: Mapping[str, np.ndarray[Any, Any]]) -> None:
        self._of = state["of"].copy()


class Heard:
    """A sink that keeps every window, in memory or in a file of JSON lines."""

    def __init__(self, path: Path | None = None) -> None:
        self.windows: list[Closed] = []
        self.told: tuple[str, ...] = ()
        self.path = path

    def window(self, closed: Closed) -> None:
        self.windows.append(closed)
        if self.path is not None:
            with self.path.open("ab") as stream:
                stream.write(json.dumps(plain(closed)).encode() + b"\n")

    def close(self) -> None:
        self.told = ("closed",)

    @property
    def spans(self) -> list[tuple[int, int]]:
        return [(w.number, w.events) for w in self.windows]


def plain(closed: Closed) -> dict[str, Any]:
    """All of a window that does not depend on how fast the machine is."""
    return {k: v for k, v in dumped(closed).items() if k not in ("seconds", "waiting")}


def watch(folder: Path, source: str = "log.jsonl", *, sinks: Sequence[Any] = (), most: int = 0, **more: Any) -> Watch:
    """A watch of ``folder/source`` by :class:`Sums`; ``card`` is what the card says besides."""
    said = {"window": {"events": 100}, **more.pop("card", {})}
    card = MonitorCard(source=source, **said)
    like = more.pop("reference", None) or reference()
    detectors = more.pop("detectors", None) or {"test.sums": Sums()}
    made = more.pop("made", None) or open_source(source, Decoder(card.fields, like), folder)
    pace = more.pop("pace", None) or Pace(seconds=0.0, idle=0.01)
    return Watch(like, card, made, folder / "state", sinks=sinks, detectors=detectors, pace=pace, **more)
