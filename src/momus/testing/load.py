"""Load on a web page: a process that writes a run as ``momus assess`` does, and one that reads pages as a team does.

python -m momus.testing.load write STORE --seconds 5
python -m momus.testing.load read URL --readers 100 --seconds 5

Each prints one JSON object: what was done, how long each thing took, and everything that was not as it should be.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import sys
import time
from datetime import UTC, datetime
from typing import Any

from momus.core.decisions import JobPulse, Pulse
from momus.core.records import Run
from momus.store import open_store
from momus.testing.crowd import card_text, results

LIVE = "live system"
# However slow the machine, some readers see so many pages: from the first page a system and a run are so far.
PATIENT, LEAST = 25, 3
_LINKS = re.compile(r'href="(/[^"#]*)"')
_LEFT_OUT = ("/static/", "/logout", "/pictures/", "/report.")


def write(where: str, seconds: float, *, pause: float = 0.0, most: int = 100_000) -> dict[str, Any]:
    """Append a run's records one by one with a pulse after each fifth, for so long; seconds of every append."""
    created = datetime.now(UTC)
    run = Run(
        id=f"{created:%Y%m%d-%H%M%S}-00f00d", system=LIVE, card_digest="c" * 64, card_text=card_text(LIVE, 3), seed=0,
        created=created,
    )  # fmt: skip
    took: list[float] = []
    until = time.monotonic() + seconds
    with open_store(where) as store:
        store.append(run.id, run)
        for number, record in enumerate(results(most, number=0xF00D)):
            if time.monotonic() > until:
                break
            begun = time.perf_counter()
            store.append(run.id, record)
            took.append(time.perf_counter() - begun)
            if number % 5 == 0:
                job = JobPulse(probe=record.probe, target=record.target, fraction=0.5)
                store.pulse(Pulse(run=run.id, done=number + 1, total=most, jobs=(job,)))
            time.sleep(pause)
        store.append(run.id, run.model_copy(update={"ended": datetime.now(UTC)}))
        store.pulse(Pulse(run=run.id, ended=True))
    return {"run": run.id, "records": len(took), "seconds": took}


async def read(url: str, readers: int, seconds: float) -> dict[str, Any]:
    """So many readers follow links from page to page at random for so long, as HTML and as the JSON twin."""
    import httpx

    until = time.monotonic() + seconds
    took: list[float] = []
    wrong: list[str] = []
    seen: set[str] = set()
    limits = httpx.Limits(max_connections=readers, max_keepalive_connections=readers)

    async def reader(client: httpx.AsyncClient, number: int) -> None:
        chance = random.Random(number)  # noqa: S311 - which page comes next is no secret
        path, counted, pages = "/", 0, 0
        while time.monotonic() < until or (pages < LEAST and number < PATIENT):
            pages += 1
            begun = time.perf_counter()
            try:
                answer = await client.get(path)
            except httpx.HTTPError as error:
                wrong.append(f"{path}: {type(error).__name__} {error}")
                return
            took.append(time.perf_counter() - begun)
            seen.add(re.sub(r"/[0-9a-z-]*[0-9][0-9a-z-]*", "/*", path.partition("?")[0]))
            links, counted = _look(path, answer, wrong, counted)
            path = chance.choice(links) if links and chance.random() < 0.9 else "/"
            if chance.random() < 0.2 and "?" not in path and not path.endswith(".json"):
                path = f"{path.rstrip('/') or '/index'}.json"

    begun = time.monotonic()
    async with httpx.AsyncClient(base_url=url, limits=limits, timeout=60) as client:
        await asyncio.gather(*(reader(client, i) for i in range(readers)))
    return {
        "requests": len(took), "seconds": took, "wrong": wrong, "pages": sorted(seen),
        "elapsed": time.monotonic() - begun,
    }  # fmt: skip


def _look(path: str, answer: Any, wrong: list[str], counted: int) -> tuple[list[str], int]:
    """The links of a page; notes what is wrong with it. Of the run under way no page may show less than one before."""
    if answer.status_code != 200:
        wrong.append(f"{path}: {answer.status_code} {answer.text[:200]}")
        return [], counted
    path = path.partition("?")[0]
    if not path.endswith(".json"):
        if not answer.text.rstrip().endswith("</html>"):
            wrong.append(f"{path}: a page without an end")
        links = [link.replace("&amp;", "&") for link in _LINKS.findall(answer.text)]
        return [link for link in links if not any(w in link for w in _LEFT_OUT)], counted
    body = answer.json()
    if path.endswith("-00f00d.json") and "paging" in body:
        now = body["paging"]["total"]
        if now < counted:
            wrong.append(f"{path}: {now} findings after {counted}")
        return [], now
    return [], counted


def main() -> int:
    """Write or read, and print what came of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("what", choices=["write", "read"])
    parser.add_argument("where", help="a store to write, or the address of a server to read")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--readers", type=int, default=100)
    parser.add_argument("--pause", type=float, default=0.0, help="seconds between two records")
    given = parser.parse_args()
    if given.what == "write":
        told = write(given.where, given.seconds, pause=given.pause)
    else:
        told = asyncio.run(read(given.where, given.readers, given.seconds))
    json.dump(told, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
