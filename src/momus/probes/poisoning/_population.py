"""What ``poisoning.spectral`` and ``poisoning.clusters`` share: representations, verdict on each class, report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from momus.core.capabilities import Predicts, Represents, missing, to_numpy
from momus.core.errors import BudgetSpent, ProbeError
from momus.core.evidence import Attachment, Bars, Evidence, Excerpt, Picture, Pictures, Table
from momus.core.probe import Trial
from momus.core.records import Caveat, Figure, Interval, Measurement, Scalar
from momus.core.samples import NumpyArray, Samples
from momus.core.sheets import written
from momus.methods import embedding, second_population
from momus.methods.picture import png
from momus.methods.second_population import Split
from momus.methods.shared_pattern import Neighbours
from momus.stats.intervals import wilson

LEAST = 30  # rows of a class below which it is not judged
VALUES = 200_000_000  # numbers held at a time: rows times values of a picture
STRANGE = 0.15  # look-alikes in other classes that the flagged side must have beyond the rest
SHOWN = 12
# Representations (n, d), labels (n,), number of classes, generator -> the split of each class.
Method = Callable[[NumpyArray, NumpyArray, int, np.random.Generator], Sequence[Split]]


@dataclass
class Audit:
    """``flagged`` are positions in the training data as given; ``splits`` go by class."""

    train: Samples
    at: NumpyArray
    y: NumpyArray
    k: int
    splits: Sequence[Split] = ()
    p: NumpyArray = field(default_factory=lambda: np.ones(0))
    found: list[int] = field(default_factory=list)
    parts: dict[int, tuple[NumpyArray, float]] = field(default_factory=dict)
    caveats: list[Caveat] = field(default_factory=list)
    layers: bool = True
    kinds: list[int] = field(default_factory=list)  # cut in two, but both sides look like their class


def measure(target: Predicts, trial: Trial, method: Method, *, rows: int, far: float, least: int) -> Measurement:
    """Split every class, keep the splits that the other classes do not foretell, say which side is the stranger."""
    if least < 4 or rows < 1 or far <= 0:
        raise ProbeError("least must be 4 or more, rows 1 or more and far above 0")
    train = trial.samples("train")
    if train.y is None:
        raise ProbeError("train needs labels", hint="Declare labels under data.train")
    rng = trial.rng
    at = np.sort(rng.permutation(len(train))[:rows])
    k = len(target.info.classes)
    y = np.asarray(train.y)[at].astype(np.int64)
    if len(y) and (y.min() < 0 or y.max() >= k):
        raise ProbeError(f"train has labels outside the model's {k} classes", hint="List the classes on the card")
    audit = Audit(train, at, y, k)
    sizes = np.bincount(y, minlength=k)
    large = int((sizes >= LEAST).sum())
    if large < 3:
        text = f"{large} classes have {LEAST} training rows: a cut needs three classes to be held against each other"
        audit.caveats.append(Caveat(code="too-few-samples", message=text, blocks="both"))
        return _result(trial, audit)
    try:
        seen = _representation(target, train.take(at), audit, rng)
    except BudgetSpent:
        audit.caveats.append(Caveat(code="budget-spent", message="the budget ended before the rows were read",
                                    blocks="both"))  # fmt: skip
        return _result(trial, audit)
    if large < int((sizes > 0).sum()):
        text = f"{int((sizes > 0).sum()) - large} classes have fewer than {LEAST} training rows and were not judged"
        audit.caveats.append(Caveat(code="small-classes", message=text, blocks="pass"))
    trial.progress(0.5, "cutting each class in two")
    judged = np.flatnonzero(sizes >= LEAST)
    splits = method(seen, y, k, rng)
    audit.splits = splits
    _judge(audit, train.take(at), judged.tolist(), far, rng)
    if audit.kinds and not audit.found:
        text = f"{len(audit.kinds)} of {k} classes hold two kinds that both look like their class; poison whose labels "
        text += "were not changed would look like that"
        audit.caveats.append(Caveat(code="two-kinds", message=text, blocks="none"))
    if audit.found and not audit.layers:
        text = "the rows themselves lie apart, whatever the model makes of them: an honest kind would show like this"
        audit.caveats.append(Caveat(code="side-unclear", message=text, blocks="none"))
    return _result(trial, audit)


def _judge(audit: Audit, some: Samples, judged: list[int], far: float, rng: np.random.Generator) -> None:
    """Which classes hold a second population that looks like other classes.

    A class with a wide gap whose sides both look like it holds two honest kinds: it is left out of what the other
    classes are held against, or it would hide them.
    """
    splits = audit.splits
    audit.p = np.ones(audit.k)
    sides = {}
    if max(splits[c].separation for c in judged) > second_population.LEAST_GAP:
        foreign = _foreign(some, audit.y, rng)
        sides = {c: second_population.strange_side(splits[c].inside, foreign[audit.y == c]) for c in judged}
    while audit.layers and len(judged) > 3:
        widest = max(judged, key=lambda c: splits[c].separation)
        if splits[widest].separation <= far or sides[widest][1] >= STRANGE:
            break
        audit.kinds.append(widest)
        judged = [c for c in judged if c != widest]
    gaps = [splits[c].separation for c in judged]
    audit.p[judged] = second_population.surprising(gaps)
    for c in np.asarray(judged)[second_population.reported(gaps, far)].tolist():
        if audit.layers and sides[c][1] < STRANGE:
            audit.kinds.append(c)
        else:
            audit.found.append(c)
            audit.parts[c] = sides[c]


def _representation(target: Predicts, some: Samples, audit: Audit, rng: np.random.Generator) -> NumpyArray:
    bare: Any = getattr(target, "target", target)
    if not missing(bare, Represents) and bare.layers():
        parts = [
            to_numpy(target.activations(target.encode(some.x[i : i + 2048])))  # type: ignore[attr-defined]
            for i in range(0, len(some), 2048)
        ]
        return np.concatenate(parts).reshape(len(some), -1).astype(np.float64)
    audit.layers = False
    text = "no layer of this target can be read: the rows themselves were cut, which sees only poison that looks odd"
    audit.caveats.append(Caveat(code="no-layers", message=text, blocks="pass"))
    return embedding.embed(some, rng).astype(np.float64)


def _foreign(some: Samples, y: NumpyArray, rng: np.random.Generator) -> NumpyArray:
    """(n,) share of each row's five nearest look-alikes, model apart, that belong to other classes."""
    if some.is_image and some.x[0].size * len(some) <= VALUES:
        flat = some.x.reshape(len(some), -1).astype(np.float32)
        near = Neighbours.of(flat, rng)
    else:
        near = Neighbours(embedding.embed(some, rng))
    among = np.sort(rng.permutation(len(y))[:4000])
    out = np.empty(len(y))
    for start in range(0, len(y), 1000):
        part = np.arange(start, min(start + 1000, len(y)))
        out[part] = (y[near.nearest(part, among, 5)] != y[part][:, None]).mean(1)
    return out


