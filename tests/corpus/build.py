"""Writes the corpus: ``python tests/corpus/build.py FOLDER [--seed N]``.

``FOLDER/hostile`` and ``FOLDER/benign`` hold a folder a file, ``FOLDER/manifest.json`` says what each is: name, path,
carrier, trick, kind, the loader that makes it fire (if shown here) and whether it is held out. Nothing is executed:
hostile files are inert until somebody opens them, and then they touch ``momus-marker`` in the working folder.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from corpus.everything import benign, hostile
from corpus.items import Item


def write(items: Iterable[Item], folder: Path) -> list[dict[str, object]]:
    """Each file, and what lies beside it, in a numbered folder of its own; their entries for the manifest."""
    told = []
    for number, item in enumerate(items):
        home = folder / f"{number:03d}"
        for name, data in ((item.file, item.data), *item.beside):
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (home / name).write_bytes(data)
        told.append({
            "name": item.name, "path": str(Path(folder.name, home.name, item.file)), "carrier": item.carrier,
            "trick": item.trick, "kind": item.kind, "loader": item.loader, "held_out": item.held_out,
        })  # fmt: skip
    return told


def main() -> None:
    """Build both halves and say how many files they hold."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0, help="draws the benign models")
    parser.add_argument("--quick", action="store_true", help="without the files that take seconds to make")
    given = parser.parse_args()
    bad = write(hostile(large=not given.quick), given.folder / "hostile")
    good = write(benign(given.seed, slow=not given.quick), given.folder / "benign")
    (given.folder / "manifest.json").write_text(
        json.dumps({"seed": given.seed, "files": [*bad, *good]}, indent=1), "utf-8"
    )
    fires = sum(bool(entry["loader"]) for entry in bad)
    carriers = Counter(str(entry["carrier"]) for entry in bad)
    held = sum(bool(entry["held_out"]) for entry in bad)
    print(f"{len(bad)} hostile files ({fires} that fire, {held} held out), {len(good)} benign")
    print(", ".join(f"{n} {c}" for c, n in carriers.most_common()))


if __name__ == "__main__":
    main()
