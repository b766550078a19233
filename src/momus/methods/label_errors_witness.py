"""Independent evidence on whether a label or a model is wrong, and how far that evidence can be trusted.

Witnesses are models that had no part in mining: a small forest and the nearest neighbours, both on simple features and
never trained on the row they speak about, and whatever other models of the same task the user has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from momus.core.samples import NumpyArray, Samples
from momus.methods import embedding, label_errors

LABEL, MODEL, UNCLEAR = 0, 1, 2
FOLDS = 3
MOST = 6_000  # rows that a witness learns from
NEAR = 15  # neighbours asked
NAIVE = 0.2  # share of good labels doubted from which a witness excuses nobody
LEAST = 30  # rows without which nothing is learned
_SIDE = 64  # pictures up to this many pixels a side are also compared pixel by pixel


def features(samples: Samples, rng: np.random.Generator) -> NumpyArray:
    """(n, d) float32: what witnesses learn from. The common embedding, and of small pictures the pixels themselves.

    The pixels come as 40 principal components, weighted to count as much as all other columns together.
    """
    made = embedding.embed(samples, rng)
    if not samples.is_image or max(samples.x.shape[1:3]) > _SIDE:
        return made
    flat = samples.x.reshape(len(samples), -1).astype(np.float32)
    flat -= flat.mean(axis=0)
    _, size, right = np.linalg.svd(flat[rng.permutation(len(flat))[: embedding.FITTED]], full_matrices=False)
    keep = max(1, min(40, int((size > 1e-6 * max(float(size[0]), 1e-12)).sum())))
    pixels = flat @ right[:keep].T
    spread = np.sqrt((pixels**2).sum(axis=1).mean() / max(1, made.shape[1]))
    return np.concatenate([made, pixels / max(float(spread), 1e-9)], axis=1)


def testimony(features: NumpyArray, labels: NumpyArray, classes: int, rng: np.random.Generator) -> NumpyArray | None:
    """(n, classes) out-of-fold probabilities: mean of a forest of 60 random trees and of 15 neighbours' labels.

    ``features`` (n, d) finite floats of one scale. Every fold is spoken about by models that learned from at most 6,000
    rows of the other folds. None where there are too few rows or only one class. Cost: seconds for 20,000 rows.
    """
    from sklearn.ensemble import ExtraTreesClassifier

    n = len(labels)
    if n < LEAST or len(np.unique(labels)) < 2:
        return None
    fold = rng.permutation(np.arange(n) % FOLDS)
    out = np.zeros((n, classes), dtype=np.float32)
    for f in range(FOLDS):
        inside = np.flatnonzero(fold != f)
        inside = rng.choice(inside, MOST, replace=False) if len(inside) > MOST else inside
        outside = np.flatnonzero(fold == f)
        forest = ExtraTreesClassifier(
            60, min_samples_leaf=2, max_features="sqrt", random_state=int(rng.integers(2**31)), n_jobs=1
        ).fit(features[inside], labels[inside])
        out[np.ix_(outside, forest.classes_.astype(int))] += 0.5 * forest.predict_proba(features[outside])
        out[outside] += 0.5 * neighbours(features[inside], labels[inside], features[outside], classes)
    return out


def neighbours(known: NumpyArray, labels: NumpyArray, asked: NumpyArray, classes: int, near: int = NEAR) -> NumpyArray:
    """(m, classes) shares of the labels of the ``near`` nearest known rows, one row's weight spread evenly."""
    near = min(near, len(known))
    out = np.empty((len(asked), classes), dtype=np.float32)
    norms = (known**2).sum(axis=1)
    for start in range(0, len(asked), 2048):
        part = asked[start : start + 2048]
        far = norms - 2 * (part @ known.T)
        index = np.argpartition(far, near - 1, axis=1)[:, :near]
        votes = np.zeros((len(part), classes), dtype=np.float32)
        np.add.at(votes, (np.arange(len(part))[:, None], labels[index]), 1.0)
        out[start : start + 2048] = (votes + 1 / classes) / (near + 1)
    return out


def verdicts(evidence: NumpyArray, labels: NumpyArray, said: NumpyArray) -> tuple[NumpyArray, label_errors.Joint]:
    """(n,) codes for rows on which the model says ``said`` and the label something else.

    The label is doubtful where confident learning says so, by either of its rules; the model is wrong where the
    witnesses' most probable class is the label; all else is unclear. Meaningful only where ``said`` is not the label.
    """
    doubtful, found = doubted(evidence, labels)
    at = np.arange(len(labels))
    backed = (evidence.argmax(axis=1) == labels) & (evidence[at, said] < evidence[at, labels])
    return np.where(doubtful, LABEL, np.where(backed, MODEL, UNCLEAR)), found


