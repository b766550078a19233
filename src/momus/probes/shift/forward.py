"""Does a model trained on the past serve the future as well as its random split says?"""

from __future__ import annotations

import numpy as np

from momus.core.capabilities import Trains
from momus.core.errors import BudgetSpent
from momus.core.evidence import Evidence, Line, Series, Table
from momus.core.probe import Trial, probe
from momus.core.records import Caveat, Figure, Interval, Knowledge, Measurement
from momus.core.samples import NumpyArray, Samples
from momus.methods.two_trainings import apart, scores, train, unit_of_error
from momus.probes.shift._skill import ignorant
from momus.stats import intervals, multiple

_Judged = tuple[
    NumpyArray, NumpyArray, NumpyArray
]  # scores on the rest of the past and on the block; labels of the first


@probe(
    knowledge=Knowledge.NONE,
    data=("train",),
    metric="forward_drop",
    worse="higher",
    source="Dawid 1984; arXiv:2211.14238",
    cost="retrains at most blocks - first models; asks the target nothing",
    tasks=("classifier", "regressor"),
    times=True,
    version=2,
)
def forward(
    target: Trains,
    trial: Trial,
    *,
    blocks: int = 6,
    first: int = 2,
    rows: int = 20_000,
    least: int = 30,
    held: float = 0.3,
) -> Measurement:
    """How much worse later rows fare than a random split of the past promised: time-forward evaluation.

    Measures
        The rows of train are put in the order of their time and cut into equal blocks. For each block from ``first`` on
        a model is trained on a random part of all rows before it and asked about the rest of the past, which is what a
        random split promises, and about the block, which is what came. The value is the largest loss of accuracy from
        promise to block; for a regressor, of error, in units of the target's mean deviation.
    Why it matters
        A model is always used on rows later than those it was trained on. A test set that was split off at random asks
        about the past, and its accuracy is one that nobody will meet.
    Options
        blocks: equal parts of the time line, 3 and up. first: blocks before the first one that is judged. rows:
        training rows used at most. least: rows that a block needs. held: share of the past that is kept for asking.
    Returns
        forward_drop with an interval that holds for all blocks at once; figures mean_drop over all blocks, promised and
        met (accuracy, or minus the relative error), drop[block ...] and decay, the loss of the oldest model from the
        first block it serves to the last.
    Raises
        TargetError from the training function.
    Cost
        One retraining for each judged block.
    A pass means little when
        The rows cover a short time, or one in which nothing happened; times are those of recording, not of events.
    Source
        Prequential evaluation (Dawid 1984); Yao et al. 2022, Wild-Time (arXiv:2211.14238), evaluation over time.
    """
    rng = trial.rng
    train_set = trial.samples("train").sample(rows, rng)
    missing = _unusable(train_set, blocks, first, least)
    if missing is not None:
        return trial.measurement(0.0, Interval(low=-1.0, high=1.0, method="none"), len(train_set), caveats=[missing])
    ordered = train_set.take(np.argsort(np.asarray(train_set.time, dtype=float), kind="stable"))
    parts = _blocks(np.asarray(ordered.time, dtype=float), blocks)
    found, decay, complete = _measure(target, trial, ordered, parts, max(1, first), held, rng)
    if not found:
        caveat = Caveat(code="budget-spent", message="the budget ended before one block was judged", blocks="both")
        return trial.measurement(0.0, Interval(low=-1.0, high=1.0, method="none"), len(ordered), caveats=[caveat])
    caveats = []
    if not complete:
        message = f"the budget ended after {len(found)} blocks"
        caveats.append(Caveat(code="budget-spent", message=message, blocks="pass"))
    level = multiple.simultaneous_level(0.95, len(found))
    drops = {k: apart(past, block, level) for k, (past, block, _) in found.items()}
    worst = max(drops, key=lambda k: drops[k].drop)
    promised, met, past = (np.concatenate([judged[i] for judged in found.values()]) for i in (0, 1, 2))
    caveats += ignorant(promised, past, target.info.task)
    total = apart(promised, met)
    figures = [
        Figure(name="mean_drop", value=total.drop, ci=total.ci, n=total.n, note="over all blocks"),
        Figure(name="promised", value=total.first, ci=intervals.mean(promised), n=len(promised)),
        Figure(name="met", value=total.second, ci=intervals.mean(met), n=len(met)),
        *(Figure(name=f"drop[block {k + 1}]", value=c.drop, ci=c.ci, n=c.n) for k, c in drops.items()),
    ]
    if len(decay) > 1:
        value = float(decay[0].mean() - decay[-1].mean())
        note = f"of the model of the first {first} blocks, from the next block to the last"
        figures.append(Figure(name="decay", value=value, n=len(decay[-1]), note=note))
    return trial.measurement(
        drops[worst].drop,
        Interval(
            low=max(c.ci.low for c in drops.values()),
            high=max(c.ci.high for c in drops.values()),
            method="simultaneous",
        ),
        total.n,
        scope={"worst_block": worst + 1, "blocks": len(parts), "judged": len(found), "training_rows": len(ordered)},
        figures=figures,
        evidence=_evidence(found, decay),
        caveats=caveats,
    )


