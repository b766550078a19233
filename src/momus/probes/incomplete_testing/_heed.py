"""Whether a model heeds its input at all: one that does not keeps every relation and abstains from everything."""

from __future__ import annotations

import numpy as np

from momus.core.records import Caveat
from momus.core.samples import NumpyArray
from momus.stats import intervals


def constant(said: NumpyArray) -> list[Caveat]:
    """One answer to all rows, (n,) or (n, k) where it was asked in k ways, passes nothing."""
    if len(np.unique(said, axis=0)) > 1:
        return []
    message = "every ordinary row got the same answer: a model that ignores its input would do as well"
    return [Caveat(code="constant-answer", message=message, blocks="pass")]


def chance(said: NumpyArray, y: NumpyArray) -> list[Caveat]:
    """No better on ordinary rows (n,) than one answer for all: then what it says of other rows is no merit."""
    share = float(np.unique(y, return_counts=True)[1].max() / len(y))
    right = int((said == y).sum())
    if intervals.wilson(right, len(y)).low > share:
        return []
    message = (
        f"accuracy {right / len(y):.2f} on ordinary rows is not surely above {share:.2f}, "
        "which one answer for all would give"
    )
    return [Caveat(code="chance-level", message=message, blocks="pass")]


def doubt(sure: NumpyArray, bar: float) -> list[Caveat]:
    """Abstaining is a merit only of a model that is confident where it should be: on most ordinary rows (n,)."""
    share = float((sure > bar).mean())
    if share > 0.5:
        return []
    message = f"only {share:.0%} of the ordinary rows are answered with more than {bar:.2f}, so doubt says nothing"
    return [Caveat(code="never-confident", message=message, blocks="pass")]
