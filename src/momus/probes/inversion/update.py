"""Gradient inversion: a federated client's own rows, taken back from the update it sends."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from momus.core.capabilities import Updates
from momus.core.errors import BudgetSpent
from momus.core.probe import Trial, probe
from momus.core.records import Caveat, Interval, Knowledge, Measurement
from momus.methods.recovered_rows import COUNTERS, LINE_UP, Counter
from momus.probes.inversion import _clients_report as report
from momus.probes.inversion._clients import Outcome, Population, Strength, Watcher, check, population, watch, watcher

LEAST_CLIENTS = 5


@probe(
    knowledge=Knowledge.WHITE_BOX,
    data=("train",),
    metric="rows_recovered",
    worse="higher",
    source="arXiv:2003.14053, arXiv:1906.08935, arXiv:2112.02918",
    cost="at most clients x batch x (1 + 2 restarts (steps + 1)) rows, and as much for each of the sweep's clients",
    tasks=("classifier",),
)
def update(
    target: Updates,
    trial: Trial,
    *,
    batch: int = 4,
    clients: int = 20,
    steps: int = 100,
    restarts: int = 2,
    smooth: float = 0.01,
    sweep: int = 3,
    counters: int = 3,
) -> Measurement:
    """Take a client's rows back from the gradient that it sends in federated learning.

    Measures
        The share of clients' rows that come back so well that each is picked out of a line-up of 100 rows of the same
        classes as the nearest to some reconstruction; a guesser finds one in a hundred.
    Why it matters
        Federated learning promises that data stay where they are. What is sent instead can hold them word for word.
    Options
        batch: rows a client computes its update on. clients: how many are watched. steps, restarts, smooth: the search
        (in turn cosine with total variation ``smooth``, and squared distance). sweep: clients watched at one row, and
        at twice the batch. counters: clients watched again under each counter-measure. 0 leaves sweep or counters out.
    Returns
        rows_recovered with an interval over clients; figures labels_recovered, read_outright (rows that stood in the
        update as they are), whole_rows (error below a hundredth of the range), chance. Evidence: reconstructions beside
        the rows, the share by batch size, what noise, fewer bits and sparse updates leave.
    Raises
        ProbeError for rows without labels or empty batches; TargetError where an update has no gradient by the rows.
    Cost
        See above; a search ends early where the update is met.
    A pass means little when
        Clients send updates after several steps of training (not simulated here), one client is watched over many
        rounds, the server may choose the model it sends out, or an attacker knows what the rows look like better than
        total variation does.
    Source
        Zhu et al. 2019 (arXiv:1906.08935); Geiping et al. 2020 (arXiv:2003.14053); Zhao et al. 2020 (arXiv:2001.02610)
        for labels; Phong et al. 2017 and Boenisch et al. 2021 (arXiv:2112.02918) for rows read outright.
    """
    rng, train = trial.rng, trial.samples("train")
    check(train, batch, clients)
    strength = Strength(steps, max(1, restarts), smooth)
    sizes = sorted({1, batch, 2 * batch}) if sweep else [batch]
    people = population(target, train, clients * batch, rng)
    able = len(people.rows) // batch
    if able < min(clients, LEAST_CLIENTS) or len(people.strangers) < LINE_UP - 1:
        message = f"{len(train)} rows make {able} clients of {batch} rows and {len(people.strangers)} strangers"
        return _nothing(trial, Caveat(code="too-few-samples", message=message, blocks="both"))
    try:
        know = watcher(trial, target, people, rng)
    except BudgetSpent:
        return _nothing(trial, Caveat(code="budget-spent", message="the budget ended before a client", blocks="both"))
    run = _Run(trial, know, people, strength)
    found = run.of(batch, min(clients, able), 0.6)
    if not found:
        return _nothing(trial, Caveat(code="budget-spent", message="the budget ended before a client", blocks="both"))
    value, ci = report.share(found)
    by_size = {size: run.of(size, min(sweep, len(people.rows) // size), 0.8) for size in sizes if size != batch}
    left = {name: run.of(batch, min(counters, len(found)), 1.0, c) for name, c in COUNTERS.items()} if counters else {}
    return trial.measurement(
        value,
        ci,
        len(found) * batch,
        scope={"clients_watched": len(found), "strangers": min(len(people.strangers), (LINE_UP - 1) * batch)},
        figures=report.figures(found, batch, len(people.strangers)),
        evidence=report.evidence(know, found, batch, by_size, left),
        caveats=report.caveats(found, min(clients, able)),
    )


@dataclass
class _Run:
    """Clients watched one after the other, as far as the budget goes."""

    trial: Trial
    know: Watcher
    people: Population
    strength: Strength

    def of(self, size: int, count: int, until: float, counter: Counter | None = None) -> list[Outcome]:
        found: list[Outcome] = []
        rng = np.random.default_rng([self.trial.seed, size])
        for i in range(count):
            self.trial.progress(until * i / max(1, count), f"client {i + 1} of {count}, {size} rows")
            try:
                part = slice(i * size, (i + 1) * size)
                found.append(watch(self.know, self.people, part, self.strength, rng, counter))
            except BudgetSpent:
                break
        return found


def _nothing(trial: Trial, caveat: Caveat) -> Measurement:
    return trial.measurement(0.0, Interval(low=0.0, high=1.0), 0, caveats=[caveat])
