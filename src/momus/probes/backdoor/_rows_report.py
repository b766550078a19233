"""What ``backdoor.rows`` hands over: numbers, the trigger as pictures, the rows that carry it, every class searched."""

from __future__ import annotations

import numpy as np

from momus.core.evidence import Attachment, Cell, Evidence, Picture, Pictures, Table
from momus.core.records import Figure, Interval
from momus.core.samples import NumpyArray
from momus.core.sheets import written
from momus.methods.picture import png
from momus.probes.backdoor._rows import Looked
from momus.stats.intervals import wilson

SHOWN = 6


def figures(seen: Looked) -> list[Figure]:
    """Counts and shares, the carriers' first."""
    out = [Figure(name="classes_searched", value=seen.searched, n=len(seen.at))]
    if seen.found is None:
        return out
    found, n, m = seen.found, len(seen.at), len(seen.carriers)
    own = int((seen.train.y[seen.at] == found.wanted).sum()) if seen.train.y is not None else 0
    back, ours = seen.lifted
    out += [
        Figure(name="rows_that_carry_it", value=m, n=n, note="training rows of that class with the pattern on them"),
        Figure(name="share_of_training_rows", value=m / n, ci=wilson(m, n), n=n),
        Figure(name="share_of_class", value=m / max(own, 1), ci=wilson(m, max(own, 1)), n=own),
        Figure(name="row_false_alarms", value=seen.alarms, n=n - own, note="of rows of other classes"),
        Figure(name="answers_that_leave", value=back / max(ours, 1), ci=wilson(back, max(ours, 1)), n=ours,
               note="carriers that are called another class once the pattern is taken off"),
        Figure(name="pattern_size", value=found.size, note="change of a picture, in distances between look-alikes"),
        Figure(name="looks_like_others", value=found.foreign,
               note=f"look-alikes in other classes; of the rest of the class {found.usual_foreign:.0%}"),
    ]  # fmt: skip
    return out


def turned(seen: Looked) -> tuple[float, Interval, int]:
    """The value: fresh rows that the pattern turns; nothing where there is no pattern, of all rows looked at."""
    if seen.found is None:
        n = len(seen.at) if seen.searched else 0
        return 0.0, wilson(0, n) if n else Interval(low=0.0, high=1.0, method="none"), n
    return seen.turned / seen.asked, wilson(seen.turned, seen.asked), seen.asked


def evidence(seen: Looked, names: tuple[str, ...]) -> list[Evidence]:
    out: list[Evidence] = []
    if seen.found is not None:
        out += _pictures(seen, names)
        out.append(_attachment(seen, names))
    out.append(_classes(seen, names))
    return out


def _name(names: tuple[str, ...], i: int) -> str:
    return names[i] if i < len(names) else str(i)


def _pictures(seen: Looked, names: tuple[str, ...]) -> list[Evidence]:
    assert seen.found is not None
    pattern, shape = seen.found.pattern, seen.train.x.shape[1:]

    def picture(flat: NumpyArray, caption: str) -> Picture:
        return Picture(caption=caption, png=png(np.asarray(flat).reshape(shape)))

    wanted = _name(names, seen.found.wanted)
    grey = np.full(pattern.keep.shape, 0.5, dtype=np.float32)
    trigger = (
        picture(pattern.stamp(grey), "the pattern on grey"),
        picture(np.where(pattern.changed, 1 - pattern.keep * 0.7, 0.0), "where it is, and how much it covers"),
    )
    carried = tuple(
        picture(seen.train.x[i].reshape(-1) / 255, f"row {i}, labelled {wanted}") for i in seen.carriers[:SHOWN]
    )
    before = tuple(picture(f, "as it was") for f in seen.shown)
    after = tuple(picture(f, "with the pattern") for f in pattern.stamp(seen.shown))
    return [
        Pictures(title="The trigger, cut out of the training data", rows=(trigger,)),
        Pictures(title="Training rows that carry it", rows=(carried,)),
        Pictures(title=f"Rows that never had it: {seen.turned} of {seen.asked} become {wanted}", rows=(before, after)),
    ]


def _attachment(seen: Looked, names: tuple[str, ...]) -> Attachment:
    assert seen.found is not None and seen.study is not None
    own = np.flatnonzero(seen.study.y == seen.found.wanted)
    level = dict(zip(seen.at[own].tolist(), seen.level.tolist(), strict=True))
    rows = [(i, _name(names, seen.found.wanted), f"{level[i]:.3f}") for i in seen.carriers.tolist()]
    note = f"{len(seen.carriers)} positions in the training data, from 0; 1 means all of the pattern"
    return Attachment(title="Rows to take out and look at", note=note, name="rows_with_trigger.csv", media="text/csv",
                      data=written([("row", "label", "carries"), *rows]).encode())  # fmt: skip


def _classes(seen: Looked, names: tuple[str, ...]) -> Table:
    """The worthiest candidate of every class, convincing or not."""
    best = {c.wanted: c for c in seen.best}
    rows: list[tuple[Cell, ...]] = []
    for i in range(seen.searched):
        c = best.get(i)
        if c is None:
            rows.append((_name(names, i), 0, 0.0, "", 0.0, None, None, None))
            continue
        rows.append(
            (_name(names, i), len(c.rows), round(c.share, 3), _name(names, c.best_source), round(c.source_share, 3),
             round(c.foreign, 3), round(c.usual_foreign, 3), round(c.size, 3))
        )  # fmt: skip
    return Table(
        title="What was found in each class",
        columns=("class", "rows that share most", "turned, of all", "most of class", "turned, of it",
                 "look like others", "rest of the class does", "size"),
        rows=tuple(rows),
        note="A trigger turns rows of all classes, and its carriers look like other classes much more often than the "
        "rest of their class; nearly a whole class carries none",
    )  # fmt: skip
