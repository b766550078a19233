"""Replayed attacks: how many events and attack queries until the watch says so, and how often it does so for nothing.

python -m benchmarks --only watching          about five minutes on one core
RUNS=6 python -m benchmarks --only watching   more streams a cell
"""

from __future__ import annotations

import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.watching_peers import Prada, credit
from momus.card.monitor import MonitorCard, WindowCard
from momus.zoo.traffic import attacks
from momus.zoo.traffic.attacks import ATTACKS, CHANGES, Attack
from momus.zoo.traffic.clean import Habits, honest
from momus.zoo.traffic.mixing import Mixed, Names, mixed
from momus.zoo.traffic.recording import Recording, recorded
from momus.zoo.traffic.replay import Watcher
from momus.zoo.traffic.systems import Served

RUNS = int(os.environ.get("RUNS", "3"))
WINDOW, START = 2000, 4000
LEARNT = 28_000  # some detectors learn what is usual from the first twelve windows
LENGTH = {0.005: 28_000, 0.02: 16_000, 0.1: 10_000}
CLEAN = {"boosted": 400, "digits": 400, "credit": 400}  # thousand events
DAY, STEADY = 20_000, Habits()
TOLERANT = (
    "incomplete_testing.coverage", "natural.confident", "perturbation.confidence", "poisoning.labels",
    "reprogramming.cost", "shift.harm", "shift.inputs",
)  # fmt: skip
# how far the first column's median goes up and down in a day -> tolerance, events of a window
RHYTHMS = tuple((r, t, w) for r in (0.1, 0.2, 0.4) for t, w in ((0.0, 2000), (r / 2, 2000), (0.0, DAY)))
CELLS: tuple[tuple[Names, tuple[float, ...]], ...] = (
    ("one", (0.005, 0.02, 0.1)),
    ("several", (0.02,)),
    ("rotating", (0.005, 0.02, 0.1)),
)
NOTES = """
Every attack is one of Momus's own probes, recorded query by query while it ran against the served model, and mixed at
0.5, 2 or 10 % of the traffic, from event 4,001 on, into that of 406 honest callers (heavy users, bots that repeat a
row, sorted batch jobs, retries, corrections) with more events by day than by night. The attacker keeps one name,
takes ten in turn, or takes a new one every three queries. The streams run through the watch as it runs in production:
windows of 2,000 events, all detectors, at most one false alarm in 5,000 windows over all of them. A cell says in how
many streams the detector made for the attack raised its alarm, after how many attack queries, and after how many
events (medians); *also* are detectors that did so in at least half of the streams at 2 % under one name. Streams at
0.5 % have 24,000 events of attack, at 2 % 12,000, at 10 % 6,000. What the probe asks to examine its own success is
among the queries.

False alarms: streams without an attack, from seeds that no detector was tuned on; credit-default is the example's
table, where honest clients repeat after 22,000 events. An alarm counts once for each detector and stream of 80,000
events (100,000 with windows of a day). Where days and nights differ, the share of rows above the median of the first
column goes so far up by noon and down by midnight, and batch jobs send more at night: that is a drift, and detectors
that compare with the reference say so unless their tolerance or their window allows for it. PRADA is the published
test of callers, one W for each caller: as published with 0.95, and with the delta at which no honest caller of the
first clean stream trips it. It knows callers by name alone, so that rotating names hide everything from it.
"""


@cache
def served(name: str) -> Served | None:
    """The system of that name; None where its data is not installed."""
    return credit() if name == "credit" else attacks.system(name)


@cache
def watcher(name: str, tolerance: float = 0.0, window: int = WINDOW) -> Watcher:
    """All detectors on 4,000 rows of reference; ``tolerance`` for those that have one."""
    system = served(name)
    assert system is not None
    options = {d: {"tolerance": tolerance} for d in TOLERANT} if tolerance else {}
    card = MonitorCard(source="replayed", window=WindowCard(events=window), options=options)
    return Watcher(system.reference(4000, 1), card)