def _unusable(samples: Samples, blocks: int, first: int, least: int) -> Caveat | None:
    """Why nothing can be measured: no times, all the same time, too few rows."""
    if samples.time is None or samples.y is None:
        lacking = "no column of times is declared (data.train.time)" if samples.time is None else "no labels"
        return Caveat(code="no-time", message=f"{lacking}, so past and future cannot be told apart", blocks="both")
    times = np.asarray(samples.time, dtype=float)
    if not np.isfinite(times).all():
        message = f"{int((~np.isfinite(times)).sum())} rows have no time"
        return Caveat(code="no-time", message=message, blocks="both")
    if len(samples) < max(blocks, 3) * least:
        message = f"{len(samples)} rows are too few for {blocks} blocks of {least}"
        return Caveat(code="too-few-samples", message=message, blocks="both")
    if len(_blocks(times[np.argsort(times)], blocks)) <= first:
        message = f"there are only {len(np.unique(times))} different times, too few to cut"
        return Caveat(code="too-few-samples", message=message, blocks="both")
    return None


def _blocks(times: NumpyArray, blocks: int) -> list[NumpyArray]:
    """Row numbers of equal parts of sorted times; rows of one moment stay together, since neither is the later."""
    starts = np.append(np.flatnonzero(np.diff(times)) + 1, len(times))
    ideal = np.linspace(0, len(times), blocks + 1)[1:-1]
    edges = np.unique(starts[np.abs(starts - ideal[:, None]).argmin(axis=1)])
    return [part for part in np.split(np.arange(len(times)), edges) if len(part)]


def _measure(
    target: Trains, trial: Trial, ordered: Samples, parts: list[NumpyArray], first: int, held: float,
    rng: np.random.Generator,
) -> tuple[dict[int, _Judged], list[NumpyArray], bool]:  # fmt: skip
    """Scores on the rest of the past and on each judged block; those of the oldest model on all later blocks; False at
    the end where the budget cut it short."""
    y = np.asarray(ordered.y)
    scale = unit_of_error(y, target.info.task)
    found: dict[int, _Judged] = {}
    decay: list[NumpyArray] = []
    for k in range(first, len(parts)):
        trial.progress((k - first) / (len(parts) - first), f"block {k + 1} of {len(parts)}")
        fit, rest = _random_split(ordered, np.concatenate(parts[:k]), held, rng)
        try:
            model = train(target, ordered.x, y, fit, int(rng.integers(2**31)))
        except BudgetSpent:
            return found, decay, False
        judged = [scores(model, ordered.x[rows], y[rows], scale) for rows in (rest, parts[k])]
        found[k] = (judged[0], judged[1], y[rest])
        if k == first:
            decay = [scores(model, ordered.x[rows], y[rows], scale) for rows in parts[first:]]
    return found, decay, True


def _random_split(
    samples: Samples, past: NumpyArray, held: float, rng: np.random.Generator
) -> tuple[NumpyArray, NumpyArray]:
    """Two random parts of the past; nobody's rows lie in both, since knowing somebody is not knowing the future."""
    owner = np.arange(len(past))
    if samples.ids is not None:
        owner = np.unique(np.asarray(samples.ids).astype(str)[past], return_inverse=True)[1]
    chosen = rng.random(int(owner.max()) + 1) < held
    return past[~chosen[owner]], past[chosen[owner]]


def _evidence(found: dict[int, _Judged], decay: list[NumpyArray]) -> list[Evidence]:
    lines = []
    for name, i in (("promised by the past", 0), ("met in the block", 1)):
        spans = [intervals.mean(pair[i]) for pair in found.values()]
        lines.append(
            Line(
                name=name,
                x=tuple(float(k + 1) for k in found),
                y=tuple(float(pair[i].mean()) for pair in found.values()),
                low=tuple(s.low for s in spans),
                high=tuple(s.high for s in spans),
            )
        )
    if len(decay) > 1:
        start = min(found) + 1
        y = tuple(float(d.mean()) for d in decay)
        lines.append(Line(name="the oldest model", x=tuple(float(start + i) for i in range(len(y))), y=y, dashed=True))
    rows = tuple(
        (k + 1, len(b), round(float(a.mean()), 4), round(float(b.mean()), 4)) for k, (a, b, _) in found.items()
    )
    series = Series(title="Score block by block", x_label="block of time", y_label="mean score", lines=tuple(lines))
    return [series, Table(title="Blocks", columns=("block", "rows", "promised", "met"), rows=rows)]
