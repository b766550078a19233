"""The artifact scan beside its peers on the same files: what is found, what is wrongly accused, how fast.

    MOMUS_SCAN_PEERS=FOLDER python -m benchmarks --only scan
    python -m benchmarks.bench_scan [--peers picklescan fickling] [--every 3] [--minutes 4]

The files are those of tests/corpus and of momus.zoo.supply_chain. ``MOMUS_SCAN_PEERS`` is a folder that holds the
commands picklescan, modelscan, fickling and modelaudit, each from an environment of its own; a command that is not
there gets a row that says so. ``--every`` (or ``MOMUS_SCAN_EVERY``) asks about every n-th file, ``--minutes`` ends a
slow peer's turn; the rows say how many files it was asked about, and Momus stands beside it on the same ones.

flagged: a finding (Momus: dangerous or suspicious). refused: not judged, and said so (Momus: not understood; a peer:
its code for an error). silent: nothing found, or skipped without a word.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.scan_files import Placed, corpora, large_files, small_folder
from momus.methods.artifacts import scan

NOTES = """
A cell of detection is flagged / refused / silent, "of n" where a peer's time ended before it had seen every file.
The corpus was written without looking at the scanner's rules and has one author, as the scanner has: the rates compare
tools, they are no field rates. "fires" counts the files that are proven to act when their natural loader opens them.
Momus' ms are inside a running process, the peers' are whole commands; the rows of speed run all of them as commands.
modelscan and modelaudit judge by extension first; files under a wrong name are part of the corpus.
"""
ENVIRONMENT = {"PROMPTFOO_DISABLE_TELEMETRY": "1", "NO_ANALYTICS": "1", "OMP_NUM_THREADS": "1"}
# Runs a command and tells its seconds, peak memory and exit code; a small process, so that the peak is the command's.
WRAPPER = """
import json, os, resource, subprocess, sys, time
began = time.perf_counter()
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
spent = time.perf_counter() - began
print(json.dumps([spent, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024, done.returncode]))
"""


@dataclass(frozen=True)
class Tool:
    """A command, and what its exit codes mean."""

    name: str
    command: tuple[str, ...]
    clean: tuple[int, ...] = (0,)
    found: tuple[int, ...] = (1,)


def tools() -> dict[str, Tool]:
    """The peers that are there."""
    home = Path(os.environ.get("MOMUS_SCAN_PEERS", ""))
    named = {
        "picklescan": ("picklescan", "-p"),
        "picklescan --strict": ("picklescan", "--strict", "-p"),
        "modelscan": ("modelscan", "-p"),
        "fickling": ("fickling", "--check-safety"),
        "modelaudit": ("modelaudit", "scan", "--no-cache", "--format", "json"),
    }
    out = {}
    for name, (program, *rest) in named.items():
        path = shutil.which(program, path=str(home)) if str(home) != "." else shutil.which(program)
        if path:
            out[name] = Tool(name, (path, *rest), clean=(0, 3) if name == "modelscan" else (0,))
    return out


Row = dict[str, Any]
Answers = list[tuple["Placed", str, float]]
WORDS = ("flagged", "refused", "silent")
PEERS = ("picklescan", "picklescan --strict", "modelscan", "fickling", "modelaudit")


def momus(placed: Placed) -> str:
    """Momus' answer in the words of the table."""
    verdict = scan(placed.path).verdict
    return {"nothing found": "silent", "not understood": "refused"}.get(verdict, verdict)


def asked(tool: Tool) -> Callable[[Placed], str]:
    """A function that asks a peer about one file."""

    def ask(placed: Placed) -> str:
        command = [*tool.command, str(placed.path)]
        with tempfile.TemporaryDirectory() as room:
            try:
                done = subprocess.run(command, capture_output=True, check=False, timeout=60, cwd=room,
                                      env=os.environ | ENVIRONMENT, stdin=subprocess.DEVNULL)  # fmt: skip
            except subprocess.TimeoutExpired:
                return "refused"
        if done.returncode in tool.found:
            return "flagged"
        return "silent" if done.returncode in tool.clean else "refused"

    return ask


def answers(ask: Callable[[Placed], str], files: Sequence[Placed], minutes: float) -> Answers:
    """(file, answer, seconds) in an order that mixes the groups, until the time is over."""
    end = time.monotonic() + 60 * minutes
    mixed = sorted(files, key=lambda p: hashlib.sha256(p.name.encode()).digest())
    out = []
    for placed in mixed:
        if time.monotonic() > end:
            break
        began = time.perf_counter()
        answer = ask(placed)
        out.append((placed, answer, time.perf_counter() - began))
    return out


def detection(told: dict[str, Answers], total: int) -> list[Row]:
    """A row a group: each tool's flagged / refused / silent, and of how many where its time ended sooner."""
    counted: dict[str, dict[str, list[int]]] = {}
    for tool, answered in told.items():
        for placed, answer, _ in answered:
            for key in _groups(placed):
                place = counted.setdefault(key, {}).setdefault(tool, [0, 0, 0])
                place[WORDS.index("flagged" if answer in ("dangerous", "suspicious") else answer)] += 1
    out: list[Row] = []
    for group in sorted(counted, key=lambda g: (not g.startswith("benign"), "hostile" not in g, g)):
        most = max(sum(n) for n in counted[group].values())
        row: Row = {"work": group, "files": most}
        for tool in told:
            numbers = counted[group].get(tool, [0, 0, 0])
            row[tool] = " / ".join(map(str, numbers)) + ("" if sum(numbers) == most else f" of {sum(numbers)}")
        out.append(row)
    for name, is_wanted in (("hostile, all: dangerous", False), ("benign: dangerous", True)):
        answered = told["momus"]
        row = {"work": name, "files": sum(p.benign == is_wanted for p, _, _ in answered)}
        out.append(row | {"momus": str(sum(a == "dangerous" for p, a, _ in answered if p.benign == is_wanted))})
    speeds = {tool: 1000 * statistics.median(s for _, _, s in answered) for tool, answered in told.items() if answered}
    return [*out, {"work": "median ms a file (momus: in process)", "files": total, **speeds}]