def alarms(name: str, made: Mixed) -> dict[str, tuple[int, int]]:
    """Detector -> events and attack queries from the attack's beginning to the alarm; negative: a false one."""
    with tempfile.TemporaryDirectory() as folder:
        windows = watcher(name).watch(made.batch, Path(folder))
    found: dict[str, tuple[int, int]] = {}
    for window in windows:
        end = window.number * WINDOW
        for detector in window.alarms:
            found.setdefault(detector, (end - made.start, int(made.theirs[:end].sum())))
    return found


def cell(expected: str, runs: list[dict[str, tuple[int, int]]]) -> str:
    """Streams found, attack queries and events until then (medians)."""
    hits = [r[expected] for r in runs if r.get(expected, (-1, 0))[0] > 0]
    if not hits:
        return f"0/{len(runs)}"
    events, queries = np.median(np.array(hits), axis=0)
    return f"{len(hits)}/{len(runs)}, {queries:.0f} q, {events:,.0f} ev"


def attacked(name: str, label: str, expected: str, record: Callable[[int], Recording]) -> list[dict[str, Any]]:
    """One row for each way of naming."""
    system = served(name)
    assert system is not None
    out = []
    for names, shares in CELLS:
        row: dict[str, Any] = {"work": "attack", "stream": f"{label} on {name}", "names": names, "detector": expected}
        for share in shares:
            runs = [
                alarms(name, mixed(honest(system, LENGTH[share], 500 + seed), record(seed), share, names, START, seed))
                for seed in range(RUNS)
            ]
            row[f"{100 * share:g} %"] = cell(expected, runs)
            if (names, share) == ("one", 0.02):
                others = Counter(d for r in runs for d, (after, _) in r.items() if d != expected and after > 0)
                row["also"] = ", ".join(sorted(d for d, c in others.items() if 2 * c >= RUNS))
        out.append(row)
    return out


def attack_rows() -> list[dict[str, Any]]:
    """Recorded probes and planted triggers."""
    out = []
    for attack in ATTACKS:
        out += attacked(attack.system, attack.name, attack.expected, lambda s, a=attack: attacks.recording(a, s))
    for name in ("boosted", "digits"):
        system = served(name)
        assert system is not None
        out += attacked(name, "trigger", "backdoor.triggers", lambda s, of=system: attacks.triggered(of, 3000, s))
    example = served("credit")
    if example is not None:
        for attack in (a for a in ATTACKS if a.name in ("Square", "loss membership") and a.system == "boosted"):
            out += attacked("credit", attack.name, attack.expected, _on(example, attack))
    return out


def _on(system: Served, attack: Attack) -> Callable[[int], Recording]:
    @cache
    def record(seed: int) -> Recording:
        return recorded(system, attack.probe, seed, attack.options)

    return record


def change_rows() -> list[dict[str, Any]]:
    """Drift, lost values, turned labels and slow inputs, which are no queries of anybody."""
    system = served("boosted")
    assert system is not None
    out = []
    for label, (expected, change) in CHANGES.items():
        runs = []
        for seed in range(RUNS + 1):
            clean = honest(system, LEARNT + 12_000, 800 + seed)
            late = np.arange(len(clean)) >= LEARNT
            made = change(clean, late, system, np.random.default_rng(seed))
            runs.append(alarms("boosted", Mixed(made, late, LEARNT)))
        others = Counter(d for r in runs for d, (after, _) in r.items() if d != expected and after > 0)
        found = [r[expected][0] for r in runs if r.get(expected, (-1, 0))[0] > 0]
        out.append(
            {
                "work": "change", "stream": f"{label} on boosted", "detector": expected,
                "found": f"{len(found)}/{len(runs)}", "delay": f"{np.median(found):,.0f} ev" if found else None,
                "also": ", ".join(sorted(d for d, c in others.items() if 2 * c >= len(runs))),
            }
        )  # fmt: skip
    return out


