"""Figures and evidence of the planting probes: quality, price, the rows read from the model beside the originals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from momus.core.evidence import Evidence, Line, Picture, Pictures, Series, Table
from momus.core.records import Figure, Interval
from momus.core.samples import NumpyArray, Samples
from momus.methods import picture
from momus.methods.hidden_audit import Attempt
from momus.methods.hidden_records import Back, Records
from momus.stats import intervals

SHOWN = 4  # training rows that a report shows: enough to see, few to leak further
_ERROR = {"image": "mean_absolute_error", "table": "mean_column_error", "text": "words_lost"}


def quality(a: Attempt) -> list[Figure]:
    """How well what was sent came back, and what it cost."""
    n = len(a.sent)
    found = [
        Figure(name="accuracy_planted", value=a.accuracy, n=len(a.right)),
        Figure(name="accuracy_cost", value=a.cost, ci=a.cost_ci, n=len(a.right)),
        Figure(name="records_sent", value=n),
        Figure(name="records_exact", value=int(a.back.exact.sum()), n=n),
        Figure(name="chance_of_one_record", value=1 / max(a.back.pool, 1)),
        Figure(name="bits_carried", value=a.bits),
    ]
    if n:
        found.append(_error(a.back, a.sent))
    if n and a.sent.kind == "text":
        right = (a.got.values == a.sent.values)[a.sent.values > 0] if len(a.got) == n else np.zeros(1)
        found.append(Figure(name="words_right", value=float(np.mean(right)), n=right.size))
    if n and a.sent.kind == "image" and len(a.got) == n:
        found.append(Figure(name="picture_similarity", value=float(np.mean(_ssim(a.got, a.sent))), n=n))
    if a.damage is not None:
        found.append(Figure(name="bit_error", value=a.damage, n=a.bits, note="one half is chance"))
    if a.correlation is not None:
        found.append(Figure(name="correlation", value=a.correlation))
    return found


def _error(back: Back, sent: Records) -> Figure:
    """Mean distance of the records from their originals, in the units of the paper where it names one."""
    scale = 255.0 if sent.kind == "image" else 1.0
    values = scale * back.error
    ci: Interval | None = intervals.student(values) if len(values) > 1 else None
    return Figure(name=_ERROR[sent.kind], value=float(values.mean()), ci=ci, n=len(values))


def _ssim(a: Records, b: Records) -> NumpyArray:
    """Structural similarity of each pair of pictures, taken over the whole picture (Wang et al. 2004)."""
    x, y = a.pictures().reshape(len(a), -1) / 255.0, b.pictures().reshape(len(b), -1) / 255.0
    mx, my = x.mean(axis=1), y.mean(axis=1)
    cov = ((x - mx[:, None]) * (y - my[:, None])).mean(axis=1)
    light = (2 * mx * my + 1e-4) / (mx**2 + my**2 + 1e-4)
    out: NumpyArray = light * (2 * cov + 9e-4) / (x.var(axis=1) + y.var(axis=1) + 9e-4)
    return out


def evidence(
    attempts: Sequence[Attempt],
    best: Attempt | None,
    order: NumpyArray,
    train: Samples,
    strength: str,
    tolerated: float,
    scrub: Sequence[tuple[str, float, int]],
) -> list[Evidence]:
    """The plantings tried, records against price, what cleaning leaves, and a few rows beside their originals."""
    found: list[Evidence] = [_tried(attempts, best, strength, tolerated)]
    if len(attempts) > 1:
        found.append(_curve(attempts))
    if scrub:
        rows = tuple((name, round(accuracy, 4), left) for name, accuracy, left in scrub)
        note = "float16 and int8: numbers rounded. noise: a tenth of each array's spread. pruning: the smallest 30 %."
        columns = ("cleaned by", "accuracy", "records left")
        found.append(Table(title="What cleaning the parameters leaves", note=note, columns=columns, rows=rows))
    if best is not None and len(best.sent) and len(best.got) == len(best.sent):
        found.append(_rows(best, order, train))
    return found


def _tried(attempts: Sequence[Attempt], best: Attempt | None, strength: str, tolerated: float) -> Table:
    rows = tuple(
        (
            float(f"{a.strength:.4g}"), len(a.sent), a.back.count, int(a.back.exact.sum()),
            None if a.damage is None else round(a.damage, 4),
            None if a.correlation is None else round(a.correlation, 4),
            round(a.accuracy, 4), round(a.cost, 4), a.cost <= tolerated + 1e-12, a is best,
        )
        for a in sorted(attempts, key=lambda a: a.strength)
    )  # fmt: skip
    columns = (
        strength, "records sent", "came back", "exact", "bits wrong", "correlation", "accuracy", "accuracy lost",
        "unnoticed", "chosen",
    )  # fmt: skip
    return Table(title="Plantings tried", note="lost beside the clean model, same rows", columns=columns, rows=rows)


def _curve(attempts: Sequence[Attempt]) -> Series:
    ranked = sorted(attempts, key=lambda a: a.cost)
    line = Line(
        name="records that come back",
        x=tuple(100 * a.cost for a in ranked),
        y=tuple(float(a.back.count) for a in ranked),
    )
    return Series(
        title="Records against their price", x_label="points of accuracy lost", y_label="records", lines=(line,)
    )


def _rows(a: Attempt, order: NumpyArray, train: Samples) -> Evidence:
    """The first few rows sent, as they were and as they were read: training rows of the user's own."""
    n, note = min(SHOWN, len(a.sent)), "training rows, the first ones sent; keep this report as you keep the data"
    title = "Read from the model"
    some = slice(n)
    if a.sent.kind == "image":
        pairs = zip(order[some], a.sent.take(some).pictures(), a.got.take(some).pictures(), strict=True)
        rows = tuple(
            (
                Picture(caption=f"training row {int(i)}, smaller and grey", png=picture.png(was)),
                Picture(caption="read from the model", png=picture.png(read)),
            )
            for i, was, read in pairs
        )
        return Pictures(title=title, note=note, rows=rows)
    if a.sent.kind == "text":
        pairs = zip(order[some], a.sent.take(some).texts(), a.got.take(some).texts(), strict=True)
        lines = tuple((int(i), was[:200], read[:200]) for i, was, read in pairs)
        return Table(title=title, note=note, columns=("training row", "its first words", "read"), rows=lines)
    names = [c.name for c in train.columns] or [f"column {j}" for j in range(len(a.sent.levels))]
    was, read = a.sent.take(some).cells(), a.got.take(some).cells()
    cells = tuple(
        (int(order[i]), names[j], float(f"{was[i, j]:.4g}"), float(f"{read[i, j]:.4g}"))
        for i in range(n)
        for j in range(min(len(names), 8))
    )
    return Table(title=title, note=note, columns=("training row", "column", "was", "read"), rows=cells)
