"""The store: appends alone and by eight processes at once, reading a large run, listing many, moving to a server.

python -m benchmarks.bench_store
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from momus.core.records import Run
from momus.store import Store, copy_store, open_store
from momus.testing.crowd import START, card_text, crowd_run

NOTES = (
    "An append is on disk before it returns: its time is that of the disk. Pictures of 3 kB, the same in all writers."
)


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    begun = time.perf_counter()
    found = work()
    return time.perf_counter() - begun, found


def _written(where: str, writers: int, records: int) -> tuple[float, list[float]]:
    """Records a second of so many processes, and the seconds of each append, in order."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "momus.testing.writers", where, folder, "--writers", str(writers)]
        subprocess.run([*command, "--records", str(records)], check=True)
        files = [(p.stat().st_mtime, p.read_text()) for p in Path(folder).glob("ack-*")]
        begun = min(p.stat().st_mtime for p in Path(folder).glob("pid-*"))
        took = sorted(float(line.split()[1]) for _, text in files for line in text.splitlines())
        return len(took) / (max(at for at, _ in files) - begun), took


def _row(store: str, what: str, took: float, **more: Any) -> dict[str, Any]:
    return {"store": store, "what": what, "seconds": took, **more}


def _writers(name: str, where: str) -> list[dict[str, Any]]:
    made = []
    for writers, records in ((1, 500), (8, 250)):
        rate, took = _written(where, writers, records)
        told = {"median_ms": 1000 * took[len(took) // 2], "p99_ms": 1000 * took[int(len(took) * 0.99)]}
        what = f"{len(took)} appends, {writers} process{'es at once' if writers > 1 else ''}"
        made.append(_row(name, what, len(took) / rate, **{"records/s": rate}, **told))
    return made


def _reading(name: str, again: Callable[[], Store], findings: int, runs: int) -> list[dict[str, Any]]:
    with again() as store:
        took, run = _timed(lambda: crowd_run(store, findings))
        made = [_row(name, f"{findings} records in one go", took, **{"records/s": findings / took})]
        text, gaps = card_text("many", 40), [{"mode": "shift", "detail": "d" * 100} for _ in range(300)]
        for i in range(runs):
            head = Run(id=f"many-{i:05d}", system="many", card_digest="d", card_text=text, seed=i, created=START)
            store.extend(head.id, (head, head.model_copy(update={"ended": START, "settings": {"gaps": gaps}})))
    with again() as store:
        took, found = _timed(lambda: store.records(run.id))
        made.append(_row(name, f"read a run of {findings} with evidence", took, **{"records/s": len(found) / took}))
        took, known = _timed(lambda: store.find(m.key for m in found))
        made.append(_row(name, f"find {len(known)} of them by key", took, **{"records/s": len(known) / took}))
        took, _ = _timed(lambda: store.stamp(run.id))
        made.append(_row(name, "whether it has changed", took))
        took, heads = _timed(store.runs)
        made.append(_row(name, f"list {len(heads)} runs, first time", took))
        took, _ = _timed(store.runs)
        made.append(_row(name, f"list {len(heads)} runs, again", took))
    return made


def rows(findings: int = 10_000, runs: int = 300, *, postgres: bool = True) -> list[dict[str, Any]]:
    """A row for each thing that a store does."""
    from momus.testing.postgres import Missing, PostgresServer

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "runs.sqlite"
        made = _writers("SQLite", str(Path(folder) / "writers.sqlite"))
        made += _reading("SQLite", lambda: open_store(file), findings, runs)
        if not postgres:
            return made
        try:
            with PostgresServer() as server:
                for base in ("writers", "reading", "moved"):
                    server.sql(f"CREATE DATABASE {base}")
                made += _writers("PostgreSQL", server.url("writers"))
                made += _reading("PostgreSQL", lambda: open_store(server.url("reading")), findings, runs)
                with open_store(file) as one, open_store(server.url("moved")) as other:
                    took, copied = _timed(lambda: copy_store(one, other))
                made.append(_row("both", f"copy {copied} records from the file to the server", took))
        except Missing as error:
            print(error, file=sys.stderr)
    return made


if __name__ == "__main__":
    from benchmarks.__main__ import table

    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--findings", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--no-postgres", action="store_true")
    given = parser.parse_args()
    print(table(rows(given.findings, given.runs, postgres=not given.no_postgres)))