def judged(
    own: NumpyArray | None, others: Sequence[NumpyArray], labels: NumpyArray, said: NumpyArray
) -> tuple[NumpyArray, label_errors.Joint, NumpyArray]:
    """(codes (n,), joint, mean evidence (n, k)) of all witnesses together, one (n, k) array each; at least one.

    Where ``own``, which learned from these labels alone, takes the label's side against the others, the row is unclear:
    models of one family share their errors, and a fine-tuned brother would excuse each of them.
    """
    evidence = np.asarray(np.mean([*([] if own is None else [own]), *others], axis=0))
    codes, found = verdicts(evidence, labels, said)
    if own is not None and others:
        alone, _ = verdicts(own, labels, said)
        codes = np.where((codes == LABEL) & (alone == MODEL), UNCLEAR, codes)
    return codes, found, evidence


def doubted(evidence: NumpyArray, labels: NumpyArray) -> tuple[NumpyArray, label_errors.Joint]:
    """(n,) booleans: labels that confident learning calls wrong, by thresholds or by the rate of noise."""
    by_rate = label_errors.find(evidence, labels, method="noise_rate")
    confident = by_rate.joint.confident
    beyond = (confident != labels) & (confident != label_errors.NONE) & (by_rate.likely != labels)
    return np.asarray(by_rate.wrong | beyond), by_rate.joint


@dataclass(frozen=True)
class Trust:
    """What the witnesses made of ``flips`` labels that were turned on purpose, and of as many honest ones.

    ``found`` turned labels were called doubtful, ``passed`` were taken for errors of the model. ``doubted`` of
    ``honest`` labels that nobody turned, and that the model agrees with, were called doubtful all the same.
    """

    flips: int
    found: int
    passed: int
    honest: int
    doubted: int

    @property
    def recall(self) -> float:
        return self.found / self.flips if self.flips else 0.0

    @property
    def precision(self) -> float:
        total = self.found + self.doubted
        return self.found / total if total else 0.0


def trust(
    features: NumpyArray,
    labels: NumpyArray,
    sure: NumpyArray,
    counts: NumpyArray,
    others: Sequence[NumpyArray],
    rng: np.random.Generator,
    share: float = 0.05,
) -> Trust | None:
    """Turns ``share`` of the labels of ``sure`` rows, lets the witnesses learn anew, and counts what they find.

    ``sure`` are the numbers of rows on which the model agrees with its label and is confident: turned, each looks like
    a confident error. Costs one more testimony.
    """
    turned, rows = label_errors.planted(labels, sure, counts, share, rng)
    learned = testimony(features, turned, len(counts), rng)
    if not len(rows) or (learned is None and not others):
        return None
    told, _, _ = judged(learned, others, turned, labels)
    honest = np.setdiff1d(sure, rows)
    return Trust(
        len(rows),
        int((told[rows] == LABEL).sum()),
        int((told[rows] == MODEL).sum()),
        len(honest),
        int((told[honest] == LABEL).sum()),
    )


@dataclass(frozen=True)
class Share:
    """A share of ``n`` rows that are errors of the model, between two counts: what is proven and what is possible."""

    n: int
    disputed: int
    doubtful: int
    model: int
    unclear: int

    def estimate(self, told: Trust | None) -> tuple[float, float, float]:
        """(best, proven, possible) numbers of rows.

        Of the turned labels a share is taken for the model's errors; as large a share of all label errors is taken off
        what counts as proven. Of good labels a share is doubted; what is possible is raised accordingly, up to all that
        is disputed where witnesses doubt more than one good label in five.
        """
        possible = float(self.model + self.unclear)
        if told is None or not told.flips:
            return float(self.model), float(self.model), possible
        wrong_labels = min(float(self.disputed), self.doubtful / max(told.recall, 1e-6))
        slipped = told.passed / told.flips * wrong_labels
        best = max(0.0, self.model - slipped)
        doubted = told.doubted / told.honest if told.honest else 0.0
        raised = float(self.disputed) if doubted > NAIVE else possible / (1.0 - doubted)
        return best, best, max(best, min(float(self.disputed), raised))


def share_of(mask: NumpyArray, disputed: NumpyArray, verdict: NumpyArray) -> Share:
    """The counts among the rows of ``mask`` (n,); ``disputed`` (n,) marks where model and label disagree surely."""
    rows = mask & disputed
    return Share(
        int(mask.sum()),
        int(rows.sum()),
        *(int((rows & (verdict == code)).sum()) for code in (LABEL, MODEL, UNCLEAR)),
    )
