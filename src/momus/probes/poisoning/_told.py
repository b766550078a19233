"""What the audits of training data share: rows as a person would look at them, a list to keep, and what the model gains
when they are taken out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from momus.core.capabilities import Trains, missing
from momus.core.errors import BudgetSpent
from momus.core.evidence import Attachment, Cell, Evidence, Excerpt, Picture, Pictures
from momus.core.probe import Trial
from momus.core.records import Figure
from momus.core.samples import NumpyArray, Samples
from momus.core.sheets import written
from momus.methods import retraining
from momus.methods.picture import png
from momus.methods.retraining import Run
from momus.stats import intervals

SIDE = 96


def trains(target: Any) -> bool:
    return not missing(getattr(target, "target", target), Trains)


def reference(trial: Trial, most: int, rng: np.random.Generator) -> tuple[Samples | None, str]:
    """Rows that are held against the training data, and the role they have: trusted before test."""
    for role in ("trusted", "test"):
        found = trial.data.get(role)
        if found is not None and len(found):
            return found.sample(most, rng), role
    return None, ""


def class_name(samples: Samples, label: Any) -> str:
    i = int(label)
    return samples.classes[i] if 0 <= i < len(samples.classes) else str(i)


def looked_at(samples: Samples, title: str, rows: Sequence[int], captions: Sequence[str]) -> list[Evidence]:
    """Pictures or texts at ``rows``; of tables and sound the lists say enough."""
    if not len(rows):
        return []
    if samples.is_image:
        made = [Picture(caption=c, png=png(_small(samples.x[i]))) for i, c in zip(rows, captions, strict=True)]
        return [Pictures(title=title, rows=tuple(tuple(made[k : k + 6]) for k in range(0, len(made), 6)))]
    if samples.is_text:
        text = "\n\n".join(f"[{c}]\n{str(samples.x[i])[:400]}" for i, c in zip(rows, captions, strict=True))
        return [Excerpt(title=title, text=text)]
    return []


def _small(image: NumpyArray) -> NumpyArray:
    step = max(1, -(-max(image.shape[:2]) // SIDE))
    return image[::step, ::step]


def listed(title: str, note: str, name: str, head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Attachment:
    """All rows as a file."""
    return Attachment(title=title, note=note, name=name, media="text/csv", data=written([head, *rows]).encode())


def gained(
    target: Any, trial: Trial, train: Samples, drop: NumpyArray, held: Samples, seeds: Sequence[int]
) -> tuple[list[Figure], str]:
    """Accuracy on ``held`` with all rows and without those of the mask ``drop`` (n,), and what that gains; or why not.

    Each is trained once for every seed. Regressors: minus the absolute error. Nothing where no row would be dropped.
    """
    if not drop.any() or not trains(target) or held.y is None or train.y is None:
        return [], ""
    y, truth = np.asarray(train.y), np.asarray(held.y)
    if len(np.unique(y[~drop])) < 2:
        return [], "without the rows told one class would be left: what dropping them gains was not measured"
    runs = [Run(x, labels, seed) for seed in seeds
            for x, labels in ((train.x, y), (train.x[~drop], y[~drop]))]  # fmt: skip
    try:
        made = retraining.answers(target, trial, runs, {"held": held.x})
    except BudgetSpent:
        made = []
    made = made[: len(made) // 2 * 2]
    if not made:
        return [], "time ended before the model was trained without the rows told"
    regression = target.info.task == "regressor"
    scored = [-np.abs(m["held"] - truth) if regression else (m["held"] == truth).astype(float) for m in made]
    before, after = np.mean(scored[::2], axis=0), np.mean(scored[1::2], axis=0)
    word = "minus_error" if regression else "accuracy"
    note = f"mean of {len(made) // 2} trainings each, on rows held back"
    gain = after - before
    return [
        Figure(name=f"{word}_with_all", value=float(before.mean()), n=len(truth), note=note),
        Figure(name=f"{word}_without_told", value=float(after.mean()), n=len(truth), note=note),
        Figure(name="gain_of_dropping", value=float(gain.mean()), ci=intervals.mean(gain), n=len(truth)),
    ], ""
