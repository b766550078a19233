"""The 15 common corruptions of ImageNet-C on the user's own pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from momus.core import seeds
from momus.core.capabilities import Predicts, to_numpy
from momus.core.errors import BudgetSpent, ProbeError
from momus.core.probe import Trial, probe
from momus.core.records import Caveat, Interval, Knowledge, Measurement, Scalar
from momus.core.samples import NumpyArray, Samples
from momus.methods.corrupt import severities as tables
from momus.methods.corrupt.image import NAMES, corrupt
from momus.probes.corruption import _choice, _report

_VALUES = 10_000_000  # pixel values handed to the target at once, at most


@dataclass
class Sweep:
    """What was asked: ``clean`` (n,) and ``right[corruption]`` (severities, n), True where the target was right."""

    pictures: NumpyArray
    y: NumpyArray
    levels: tuple[int, ...]
    clean: NumpyArray
    right: dict[str, NumpyArray]
    spent: bool = False

    @property
    def table(self) -> str:
        return "small" if tables.is_small(self.pictures.shape[1], self.pictures.shape[2], "auto") else "photo"


@probe(
    knowledge=Knowledge.NONE,
    data=("test",),
    metric="retention",
    worse="lower",
    source="arXiv:1903.12261",
    cost="n (15 x 5 + 1) rows",
    tasks=("classifier",),
    modalities=("image",),
)
def image(
    target: Predicts,
    trial: Trial,
    *,
    corruptions: str | Sequence[str] = "all",
    severities: str | int | Sequence[int] = "1,2,3,4,5",
    n: int = 500,
) -> Measurement:
    """Share of its accuracy that a classifier keeps under noise, blur, weather and digital damage.

    Measures
        Accuracy on corrupted pictures, mean over the chosen corruptions and severities, divided by accuracy on the
        clean ones. 1 means that nothing was lost.
    Why it matters
        Nobody attacks, yet rain, a smeared lens or a cheap encoder makes the model wrong where its test set, taken in
        good conditions, said it was right.
    Options
        corruptions: names or families (noise, blur, weather, digital), listed or comma-separated, or all. severities:
        any of 1 to 5. n: pictures used at most, 1 and up.
    Returns
        retention with a bootstrap interval over pictures (all corruptions of a picture stay together); figures
        clean_accuracy, mean_corruption_error and added_error (unnormalised, in [0, 1]) and error.<corruption>; where
        the target has the 1,000 ImageNet classes and all 15 x 5 were run also mce and relative_mce (percent, AlexNet
        is 100).
    Raises
        ProbeError for data that are not labelled pictures and for unknown corruptions or severities.
    Cost
        n (corruptions x severities + 1) rows.
    A pass means little when
        The pictures at hand are few or already damaged; when the real damage is of another kind; when only mild
        severities were chosen. Pictures are corrupted at the size at which the model sees them, after its own resizing
        and cropping, in memory: the numbers differ from those on the published JPEG files.
    Source
        Hendrycks & Dietterich 2019, arXiv:1903.12261.
    """
    names, levels = _choice.names(corruptions), _choice.levels(severities)
    samples = trial.samples("test").sample(max(int(n), 1), trial.rng)
    scope: dict[str, Scalar] = {"corruptions": _choice.worded(names), "severities": ",".join(map(str, levels))}
    scope["pictures"] = len(samples)
    if samples.y is None or not samples.is_image:
        raise ProbeError("corruption.image needs labelled pictures (n, height, width, channels)")
    if len(samples) < 2:
        few = Caveat(code="too-few-samples", message=f"{len(samples)} pictures cannot show anything", blocks="both")
        return trial.measurement(0.0, Interval(low=0.0, high=1.0), len(samples), scope=scope, caveats=[few])
    sweep = _sweep(target, trial, samples, names, levels)
    if not sweep.right:
        message = "the budget ended before one corruption was complete"
        spent = Caveat(code="budget-spent", message=message, blocks="both")
        return trial.measurement(0.0, Interval(low=0.0, high=1.0), len(samples), scope=scope, caveats=[spent])
    classes = target.info.classes or samples.classes
    value, ci, figures = _report.numbers(sweep.clean, sweep.right, levels, len(classes), trial.rng)
    return trial.measurement(
        value,
        ci,
        len(samples),
        scope={**scope, "table": sweep.table, "corruptions_done": len(sweep.right)},
        figures=figures,
        evidence=[
            *_report.charts(sweep.clean, sweep.right, levels),
            *_report.pictures(sweep.pictures, sweep.y, sweep.clean, sweep.right, levels, classes, _again(trial)),
        ],
        caveats=_caveats(sweep, names, levels),
    )


def _sweep(target: Predicts, trial: Trial, samples: Samples, names: Sequence[str], levels: tuple[int, ...]) -> Sweep:
    """Ask the target, corruption by corruption; one that the budget cuts short is left out altogether."""
    y = np.asarray(samples.y).astype(np.int64)
    pictures = _seen(target, samples.x)
    rows = _rows(pictures)
    sweep = Sweep(pictures, y, levels, np.zeros(len(y), dtype=bool), {})
    try:
        for i in range(0, len(y), rows):
            sweep.clean[i : i + rows] = _right(target, pictures[i : i + rows], y[i : i + rows])
        for done, name in enumerate(names):
            right = np.zeros((len(levels), len(y)), dtype=bool)
            for k, severity in enumerate(levels):
                rng = _cell(trial, name, severity)
                for i in range(0, len(y), rows):
                    damaged = corrupt(pictures[i : i + rows], name, severity, rng)
                    right[k, i : i + rows] = _right(target, damaged, y[i : i + rows])
            sweep.right[name] = right
            trial.progress((done + 1) / len(names), name)
    except BudgetSpent:
        sweep.spent = True
    return sweep


def _seen(target: Predicts, x: NumpyArray) -> NumpyArray:
    """(n, h, w, c) uint8: the pictures at the size at which the target sees them."""
    parts = []
    for i in range(0, len(x), _rows(x)):
        part = np.asarray(target.decode(target.encode(x[i : i + _rows(x)])))
        if part.dtype != np.uint8:
            unit = part.size == 0 or float(part.max()) <= 1.0
            part = np.rint(np.clip(part * (255.0 if unit else 1.0), 0, 255)).astype(np.uint8)
        parts.append(part)
    return np.concatenate(parts)


def _rows(x: NumpyArray) -> int:
    return int(np.clip(_VALUES // max(1, x[0].size), 1, 512))


def _right(target: Predicts, pictures: NumpyArray, y: NumpyArray) -> NumpyArray:
    found: NumpyArray = to_numpy(target.predict(target.encode(pictures))).astype(np.int64) == y
    return found


def _cell(trial: Trial, name: str, severity: int) -> np.random.Generator:
    """Chance of one cell: the same whatever else is chosen, so that subsets agree with the full sweep."""
    return seeds.rng(trial.seed, name, severity)


def _again(trial: Trial) -> _report.Damage:
    return lambda pictures, name, severity: corrupt(pictures, name, severity, _cell(trial, name, severity))


def _caveats(sweep: Sweep, names: Sequence[str], levels: tuple[int, ...]) -> list[Caveat]:
    caveats = _report.chance_caveats(sweep.clean, sweep.y)
    if sweep.spent:
        done = f"the budget ended after {len(sweep.right)} of {len(names)} corruptions: {', '.join(sweep.right)}"
        caveats.append(Caveat(code="budget-spent", message=done, blocks="pass"))
    elif len(names) < len(NAMES) or len(levels) < 5:
        part = f"{len(names)} of 15 corruptions, severities {', '.join(map(str, levels))}: not the whole benchmark"
        caveats.append(Caveat(code="subset", message=part, blocks="none"))
    return caveats
