"""A hundred readers of ``momus serve`` while a run writes to the same store: requests, errors, what writing costs.

python -m benchmarks.bench_load
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.bench_web import stores
from momus.store import Store
from momus.testing.asgi import serving

NOTES = (
    "Server, readers and writer are three processes on the cores named above. The readers follow links at random, HTML "
    "and JSON, without a pause; the writer appends one record after another, with a pulse after each fifth."
)


@contextmanager
def served(store: Store) -> Iterator[str]:
    """The pages of a store by a server in this process; its address."""
    from momus.web.access import Access
    from momus.web.app import create_app

    with serving(create_app(store, Access(owner="ann"))) as address:
        yield address


def _start(what: str, where: str, seconds: float, readers: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "momus.testing.load", what, where, "--seconds", str(seconds)]
    return subprocess.Popen([*command, "--readers", str(readers)], stdout=subprocess.PIPE, text=True)


def _told(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, _ = process.communicate(timeout=600)
    found: dict[str, Any] = json.loads(out)
    return found


def _ms(seconds: list[float], share: float) -> float:
    ordered = sorted(seconds) or [0.0]
    return 1000 * ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def _row(name: str, readers: int, read: dict[str, Any], wrote: dict[str, Any], store: Store) -> dict[str, Any]:
    whole = "" if not wrote["records"] else "yes" if len(store.records(wrote["run"])) == wrote["records"] else "NO"
    return {
        "store": name,
        "readers": readers,
        "requests/s": len(read["seconds"]) / read["elapsed"] if read["seconds"] else 0.0,
        "median_ms": _ms(read["seconds"], 0.5),
        "p95_ms": _ms(read["seconds"], 0.95),
        "p99_ms": _ms(read["seconds"], 0.99),
        "errors": len(read["wrong"]),
        "records written": wrote["records"],
        "append_median_ms": _ms(wrote["seconds"], 0.5),
        "append_p99_ms": _ms(wrote["seconds"], 0.99),
        "all there": whole,
    }


def rows(findings: int = 2000, runs: int = 50, seconds: float = 10.0, *, postgres: bool = True) -> list[dict[str, Any]]:
    """For each store: a writer alone, readers alone, both."""
    nothing: dict[str, Any] = {"seconds": [], "wrong": [], "elapsed": 1.0, "records": 0, "run": ""}
    made = []
    with tempfile.TemporaryDirectory() as folder, stores(Path(folder), findings, runs, postgres=postgres) as found:
        for name, store in found.items():
            # A store shows no password, and these have none: its name opens it.
            made.append(_row(name, 0, nothing, _told(_start("write", store.name, seconds / 2, 0)), store))
            for readers, writes in ((1, False), (100, False), (100, True)):
                with served(store) as url:
                    writer = _start("write", store.name, seconds, 0) if writes else None
                    read = _told(_start("read", url, seconds, readers))
                    wrote = _told(writer) if writer is not None else nothing
                for line in read["wrong"][:3]:
                    print(line, file=sys.stderr)
                made.append(_row(name, readers, read, wrote, store))
    return made


if __name__ == "__main__":
    from benchmarks.__main__ import table

    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--findings", type=int, default=2000)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--no-postgres", action="store_true")
    given = parser.parse_args()
    print(table(rows(given.findings, given.runs, given.seconds, postgres=not given.no_postgres)))
