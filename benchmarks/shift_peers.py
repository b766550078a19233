"""One drift test of a peer, in the peer's own interpreter: python shift_peers.py CASE ROWS. Prints JSON.

Called by bench_shift.py. The columns are those of ``bench_shift.shifted``; CPU time starts when they exist and the peer
is imported.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from typing import Any

import numpy as np


def columns(n: int, d: int = 100) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(n, d)).astype(np.float32), rng.normal(size=(n, d)).astype(np.float32)
    b[:, :5] += 0.2
    return a, b


def alibi_mmd(n: int) -> tuple[float, str]:
    """Permutation test with 100 permutations, its default, at the median bandwidth."""
    import torch
    from alibi_detect.cd import MMDDrift

    torch.set_num_threads(1)
    a, b = columns(n)
    start = time.process_time()
    found = MMDDrift(a, backend="pytorch", p_val=0.05, n_permutations=100).predict(b)
    return time.process_time() - start, f"p = {float(found['data']['p_val']):.3f}"


def evidently_ks(n: int) -> tuple[float, str]:
    """The drift preset with KS and the same threshold as ours, without writing its report."""
    import pandas as pd
    from evidently import Report
    from evidently.presets import DataDriftPreset

    one, two = (pd.DataFrame(x, columns=[f"x{j}" for j in range(x.shape[1])]) for x in columns(n))
    start = time.process_time()
    done = Report([DataDriftPreset(num_method="ks", num_threshold=0.0005)]).run(two, one)
    seconds = time.process_time() - start
    count = json.loads(done.json())["metrics"][0]["value"]["count"]
    return seconds, f"{int(count)} columns"


if __name__ == "__main__":
    seconds, result = {"alibi_mmd": alibi_mmd, "evidently_ks": evidently_ks}[sys.argv[1]](int(sys.argv[2]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print("RESULT", json.dumps({"seconds": seconds, "result": result, "peak_mb": peak}))
