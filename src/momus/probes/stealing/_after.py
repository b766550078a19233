"""What a thief does with the copy: examples that fool the original, and guesses at who was in its training data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device

from momus.core.capabilities import Gradients, Predicts, missing, to_numpy
from momus.core.errors import BudgetSpent, ProbeError
from momus.core.evidence import Bars, Evidence
from momus.core.meter import Meter
from momus.core.records import Figure
from momus.core.samples import NumpyArray
from momus.methods import copying_network, losses, membership
from momus.methods.copying import Copy
from momus.methods.copying_search import Theft
from momus.methods.copying_transfer import pushed, shaken
from momus.methods.domain import Domain
from momus.probes.stealing._copies import Job
from momus.stats import intervals, roc

STEPS = 20
LEAKED = 5  # times as many rows for the leak about members, which has two answers a row and no search
LEAST = 20  # rows below which a rate of transfer is not worth a figure


@dataclass(frozen=True)
class After:
    """Figures and pictures of what the copy is good for."""

    figures: tuple[Figure, ...] = ()
    evidence: tuple[Evidence, ...] = ()


def cost(job_rows: int, after: int) -> int:
    """Queries that :func:`afterwards` may need: the transfer, its control and its ceiling, and the members' losses."""
    return (STEPS + 4) * min(after, job_rows) + 2 * LEAKED * after


def afterwards(target: Predicts, job: Job, theft: Theft, *, after: int, epsilon: float | None) -> After:
    """Both uses of the copy on at most ``after`` rows each; nothing where ``after`` is 0 or there is no copy."""
    if not after or not theft.stages:
        return After()
    figures: list[Figure] = []
    if job.modality in ("image", "table"):
        figures += _transfer(target, job, theft, after, epsilon)
    figures += _membership(target, job, theft.stages[-1][1], after)
    return After(tuple(figures), tuple(_bars(figures)))


def _transfer(target: Predicts, job: Job, theft: Theft, after: int, epsilon: float | None) -> list[Figure]:
    """Share of rows that both get right and that the original gets wrong once they fool the copy's way."""
    size = (8 / 255 if job.modality == "image" else 0.1) if epsilon is None else epsilon
    if size <= 0 or (job.modality == "image" and size >= 1):
        raise ProbeError(f"epsilon must lie above 0 and below 1, not {size}", place="option 'epsilon'")
    copy = theft.stages[-1][1]
    if not isinstance(copy, copying_network.Network):  # trees have no slope: a second copy of the same answers has
        made = job.learner.fit("network", job.view(theft.x), theft.answers, int(job.rng.integers(2**31)))
        assert isinstance(made, copying_network.Network)
        copy = made
    answers = job.exam.said if job.exam.y is None else np.asarray(job.exam.y)
    both = (copy.scores(job.view(job.test.x)).argmax(1) == answers) & (job.exam.said == answers)
    rows = np.flatnonzero(both)[:after]
    if len(rows) < LEAST:
        return []
    native, y = target.encode(job.test.x[rows]), answers[rows]
    x = to_numpy(native).astype(np.float64)
    domain = Domain.image() if job.modality == "image" else Domain.table(job.test)

    def slope(at: NumpyArray) -> NumpyArray:
        scores = copy.scores(at)
        return copy.pullback(at, losses.slope("cross_entropy", scores, y))

    tried = {"transfer_rate": pushed(slope, x, size, domain), "noise_rate": shaken(x, size, domain, job.rng)}
    notes = {
        "transfer_rate": f"made on the copy, Linf {size:.3g}, tried on the original",
        "noise_rate": "the same size by chance: the control",
    }
    found: list[Figure] = []
    for name, changed in tried.items():
        wrong = _wrong(target, native, changed, y)
        if wrong is None:
            return found
        found.append(_rate(name, int(wrong.sum()), len(rows), notes[name]))
    return [*found, *_ceiling(target, native, y, size, domain)]


def _wrong(target: Predicts, native: Any, changed: NumpyArray, y: NumpyArray) -> NumpyArray | None:
    """(n,) bool: what the original gets wrong; None when the budget ends."""
    xp = array_namespace(native)
    try:
        said = to_numpy(target.predict(xp.asarray(changed, dtype=native.dtype, device=device(native))))
    except BudgetSpent:
        return None
    return np.asarray(said.astype(int) != y)


