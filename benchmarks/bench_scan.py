"""The artifact scan on its own corpus and on large files: what is found, what is wrongly refused, how fast.

    python benchmarks/bench_scan.py

Detection: bad files flagged (bad or suspicious) or refused (not read) by group, held-out files apart, and benign
files wrongly refused; ms is the median of a group. Speed: each large file in a process of its own; ms of the scan
itself, best of three, and the process's peak memory. picklescan, modelscan and fickling join through their commands
where they are installed; where they are not, the row says so and gives no number.
"""

from __future__ import annotations

import importlib.util
import json
import pickle
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from momus.methods.artifacts import scan
from momus.zoo.supply_chain.corpus import Artifact, corpus

# Command and exit codes of each peer: clean, found. Any other code means that the file was not judged.
PEERS = {
    "picklescan": (["picklescan", "-p"], 0, 1),
    "modelscan": (["modelscan", "-p"], 0, 1),
    "fickling": (["fickling", "--check-safety"], 0, 1),
}
TIMED = """
import json, sys, time
from momus.methods.artifacts import scan
digest = sys.argv[2] == "digest"
best = 1e9
for _ in range(3):
    start = time.perf_counter()
    report = scan(sys.argv[1], digest=digest)
    best = min(best, time.perf_counter() - start)
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps([best, int(peak.split()[1]) / 1024, report.verdict]))
"""


def momus(path: Path) -> str:
    """flagged, refused (not read) or clean."""
    verdict = scan(path).verdict
    return {"clean": "clean", "unread": "refused"}.get(verdict, "flagged")


def peer(name: str) -> Callable[[Path], str] | None:
    """A function that asks a peer about one file; None where it is not installed."""
    command, clean, found = PEERS[name]
    if importlib.util.find_spec(name) is None or shutil.which(command[0]) is None:
        return None

    def ask(path: Path) -> str:
        done = subprocess.run([*command, str(path)], capture_output=True, check=False, timeout=120, cwd=path.parent)
        return {clean: "clean", found: "flagged"}.get(done.returncode, "not judged")

    return ask


def written(files: Sequence[Artifact], folder: Path) -> list[tuple[Artifact, Path]]:
    """The corpus on disk, each file in a folder of its own."""
    placed = []
    for i, artifact in enumerate(files):
        home = folder / str(i)
        home.mkdir(parents=True)
        (home / artifact.file).write_bytes(artifact.data)
        placed.append((artifact, home / artifact.file))
    return placed


def detection(tool: str, ask: Callable[[Path], str], placed: list[tuple[Artifact, Path]]) -> list[dict[str, Any]]:
    """A row a group, in the corpus's order."""
    groups: dict[str, list[tuple[Artifact, str, float]]] = {}
    for artifact, path in placed:
        start = time.perf_counter()
        answer = ask(path)
        spent = time.perf_counter() - start
        key = "benign" if artifact.group == "benign" else f"bad: {artifact.group}"
        groups.setdefault(key + (", held out" if artifact.held_out else ""), []).append((artifact, answer, spent))
        if artifact.loader:
            groups.setdefault("bad: really fires", []).append((artifact, answer, spent))
    out = []
    for group, answers in groups.items():
        count = {a: sum(x == a for _, x, _ in answers) for a in ("flagged", "refused", "not judged", "clean")}
        told = ", ".join(f"{n} {a}" for a, n in count.items() if n)
        median = 1000 * statistics.median(s for _, _, s in answers)
        out.append({"work": group, "tool": tool, "files": len(answers), "result": told, "ms": median})
    return out


def large_files(folder: Path) -> dict[str, Path]:
    """200 MB of checkpoint, 200 MB of pickled array, 2 million instructions."""
    made = {"200 MB pickled array": folder / "array.pkl", "2 M pickle instructions": folder / "list.pkl"}
    with made["200 MB pickled array"].open("wb") as out:
        pickle.dump(np.random.default_rng(0).normal(size=25_000_000), out)
    with made["2 M pickle instructions"].open("wb") as out:
        pickle.dump([float(i) for i in range(2_000_000)], out)
    if importlib.util.find_spec("torch") is not None:
        import torch

        generator = torch.Generator().manual_seed(0)
        path = folder / "checkpoint.pt"
        torch.save({f"layer{i}.w": torch.randn(1000, 1000, generator=generator) for i in range(50)}, path)
        made = {"200 MB torch checkpoint": path, **made}
    return made


def speed(files: dict[str, Path]) -> list[dict[str, Any]]:
    """Two rows a file: with and without its sha256."""
    out = []
    for work, path in files.items():
        for digest in ("no digest", "digest"):
            command = [sys.executable, "-c", TIMED, str(path), digest]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            seconds, memory, verdict = json.loads(done.stdout)
            row = {"work": f"{work}, {'with' if digest == 'digest' else 'without'} sha256", "tool": "momus", "files": 1}
            out.append({**row, "result": verdict, "ms": 1000 * seconds, "peak MiB": memory})
    return out


def rows() -> list[dict[str, Any]]:
    """All rows; peers that are not installed are named and get no number."""
    with tempfile.TemporaryDirectory() as folder:
        bad, benign = corpus(0)
        placed = written([*bad, *benign], Path(folder, "corpus"))
        out = detection("momus", momus, placed)
        for name in PEERS:
            ask = peer(name)
            if ask is None:
                out.append({"work": "detection", "tool": name, "result": "not installed"})
            else:
                out += detection(name, ask, placed)
        large = Path(folder, "large")
        large.mkdir()
        return out + speed(large_files(large))


if __name__ == "__main__":
    for row in rows():
        print(" | ".join(f"{k} {v:.3g}" if isinstance(v, float) else str(v) for k, v in row.items()))
