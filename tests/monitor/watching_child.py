"""A watch, or a service that fills a spool, in a process of its own that a test kills.

python watching_child.py watch FOLDER SOURCE sums|all    python watching_child.py write SPOOL
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))


def watch(folder: Path, source: str, which: str) -> None:
    """Watch to the end of the source; every window is a line of ``heard.jsonl``."""
    from watched_traffic import Heard, Sums, reference

    from momus.card.monitor import MonitorCard
    from momus.monitor import watch as watching
    from momus.monitor.decode import Decoder
    from momus.monitor.source import open_source

    watching.MOST = 512
    card = MonitorCard(source=source, window={"events": 700})
    like = reference()
    made = watching.Watch(
        like,
        card,
        open_source(source, Decoder(card.fields, like), folder),
        folder / "state",
        3,
        [Heard(folder / "heard.jsonl")],
        detectors={"test.sums": Sums()} if which == "sums" else None,
        pace=watching.Pace(seconds=0.02, idle=0.01),
    )
    print("ready", flush=True)
    made.run(once=True)
    print(json.dumps({"window": made.window.plain(), "records": made.records, "told": made.told}), flush=True)


def write(spool: Path) -> None:
    """Append events without end, and say which are on disk as the middleware is told."""
    from watched_traffic import event

    from momus.monitor.spool import Segments
    from momus.monitor.spooler import Spooler

    def build(number: int) -> list[bytes]:
        return [json.dumps(event(number)).encode()]

    spooler = Spooler(spool, build, segments=lambda folder: Segments(folder, segment=60_000))
    for number in itertools.count():
        spooler.offer(number, 300, lambda kept, n=number: print(n if kept else "lost", flush=True))
        if number % 20 == 0:
            time.sleep(0.001)


if __name__ == "__main__":
    if sys.argv[1] == "watch":
        watch(Path(sys.argv[2]), sys.argv[3], sys.argv[4])
    else:
        write(Path(sys.argv[2]))
