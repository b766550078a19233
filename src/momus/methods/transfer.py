"""Do the cases on which one model fails fail another one too?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from momus.core.records import Interval
from momus.core.samples import NumpyArray
from momus.methods.calibration import aurra, rms_calibration_error
from momus.stats import intervals


@dataclass(frozen=True)
class Side:
    """One model on one set of ``n`` rows: accuracy, RMS calibration error and AURRA (NaN without confidences)."""

    n: int
    accuracy: float
    ci: Interval
    calibration: float
    aurra: float


def side(right: NumpyArray, confidence: NumpyArray | None) -> Side:
    """``right`` (n,) booleans, ``confidence`` (n,) in [0, 1] or None."""
    n, hits = len(right), int(np.count_nonzero(right))
    nan = float("nan")
    known = confidence is not None and n > 0
    return Side(
        n,
        hits / n if n else nan,
        intervals.wilson(hits, n),
        rms_calibration_error(confidence, right) if known and confidence is not None else nan,
        aurra(confidence, right) if known and confidence is not None else nan,
    )


def drop(hard: Side, ordinary: Side) -> tuple[float, Interval]:
    """How much accuracy is lost on the hard set, with Newcombe's (1998) interval for two independent shares."""
    gap = ordinary.accuracy - hard.accuracy
    if not hard.n or not ordinary.n:
        return 0.0, Interval(low=-1.0, high=1.0, method="newcombe")
    low = gap - math.hypot(ordinary.accuracy - ordinary.ci.low, hard.ci.high - hard.accuracy)
    high = gap + math.hypot(ordinary.ci.high - ordinary.accuracy, hard.accuracy - hard.ci.low)
    return gap, Interval(low=max(-1.0, low), high=min(1.0, high), method="newcombe")
