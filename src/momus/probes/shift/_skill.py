"""Whether a model knows anything: one that is no better than guessing has nothing to lose to a shift."""

from __future__ import annotations

import numpy as np

from momus.core.records import Caveat
from momus.core.samples import NumpyArray
from momus.methods.corrupt import skill


def ignorant(score: NumpyArray, y: NumpyArray, task: str) -> list[Caveat]:
    """A caveat where the scores (n,) of answers to rows labelled ``y`` are not surely above those of guessing.

    A score is 1 for a right class and 0 for a wrong one, or minus a regressor's error in units of what always giving
    the median misses on average (-1 is guessing).
    """
    if not len(score):
        return []
    if task == "regressor":
        yard, score = skill.Yardstick(-1.0, np.ones(len(score))), np.asarray(score)
    else:
        yard = skill.of_labels(y)
    if not yard.guesses(score):
        return []
    message = "its answers are not surely better than guessing: a model that knows nothing loses nothing to a shift"
    return [Caveat(code="chance-level", message=message, blocks="pass")]
