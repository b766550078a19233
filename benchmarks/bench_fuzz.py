"""Fuzzing: inputs a second through the harness beside a bare loop, beside atheris, and failures found a second.

    python benchmarks/bench_fuzz.py

The bare loop calls the same function in this process on the same inputs: what the harness adds is the forked child, the
watch on time and memory, and the look through every answer. atheris runs the function under libFuzzer without our
watch (a crash or a hang ends it); where it is not installed the row says so. The planted decoders are those of the zoo.
"""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from momus.methods.fuzz import seeds
from momus.methods.fuzz.failures import Limits
from momus.methods.fuzz.harness import Harness
from momus.methods.fuzz.search import search, starting
from momus.zoo.dependencies import fuzzing as zoo

LOOPS, INPUTS = 3, 8_000


def picture(data: bytes) -> Any:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def sound(data: bytes) -> Any:
    with wave.open(io.BytesIO(data)) as held:
        return np.frombuffer(held.readframes(held.getnframes()), "<i2")


def table(data: bytes) -> Any:
    return list(csv.reader(io.StringIO(data.decode())))


def array(data: bytes) -> Any:
    return np.load(io.BytesIO(data), allow_pickle=False)


PATHS: dict[str, Callable[[bytes], Any]] = {
    "png": picture, "jpeg": picture, "wav": sound, "csv": table, "json": json.loads, "npy": array,
}  # fmt: skip


def throughput(kind: str, function: Callable[[bytes], Any]) -> list[dict[str, Any]]:
    """Inputs a second, best of a few: the bare loop, the harness, atheris."""
    files = seeds.examples(kind)
    inputs = (files * (INPUTS // len(files) + 1))[:INPUTS]
    bare, ours = 0.0, 0.0
    for _ in range(LOOPS):
        start = time.perf_counter()
        for data in inputs:
            function(data)
        bare = max(bare, INPUTS / (time.perf_counter() - start))
        with Harness(function, seconds=2.0, memory_mb=256) as harness:
            start = time.perf_counter()
            harness.run(inputs)
            ours = max(ours, INPUTS / (time.perf_counter() - start))
    rows = [
        {"work": f"{kind}, one file after another", "tool": "bare loop", "inputs/s": bare},
        {"work": f"{kind}, one file after another", "tool": "momus", "inputs/s": ours, "of the bare loop": ours / bare},
    ]
    theirs = atheris_rate(kind)
    told = {"inputs/s": theirs, "of the bare loop": theirs / bare} if theirs else {"result": "not installed"}
    return [*rows, {"work": f"{kind}, its own mutants", "tool": "atheris", **told}]


SCRIPT = """
import sys, time, atheris
sys.path.insert(0, sys.argv.pop(1))
import bench_fuzz
function = bench_fuzz.PATHS[sys.argv.pop(1)]
atheris.instrument_func(function) if hasattr(function, "__code__") else None
runs, calls, began = int(sys.argv.pop(1)), 0, 0.0
def ask(data):
    global calls, began
    calls += 1
    began = began or time.perf_counter()
    if calls == runs:
        print("RATE", runs / (time.perf_counter() - began), file=sys.stderr, flush=True)
    try:
        function(data)
    except Exception:
        pass
atheris.Setup(sys.argv, ask)
atheris.Fuzz()
"""


def atheris_rate(kind: str) -> float | None:
    """Inputs a second of atheris on the same function, from the same files; None where it is not installed."""
    if importlib.util.find_spec("atheris") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        for i, data in enumerate(seeds.examples(kind)):
            Path(folder, str(i)).write_bytes(data)
        home = str(Path(__file__).parent)
        command = [sys.executable, "-c", SCRIPT, home, kind, str(INPUTS), f"-runs={INPUTS + 100}", "-seed=1", folder]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, cwd=folder)
    told = re.search(r"^RATE ([\d.e+]+)", done.stderr, re.MULTILINE)
    return float(told[1]) if told else None


def planted() -> list[dict[str, Any]]:
    """How long until each planted decoder's failure is found, confirmed and made small."""
    rows = []
    for case in zoo.cases(0):
        if not case.faulty:
            continue
        serving = case.target.serving()
        start = time.perf_counter()
        found = search(
            serving.answer, starting(serving.formats, serving.examples), inputs=400, seed=1,
            limits=Limits(serving.seconds, serving.memory_mb, serving.refuses), judge_raised=bool(serving.refuses),
        )  # fmt: skip
        spent = time.perf_counter() - start
        ways = len(found.failures)
        row = {"work": f"planted: {case.name}", "tool": "momus", "result": f"{ways} ways in {found.inputs} inputs"}
        rows.append({**row, "inputs/s": found.inputs / spent, "found/s": ways / spent})
    return rows


def rows() -> list[dict[str, Any]]:
    out: list[dict[str, Any]] = []
    for kind, function in PATHS.items():
        out += throughput(kind, function)
    return out + planted()


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for row in rows():
        print(" | ".join(f"{k} {v:.3g}" if isinstance(v, float) else str(v) for k, v in row.items()))