def clean_rows() -> list[dict[str, Any]]:
    """Streams without an attack."""
    return [quiet(name, name, 1000 * thousand) for name, thousand in CLEAN.items() if served(name) is not None]


def rhythm_rows() -> list[dict[str, Any]]:
    """Streams without an attack whose days and nights differ."""
    out = []
    for rhythm, tolerance, window in RHYTHMS:
        stream = (
            f"boosted, days and nights {rhythm / 2:g} from the mean; windows of {window:,}, tolerance {tolerance:g}"
        )
        out.append(quiet("boosted", stream, 200_000, Habits(rhythm=rhythm), tolerance, window))
    return out


def quiet(
    name: str, stream: str, events: int, habits: Habits = STEADY, tolerance: float = 0.0, window: int = WINDOW
) -> dict[str, Any]:
    """Windows, alarms, and the smallest p of any detector, where nothing is wrong."""
    system, used = served(name), watcher(name, tolerance, window)
    assert system is not None
    length = max(80_000, 5 * window)  # long enough for what learns from twelve windows to speak in most
    fired: Counter[str] = Counter()
    windows, least, spent = 0, 1.0, 0.0
    for seed in range(events // length):
        batch = honest(system, length, 7000 + seed, habits)
        started = time.process_time()
        with tempfile.TemporaryDirectory() as folder:
            closed = used.watch(batch, Path(folder))
        spent += time.process_time() - started
        windows += len(closed)
        least = min(least, *(r.p for w in closed for r in w.readings.values() if r.p is not None))
        fired.update({d for w in closed for d in w.alarms})
    return {
        "work": "nothing wrong", "stream": stream, "detector": f"all {len(used.detectors)}", "windows": windows,
        "false alarms": sum(fired.values()), "of": ", ".join(f"{d} {c}" for d, c in sorted(fired.items())),
        "least p": least, "µs an event": round(1e6 * spent / (windows * window), 1),
    }  # fmt: skip


def prada_rows() -> list[dict[str, Any]]:
    """PRADA beside stealing.coverage on the same streams."""
    system = served("boosted")
    assert system is not None
    x = system.draw(4000, np.random.default_rng(0))[0]
    scale = x.mean(axis=0), x.std(axis=0)
    quiet = Prada(0.0)
    quiet.take(honest(system, 10_000, 600), scale)
    tuned = min(quiet.lowest.values(), default=1.0)
    out = []
    for label, delta in (("as published, 0.95", 0.95), (f"no false alarm on one stream, {tuned:.2f}", tuned)):
        clean = Prada(delta)
        clean.take(honest(system, 16_000, 601), scale)
        called = f"{len(clean.first)} of {len(clean.lowest)} callers with 100 queries"
        for attack in (a for a in ATTACKS if a.expected == "stealing.coverage" and a.system == "boosted"):
            row: dict[str, Any] = {"work": "peer", "stream": f"{attack.name} on boosted", "names": "one"}
            row["detector"] = f"PRADA, {label}"
            for share in (0.02, 0.1):
                found = []
                for seed in range(RUNS):
                    clean_batch = honest(system, LENGTH[share], 500 + seed)
                    made = mixed(clean_batch, attacks.recording(attack, seed), share, "one", START, seed)
                    peer = Prada(delta)
                    peer.take(made.batch, scale, only=len(clean_batch.callers))
                    if len(clean_batch.callers) in peer.first:
                        found.append(int(made.theirs[: peer.first[len(clean_batch.callers)]].sum()))
                row[f"{100 * share:g} %"] = f"{len(found)}/{RUNS}" + (f", {np.median(found):.0f} q" if found else "")
            out.append({**row, "false alarms": called})
    return out


def rows() -> list[dict[str, Any]]:
    """All of it."""
    return [*attack_rows(), *change_rows(), *clean_rows(), *rhythm_rows(), *prada_rows()]
