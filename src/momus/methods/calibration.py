"""Does a model's confidence mean what it says, and does it know when it is wrong?"""

from __future__ import annotations

import numpy as np

from momus.core.samples import NumpyArray

SIZE = 100  # rows a bin, as in the published protocol


def rms_calibration_error(confidence: NumpyArray, right: NumpyArray, *, size: int = SIZE) -> float:
    """Root of the mean squared gap between confidence and accuracy, over bins of ``size`` rows of like confidence.

    ``confidence`` (n,) in [0, 1], ``right`` (n,) boolean. 0 is perfect. The last bin takes what does not fill another,
    and all bins count: the script that came with ImageNet-A leaves out the last, the most confident one. NaN for no
    rows; fewer than ``size`` rows make one bin. Source: arXiv:1907.07174 and arXiv:1812.04606.
    """
    n = len(confidence)
    if n == 0:
        return float("nan")
    order = np.argsort(confidence, kind="stable")
    starts = np.arange(max(1, n // size)) * size
    held, hits = np.asarray(confidence, dtype=float)[order], np.asarray(right, dtype=float)[order]
    counts = np.diff(np.append(starts, n))
    gaps = (np.add.reduceat(held, starts) - np.add.reduceat(hits, starts)) / counts
    return float(np.sqrt((counts / n * gaps**2).sum()))


def aurra(confidence: NumpyArray, right: NumpyArray) -> float:
    """Area under the response-rate accuracy curve: the mean, over all shares of rows, of the accuracy on the surest.

    1 where every answer is right; equal to the accuracy, in expectation, where confidence says nothing. Rows of equal
    confidence count by their mean, so that their order does not matter. NaN for no rows. Source: arXiv:1907.07174.
    """
    n = len(confidence)
    if n == 0:
        return float("nan")
    order = np.argsort(-np.asarray(confidence, dtype=float), kind="stable")
    held, hits = np.asarray(confidence, dtype=float)[order], np.asarray(right, dtype=float)[order]
    starts = np.flatnonzero(np.append(True, held[1:] != held[:-1]))
    counts = np.diff(np.append(starts, n))
    hits = np.repeat(np.add.reduceat(hits, starts) / counts, counts)
    return float((np.cumsum(hits) / np.arange(1, n + 1)).mean())
