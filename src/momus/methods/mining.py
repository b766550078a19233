"""Online hard-example mining over a pool that need not fit into memory: one pass, a bounded number of rows kept.

Batches of scores come in any order; the rows with the largest loss stay. What is new is compared with the least loss
that is kept before anything is stored, so that a batch of easy rows costs one comparison a row.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from momus.core.samples import NumpyArray

ROWS = 65_536  # rows of scores looked at together
TINY = 1e-12


@dataclass
class Hardest:
    """The ``capacity`` rows with the largest loss among all that were offered; equal losses: the earlier row stays.

    Memory: at most three times ``capacity`` rows and one batch. Cost: linear in what is offered.
    """

    capacity: int
    seen: int = 0
    _loss: NumpyArray = field(default_factory=lambda: np.zeros(0, dtype=np.float32))
    _row: NumpyArray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    _least: float = -np.inf

    def offer(self, loss: NumpyArray, rows: NumpyArray) -> None:
        """One batch: losses (b,) and the numbers (b,) of their rows. A loss that is NaN is never kept."""
        self.seen += len(loss)
        worth = loss > self._least
        if not worth.any():
            return
        self._loss = np.concatenate([self._loss, loss[worth]])
        self._row = np.concatenate([self._row, rows[worth]])
        if len(self._loss) > 2 * self.capacity:
            self._cut()

    def ranked(self) -> tuple[NumpyArray, NumpyArray]:
        """(rows, losses), the largest loss first."""
        self._cut()
        order = np.lexsort((self._row, -self._loss))
        return self._row[order], self._loss[order]

    def _cut(self) -> None:
        if len(self._loss) <= self.capacity:
            return
        order = np.lexsort((self._row, -self._loss))[: self.capacity]
        self._loss, self._row = self._loss[order], self._row[order]
        self._least = float(self._loss[-1]) if self.capacity else np.inf


@dataclass(frozen=True)
class Mined:
    """What one pass over a pool of ``n`` rows found.

    ``rows`` (m,) are the confident errors, the largest loss first, at most the miner's capacity of them; ``said`` (m,)
    the model's class and ``confidence`` (m,) its probability. ``errors`` and ``confident_errors`` count all rows.
    """

    rows: NumpyArray
    said: NumpyArray
    confidence: NumpyArray
    loss: NumpyArray
    n: int
    errors: int
    confident_errors: int


@dataclass
class Miner:
    """Finds confident errors batch by batch; nothing of a batch is kept but its hardest rows and three counts.

    ``least`` is the probability from which an answer counts as confident. The loss by which rows are ranked is
    log p(answer) - log p(label), in nats: how much surer the model was of its answer than of the label.
    """

    least: float = 0.8
    capacity: int = 10_000
    n: int = 0
    errors: int = 0
    confident: int = 0

    def __post_init__(self) -> None:
        self._hardest = Hardest(self.capacity)
        self._said: list[NumpyArray] = []

    def offer(self, probabilities: NumpyArray, labels: NumpyArray) -> None:
        """One batch: (b, k) probabilities and (b,) labels in 0..k-1."""
        b = len(labels)
        at = np.arange(b)
        said = np.asarray(probabilities).argmax(axis=1)
        wrong = said != labels
        index = at[wrong]
        self.errors += len(index)
        top = np.asarray(probabilities[index, said[index]], dtype=np.float64)
        sure = top >= self.least
        index, top = index[sure], top[sure]
        self.confident += len(index)
        own = np.asarray(probabilities[index, labels[index]], dtype=np.float64)
        loss = np.log(np.maximum(top, TINY)) - np.log(np.maximum(own, TINY))
        self._hardest.offer(loss.astype(np.float32), self.n + index)
        self._said.append(np.column_stack([self.n + index, said[index], top]))
        if sum(map(len, self._said)) > 4 * self.capacity:
            self._forget()
        self.n += b

    def _forget(self) -> None:
        rows, _ = self._hardest.ranked()
        held = np.concatenate(self._said)
        self._said = [held[np.isin(held[:, 0], rows)]]

    def result(self) -> Mined:
        """The mined rows so far."""
        rows, loss = self._hardest.ranked()
        held = np.concatenate(self._said) if self._said else np.zeros((0, 3))
        held = held[np.searchsorted(held[:, 0], rows)] if len(rows) else np.zeros((0, 3))
        return Mined(rows, held[:, 1].astype(np.int64), held[:, 2], loss, self.n, self.errors, self.confident)


def mine(probabilities: NumpyArray, labels: NumpyArray, *, least: float = 0.8, capacity: int = 10_000) -> Mined:
    """Confident errors among cached scores (n, k) with labels (n,), in blocks: a memory map will do.

    ValueError where the shapes disagree. Source: Shrivastava et al. 2016 (arXiv:1604.03540) for ranking batches by
    loss; Hendrycks et al. 2019 (arXiv:1907.07174) for keeping confident errors.
    """
    if probabilities.ndim != 2 or len(probabilities) != len(labels):
        raise ValueError(f"{probabilities.shape} probabilities for {len(labels)} labels")
    miner = Miner(least, capacity)
    for start in range(0, len(labels), ROWS):
        miner.offer(probabilities[start : start + ROWS], labels[start : start + ROWS])
    return miner.result()


def hard_batch(losses: NumpyArray, size: int) -> NumpyArray:
    """The ``size`` rows of a larger batch whose loss is greatest: what a training step goes back over, in OHEM."""
    if size >= len(losses):
        return np.arange(len(losses))
    return np.sort(np.argpartition(-losses, size - 1)[:size])
