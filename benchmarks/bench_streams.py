"""Power and false alarms of the shift detectors on simulated streams, and whether the interval of the harm holds.

    python -m benchmarks.bench_streams            1,000 streams a row (a quarter of an hour on one core)
    STREAMS=100 python -m benchmarks.bench_streams

A stream is a reference of 500 rows and 20 batches of 100 rows in 5 normal columns; from the 6th batch on one column has
moved. *Each look at 5 %* is what a monitor does that tests every batch as if it were the only one (Bonferroni over the
columns). *Momus* is ``momus.methods.looks`` at 5 % for the whole stream. A false alarm is any alarm before the change.
"""

from __future__ import annotations

import os
import time
from typing import Any

import numpy as np

from momus.methods import harm, importance, label_shift
from momus.methods.looks import Monitor
from momus.stats import two_sample

STREAMS = int(os.environ.get("STREAMS", "1000"))
LOOKS, CHANGE, ROWS, BATCH, COLUMNS = 20, 5, 500, 100, 5
# name -> (share of streams, added to the column, factor on its spread)
PLANTS = {
    "nothing": (1.0, 0.0, 1.0),
    "mean by 0.1": (0.2, 0.1, 1.0),
    "mean by 0.2": (0.2, 0.2, 1.0),
    "mean by 0.3": (0.2, 0.3, 1.0),
    "mean by 0.5": (0.2, 0.5, 1.0),
    "spread by 1.5": (0.2, 0.0, 1.5),
}
NOTES = """
False alarms are counted over the whole stream where nothing changes, else before the change; both have to stay at 5 %
or below. Delay is the number of batches from the change to the first alarm, where there was one. Two-sample rows: 300
against 300 rows in 5 columns at 5 %. Intervals of the harm: a model of two classes, 300 to 2,000 labelled and as many
current rows; the truth is the error on 20,000 fresh rows; a change of the relation is not among the shifts, since no
estimate without labels can see one.
"""


def stream(seed: int, moved: float, spread: float, quiet: bool) -> dict[str, int]:
    """First alarm of each scheme, 0 for none."""
    rng = np.random.default_rng(seed)
    reference = rng.normal(size=(ROWS, COLUMNS))
    monitor = Monitor(reference, rng, horizon=LOOKS)
    first = dict.fromkeys(("each look at 5 %", "momus", "momus, spending alone", "momus, betting alone"), 0)
    for k in range(1, LOOKS + 1):
        batch = rng.normal(size=(BATCH, COLUMNS))
        if k > CHANGE and not quiet:
            batch[:, 0] = batch[:, 0] * spread + moved
        look = monitor.look(batch)
        fired = {
            "each look at 5 %": look.p <= 0.05,
            "momus": look.alarm,
            "momus, spending alone": look.p <= 2 * look.level,
            "momus, betting alone": look.wealth >= 20,
        }
        for name, alarm in fired.items():
            if alarm and not first[name]:
                first[name] = k
    return first


def streams() -> list[dict[str, Any]]:
    """One row a plant and scheme."""
    out = []
    for plant, (share, moved, spread) in PLANTS.items():
        count = max(10, round(STREAMS * share))
        start = time.process_time()
        found = [stream(s, moved, spread, plant == "nothing") for s in range(count)]
        seconds = time.process_time() - start
        for name in found[0]:
            first = np.array([f[name] for f in found])
            early = (first > 0) & ((first <= CHANGE) | (plant == "nothing"))
            late = (first > CHANGE) & (plant != "nothing")
            out.append(
                {
                    "work": "stream of 20 looks",
                    "shift": plant,
                    "detector": name,
                    "runs": count,
                    "false alarms": round(float(early.mean()), 3),
                    "found": None if plant == "nothing" else round(float(late.sum() / max(1, (~early).sum())), 3),
                    "delay": round(float(np.median(first[late] - CHANGE)), 1) if late.any() else None,
                    "cpu ms each": round(1000 * seconds / count, 1),
                }
            )
    return out