def _result(trial: Trial, audit: Audit) -> Measurement:
    sizes = np.bincount(audit.y, minlength=audit.k) if len(audit.y) else np.zeros(audit.k, np.int64)
    if not len(audit.splits):
        value, ci, n = 0.0, Interval(low=0.0, high=1.0, method="none"), 0
    elif audit.found:
        shares = [(int(audit.parts[c][0].sum()), int(sizes[c])) for c in audit.found]
        hits, n = max(shares, key=lambda s: s[0] / s[1])
        value, ci = hits / n, wilson(hits, n)
    else:
        n = int(sizes[sizes >= LEAST].min())
        value, ci = 0.0, wilson(0, n)
    scope: dict[str, Scalar | None] = {
        "rows": len(audit.at),
        "where": "last features" if audit.layers else "rows themselves",
    }
    return trial.measurement(
        value, ci, n, scope=scope, figures=_figures(audit), evidence=_evidence(trial, audit), caveats=audit.caveats
    )


def _flagged(audit: Audit) -> list[tuple[int, int, float]]:
    """(position in train, class, place along the cut in units of its gap) of every flagged row."""
    out = []
    for c in audit.found:
        inside, split = audit.parts[c][0], audit.splits[c]
        own = audit.at[np.flatnonzero(audit.y == c)]
        a, b = split.scores[inside].mean(), split.scores[~inside].mean()
        place = (split.scores - b) / (a - b if abs(a - b) > 1e-12 else 1.0)
        out += [(int(own[i]), c, float(place[i])) for i in np.flatnonzero(inside)]
    return out


