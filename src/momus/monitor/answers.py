"""What an answer is, whatever the log says of it: the class, how sure the model was, and whether it was wrong."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from momus.core.samples import NumpyArray
from momus.monitor.reference import Reference


@dataclass(frozen=True)
class Answers:
    """How answers of one target are read. ``outputs`` is how many numbers an answer has, ``classes`` whether they are
    of classes; ``far`` is the error from which on a regressor's answer counts as wrong."""

    outputs: int
    classes: bool
    far: float = np.inf

    def said(self, outputs: NumpyArray, said: NumpyArray) -> NumpyArray:
        """(n,) class answered, from the probabilities where the log does not name it; -1 not known."""
        if outputs.shape[1] < 2 or not len(said):
            return said
        known = ~np.isnan(outputs[:, 0])
        return np.where((said < 0) & known, np.nan_to_num(outputs, nan=-1.0).argmax(axis=1), said)

    def signal(self, outputs: NumpyArray) -> NumpyArray:
        """(n,) the largest probability, or a regressor's value; NaN not known."""
        if outputs.shape[1] != self.outputs or not self.outputs:
            return np.full(len(outputs), np.nan)
        out: NumpyArray = outputs[:, 0] if self.outputs == 1 else outputs.max(axis=1)
        return out

    def wrong(self, outputs: NumpyArray, said: NumpyArray, label: NumpyArray) -> NumpyArray:
        """(n,) 1.0 wrong, 0.0 right, NaN not known."""
        if self.classes:
            said = self.said(outputs, said)
            return np.where((said >= 0) & ~np.isnan(label), (said != label).astype(float), np.nan)
        off = np.abs(self.signal(outputs) - label)
        return np.where(np.isnan(off), np.nan, (off > self.far).astype(float))


def of(reference: Reference) -> Answers:
    """How the answers of a reference's target are read."""
    k = reference.outputs.shape[1]
    if k != 1:
        return Answers(k, True)
    off = np.abs(reference.outputs[:, 0] - reference.label)
    off = off[~np.isnan(off)]
    return Answers(1, False, float(np.quantile(off, 0.9)) if len(off) else np.inf)
