"""Films in which little changes from frame to frame: how often does the answer change?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from momus.core import seeds
from momus.core.capabilities import Predicts, Scores, missing, to_numpy
from momus.core.errors import BudgetSpent, ProbeError
from momus.core.meter import Meter
from momus.core.probe import Trial, probe
from momus.core.records import Caveat, Interval, Knowledge, Measurement, Scalar
from momus.core.samples import NumpyArray
from momus.methods.corrupt import sequences as films
from momus.probes.corruption import _films, _report, _seen, _sweep

_LEAST_CLASSES = 10  # from which the order of the best five says something


@dataclass
class Shown:
    """What was asked: ``answers[name]`` (n, frames) classes; ``distances[name]`` (n,) of the five best classes."""

    pictures: NumpyArray
    y: NumpyArray | None
    names: tuple[str, ...]
    clean: NumpyArray
    answers: dict[str, NumpyArray] = field(default_factory=dict)
    distances: dict[str, NumpyArray] = field(default_factory=dict)
    spent: bool = False


@probe(
    knowledge=Knowledge.NONE,
    data=("test",),
    metric="flip_rate",
    worse="higher",
    source="arXiv:1903.12261",
    cost="n (31 frames x sequences + 1) rows",
    tasks=("classifier",),
    modalities=("image",),
)
def sequences(
    target: Predicts,
    trial: Trial,
    *,
    perturbations: str | Sequence[str] = "tilt,rotate,translate,scale,brightness,gaussian_noise,motion_blur,snow",
    n: int = 30,
) -> Measurement:
    """Chance that an answer changes from one frame to the next of a film in which hardly anything changes.

    Measures
        Every picture becomes films of 31 frames (translate: 41): turned by a degree a frame, moved by a pixel, made
        brighter by a fiftieth. The share of neighbouring frames with different answers, mean over films and pictures;
        for noise, which has no order, the share of frames with another answer than the clean one. 0 never flips.
    Why it matters
        A camera that hardly moves should not see a dog, then a cat, then a dog. Answers that flicker mislead whatever
        acts on them, and accuracy on single pictures does not show it.
    Options
        perturbations: any of tilt, rotate, translate, scale, brightness, gaussian_noise, shot_noise, motion_blur,
        zoom_blur, snow, listed or comma-separated, or all. n: pictures used at most, 1 and up.
    Returns
        flip_rate with Wilson's interval on the effective number of pictures; figures flips.<name>, and with scores and
        ten classes or more top5_distance and top5.<name> (0 to 15: how far the five best classes change places); with
        labels clean_accuracy. Unnormalised: the published mFR divides by AlexNet's own rates.
    Raises
        ProbeError for data that are not pictures and for unknown films.
    Cost
        n (31 frames x sequences + 1) rows.
    A pass means little when
        The model is steadily wrong, the pictures are few, or the real camera moves faster than here. Frames are made
        from the picture at the size at which the model sees it, mirrored past its border, and never compressed.
    Source
        Hendrycks & Dietterich 2019, arXiv:1903.12261, section 3.2.
    """
    names = _named(perturbations)
    samples = trial.samples("test").sample(max(int(n), 1), trial.rng)
    if not samples.is_image:
        raise ProbeError("corruption.sequences needs pictures (n, height, width, channels)")
    count = len(samples)
    scope: dict[str, Scalar] = {"perturbations": ", ".join(names), "pictures": count}
    if count < 2:
        few = Caveat(code="too-few-samples", message=f"{count} pictures cannot show anything", blocks="both")
        return trial.measurement(0.0, Interval(low=0.0, high=1.0), count, scope=scope, caveats=[few])
    y = None if samples.y is None else np.asarray(samples.y).astype(np.int64)
    shown = _shown(target, trial, _seen.seen(target, samples.x), y, names)
    if not shown.answers:
        message = "the budget ended before one film was complete"
        spent = Caveat(code="budget-spent", message=message, blocks="both")
        return trial.measurement(0.0, Interval(low=0.0, high=1.0), count, scope=scope, caveats=[spent])
    value, ci, figures = _films.numbers(shown.answers, shown.distances, shown.clean, y)
    classes = target.info.classes or samples.classes
    again = _again(trial, shown.pictures)
    return trial.measurement(
        value,
        ci,
        count,
        scope={**scope, "films_done": len(shown.answers)} if shown.spent else scope,
        figures=figures,
        evidence=[
            *_films.charts(shown.answers, shown.clean, y),
            *_films.flicker(shown.answers, y, classes, again),
        ],
        caveats=_caveats(shown),
    )


def _named(perturbations: str | Sequence[str]) -> tuple[str, ...]:
    words = perturbations.split(",") if isinstance(perturbations, str) else perturbations
    found = {str(word).strip() for word in words}
    if "all" in found:
        return tuple(films.FRAMES)
    unknown = sorted(found - set(films.FRAMES))
    if unknown or not found:
        raise ProbeError(f"no film '{', '.join(unknown)}'", hint=f"all, {', '.join(films.FRAMES)}")
    return tuple(name for name in films.FRAMES if name in found)


def _shown(target: Predicts, trial: Trial, pictures: NumpyArray, y: NumpyArray | None, names: tuple[str, ...]) -> Shown:
    """Ask about every frame, film by film; one that the budget cuts short is left out altogether."""
    bare = target.target if isinstance(target, Meter) else target
    scored = not missing(bare, Scores) and len(target.info.classes) >= _LEAST_CLASSES
    rows = _seen.rows(pictures)
    shown = Shown(pictures, y, names, np.zeros(len(pictures), dtype=np.int64))

    def one(name: str) -> dict[str, NumpyArray]:
        answers = np.zeros((len(pictures), films.FRAMES[name]), dtype=np.int64)
        distances = np.zeros(len(pictures))
        chance = _chance(trial, name)
        for i in range(0, len(pictures), rows):
            part = slice(i, i + rows)
            answers[part], distances[part] = _asked(target, pictures[part], name, chance, scored=scored)
        return {"answers": answers, "distances": distances}

    try:
        for i in range(0, len(pictures), rows):
            shown.clean[i : i + rows] = _seen.answers(target, pictures[i : i + rows])
        for name, found in _sweep.in_turn(names, one, trial):
            shown.answers[name] = found["answers"]
            if scored:
                shown.distances[name] = found["distances"]
    except BudgetSpent:
        shown.spent = True
    return shown


def _asked(
    target: Predicts, pictures: NumpyArray, name: str, chance: Sequence[np.random.Generator], *, scored: bool
) -> tuple[NumpyArray, NumpyArray]:
    """(n, frames) answers to one film of every picture, and (n,) distances where scores can be had."""
    frames = films.film(pictures, name, chance)
    if not scored:
        return np.stack([_seen.answers(target, frame) for frame in frames], axis=1), np.zeros(len(pictures))
    scores = np.stack([to_numpy(target.scores(target.encode(frame))) for frame in frames], axis=1)  # type: ignore[attr-defined]
    return scores.argmax(axis=-1), films.top5_distances(scores, to_first=name in films.NOISE)


def _chance(trial: Trial, name: str) -> list[np.random.Generator]:
    return [seeds.rng(trial.seed, "film", name, frame) for frame in range(films.FRAMES[name])]


def _again(trial: Trial, pictures: NumpyArray) -> _films.Again:
    """The film of one picture once more: chance runs on from picture to picture, so those before it are drawn too."""
    return lambda name, i: np.stack([f[i] for f in films.film(pictures[: i + 1], name, _chance(trial, name))])


def _caveats(shown: Shown) -> list[Caveat]:
    caveats = _report.few_caveats(len(shown.pictures))
    if shown.y is not None:
        caveats += _report.chance_caveats(shown.clean == shown.y, shown.y)
    if len(np.unique(shown.clean)) == 1:
        message = "every picture got the same answer: a model that ignores the picture never flips"
        caveats.append(Caveat(code="constant-answer", message=message, blocks="both"))
    if shown.spent:
        done = f"the budget ended after {len(shown.answers)} of {len(shown.names)} films: {', '.join(shown.answers)}"
        caveats.append(Caveat(code="budget-spent", message=done, blocks="pass"))
    return caveats