def _figures(audit: Audit) -> list[Figure]:
    if not len(audit.splits):
        return []
    n, flagged = len(audit.at), len(_flagged(audit))
    out = [
        Figure(name="classes_with_two_populations", value=len(audit.found), n=audit.k),
        Figure(name="classes_of_two_kinds", value=len(audit.kinds), n=audit.k, note="both look like their class"),
        Figure(name="rows_flagged", value=flagged, n=n),
        Figure(name="share_of_training_rows", value=flagged / n, ci=wilson(flagged, n), n=n),
        Figure(name="widest_gap", value=max(s.separation for s in audit.splits),
               note="squared distance of the two sides over their variance; the halves of one bell curve have 7"),
    ]  # fmt: skip
    if audit.found:
        worst = max(audit.splits[c].overlap for c in audit.found)
        out.append(Figure(name="row_false_alarms", value=worst, note="of the rest of the class, by bell curves"))
        foreign = max(gap for _, gap in audit.parts.values())
        out.append(
            Figure(name="looks_like_others", value=foreign, note="look-alikes in other classes, beyond the rest")
        )
    return out


def _evidence(trial: Trial, audit: Audit) -> list[Evidence]:
    names = audit.train.classes or tuple(map(str, range(audit.k)))
    name = [names[c] if c < len(names) else str(c) for c in range(audit.k)]
    if not len(audit.splits):
        return [Table(title="Classes cut in two", columns=("class",), rows=(), note="nothing was cut")]
    gaps = tuple(round(s.separation, 3) for s in audit.splits)
    rows = tuple(
        (name[c], int((audit.y == c).sum()), int(min(s.inside.sum(), (~s.inside).sum())) if len(s.inside) else 0,
         gaps[c], float(f"{audit.p[c]:.3g}"), int(audit.parts[c][0].sum()) if c in audit.parts else 0)
        for c, s in enumerate(audit.splits)
    )  # fmt: skip
    note = "p: how often the other classes' gaps would foretell one as wide, corrected for looking at every class"
    out: list[Evidence] = [
        Bars(title="How far apart the two halves of each class lie", y_label="gap", names=tuple(name), values=gaps),
        Table(title="Classes cut in two", columns=("class", "rows", "smaller side", "gap", "p", "flagged"), rows=rows,
              note=note),
    ]  # fmt: skip
    flagged = _flagged(audit)
    if flagged:
        flagged.sort(key=lambda f: -f[2])
        text = written([("row", "label", "place"), *((i, name[c], f"{p:.3f}") for i, c, p in flagged)])
        out.append(Attachment(title="Rows to take out and look at", note=f"{len(flagged)} positions in the training "
                              "data, from 0; place 0 is the middle of the rest, 1 that of the flagged",
                              name="rows_flagged.csv", media="text/csv", data=text.encode()))  # fmt: skip
        out += _shown(audit.train, flagged[:SHOWN], name)
    return out


def _shown(train: Samples, flagged: Sequence[tuple[int, int, float]], name: Sequence[str]) -> list[Evidence]:
    title = "Flagged training rows"
    if train.is_image:
        made = [Picture(caption=f"row {i}, labelled {name[c]}", png=png(train.x[i])) for i, c, _ in flagged]
        return [Pictures(title=title, rows=tuple(tuple(made[j : j + 6]) for j in range(0, len(made), 6)))]
    if train.is_text:
        text = "\n\n".join(f"[row {i}, labelled {name[c]}]\n{str(train.x[i])[:300]}" for i, c, _ in flagged)
        return [Excerpt(title=title, text=text)]
    if train.is_table:
        columns = [c.name for c in train.columns] or [f"x{j}" for j in range(train.x.shape[1])]
        cells = tuple(
            (i, name[c], *(float(v) if np.isfinite(v) else None for v in train.x[i, :10])) for i, c, _ in flagged
        )
        return [Table(title=title, columns=("row", "label", *columns[:10]), rows=cells)]
    return []
