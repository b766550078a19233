"""Several processes that write to one store at once and note what was acknowledged.

python -m momus.testing.writers STORE FOLDER --writers 8 --records 200
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from momus.core.errors import StoreError
from momus.core.records import Run
from momus.store import open_store
from momus.testing.store_contract import measurement


def run_of(writer: int) -> str:
    """The id of the run that a writer writes."""
    return f"20260101-00000{writer}-writer"


def picture(place: int) -> bytes:
    """A picture's bytes: every writer writes the same ten, so that each is stored by several at once."""
    return bytes([place % 10]) * (3000 + place % 10)


def write(where: str, folder: Path, writer: int, records: int) -> int:
    """Append ``records`` measurements; ``folder/ack-N`` gets a line with the seconds it took for each that was kept."""
    (folder / f"pid-{writer}").write_text(str(os.getpid()))
    run = run_of(writer)
    with open_store(where) as store, (folder / f"ack-{writer}").open("a", buffering=1) as acknowledged:
        store.append(
            run, Run(id=run, system=f"system {writer % 3}", card_digest="d", card_text="# card\n" * 100, seed=0)
        )
        for i in range(records):
            begun = time.perf_counter()
            try:
                store.append(run, measurement(f"{writer}-{i}", picture=picture(i)))
            except StoreError as error:
                (folder / f"error-{writer}").write_text(str(error))
                return 3
            acknowledged.write(f"{writer}-{i} {time.perf_counter() - begun:.6f}\n")
    return 0


def main() -> int:
    """Fork the writers and wait for them; 0 unless one ended with an error. One that was killed is no error."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("store")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--writers", type=int, default=8)
    parser.add_argument("--records", type=int, default=200)
    given = parser.parse_args()
    children = []
    for writer in range(given.writers):
        child = os.fork()  # the package is imported once; no store is open yet
        if not child:
            os._exit(write(given.store, given.folder, writer, given.records))
        children.append(child)
    return max(0, *(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children))


if __name__ == "__main__":
    sys.exit(main())
