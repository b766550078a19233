"""Writes the shipped table of costs from stored runs: seconds, queries and rows of every probe on every system.

Of several runs of one system the newest few count, by their median. What the table holds of systems that no store
names stays as it is. ``shared`` stays. Run it after the examples have been run:

python -m benchmarks.make_costs examples/*/.momus/runs.sqlite > costs.toml
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median

from momus.assess import pricing
from momus.card import load_card
from momus.core.errors import MomusError
from momus.core.records import Measurement
from momus.store import Store, open_store

NEWEST = 3
HEAD = """\
# What measurements took in runs of the examples: probe, kind of data, system = [seconds, queries, rows of the number].
# Of several runs the median; -1: not known. The workers of a run shared two cores with other work, one thread each.
# Made by: python -m benchmarks.make_costs STORE ... ; [shared]: probes that find each other's work done.
"""
Cell = list[float]
Table = dict[str, dict[str, dict[str, Cell]]]


def timed(store: Store) -> dict[tuple[str, str], list[tuple[float, int, int]]]:
    """(system, probe) -> seconds, queries and rows of its newest measurements, each counted once."""
    found: dict[tuple[str, str], list[tuple[float, int, int]]] = {}
    seen: set[tuple[str, float]] = set()
    for run in store.runs():
        for m in store.records(run.id):
            if isinstance(m, Measurement) and (m.key, m.cost.seconds) not in seen:
                seen.add((m.key, m.cost.seconds))
                found.setdefault((run.system, m.probe), []).append((m.cost.seconds, m.cost.queries, m.n))
    return {k: took[:NEWEST] for k, took in found.items()}


def kinds_of(system: str) -> str:
    """The kind of data of an example, by the table where it knows the system, else by its card."""
    for probe, row in pricing._read().items():
        for kind, systems in row.items() if probe != "shared" else ():
            if system in systems:
                return kind
    try:
        card = load_card(Path(__file__).parents[1] / "examples" / system / "momus.yaml")
    except (MomusError, OSError):
        return ""
    return str(card.targets[0].input.modality or "") if card.targets else ""


def made(stores: Iterable[Path]) -> Table:
    """The table anew, on top of what is shipped."""
    table: Table = {
        probe: {kind: {s: list(pricing.cell(c)) for s, c in systems.items()} for kind, systems in row.items()}
        for probe, row in pricing._read().items()
        if probe != "shared"
    }
    for place in stores:
        with open_store(place) as store:
            for (system, probe), took in timed(store).items():
                kind = kinds_of(system)
                if kind:
                    seconds, queries, rows = zip(*took, strict=True)
                    cell = [round(median(seconds), 2), int(median(queries)), int(median(rows))]
                    table.setdefault(probe, {}).setdefault(kind, {})[system] = cell
    return table


def written(table: Table, shared: Mapping[str, Sequence[str]]) -> str:
    """The table as TOML."""
    lines = [HEAD, "[shared]"]
    lines += [f"{name} = [{', '.join(f'{_quoted(p)}' for p in probes)}]" for name, probes in shared.items()]
    for probe, row in sorted(table.items()):
        lines += ["", f"[{_quoted(probe)}]"]
        for kind, systems in sorted(row.items()):
            cells = ", ".join(
                f"{s} = [{', '.join(f'{v:g}' if v < 1e5 else str(int(v)) for v in c)}]"
                for s, c in sorted(systems.items())
            )
            lines.append(f"{kind} = {{ {cells} }}")
    return "\n".join(lines) + "\n"


def _quoted(name: str) -> str:
    return '"' + name + '"'


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("stores", nargs="+", type=Path)
    print(written(made(parser.parse_args().stores), pricing._read()["shared"]), end="")
