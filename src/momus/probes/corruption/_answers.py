"""What a row is worth where targets answer with classes, values or texts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from momus.core.capabilities import Encodes, Generates, Predicts, missing, to_numpy
from momus.core.errors import ProbeError
from momus.core.meter import Meter
from momus.core.records import Caveat
from momus.core.samples import NumpyArray, Samples
from momus.methods.corrupt import skill
from momus.methods.corrupt.skill import Yardstick


@dataclass
class Scorer:
    """``yard``: what scores are held against. ``word``: what a score is (accuracy, score, chrF or words).

    ``own``: the truth is what the target itself said of the undamaged rows.
    """

    target: Meter
    y: NumpyArray
    yard: Yardstick
    word: str
    classes: tuple[str, ...] = ()
    scale: float = 0.0
    own: bool = False

    def __call__(self, x: NumpyArray, rows: NumpyArray) -> NumpyArray:
        """Scores (m,) in [0, 1] of the answers to rows ``rows``, damaged as ``x``."""
        answers = self.ask(x)
        wanted = self.y[rows]
        if self.word == "accuracy":
            return np.asarray((answers.astype(np.int64) == wanted).astype(float))
        if self.word == "score":
            return skill.value_scores(answers, wanted, self.scale)
        if self.word == "chrF":
            return skill.chrf_scores(list(answers), list(wanted))
        return skill.word_scores(list(answers), list(wanted))

    def ask(self, x: NumpyArray) -> NumpyArray:
        encoded = self.target.encode(x)
        if self.word in ("accuracy", "score"):
            return to_numpy(self.target.predict(encoded))
        return self.target.generate(encoded)

    def worded(self, answer: object) -> str:
        """An answer, or the truth, as a person reads it."""
        if isinstance(answer, str):
            return answer
        value = float(answer)  # type: ignore[arg-type]
        if self.classes and value.is_integer() and 0 <= int(value) < len(self.classes):
            return self.classes[int(value)]
        return f"{value:.4g}"

    def caveats(self) -> list[Caveat]:
        if not self.own:
            return []
        message = "there are no reference texts: answers are held against the target's own answers to undamaged rows"
        return [Caveat(code="own-reference", message=message, blocks="none")]


def scorer(target: Encodes, samples: Samples, score: str, probe: str) -> Scorer:
    """For a classifier, a regressor or a generator. ``score`` (chrF or words) counts for texts only.

    A generator without reference texts is held against its own answers to the rows as they are: those are asked for
    here, and cost one question a row. ProbeError where labels are lacking, or the target gives no answers.
    """
    meter: Meter = target  # type: ignore[assignment]
    task, bare = meter.info.task, meter.target
    if task == "generator":
        if missing(bare, Generates):
            raise ProbeError(f"{probe} needs a target that generates texts or predicts")
        if score not in ("chrF", "words"):
            raise ProbeError(f"no score '{score}'", hint="chrF (characters) or words (1 less the word error rate)")
        own = samples.y is None
        y = meter.generate(meter.encode(samples.x)) if own else np.asarray(samples.y, dtype=object)
        return Scorer(meter, np.array([str(t) for t in y], dtype=object), skill.of_texts(len(y)), score, own=own)
    if missing(bare, Predicts) or samples.y is None:
        raise ProbeError(f"{probe} needs labelled data and a target that predicts")
    if task == "regressor":
        y = np.asarray(samples.y, dtype=float)
        yard, scale = skill.of_values(y)
        return Scorer(meter, y, yard, "score", scale=scale)
    labels = np.asarray(samples.y).astype(np.int64)
    return Scorer(meter, labels, skill.of_labels(labels), "accuracy", meter.info.classes or samples.classes)
