"""CPU seconds of the shift tests, beside scipy in this process and evidently and alibi-detect in their own.

    python -m venv evidently && evidently/bin/pip install evidently==0.7.23 "pandas<3"
    python -m venv alibi && alibi/bin/pip install alibi-detect==0.13.0 torch
    EVIDENTLY_PYTHON=evidently/bin/python ALIBI_PYTHON=alibi/bin/python python -m benchmarks.bench_shift

Reference and current are N x 100 standard normal, 5 columns of the current moved by 0.2 standard deviations. One
thread; imports are not counted. What a peer is not installed for is left out. alibi-detect's test runs 100
permutations, ours 999.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from momus.stats import two_sample

PEERS = Path(__file__).resolve().parent / "shift_peers.py"
NOTES = """
KS columns are those with p below 0.05 / 100 (Bonferroni); all three find the same. alibi-detect's kernel matrix of
100,000 rows asks for 40 GB and fails; at 10,000 rows its 100 permutations took 353 CPU seconds and 5.5 GB, p = 0.000,
by `python benchmarks/shift_peers.py alibi_mmd 10000` on 2026-11-22, where the table has no row of it. The million rows
are measured in a process of their own: peak memory holds both data sets, 800 MB.
"""


def shifted(n: int, d: int = 100) -> tuple[np.ndarray, np.ndarray]:
    """Standard normal reference and current, five of ``d`` columns moved by 0.2 standard deviations."""
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal((n, d), dtype=np.float32) for _ in "ab")
    b[:, :5] += np.float32(0.2)
    return a, b


def best_of(times: int, work: Callable[[], Any]) -> tuple[float, Any]:
    """Least CPU seconds of ``times`` runs (other work on the machine counts less), and the last result."""
    seconds, out = [], None
    for _ in range(times):
        start = time.process_time()
        out = work()
        seconds.append(time.process_time() - start)
    return min(seconds), out


def row(
    work: str, tool: str, size: str, seconds: float, result: str, own: float | None = None, peak: int | None = None
) -> dict[str, Any]:
    ratio = None if own is None else round(seconds / own, 1)
    return {
        "work": work,
        "tool": tool,
        "size": size,
        "cpu seconds": round(seconds, 3),
        "momus is faster by": ratio,
        "result": result,
        "peak MB": peak,
    }


def peer(variable: str, case: str, n: int) -> dict[str, Any] | None:
    """What a peer's own interpreter measured; None where it is not installed or failed."""
    python = os.environ.get(variable)
    if not python:
        return None
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    done = subprocess.run(
        [python, str(PEERS), case, str(n)], capture_output=True, text=True, check=False, timeout=1800, env=env
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if not lines:
        print(f"{case} {n}: {(done.stderr.strip().splitlines() or ['no output'])[-1][:200]}", file=sys.stderr)
    return json.loads(lines[0][7:]) if lines else None


def columns_apart(n: int) -> list[dict[str, Any]]:
    """KS of every column: ours, scipy, evidently."""
    a, b = shifted(n)
    size = f"{n:,} x 100"
    stats.ks_2samp(a[:100, 0], b[:100, 0], method="asymp")  # first call imports; that is not the work
    seconds, p_peer = best_of(
        2, lambda: np.array([stats.ks_2samp(a[:, j], b[:, j], method="asymp").pvalue for j in range(100)])
    )
    own, (_, p_own) = best_of(3, lambda: two_sample.ks_columns(a, b))
    assert np.allclose(p_own, p_peer, rtol=1e-6, atol=1e-12), "the two do not compute the same thing"
    found = f"{int((p_own < 0.0005).sum())} columns"
    out = [
        row("KS, every column", "momus", size, own, found),
        row("KS, every column", "scipy.stats.ks_2samp (asymp)", size, seconds, found, own),
    ]
    other = peer("EVIDENTLY_PYTHON", "evidently_ks", n)
    if other:
        line = (other["seconds"], other["result"], own, other["peak_mb"])
        out.append(row("KS, every column", "evidently 0.7.23 (KS preset)", size, *line))
    return out


def together(n: int, beside: bool) -> list[dict[str, Any]]:
    """MMD and energy of all columns: ours, and alibi-detect where it can."""
    a, b = shifted(n)
    size = f"{n:,} x 100"
    own, kernel = best_of(2, lambda: two_sample.mmd(a, b, np.random.default_rng(1)))
    seconds, far = best_of(2, lambda: two_sample.energy(a, b, np.random.default_rng(1)))
    out = [
        row("MMD, 999 permutations", "momus", size, own, f"p = {kernel.p:.3f}"),
        row("energy distance, 999 permutations", "momus", size, seconds, f"p = {far.p:.3f}"),
    ]
    other = peer("ALIBI_PYTHON", "alibi_mmd", n) if beside else None
    if other:
        line = (other["seconds"], other["result"], own, other["peak_mb"])
        out.insert(1, row("MMD, 100 permutations", "alibi-detect 0.13.0", size, *line))
    return out


def million() -> list[dict[str, Any]]:
    """A million rows a side, in a process of its own for its peak memory."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.bench_shift", "--million"], capture_output=True, text=True, check=True
    )
    made: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return made


def rows() -> list[dict[str, Any]]:
    """One row for each tool and size."""
    out = []
    for n in (10_000, 100_000):
        out += columns_apart(n) + together(n, beside=n == 10_000)
    return out + million()


def _alone() -> None:
    a, b = shifted(1_000_000)
    made = []
    for name, work in (("MMD", two_sample.mmd), ("energy distance", two_sample.energy)):
        start = time.process_time()
        p = work(a, b, np.random.default_rng(1)).p
        seconds = time.process_time() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        size = "1,000,000 x 100"
        made.append(row(f"{name}, 999 permutations", "momus", size, seconds, f"p = {p:.3f}", peak=peak))
    print(json.dumps(made))


if __name__ == "__main__":
    if "--million" in sys.argv:
        _alone()
    else:
        for found in rows():
            print(found)
