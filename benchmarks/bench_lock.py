"""Locking and verifying beside sha256sum and OpenSSF model signing, whole processes on the same bytes.

    MODEL_SIGNING=/path/to/model_signing python benchmarks/bench_lock.py

Three works: one file of 200 MB, eight shards of 50 MB, 2,000 small files. Seconds are of the whole command, start
included, best of three after one that fills the disk cache; ``times sha256sum`` compares processor seconds with those
of `sha256sum` over the same files in one process, since wall time depends on who else is at work. Peak memory is the
process's own. ``found`` says whether one flipped bit was noticed and the file named. Where MODEL_SIGNING names no
executable, the rows say so.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CARD = """system: bench
targets: [{name: m, adapter: files, files: [model]}]
supply:
  keys: {team: key.pub}
  files: [{path: model, source: own}]
"""
WORKS = {
    "one file of 200 MB": (1, 200_000_000),
    "8 shards of 50 MB": (8, 50_000_000),
    "2,000 files of 4 KB": (2000, 4096),
}
TOOL = os.environ.get("MODEL_SIGNING", "")


def prepared(folder: Path, files: int, size: int) -> None:
    """A model of random bytes, a card, a key pair."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    from momus.methods.provenance import keys

    source = random.Random(0)
    (folder / "model").mkdir()
    for i in range(files):
        # In small pieces: a child's peak memory is at least what this process held when it was started.
        with (folder / "model" / f"shard-{i:04d}.bin").open("wb") as out:
            for left in range(size, 0, -1_000_000):
                out.write(source.randbytes(min(left, 1_000_000)))
    (folder / "momus.yaml").write_text(CARD)
    private = ec.generate_private_key(ec.SECP256R1())
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(pem)
    (folder / "key.pub").write_bytes(keys.pem_of(private.public_key()))


@dataclass(frozen=True)
class Run:
    """One process: wall and processor seconds, peak MiB, exit code, what it said."""

    seconds: float
    cpu: float
    peak: float
    code: int
    said: str


def ran(command: Sequence[str], folder: Path) -> Run:
    """Run a command and measure its process."""
    with tempfile.TemporaryFile() as said:
        start = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, stdout=said, stderr=said)
        _, status, usage = os.wait4(process.pid, 0)
        spent = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        text = said.read().decode("utf-8", "replace")
        return Run(spent, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, process.returncode, text)


def best(command: Sequence[str], folder: Path, before: Sequence[str] = ()) -> dict[str, float]:
    """Best seconds of three and the greatest peak; files in ``before`` are removed before each."""
    runs = []
    for _ in range(4):
        for name in before:
            (folder / name).unlink(missing_ok=True)
        run = ran(command, folder)
        if run.code:
            sys.exit(f"{' '.join(command)} ended with {run.code}: {run.said[-300:]}")
        runs.append(run)
    counted = runs[1:]
    least = min(r.seconds for r in counted), min(r.cpu for r in counted)
    return {"s": least[0], "cpu s": least[1], "peak MiB": max(r.peak for r in runs)}


def flipped(folder: Path, command: Sequence[str]) -> str:
    """Whether one flipped bit in the last file is noticed, and the file named."""
    path = sorted((folder / "model").iterdir())[-1]
    _flip(path)
    run = ran(command, folder)
    _flip(path)
    return "noticed" + (", named" if path.name in run.said else "") if run.code else "NOT NOTICED"


def _flip(path: Path) -> None:
    with path.open("r+b") as stream:
        stream.seek(path.stat().st_size // 2)
        byte = stream.read(1)[0]
        stream.seek(-1, os.SEEK_CUR)
        stream.write(bytes([byte ^ 1]))


def measured(work: str, folder: Path) -> list[dict[str, Any]]:
    """All tools on one work; sha256sum first, as the measure of the others."""
    momus = [sys.executable, "-m", "momus"]
    names = [f"model/{p.name}" for p in sorted((folder / "model").iterdir())]
    base = best(["sha256sum", *names], folder)
    rows: list[dict[str, Any]] = [{"work": work, "tool": "sha256sum", **base, "times sha256sum": 1.0}]

    def row(tool: str, command: Sequence[str], before: Sequence[str] = (), notices: bool = False) -> None:
        found = best(command, folder, before)
        made = {"work": work, "tool": tool, **found, "times sha256sum": found["cpu s"] / base["cpu s"]}
        rows.append({**made, "found": flipped(folder, command)} if notices else made)

    row("momus lock (digest and scan)", [*momus, "lock"], ["momus.lock"])
    row("momus verify", [*momus, "verify"], notices=True)
    row("momus lock --sign", [*momus, "lock", "--sign", "key.pem"], ["momus.lock", "model.sig"])
    row("momus verify, signed", [*momus, "verify", "--signed"], notices=True)
    if not (TOOL and shutil.which(TOOL)):
        return [*rows, {"work": work, "tool": "model_signing", "found": "not at hand: set MODEL_SIGNING"}]
    sign = [TOOL, "sign", "key", "model", "--private_key", "key.pem", "--signature", "theirs.sig"]
    verify = [TOOL, "verify", "key", "model", "--public_key", "key.pub", "--signature", "theirs.sig"]
    row("model_signing sign", sign, ["theirs.sig"])
    row("model_signing verify", verify, notices=True)
    ours = [*verify[:-1], "model.sig"]
    rows.append(
        {
            "work": work,
            "tool": "model_signing on our signature",
            "found": "verifies" if not ran(ours, folder).code else "FAILS",
        }
    )
    return rows


def rows() -> list[dict[str, Any]]:
    """A block of rows for each work."""
    made = []
    for work, (files, size) in WORKS.items():
        with tempfile.TemporaryDirectory() as folder:
            prepared(Path(folder), files, size)
            made += measured(work, Path(folder))
    return made


if __name__ == "__main__":
    for row in rows():
        print(" | ".join(f"{k} {v:.3g}" if isinstance(v, float) else str(v) for k, v in row.items()))
