"""Worst slices beside sliceline (0.3.0, `benchmarks/requirements.txt`) on the same rows, each in a process of its own.

python -m benchmarks.bench_slices
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

SIZES = ((10_000, 10), (100_000, 10), (100_000, 20))
LEVELS = 5
Plant = tuple[tuple[int, int], ...]
# Each planted slice: (column, code) pairs. Errors are 10 % elsewhere.
PLANTS: dict[str, tuple[tuple[Plant, float], ...]] = {
    "a pair at 50 %": ((((0, 1), (1, 2)), 0.5),),
    "a value at 20 %": ((((3, 4),), 0.2),),
    "two pairs at 35 %": ((((0, 1), (1, 2)), 0.35), (((4, 0), (5, 3)), 0.35)),
}


def planted(n: int, d: int, plant: str) -> tuple[np.ndarray, np.ndarray]:
    """Codes (n, d) from 1 on, as sliceline wants them, and errors (n,)."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, LEVELS, (n, d))
    rate = np.full(n, 0.1)
    for slice_, share in PLANTS[plant]:
        rate[np.logical_and.reduce([codes[:, j] == c for j, c in slice_])] = share
    return codes, rng.random(n) < rate


def own(codes: np.ndarray, wrong: np.ndarray) -> list[Plant]:
    from momus.methods.slices import sweep

    found = sweep(codes, [LEVELS] * codes.shape[1], wrong, least_rows=max(50, len(wrong) // 1000))
    return [tuple(zip(s.columns, s.codes, strict=True)) for s in found.worst]


def peer(codes: np.ndarray, wrong: np.ndarray) -> list[Plant]:
    from sliceline.slicefinder import Slicefinder

    finder = Slicefinder(alpha=0.95, k=5, max_l=2, min_sup=max(50, len(wrong) // 1000), verbose=False)
    finder.fit(codes + 1, wrong.astype(float))
    return [
        tuple((j, int(c) - 1) for j, c in enumerate(row) if c is not None and not _empty(c))
        for row in np.asarray(finder.top_slices_, dtype=object)
    ]


def _empty(code: Any) -> bool:
    return isinstance(code, float) and np.isnan(code)


def one(tool: str, n: int, d: int, plant: str) -> dict[str, Any]:
    """CPU seconds of the second of two calls (imports and compilation are not the work) and the peak memory."""
    codes, wrong = planted(n, d, plant)
    work = {"momus": own, "sliceline": peer}[tool]
    work(*planted(2000, 4, "a pair at 50 %"))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    found = work(codes, wrong)
    seconds = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"seconds": seconds, "peak": peak / 1024, "more": (peak - before) / 1024, "found": found}


def rows() -> list[dict[str, Any]]:
    """One row for each size, plant and tool."""
    out = []
    for n, d in SIZES:
        for plant in PLANTS:
            measured = {tool: _apart(tool, n, d, plant) for tool in ("sliceline", "momus")}
            for tool, m in measured.items():
                ratio = None if tool == "sliceline" else round(measured["sliceline"]["seconds"] / m["seconds"], 1)
                out.append(
                    {
                        "rows": f"{n:,} x {d}",
                        "planted": plant,
                        "tool": tool,
                        "cpu seconds": round(m["seconds"], 3),
                        "times as fast": ratio,
                        "peak MB": round(m["peak"]),
                        "planted slices named": f"{_named(m['found'], plant)} of {len(PLANTS[plant])}",
                        "others named": len(m["found"]) - _named(m["found"], plant),
                    }
                )
    return out


def _named(found: Sequence[Any], plant: str) -> int:
    told = {frozenset(map(tuple, s)) for s in found}
    return sum(frozenset(s) in told for s, _ in PLANTS[plant])


def _apart(tool: str, n: int, d: int, plant: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.bench_slices", tool, str(n), str(d), plant]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


if __name__ == "__main__":
    if len(sys.argv) == 5:
        print(json.dumps(one(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])))
    else:
        for line in rows():
            print(line)
