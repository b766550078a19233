"""Events a second that a watch takes on one core, from JSON lines with 20 columns, and where the time goes.

python -m benchmarks.bench_monitor
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from momus.card.monitor import MonitorCard
from momus.core.samples import Column, ColumnKind
from momus.core.seeds import rng
from momus.monitor import checkpoint
from momus.monitor.decode import Decoder
from momus.monitor.detector import Detector
from momus.monitor.middleware import Momus
from momus.monitor.reference import Reference
from momus.monitor.sinks import Closed
from momus.monitor.source import open_source
from momus.monitor.watch import Watch, fitted

EVENTS = 60_000
GOAL = 20_000
NOTES = """
One process, one thread; seconds are those of the processor, the best of two, so that other work on the machine does
not count. 16 columns of numbers and 4 of
categories, two classes, 997 callers, 440 bytes a line, windows of 2,000 events, a reference of 2,000 rows;
checkpoints are in the time, their waiting for the disk is not. *Reading alone* is a watch without a detector: reading,
decoding, cutting windows, checkpoints. The row of one detector is the time spent in it while all of them are on, and
the bytes of its state before they are packed. The middleware is asked by a bare loop; the same
loop without it is taken off.
"""


class Silent:
    """A sink that does nothing."""

    told: tuple[str, ...] = ()

    def window(self, closed: Closed) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


def reference(n: int = 2000) -> Reference:
    """Rows as the traffic's."""
    draw = rng(0, "bench reference", 0)
    columns = (
        *(Column(f"c{i}") for i in range(16)),
        *(Column(f"k{i}", ColumnKind.CATEGORICAL, 0, 3, ("a", "b", "c", "d")) for i in range(4)),
    )
    x = np.column_stack([draw.normal(size=(n, 16)), draw.integers(0, 4, (n, 4))])
    p = draw.random(n)
    outputs = np.column_stack([1 - p, p])
    label = (draw.random(n) < p).astype(float)
    return Reference(
        "scorer", "bench", "classifier", x, columns, "table", outputs, outputs.argmax(1), label, x[: n // 2],
        ("no", "yes"), ("v1",),
    )  # fmt: skip


def write(path: Path, n: int) -> None:
    """A log of ``n`` events."""
    draw = rng(0, "bench traffic", 0)
    x, k, p = draw.normal(size=(n, 16)).round(5), draw.integers(0, 4, (n, 4)), draw.random(n).round(5)
    with path.open("w") as stream:
        for i in range(n):
            row = {f"c{j}": x[i, j] for j in range(16)} | {f"k{j}": "abcd"[k[i, j]] for j in range(4)}
            event = {
                "time": 1.7e9 + i * 0.02, "caller": f"user {i % 997}", "input": row, "output": [1 - p[i], p[i]],
                "seconds": 0.01, "size": 300, "status": 200, "version": "v1",
            }  # fmt: skip
            stream.write(json.dumps(event) + "\n")


class Timed:
    """A detector, and the seconds of the processor that it took."""

    def __init__(self, made: Detector) -> None:
        self.made, self.cheap, self.seconds = made, made.cheap, 0.0

    def __getattr__(self, name: str) -> Any:
        work = getattr(self.made, name)

        def timed(*given: Any) -> Any:
            started = time.process_time()
            try:
                return work(*given)
            finally:
                self.seconds += time.process_time() - started

        return timed


@dataclass
class Run:
    """What one watch of the whole log took, and the bytes of its state."""

    seconds: float
    state: int
    detectors: dict[str, Timed]


def watched(folder: Path, like: Reference, *, bare: bool) -> Run:
    """One run over the log, without a detector where it is ``bare``, else with every cheap one."""
    card = MonitorCard(source="log.jsonl")
    found = {} if bare else fitted(like, card, 0)[0]
    chosen = {name: Timed(d) for name, d in found.items() if d.cheap}
    made = Watch(
        like, card, open_source(card.source, Decoder(card.fields, like), folder), folder / "state", 0, [Silent()],
        detectors=cast("dict[str, Detector]", chosen), fresh=True,
    )  # fmt: skip
    started = time.process_time()
    made.run(once=True)
    spent = time.process_time() - started
    if made.records != EVENTS or set(made.detectors) != set(chosen):
        raise RuntimeError(f"{made.records} of {EVENTS} events were read: {made.told}")
    return Run(spent, (folder / "state" / checkpoint.NAME).stat().st_size, chosen)


def best(folder: Path, like: Reference, *, bare: bool = False) -> Run:
    """The quicker of two."""
    return min((watched(folder, like, bare=bare) for _ in range(2)), key=lambda run: run.seconds)


def middleware(folder: Path, n: int = 5000) -> float:
    """Seconds of the processor that one request costs more with the middleware, its writing thread included."""
    body = json.dumps({f"c{j}": 0.12345 for j in range(20)}).encode()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"[0.25, 0.75]"})

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(message: Any) -> None:
        """Nothing."""

    async def asked(given: Any) -> float:
        started = time.process_time()
        for i in range(n):
            scope = {"type": "http", "method": "POST", "path": "/", "headers": [], "client": ("10.0.0.1", i)}
            await given(scope, receive, send)
            if i % 500 == 0:
                await asyncio.sleep(0.05)
        return time.process_time() - started

    kept = Momus(app, spool=folder / "spool")
    return (asyncio.run(asked(kept)) - asyncio.run(asked(app))) / n


def rows() -> list[dict[str, Any]]:
    """One row a way of watching."""
    made = []

    def row(what: str, seconds: float, goal: str = "", state: int = 0) -> None:
        made.append(
            {
                "what": what,
                "events_a_second": round(1 / seconds),
                "us_an_event": seconds * 1e6,
                "state_MiB": state / 2**20 if state else "",
                "goal": goal,
            }
        )

    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        like = reference()
        write(folder / "log.jsonl", EVENTS)
        bare, whole = best(folder, like, bare=True), best(folder, like)
        row("reading alone", bare.seconds / EVENTS, "< 15 us an event", bare.state)
        row(
            f"with all {len(whole.detectors)} cheap detectors",
            whole.seconds / EVENTS,
            f">= {GOAL} a second",
            whole.state,
        )
        for name, timed in sorted(whole.detectors.items()):
            size = sum(array.nbytes for array in timed.made.state().values())
            row(name, max(timed.seconds, 1e-9) / EVENTS, state=size)
        row("middleware, a request", middleware(folder))
    return made


if __name__ == "__main__":
    from benchmarks.__main__ import table

    print(table(rows()))
