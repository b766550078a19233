"""How many seconds a job will take: by what it, its probe and its target took before, else by a shipped table."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from statistics import fmean, median
from typing import Any

from momus.card import SystemCard
from momus.core.records import Measurement, Status
from momus.judge import decide, limit_for
from momus.store import Store

# Starting a worker and loading target and data, beside what a measurement counts.
STARTING = 1.0
# So many runs of the same system, and of others, are read.
RUNS = 6
# What a prediction may rest on.
OWN, ELSEWHERE, TABLE = "earlier runs of this target", "earlier runs of this probe", "the shipped table"
# Four in five jobs of one target, timed twice, were within this factor of each other, _SMALL added to both; long jobs
# and those of a machine that other work slows down vary more, and they decide the sum (benchmarks/bench_costs.py).
OWN_FACTOR = 3.0
# Seconds beside the start that do not matter: added to both sides wherever times are compared by a factor.
_SMALL = 0.5
# How far a target's pace is trusted: as a mean over its measurements and so many that ran as the table says.
_STEADY = 1.0


@dataclass(frozen=True)
class Seen:
    """One result of an earlier run; ``same`` marks those of this very system."""

    probe: str
    target: str
    seconds: float
    status: Status
    key: str
    same: bool
    queries: int = 0
    n: int = 0


@dataclass(frozen=True)
class Price:
    """Predicted seconds of one job, start included, and what the prediction rests on.

    Four in five take between ``low`` and ``high``: the start, and the rest within ``factor``.
    """

    seconds: float
    rests_on: str
    factor: float = 1.0

    @property
    def low(self) -> float:
        return STARTING + max(0.0, (self.seconds - STARTING + _SMALL) / self.factor - _SMALL)

    @property
    def high(self) -> float:
        return STARTING + (self.seconds - STARTING + _SMALL) * self.factor - _SMALL


def past(store: Store, card: SystemCard) -> tuple[Seen, ...]:
    """What the newest runs of the store measured, oldest first: of this system, and of others for their times."""
    runs = store.runs()
    own = [r for r in runs if r.system == card.system][:RUNS]
    others = [r for r in runs if r.system != card.system][:RUNS]
    found = []
    for run in reversed([*own, *others]):
        for record in store.records(run.id):
            if isinstance(record, Measurement):
                status = decide(record, limit_for(record.probe, card.limits)).status
                same = run.system == card.system
                cost = record.cost
                found.append(
                    Seen(record.probe, record.target, cost.seconds, status, record.key, same, cost.queries, record.n)
                )
    return tuple(found)


class Prices:
    """Predicts seconds: those of the same probe on the same target, of the probe elsewhere, of the table.

    What is taken from elsewhere is scaled by the pace of the target: by how its other measurements compare with what
    was predicted for them.
    """

    def __init__(self, seen: Iterable[Seen], modalities: Mapping[str, str]) -> None:
        self._modalities = modalities
        self._own: dict[tuple[str, str], list[float]] = {}
        self._elsewhere: dict[str, list[float]] = {}
        for one in seen:
            if one.same:
                self._own.setdefault((one.probe, one.target), []).append(one.seconds)
            else:
                self._elsewhere.setdefault(one.probe, []).append(one.seconds)
        for (probe, _), took in self._own.items():
            self._elsewhere.setdefault(probe, []).extend(took)
        self._paces = {target: self._pace(target) for target in modalities}

    def of(self, probe: str, target: str, most: float = math.inf) -> Price:
        """The price of a probe on a target; ``most`` is the job's own limit of seconds."""
        took = self._own.get((probe, target))
        if took:
            return Price(STARTING + median(took[-3:]), OWN, OWN_FACTOR)
        seconds, rests_on = self._strange(probe, target)
        # Where nothing is known a large surprise is a probe that was given much more to do: its limit bounds it.
        foretold = STARTING + min(seconds * self._paces.get(target, 1.0), most)
        return Price(foretold, rests_on, table_factor(probe, self._modalities.get(target, "")))

    def _strange(self, probe: str, target: str, *, leave: bool = False) -> tuple[float, str]:
        """Seconds by what others took; ``leave`` leaves out what this target itself took."""
        own = self._own.get((probe, target), []) if leave else []
        elsewhere = list(self._elsewhere.get(probe, ()))
        for took in own:
            elsewhere.remove(took)
        if elsewhere:
            return _middle(elsewhere), ELSEWHERE
        return table_seconds(probe, self._modalities.get(target, "")), TABLE

    def _pace(self, target: str) -> float:
        """How much slower this target's measurements were than predicted, drawn towards 1 where there are few."""
        ratios = [
            math.log((STARTING + median(took[-3:])) / (STARTING + self._strange(probe, target, leave=True)[0]))
            for (probe, name), took in self._own.items()
            if name == target
        ]
        return math.exp(sum(ratios) / (len(ratios) + _STEADY))


