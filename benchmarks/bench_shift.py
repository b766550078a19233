"""Seconds for the shift and slice mathematics, beside scipy on the same arrays in the same run.

python -m benchmarks.bench_shift
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import stats

from momus.methods.slices import sweep
from momus.stats import two_sample


def shifted(n: int, d: int = 100) -> tuple[np.ndarray, np.ndarray]:
    """Standard normal reference and current, five of ``d`` columns moved by 0.2 standard deviations."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(n, d)).astype(np.float32), rng.normal(size=(n, d)).astype(np.float32)
    b[:, :5] += 0.2
    return a, b


def planted_slice(n: int, d: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Codes 0 to 4 and errors at 10 %, 50 % where the first two columns are 1 and 2."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 5, (n, d))
    wrong = rng.random(n) < 0.1
    hit = (codes[:, 0] == 1) & (codes[:, 1] == 2)
    wrong[hit] = rng.random(int(hit.sum())) < 0.5
    return codes, wrong


def best_of(times: int, work: Callable[[], Any]) -> tuple[float, Any]:
    """Least CPU seconds of ``times`` runs (other work on the machine counts less), and the last result."""
    seconds, out = [], None
    for _ in range(times):
        start = time.process_time()
        out = work()
        seconds.append(time.process_time() - start)
    return min(seconds), out


def row(work: str, tool: str, size: str, seconds: float, result: str, reference: float | None = None) -> dict[str, Any]:
    ratio = None if reference is None else round(reference / seconds, 2)
    return {
        "work": work,
        "tool": tool,
        "size": size,
        "cpu seconds": round(seconds, 3),
        "times as fast as scipy": ratio,
        "result": result,
    }


def rows() -> list[dict[str, Any]]:
    """One row for each tool and size."""
    out = []
    for n in (10_000, 100_000):
        a, b = shifted(n)
        size = f"{n:,} x 100"
        stats.ks_2samp(a[:100, 0], b[:100, 0], method="asymp")  # first call imports; that is not the work
        peer, p_peer = best_of(
            2, lambda a=a, b=b: np.array([stats.ks_2samp(a[:, j], b[:, j], method="asymp").pvalue for j in range(100)])
        )
        own, (_, p_own) = best_of(2, lambda a=a, b=b: two_sample.ks_columns(a, b))
        assert np.allclose(p_own, p_peer, rtol=1e-6, atol=1e-12), "the two do not compute the same thing"
        found = f"{int((p_own < 0.0005).sum())} columns"
        out += [
            row("KS, every column", "scipy.stats.ks_2samp (asymp)", size, peer, found),
            row("KS, every column", "momus", size, own, found, peer),
        ]
        seconds, result = best_of(2, lambda a=a, b=b: two_sample.mmd(a, b, np.random.default_rng(1)))
        out.append(row("MMD, 999 permutations", "momus", size, seconds, f"p = {result.p:.3f}"))
        codes, wrong = planted_slice(n)
        seconds, result = best_of(2, lambda c=codes, w=wrong: sweep(c, [5] * 20, w))
        found = f"{result.worst[0].columns} of {result.looked:,} slices"
        out.append(row("planted slice", "momus", f"{n:,} x 20", seconds, found))
    return out


if __name__ == "__main__":
    for line in rows():
        print(line)