def _groups(placed: Placed) -> list[str]:
    if placed.benign:
        return ["benign"]
    more = ["hostile, fires"] * placed.fires + ["hostile, held out"] * placed.held_out
    return ["hostile, all", *more, placed.group]


def measured(command: Sequence[str], folder: Path) -> tuple[float, float, int]:
    """(seconds, peak MiB, exit code) of one command."""
    done = subprocess.run([sys.executable, "-S", "-c", WRAPPER, *command], capture_output=True, text=True, check=True,
                          cwd=folder, env=os.environ | ENVIRONMENT, timeout=600)  # fmt: skip
    seconds, memory, code = json.loads(done.stdout)
    return seconds, memory, int(code)


def commands(path: Path, chosen: dict[str, Tool]) -> dict[str, list[str]]:
    """Each tool's real command line for a file or folder."""
    own = shutil.which("momus", path=str(Path(sys.executable).parent)) or shutil.which("momus") or "momus"
    return {"momus": [own, "scan", str(path)], **{n: [*t.command, str(path)] for n, t in chosen.items()}}


def speed(folder: Path, chosen: dict[str, Tool], rounds: int = 3) -> list[Row]:
    """Whole commands on large files and many small ones, interleaved, best of three; sha256 beside them."""
    out: list[Row] = []
    for work, path in {**large_files(folder), "200 small pickles": small_folder(folder)}.items():
        lines = commands(path, {n: t for n, t in chosen.items() if n not in ("picklescan --strict", "modelaudit")})
        if path.is_dir():
            lines.pop("fickling", None)  # one file a process; its ms in the table above times 200
        best: dict[str, tuple[float, float, int]] = {}
        for turn in range(rounds):
            for name, line in lines.items():
                if not turn or best[name][0] < 5:
                    got = measured(line, folder)
                    best[name] = min(best.get(name, got), got)
        out.append({"work": f"{work}: ms, whole command", **{n: 1000 * b[0] for n, b in best.items()}})
        out.append({"work": f"{work}: times momus' time", **{n: b[0] / best["momus"][0] for n, b in best.items()}})
        out.append({"work": f"{work}: peak MiB", **{n: b[1] for n, b in best.items()}})
        if path.is_file():
            out += _inside(work, path)
    return out


INSIDE = """
import hashlib, json, sys, time
from momus.methods.artifacts import scan, scan_bytes
scan_bytes(b"PK\\x05\\x06" + bytes(18)), scan_bytes(b"N.")  # the readers are imported
best = [1e9, 1e9, 1e9]
for _ in range(3):
    marks = [time.perf_counter()]
    with open(sys.argv[1], "rb") as stream:
        hashlib.file_digest(stream, "sha256")
    marks.append(time.perf_counter())
    report = scan(sys.argv[1])
    marks.append(time.perf_counter())
    scan(sys.argv[1], digest=False)
    marks.append(time.perf_counter())
    best = [min(b, after - before) for b, before, after in zip(best, marks, marks[1:])]
lines = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(json.dumps([*best, int(lines["RssAnon"].split()[0]) / 1024, report.verdict]))
"""


def _inside(work: str, path: Path) -> list[Row]:
    """The scan, and sha256 alone over the same bytes, in turns in one process."""
    done = subprocess.run([sys.executable, "-c", INSIDE, str(path)], capture_output=True, text=True, check=True)
    digest, scanned, bare, own, verdict = json.loads(done.stdout)
    return [
        {"work": f"{work}: ms in process, with sha256", "momus": 1000 * scanned, "sha256": 1000 * digest},
        {"work": f"{work}: times sha256 alone", "momus": scanned / digest, "sha256": 1.0},
        {"work": f"{work}: ms in process, without sha256", "momus": 1000 * bare},
        {"work": f"{work}: memory of its own afterwards, MiB", "momus": own},
        {"work": f"{work}: verdict", "momus": verdict},
    ]


def rows(peers: Sequence[str] = PEERS, every: int = 0, minutes: float = 4.0, fast: bool = False) -> list[Row]:
    """All rows; the tools are the columns."""
    every = every or int(os.environ.get("MOMUS_SCAN_EVERY", "1"))
    minutes = float(os.environ.get("MOMUS_SCAN_MINUTES", minutes))
    chosen = {n: t for n, t in tools().items() if n in peers}
    with tempfile.TemporaryDirectory() as folder:
        files = corpora(Path(folder, "corpus"))[::every]
        told = {"momus": answers(momus, files, 60.0)}
        told |= {name: answers(asked(tool), files, minutes) for name, tool in chosen.items()}
        out = detection(told, len(files))
        missing = {name: "not installed" if name in peers else "not asked" for name in PEERS if name not in chosen}
        if missing:
            out.append({"work": "peers without numbers", **missing})
        if not fast:
            room = Path(folder, "speed")
            room.mkdir()
            out += speed(room, chosen)
    return out


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--peers", nargs="*", default=list(PEERS), choices=PEERS)
    parser.add_argument("--every", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=4.0)
    parser.add_argument("--fast", action="store_true", help="detection only")
    given = parser.parse_args()
    for row in rows(given.peers, given.every, given.minutes, given.fast):
        print(" | ".join(f"{k}: {v:.3g}" if isinstance(v, float) else f"{k}: {v}" for k, v in row.items()))
