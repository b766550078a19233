"""Mining a million cached scores: confident errors, wrong labels, slices; beside cleanlab on the same rows.

python -m benchmarks.bench_mining [--quick]

The peer runs in a Python of its own, named by $MOMUS_PEERS (``python -m venv peers && peers/bin/pip install
cleanlab==2.9.0``); without it its rows say so. Both read the same .npy files: probabilities (n, k) float32 around a
known truth, labels of which 5 % were turned, half of them to any class and half to the next. Seconds are processor
seconds of one thread, memory is the largest resident size above that before the work. Momus reads the scores through a
memory map. The last rows train one small network on rare digits, batch after batch at equal cost, with rows drawn
evenly and with the hardest third of three times as many (Shrivastava et al. 2016, arXiv:1604.03540).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

SIZES = ((1_000_000, 10), (1_000_000, 100))
NOISE = 0.05
_WORK = """
import json, resource, sys, threading, time
import numpy as np
folder, work = sys.argv[1], sys.argv[2]
p = np.load(folder + "/p.npy", mmap_mode="r" if work.startswith("momus") else None)
y = np.load(folder + "/y.npy")
{imports}
status = lambda: int(next(x for x in open("/proc/self/status") if x.startswith("RssAnon")).split()[1])
before, most, done = status(), [0], []
def watch():
    while not done:
        most[0] = max(most[0], status()); time.sleep(0.02)
thread = threading.Thread(target=watch, daemon=True); thread.start()
start = time.process_time()
{work}
seconds = time.process_time() - start
done.append(1); thread.join()
np.save(folder + "/found.npy", found)
print(json.dumps(dict(seconds=seconds, megabytes=(max(most[0], status()) - before) / 1024)))
"""
_MOMUS = "from momus.methods import label_errors, mining, slices"
_CLEANLAB = "from cleanlab.filter import find_label_issues"
WORKS = {
    "momus: confident errors": (_MOMUS, "found = mining.mine(p, y, least=0.8, capacity=10_000).rows"),
    "momus: wrong labels": (_MOMUS, "found = label_errors.find(p, y).wrong"),
    "momus: wrong labels, thresholds": (_MOMUS, 'found = label_errors.find(p, y, method="confident").wrong'),
    "momus: worst slices, 8 columns": (
        _MOMUS,
        'codes = np.load(folder + "/codes.npy")\n'
        "found = slices.sweep(codes, [5] * 8, np.load(folder + '/wrong.npy'), top=5).worst[0].columns",
    ),
    "cleanlab 2.9.0: wrong labels": (_CLEANLAB, "found = find_label_issues(y, p, n_jobs=1)"),
    "cleanlab 2.9.0: wrong labels, thresholds": (
        _CLEANLAB,
        'found = find_label_issues(y, p, n_jobs=1, filter_by="confident_learning")',
    ),
}


def drawn(n: int, k: int, folder: Path, seed: int = 0) -> np.ndarray:
    """Writes scores, labels and slices; returns which labels were turned."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, k, n)
    p = np.lib.format.open_memmap(folder / "p.npy", mode="w+", dtype=np.float32, shape=(n, k))
    for start in range(0, n, 50_000):
        part = truth[start : start + 50_000]
        z = 1.4 * rng.standard_normal((len(part), k), dtype=np.float32)
        z[np.arange(len(part)), part] += rng.gamma(6.0, 0.9, len(part))
        z = np.exp(z - z.max(axis=1, keepdims=True))
        p[start : start + 50_000] = z / z.sum(axis=1, keepdims=True)
    p.flush()
    turned = rng.random(n) < NOISE
    y = truth.copy()
    step = np.where(rng.random(n) < 0.5, 1, rng.integers(1, k, n))
    y[turned] = (y + step)[turned] % k
    np.save(folder / "y.npy", y)
    codes = rng.integers(0, 5, (n, 8))
    wrong = rng.random(n) < np.where((codes[:, 1] == 2) & (codes[:, 4] == 0), 0.2, 0.05)
    np.save(folder / "codes.npy", codes)
    np.save(folder / "wrong.npy", wrong)
    return np.asarray(turned)