def detectors() -> list[dict[str, Any]]:
    """Single comparisons of 300 with 300 rows: share of runs below 5 %."""
    shifts = {
        "nothing": lambda x: x,
        "mean of one by 0.3": lambda x: x + np.array([0.3, 0, 0, 0, 0]),
        "mean of all by 0.12": lambda x: x + 0.12,
        "spread of one by 1.3": lambda x: x * np.array([1.3, 1, 1, 1, 1]),
        "correlation 0.4": lambda x: np.column_stack([x[:, 0], 0.4 * x[:, 0] + np.sqrt(0.84) * x[:, 1], x[:, 2:]]),
    }
    out = []
    for name, move in shifts.items():
        count = max(20, STREAMS if name == "nothing" else STREAMS // 5)
        hits = np.zeros(3)
        for seed in range(count):
            rng = np.random.default_rng(seed)
            a, b = rng.normal(size=(300, 5)), move(rng.normal(size=(300, 5)))
            p = (
                5 * two_sample.ks_columns(a, b)[1].min(),
                two_sample.mmd(a, b, rng, permutations=199).p,
                two_sample.energy(a, b, rng, permutations=199).p,
            )
            hits += np.array(p) <= 0.05
        for tool, share in zip(("KS, Bonferroni", "MMD", "energy"), hits / count, strict=True):
            key = "false alarms" if name == "nothing" else "found"
            out.append(
                {"work": "one comparison", "shift": name, "detector": tool, "runs": count, key: round(float(share), 3)}
            )
    return out


def _world(n: int, rng: np.random.Generator, kind: str, amount: float) -> tuple[np.ndarray, np.ndarray]:
    """Rows of six columns whose class follows a bent boundary, with more noise on one side."""
    drawn = 8 * n if kind in ("selected rows", "classes") else n
    x = rng.normal(size=(drawn, 6))
    if kind == "mean":
        x[:, 0] += 1.2 * amount
    if kind == "spread":
        x *= 1 + abs(amount) / 2
    signal = x @ np.array([1, -0.8, 0.5, 0, 0.6, 0.3]) / 1.5 + 0.7 * x[:, 0] * x[:, 1]
    y = (signal + (0.3 + 0.7 * (x[:, 0] > 0)) * rng.normal(size=drawn) > 0).astype(int)
    if kind == "selected rows":
        keep = np.flatnonzero(rng.random(drawn) < 1 / (1 + np.exp(-2 * amount * x[:, 0] * x[:, 1])))[:n]
        return x[keep], y[keep]
    if kind == "classes":
        k = round(n * (0.5 + 0.4 * amount))
        keep = np.concatenate([np.flatnonzero(y == 1)[:k], np.flatnonzero(y == 0)[: n - k]])
        return x[keep], y[keep]
    return x, y


def intervals() -> list[dict[str, Any]]:
    """How often the interval of the mean error without labels contains the truth, and how wide it is."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression

    out = []
    for kind in ("nothing", "mean", "spread", "selected rows", "classes"):
        count, found = max(8, STREAMS // 10), []
        for seed in range(count):
            rng = np.random.default_rng(seed)
            amount, n = rng.uniform(-1, 1), int(rng.choice([300, 1000, 2000]))
            made = (
                RandomForestClassifier(30, min_samples_leaf=5, random_state=seed) if seed % 2 else LogisticRegression()
            )
            made.fit(*_world(1500, rng, "nothing", 0))
            (x, y), (now, _), (big, truth) = (
                _world(k, rng, *w) for k, w in ((n, ("nothing", 0)), (n, (kind, amount)), (20_000, (kind, amount)))
            )
            true = float((made.predict(big) != truth).mean())
            found.append((true, *_estimated(made, x, y, now, rng)))
        true, value, low, high, naive = np.array(found).T
        out.append(
            {
                "work": "accuracy without labels",
                "shift": kind,
                "detector": "momus, interval",
                "runs": count,
                "covers": round(float(((low <= true) & (true <= high)).mean()), 3),
                "width": round(float((high - low).mean()), 3),
                "mean error": round(float(np.abs(value - true).mean()), 4),
                "mean error of plain confidence": round(float(np.abs(naive - true).mean()), 4),
            }
        )
    return out


def _estimated(
    model: Any, x: np.ndarray, y: np.ndarray, now: np.ndarray, rng: np.random.Generator
) -> tuple[float, float, float, float]:
    """Value and interval as shift.harm makes them, and the mean of the uncalibrated confidence."""
    said = [model.predict_proba(v) for v in (x, now)]
    wrong = (said[0].argmax(1) != y).astype(float)
    sure = [np.log(s.max(1) + 1e-6) - np.log(1 - s.max(1) + 1e-6) for s in said]
    both = [np.column_stack([s, v]) for s, v in zip(sure, (x, now), strict=True)]
    ratio = importance.density_ratio(both[0], both[1], rng)
    plain = harm.expected_errors(sure[0][:, None], wrong, sure[1][:, None], rng)
    rich = harm.expected_errors(both[0], wrong, both[1], rng)
    corrected = harm.corrected_estimate(rich, wrong, ratio)
    held = [harm.confidence_estimate(plain, wrong).ci, corrected.ci]
    moved = label_shift.estimate(said[0], y, wrong, said[1], rng, draws=60)
    if moved.usable and label_shift.fits(both[0], y, moved.shares, both[1], rng)[0] > 0.001:
        held.append(moved.ci)
    ci = harm.together(max(0.0, corrected.value), held, ratio.outside_share)
    return corrected.value, ci.low, ci.high, 1 - float(said[1].max(1).mean())


def rows() -> list[dict[str, Any]]:
    """Streams, single comparisons, intervals."""
    keys: dict[str, None] = {}
    made = streams() + detectors() + intervals()
    for line in made:
        keys |= dict.fromkeys(line)
    return [{k: line.get(k) for k in keys} for line in made]


if __name__ == "__main__":
    for found in rows():
        print({k: v for k, v in found.items() if v is not None})