def table_seconds(probe: str, modality: str, without: str = "") -> float:
    """The table's seconds of a probe for that kind of data; of the probe, its mode, or all where it has none."""
    table = _table(without)
    mine = table.get(probe)
    if mine:
        return mine[modality] if modality in mine else _middle(mine.values())
    mode = probe.split("/")[-1].split(".")[0]
    rows = [row for name, row in table.items() if name.split(".")[0] == mode] or list(table.values())
    near = [row[modality] for row in rows if modality in row]
    return _middle(near or [s for row in rows for s in row.values()])


def table_factor(probe: str, modality: str) -> float:
    """The factor within which four in five of the table's own systems lie of what the others foretell for them."""
    return _spread()[_class(_table().get(probe, {}), modality)]


def _class(row: Mapping[str, float], modality: str) -> int:
    """Whether the table knows a probe on that kind of data (0), the probe alone (1), or neither (2)."""
    return 0 if modality in row else 1 if row else 2


@cache
def _spread() -> tuple[float, ...]:
    """The same by class, measured: each system in turn is foretold by a table that has never seen it.

    Who knows less is never surer, and nobody surer than whoever timed the job before.
    """
    off: tuple[list[float], list[float], list[float]] = ([], [], [])
    for probe, kind, system, took in _cells():
        known = _table(system)
        foretold = table_seconds(probe, kind, system) if known else took
        which = _class(known.get(probe, {}), kind)
        off[which].append(abs(math.log((_SMALL + foretold) / (_SMALL + took))))
    found = [math.exp(sorted(some)[int(0.8 * len(some))]) if some else OWN_FACTOR for some in off]
    return tuple(max(OWN_FACTOR, *found[: i + 1]) for i in range(len(found)))


@cache
def sharing() -> Mapping[str, tuple[str, ...]]:
    """Probe -> those that find work of its done: whichever comes first on a target pays for all of them."""
    groups = [tuple(names) for names in _read()["shared"].values()]
    return {name: group for group in groups for name in group}


@cache
def _read() -> Mapping[str, Any]:
    return tomllib.loads(files("momus.assess").joinpath("costs.toml").read_text("utf-8"))


def table_cells(probe: str) -> list[Any]:
    """What the table holds of a probe, of all systems."""
    row: Mapping[str, Mapping[str, Any]] = _read().get(probe, {})
    return [value for systems in row.values() for value in systems.values()]


def cell(value: Any) -> tuple[float, float, float]:
    """Seconds, queries and rows of a cell of the table; -1 for what it does not say."""
    seconds, queries, rows = value if isinstance(value, list) else (value, -1, -1)
    return float(seconds), float(queries), float(rows)


def _cells() -> list[tuple[str, str, str, float]]:
    """The whole table: probe, kind of data, system, seconds."""
    return [
        (probe, kind, system, cell(value)[0])
        for probe, row in _read().items()
        if probe != "shared"
        for kind, systems in row.items()
        for system, value in systems.items()
    ]


@cache
def _table(without: str = "") -> Mapping[str, Mapping[str, float]]:
    """Probe -> kind of data -> seconds, the middle of the systems it was timed on, one left out where named."""
    took: dict[str, dict[str, list[float]]] = {}
    for probe, kind, system, seconds in _cells():
        if system != without:
            took.setdefault(probe, {}).setdefault(kind, []).append(seconds)
    return {probe: {kind: _middle(some) for kind, some in row.items()} for probe, row in took.items()}


def _middle(seconds: Iterable[float]) -> float:
    """The geometric mean: being twice too high and twice too low are equally wrong."""
    some: Sequence[float] = [max(s, 0.02) for s in seconds]
    return math.exp(fmean(math.log(s) for s in some))
