"""Every page of ``momus serve`` timed inside the server: a run of 10,000 findings, and a system of hundreds of runs.

python -m benchmarks.bench_web [--findings N] [--runs N] [--no-postgres]
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from momus.core.decisions import system_id
from momus.store import Store, copy_store, open_store
from momus.testing.crowd import crowd_run

LARGE, MANY = "crowd", "many runs"
AGAIN = 15


@contextmanager
def stores(folder: Path, findings: int, runs: int, *, postgres: bool) -> Iterator[dict[str, Store]]:
    """The same records in a file and, where there is a server to start, in PostgreSQL."""
    with ExitStack() as held:
        file = held.enter_context(open_store(folder / "runs.sqlite"))
        fill(file, findings, runs)
        found = {"SQLite": file}
        if postgres:
            from momus.testing.postgres import Missing, PostgresServer

            try:
                server = held.enter_context(PostgresServer())
                found["PostgreSQL"] = held.enter_context(open_store(server.url()))
                copy_store(file, found["PostgreSQL"])
            except Missing as error:
                print(error, file=sys.stderr)
        yield found


def fill(store: Store, findings: int, runs: int) -> None:
    """One run of so many findings, and so many runs of 100 findings each of another system, all judged as they end."""
    from momus.assess import recall
    from momus.assess.summary import remember, summarise

    crowd_run(store, findings, system=LARGE, hours=1)
    for number in range(runs):
        run = crowd_run(store, 100, system=MANY, number=number + 1, pictures=5)
        remember(store, summarise(recall(store, run.id)))


def addresses(store: Store) -> dict[str, str]:
    """Every kind of page by a name for the table, with an address that shows much."""
    large, many = system_id(LARGE), system_id(MANY)
    run = store.runs(large)[0].id
    late = store.runs(many)[:2]
    return {
        "systems": "/",
        "system, 1 run of 10,000 findings": f"/systems/{large}",
        f"system, {len(store.runs(many))} runs": f"/systems/{many}",
        "run of 10,000 findings": f"/runs/{run}",
        "its findings, filtered": f"/runs/{run}?severity=critical&q=model-7",
        "its findings, page 100": f"/runs/{run}?page=100",
        "its row, engineer": f"/runs/{run}/modes/perturbation",
        "its row, responder": f"/runs/{run}/modes/perturbation?reader=responder",
        "its row, policy": f"/runs/{run}/modes/perturbation?reader=policy",
        "one finding with evidence": f"/runs/{run}/modes/perturbation/" + "{key}",
        "live": f"/runs/{run}/live",
        "compare 100 findings": f"/compare?before={late[1].id}&after={late[0].id}" if len(late) > 1 else "/compare",
        "compare with 10,000": f"/compare?before={late[0].id}&after={run}" if late else "/compare",
        "choose what to compare": "/compare",
        "session": f"/systems/{large}/session",
        "taxonomy": "/taxonomy",
        "one mode": "/taxonomy/perturbation",
        "glossary": "/glossary",
        "probes": "/probes",
    }


async def timed(store: Store) -> list[dict[str, Any]]:
    """Milliseconds of each page in the server's own process: by a new server (cold) and again (warm)."""
    import httpx

    from momus.web.access import Access
    from momus.web.app import create_app

    def client() -> httpx.AsyncClient:
        app = create_app(store, Access(owner="ann"))
        transport = httpx.ASGITransport(app=app)
        return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8017", timeout=120)

    rows = []
    for name, path in addresses(store).items():
        async with client() as asked:
            if "{key}" in path:
                mode = (await asked.get(path.replace("/{key}", ".json"))).json()
                path = path.replace("{key}", mode["findings"][0]["key"])
        async with client() as asked:
            begun = time.perf_counter()
            answer = await asked.get(path)
            cold = time.perf_counter() - begun
            took = []
            for _ in range(AGAIN):
                begun = time.perf_counter()
                answer = await asked.get(path)
                took.append(time.perf_counter() - begun)
        took.sort()
        rows.append(
            {
                "page": name,
                "status": answer.status_code,
                "kB": len(answer.content) / 1000,
                "cold_ms": 1000 * cold,
                "median_ms": 1000 * median(took),
                "p95_ms": 1000 * took[int(len(took) * 0.95)],
            }
        )
    return rows


def rows(findings: int = 10_000, runs: int = 300, *, postgres: bool = True) -> list[dict[str, Any]]:
    """One row for each page and store."""
    made = []
    with tempfile.TemporaryDirectory() as folder, stores(Path(folder), findings, runs, postgres=postgres) as found:
        for name, store in found.items():
            made += [{"store": name, **row} for row in asyncio.run(timed(store))]
    return made


if __name__ == "__main__":
    from benchmarks.__main__ import table

    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--findings", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--no-postgres", action="store_true")
    given = parser.parse_args()
    print(table(rows(given.findings, given.runs, postgres=not given.no_postgres)))
