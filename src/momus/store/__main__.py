"""python -m momus.store FROM TO: copy a store into another, for example from a file to a server."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime

from momus.core.errors import MomusError
from momus.store import copy_store, open_store


def main(arguments: list[str] | None = None) -> int:
    """Copy, say how much that was, and return the exit code: 0 done, 2 a store did not play along."""
    parser = argparse.ArgumentParser(prog="python -m momus.store", description=(__doc__ or "").split(": ", 1)[1])
    parser.add_argument("source", metavar="FROM", help="path or URL of the store to read")
    parser.add_argument("target", metavar="TO", help="path or URL of the store to write; made where there is none")
    parser.add_argument("--system", help="one system only, by its name or id")
    parser.add_argument("--since", type=datetime.fromisoformat, metavar="DAY", help="runs of that day and later")
    given = parser.parse_args(arguments)
    since = given.since.replace(tzinfo=UTC) if given.since is not None and given.since.tzinfo is None else given.since
    try:
        with open_store(given.source) as source, open_store(given.target) as target:
            copied = copy_store(source, target, system=given.system, since=since)
            print(f"{copied} records copied from {source.name} to {target.name}")
    except MomusError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
