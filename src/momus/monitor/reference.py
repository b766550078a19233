"""Reference: how inputs and answers look while nothing is wrong. Detectors are fitted on it; plain arrays, no model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from momus.core import digest
from momus.core.samples import Column, NumpyArray


@dataclass(frozen=True)
class Reference:
    """Rows that the card names, with what the model answers to them.

    Attributes
    ----------
    target, system : the names on the card.
    task : classifier, regressor, generator or policy.
    x : float64 (n, d), a table as read, else numbers that describe each input (:mod:`momus.methods.describe`).
    columns : what each of the d means; ``encoder`` says how an event's input becomes such a row: table, text, image,
        sound, or vector for events that carry the d numbers themselves.
    outputs : float64 (n, k) probabilities, (n, 1) values, or (n, 0).
    said : int64 (n,), the class answered; -1 not known. ``label`` float64 (n,) the true one; NaN not known.
    members : float64 (m, d), rows the model was trained on, (0, d) where not known.
    classes : names of the classes.
    versions : names or digests of the model versions that were approved; empty: none was named.
    more : further arrays that one detector needs, by name.
    """

    target: str
    system: str
    task: str
    x: NumpyArray
    columns: tuple[Column, ...]
    encoder: str
    outputs: NumpyArray
    said: NumpyArray
    label: NumpyArray
    members: NumpyArray
    classes: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    more: Mapping[str, NumpyArray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.x)

    @property
    def digest(self) -> str:
        """sha256 over everything a detector could be fitted on: a state belongs to one reference."""
        arrays = [self.x, self.outputs, self.said, self.label, self.members]
        names = [self.target, self.system, self.task, self.encoder, list(self.classes), list(self.versions)]
        more = {k: digest.of_array(v) for k, v in sorted(self.more.items())}
        return digest.of_value([digest.of_array(*arrays), [repr(c) for c in self.columns], names, more])

    @property
    def confidence(self) -> NumpyArray:
        """float64 (n,), the largest probability of each answer; (0,) where there are none."""
        return self.outputs.max(axis=1) if self.outputs.shape[1] > 1 else np.zeros(0)