def _ceiling(target: Predicts, native: Any, y: NumpyArray, size: float, domain: Domain) -> list[Figure]:
    """The same search with the original's own gradients, where it has any: what a thief who opened it would reach."""
    if not isinstance(target, Meter) or missing(target.target, Gradients) or target.info.task != "classifier":
        return []
    xp = array_namespace(native)
    labels = xp.asarray(y, device=device(native))

    def slope(at: Any) -> Any:
        return target.pullback(at, lambda scores, rows: losses.slope("cross_entropy", scores, labels[rows]))[1]

    try:
        wrong = _wrong(target, native, to_numpy(pushed(slope, native, size, domain)), y)
    except BudgetSpent:
        return []
    if wrong is None:
        return []
    return [_rate("own_gradient_rate", int(wrong.sum()), len(y), "the same search on the original itself")]


def _rate(name: str, hits: int, n: int, note: str) -> Figure:
    return Figure(name=name, value=hits / n, ci=intervals.wilson(hits, n), n=n, note=note)


def _membership(target: Predicts, job: Job, copy: Copy, after: int) -> list[Figure]:
    """AUC and TPR at 1 % FPR of the loss threshold, asked of the copy, and of the original for comparison."""
    train = job.trial.data.get("train")
    if train is None or train.y is None or job.test.y is None or train.y.dtype.kind not in "iu":
        return []
    audit = membership.choose_rows(train, job.test, LEAKED * after, job.rng)
    members, others = train.take(audit.members), job.test.take(audit.others)
    if len(members) < LEAST or members.y is None or others.y is None:
        return []
    found = []
    sides = [(s, np.asarray(s.y, dtype=int)) for s in (members, others)]
    stolen = [
        np.log(copying_network.softmax(copy.scores(job.view(s.x)))[np.arange(len(s)), y] + 1e-12) for s, y in sides
    ]
    found += _leak("copy", stolen[0], stolen[1])
    if job.caller.scored:
        own = [job.caller.full(s.x) for s, _ in sides]
        if len(own[0]) == len(members) and len(own[1]) == len(others):
            kept = [np.log(np.clip(p[np.arange(len(p)), y], 1e-12, None)) for p, (_, y) in zip(own, sides, strict=True)]
            found += _leak("original", kept[0], kept[1])
    return found


def _leak(whose: str, member: NumpyArray, other: NumpyArray) -> list[Figure]:
    area, ci = intervals.auc(member, other)
    rate, rate_ci = roc.tpr_at_fpr(member, other, 0.01)
    n, note = min(len(member), len(other)), f"the {whose} is asked how well it fits a row; 0.5 is guessing"
    return [
        Figure(name=f"membership_auc_{whose}", value=area, ci=ci, n=n, note=note),
        Figure(name=f"membership_tpr_{whose}", value=rate, ci=rate_ci, n=n, note="at 1 % false positives"),
    ]


def _bars(figures: list[Figure]) -> list[Bars]:
    """One picture of the rates that fool the original, one of what leaks about members."""
    shown = {
        "transfer_rate": "made on the copy",
        "noise_rate": "chance of the same size",
        "own_gradient_rate": "made on the original",
    }
    rates = [f for f in figures if f.name in shown]
    areas = [f for f in figures if f.name.startswith("membership_auc")]
    found = []
    if rates:
        names = tuple(shown[f.name] for f in rates)
        found.append(_bar("Changed inputs that turn the original", "share of inputs turned", names, rates, None))
    if areas:
        names = tuple(f"asked of the {f.name.rsplit('_', 1)[1]}" for f in areas)
        found.append(_bar("Who was in the training data", "AUC (0.5 is guessing)", names, areas, 0.5))
    return found


def _bar(title: str, label: str, names: tuple[str, ...], figures: list[Figure], reference: float | None) -> Bars:
    return Bars(
        title=title,
        y_label=label,
        names=names,
        values=tuple(f.value for f in figures),
        low=tuple(f.ci.low for f in figures if f.ci),
        high=tuple(f.ci.high for f in figures if f.ci),
        reference=reference,
    )
