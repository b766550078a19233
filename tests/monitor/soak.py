"""A day of traffic, replayed as fast as it goes: is the memory flat?

    python tests/monitor/soak.py [--hours 24] [--rate 50] [--write soak.md]

4.3 million events in 48 log files that are written, rotated and removed while a watch with every detector reads them.
Memory is looked at once in every half hour of the traffic's own time; a line is fitted to the last three quarters.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import platform
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from watched_traffic import JOBS, Heard, reference

from momus.card.monitor import MonitorCard
from momus.core.seeds import rng
from momus.monitor.decode import Decoder
from momus.monitor.source import open_source
from momus.monitor.watch import Pace, Watch

FILES_AN_HOUR = 2
SLOPE = 0.1  # bytes an event: over a day 430 kB


def machine() -> str:
    """The processor in words."""
    info = Path("/proc/cpuinfo")
    words = info.read_text("utf-8").split("\n") if info.is_file() else []
    return next((w.split(":", 1)[1].strip() for w in words if w.startswith("model name")), platform.machine())


def resident() -> int:
    """Bytes of memory of this process that are in use now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def fill() -> None:
    """NumPy keeps small buffers that were freed, seven of each size below 1 kB: 3.7 MB at most, which come together
    over days. Here they are there from the beginning, so that the slope is that of the watch."""
    for size in range(1024):
        held = [np.empty(size, np.uint8) for _ in range(7)]
        del held


def traffic(hour: int, n: int, rate: float) -> Iterator[bytes]:
    """Lines of half an hour: thousands of callers, new ones all the time, and now and then what is no event."""
    draw = rng(5, "soak", hour)
    age, money, debt = draw.uniform(18, 90, n), draw.normal(size=n), draw.normal(size=n)
    job, p = draw.integers(0, 4, n), draw.random(n)
    who = np.where(draw.random(n) < 0.9, draw.integers(0, 3000, n), draw.integers(0, 1 << 40, n))
    odd = draw.random(n)
    begin = 1_700_000_000 + hour * n / rate
    for i in range(n):
        if odd[i] < 0.001:
            yield b"{broken " + b"x" * int(odd[i] * 1e6) + b"\n"
            continue
        made = {
            "time": begin + i / rate, "caller": f"user {who[i]}",
            "input": {"age": round(age[i], 2), "income": round(money[i], 4), "debt": round(debt[i], 4),
                      "job": JOBS[job[i]] if odd[i] > 0.01 else f"job {who[i]}"},
            "output": [round(1 - p[i], 4), round(p[i], 4)], "seconds": 0.01, "size": 240, "status": 200,
            "contributor": f"user {who[i]}", "label": int(p[i] > 0.5), "version": f"v{hour // 12}",
        }  # fmt: skip
        yield json.dumps(made).encode() + b"\n"


class Last(Heard):
    """Keeps no window: only how many."""

    count = 0

    def window(self, closed: object) -> None:
        self.count += 1


def replay(hours: int, rate: float, folder: Path) -> tuple[list[tuple[int, int]], Watch, Last, float]:
    """Events and bytes of memory after every half hour."""
    card = MonitorCard(source="app.log*", window={"events": 2000})
    like = reference(2000)
    heard = Last()
    made = Watch(
        like, card, open_source(card.source, Decoder(card.fields, like), folder), folder / "state", 0, [heard],
        pace=Pace(seconds=1.0),
    )  # fmt: skip
    points = []
    spent = 0.0
    fill()
    for half in range(hours * FILES_AN_HOUR):
        current = folder / "app.log"
        if current.exists():
            current.rename(folder / f"app.log.{10**8 + half}")
        for old in sorted(folder.glob("app.log.*"))[:-2]:
            old.unlink()
        with current.open("wb") as stream:
            stream.writelines(traffic(half, int(rate * 3600 / FILES_AN_HOUR), rate))
        started = time.process_time()
        while made.step():
            pass
        spent += time.process_time() - started
        gc.collect()
        points.append((made.records, resident()))
        print(f"{half + 1:3d} {points[-1][0]:>9,} events {points[-1][1] / 2**20:7.1f} MiB", flush=True)
    made.close()
    return points, made, heard, spent


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--rate", type=float, default=50.0)
    parser.add_argument("--write", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        points, made, heard, spent = replay(given.hours, given.rate, Path(folder))
    events, memory = (np.array(column, float) for column in zip(*points, strict=True))
    late = slice(len(events) // 4, None)
    slope, _ = np.polyfit(events[late], memory[late], 1)
    flat = bool(slope < SLOPE)
    lines = [
        f"{datetime.now(UTC):%Y-%m-%d}, {machine()}, Python {platform.python_version()}",
        f"`python tests/monitor/soak.py --hours {given.hours} --rate {given.rate:g}`",
        f"{made.records:,} events, {heard.count:,} windows, detectors: {', '.join(made.detectors)}",
        f"{made.records / spent:,.0f} events a second of processor time",
        f"memory {memory[0] / 2**20:.1f} MiB at the start, {memory[len(memory) // 4] / 2**20:.1f} after a quarter, "
        f"{memory[-1] / 2**20:.1f} at the end",
        f"slope over the last three quarters: {slope:+.4f} bytes an event ({'flat' if flat else 'GROWS'}, "
        f"limit {SLOPE:g})",
        "", "| events | MiB |", "| --- | --- |", *(f"| {n:,} | {m / 2**20:.1f} |" for n, m in points),
    ]  # fmt: skip
    print("\n".join(lines[:6]))
    if given.write:
        with contextlib.suppress(FileExistsError):
            given.write.parent.mkdir(parents=True)
        given.write.write_text("\n".join(lines) + "\n", "utf-8")
    return 0 if flat else 1


if __name__ == "__main__":
    sys.exit(main())
