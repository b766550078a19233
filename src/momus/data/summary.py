"""What was read, in words: so that an inferred column can be seen and corrected on the card."""

from __future__ import annotations

import numpy as np

from momus.core.evidence import Table
from momus.core.samples import Column, Samples
from momus.data.rules import exceptions


def describe(samples: Samples) -> Table:
    """A table with one row a column: kind, whether inferred, range or categories, and what it is marked with.

    Images give one row a fact (count, size, type). The title names rows, classes and their shares.
    """
    n = len(samples)
    title = f"{samples.name}: {n} {'triangles' if samples.is_mesh else 'rows'}"
    if samples.classes and samples.y is not None:
        counts = np.bincount(samples.y.astype(int), minlength=len(samples.classes))
        few = [f"{c} {k / max(n, 1):.0%}" for c, k in zip(samples.classes, counts, strict=False) if k]
        title += f", classes {', '.join(few[:6])}{' ...' if len(few) > 6 else ''}"
        if len(few) == 1:
            title += " (one class only: attacks run, but nothing is learnt about the others)"
    if samples.is_sound:
        return _sound(samples, title)
    if not samples.columns:
        shape = "x".join(map(str, samples.x.shape[1:])) or "text"
        return Table(title=title, columns=("what", "value"), rows=(("shape", shape), ("type", str(samples.x.dtype))))
    rows = tuple(
        (c.name, c.kind.value, "inferred" if c.inferred else "card", _span(c), _marks(c, samples))
        for c in samples.columns
    )
    note = "; ".join(exceptions(samples))
    return Table(title=title, columns=("column", "kind", "from", "values", "marks"), rows=rows, note=note)


def _sound(samples: Samples, title: str) -> Table:
    """Rate, how long the clips are and how loud: a silent clip is seen before it is attacked."""
    heard = np.asarray(samples.x) != 0
    ends = np.where(heard.any(axis=1), heard.shape[1] - np.argmax(heard[:, ::-1], axis=1), 0)
    seconds, silent = ends / float(samples.rate or 1), int((ends == 0).sum())
    length = f"{seconds.min():.2f} to {seconds.max():.2f} s" if len(seconds) else "no clip"
    rows = [("rate", f"{samples.rate} Hz"), ("length", length), ("channels", "1 (several are averaged)")]
    rows += [("silent clips", str(silent))] if silent else []
    if len(seconds) and samples.x.size:
        peaks = np.abs(samples.x).max(axis=1)
        rows.append(("loudest sample", f"{peaks.min():.3g} to {peaks.max():.3g} of full scale"))
    return Table(title=title, columns=("what", "value"), rows=tuple(rows))


def _span(column: Column) -> str:
    if column.categories:
        return ", ".join(column.categories[:6]) + (" ..." if len(column.categories) > 6 else "")
    return "" if column.low is None or column.high is None else f"{column.low:g} to {column.high:g}"


def _marks(column: Column, samples: Samples) -> str:
    marks = [mark for mark in ("immutable", "sensitive") if getattr(column, mark)]
    marks += [f"one-hot of {column.one_hot}"] if column.one_hot else []
    marks += ["group"] if column.name in samples.groups else []
    return ", ".join(marks)