def measured(folder: Path, name: str) -> dict[str, Any] | str:
    """Seconds and memory of one piece of work in a process of its own, or why there are none."""
    peer = name.startswith("cleanlab")
    python = os.environ.get("MOMUS_PEERS", "") if peer else sys.executable
    if peer and not python:
        return "not run: set MOMUS_PEERS"
    imports, work = WORKS[name]
    code = _WORK.replace("{imports}", imports).replace("{work}", work)
    env = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run([python, "-W", "ignore", "-c", code, folder, name], capture_output=True, text=True, env=env)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["killed"])[-1]
        return f"failed: {last[:80]}"
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def mining(sizes: tuple[tuple[int, int], ...] = SIZES) -> list[dict[str, Any]]:
    """One row for each size, work and tool."""
    out = []
    for n, k in sizes:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            turned = drawn(n, k, folder)
            for work in WORKS:
                found = measured(folder, work)
                line: dict[str, Any] = {"work": work, "size": f"{n:,} x {k}"}
                if isinstance(found, str):
                    out.append({**line, "result": found})
                    continue
                line |= {"cpu seconds": round(found["seconds"], 2), "peak MB": round(found["megabytes"])}
                held = np.load(folder / "found.npy")
                if "labels" in work:
                    hits = int((held & turned).sum())
                    line |= {
                        "precision": round(float(hits / held.sum()), 3),
                        "recall": round(float(hits / turned.sum()), 3),
                    }
                count = int(held.sum() if held.dtype == bool else len(held))
                slice_ = f"columns {held.tolist()}" if "slices" in work else ""
                out.append({**line, "result": slice_ or f"{count:,} found"})
    return out


def hard_batches(seeds: int = 4, steps: int = 150) -> list[dict[str, Any]]:
    """Average precision on rare digits after so many steps: uniform batches of 64, or the hardest 32 of 96.

    A forward pass counts 1 a row and a backward pass 2: 64 x 3 = 192 against 96 + 32 x 3 = 192.
    """
    import torch
    from sklearn.metrics import average_precision_score
    from torch.nn import functional

    from momus.methods.mining import hard_batch
    from momus.zoo import torch_digits

    x, y, x_test, y_test = torch_digits.arrays(8)
    scores: dict[str, list[float]] = {"uniform": [], "hardest": []}
    for seed in range(seeds):
        for digit in (3, 8):
            rng = np.random.default_rng(seed)
            rare = rng.permutation(np.flatnonzero(y == digit))[:12]
            keep = np.concatenate([rare, np.flatnonzero(y != digit)])
            xs, ys = torch.from_numpy(x[keep]), torch.from_numpy((y[keep] == digit).astype(np.int64))
            for kind in scores:
                with torch.random.fork_rng(devices=[]):
                    torch.manual_seed(seed)
                    net = torch.nn.Sequential(
                        torch.nn.Flatten(), torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 2)
                    )
                    optimizer = torch.optim.SGD(net.parameters(), 0.05, momentum=0.9)
                    draw = np.random.default_rng(seed + 100)
                    for _ in range(steps):
                        rows = draw.integers(0, len(keep), 96 if kind == "hardest" else 64)
                        if kind == "hardest":
                            with torch.no_grad():
                                losses = functional.cross_entropy(net(xs[rows]), ys[rows], reduction="none")
                            rows = rows[hard_batch(losses.numpy(), 32)]
                        optimizer.zero_grad()
                        functional.cross_entropy(net(xs[rows]), ys[rows]).backward()
                        optimizer.step()
                    with torch.no_grad():
                        p = net(torch.from_numpy(x_test)).softmax(1)[:, 1].numpy()
                scores[kind].append(float(average_precision_score(y_test == digit, p)))
    gain = np.array(scores["hardest"]) - np.array(scores["uniform"])
    half = 1.96 * gain.std(ddof=1) / np.sqrt(len(gain))
    size = f"{len(gain)} trainings of {steps} steps, 12 positives among 1,170"
    return [
        {"work": "training, 64 rows drawn evenly", "size": size,
         "result": f"mean average precision {np.mean(scores['uniform']):.3f}"},
        {"work": "training, the hardest 32 of 96", "size": size,
         "result": f"mean average precision {np.mean(scores['hardest']):.3f}, "
         f"gain {gain.mean():+.3f} [{gain.mean() - half:+.3f}, {gain.mean() + half:+.3f}]"},
    ]  # fmt: skip


def rows() -> list[dict[str, Any]]:
    return [*mining(), *hard_batches()]


if __name__ == "__main__":
    quick = ((50_000, 10),)
    for made in (lambda: mining(quick if "--quick" in sys.argv else SIZES), hard_batches):
        for line in made():
            print(line, flush=True)
