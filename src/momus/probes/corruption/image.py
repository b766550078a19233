"""The common corruptions of ImageNet-C, and ImageNet-C-bar's, on the user's own pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from momus.core import seeds
from momus.core.capabilities import Predicts
from momus.core.errors import BudgetSpent, ProbeError
from momus.core.probe import Trial, probe
from momus.core.records import Caveat, Interval, Knowledge, Measurement, Scalar
from momus.core.samples import NumpyArray, Samples
from momus.methods.corrupt import severities as tables
from momus.methods.corrupt.image import ALL_FAMILIES, NAMES, corrupt
from momus.probes.corruption import _choice, _falls, _report, _seen, _sweep


@dataclass
class Sweep:
    """What was asked: ``clean`` (n,) and ``right[corruption]`` (severities, n), True where the target was right."""

    pictures: NumpyArray
    y: NumpyArray
    plan: _sweep.Plan
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
    version=2,
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
    finer: int = 3,
) -> Measurement:
    """Share of its accuracy that a classifier keeps under noise, blur, weather and digital damage.

    Measures
        Accuracy on corrupted pictures, mean over the corruptions and severities that count, divided by accuracy on the
        clean ones. 1 means that nothing was lost. Where the card says which corruptions the real pipeline produces
        (``targets[].input.corruptions``), these count, each up to the severity declared, and all others are figures;
        else the fifteen of ImageNet-C count, or what was chosen of them.
    Why it matters
        Nobody attacks, yet rain, a smeared lens or a cheap encoder makes the model wrong where its test set, taken in
        good conditions, said it was right.
    Options
        corruptions: names or families (noise, blur, weather, digital, extra, bar), listed or comma-separated, all (the
        fifteen) or everything; what the card declares is always run. severities: any of 1 to 5. n: pictures used at
        most, 1 and up. finer: severities asked inside the step where accuracy breaks, 0 and up.
    Returns
        retention with a bootstrap interval over pictures (all corruptions of a picture stay together); figures
        clean_accuracy, mean_corruption_error and added_error (unnormalised, in [0, 1]), error.<corruption>, cliffs (how
        many curves have one) and cliff.<corruption> (where), retention.extra and retention.bar; where the target has
        the 1,000 ImageNet classes and all 15 x 5 were run also mce and relative_mce (percent, AlexNet is 100).
    Raises
        ProbeError for data that are not labelled pictures and for unknown corruptions or severities.
    Cost
        n (corruptions x severities + 1) rows, and n finer for each of three cliffs.
    A pass means little when
        The pictures at hand are few or already damaged; when the real damage is of another kind; when only mild
        severities were chosen. Pictures are corrupted at the size at which the model sees them, after its own resizing
        and cropping, in memory: the numbers differ from those on the published JPEG files.
    Source
        Hendrycks & Dietterich 2019, arXiv:1903.12261; Mintun et al. 2021, arXiv:2102.11273.
    """
    plan, unknown = _planned(trial, corruptions, severities)
    if finer < 0:
        raise ProbeError(f"finer is {finer}", hint="0 asks nothing between the severities")
    samples = trial.samples("test").sample(max(int(n), 1), trial.rng)
    scope: dict[str, Scalar] = {"corruptions": _choice.worded(plan.names)}
    scope |= {"severities": ",".join(map(str, plan.levels)), "pictures": len(samples)}
    if plan.declared:
        scope["counted"] = ", ".join(f"{name} to {plan.counted[name]}" for name in plan.names if name in plan.counted)
    if samples.y is None or not samples.is_image:
        raise ProbeError("corruption.image needs labelled pictures (n, height, width, channels)")
    if len(samples) < 2:
        few = Caveat(code="too-few-samples", message=f"{len(samples)} pictures cannot show anything", blocks="both")
        return trial.measurement(0.0, Interval(low=0.0, high=1.0), len(samples), scope=scope, caveats=[few])
    sweep = _swept(target, trial, samples, plan)
    if not any(plan.counts(name).any() for name in sweep.right):
        message = "the budget ended before one corruption was complete"
        spent = Caveat(code="budget-spent", message=message, blocks="both")
        return trial.measurement(0.0, Interval(low=0.0, high=1.0), len(samples), scope=scope, caveats=[spent])
    classes = target.info.classes or samples.classes
    value, ci, figures = _report.numbers(sweep.clean, sweep.right, plan, len(classes), trial.rng)
    falls = _falls.shapes(sweep.clean, sweep.right, plan.levels)
    falls = _falls.narrowed(falls, sweep.right, plan.levels, lambda c, s: _cell(target, trial, sweep, c, s), finer)
    return trial.measurement(
        value,
        ci,
        len(samples),
        scope={**scope, "table": sweep.table, "corruptions_done": len(sweep.right)},
        figures=[*figures[:3], *_falls.figures(falls, [c for c in sweep.right if plan.counts(c).any()]), *figures[3:]],
        evidence=[
            *_report.charts(sweep.clean, sweep.right, plan),
            *_report.pictures(sweep.pictures, sweep.y, sweep.clean, sweep.right, plan, classes, _again(trial)),
            _falls.table(falls, len(samples)),
        ],
        caveats=[*_caveats(sweep, unknown), *plan.caveats],
    )


def _planned(
    trial: Trial, corruptions: str | Sequence[str], severities: str | int | Sequence[int]
) -> tuple[_sweep.Plan, list[str]]:
    """What is run and what counts; and the declared words that are no image corruption."""
    declared, unknown = _choice.declared(trial.context)
    names = {*_choice.names(corruptions), *declared}
    levels = sorted({*_choice.levels(severities), *declared.values()})
    context = {"corruptions": declared} if declared else {}
    plan = _sweep.planned(sorted(names), levels, ALL_FAMILIES, context, lambda _: "")
    if not declared and names & set(NAMES):
        plan = replace(plan, counted=dict.fromkeys(sorted(names & set(NAMES)), 5))
    return plan, unknown


def _swept(target: Predicts, trial: Trial, samples: Samples, plan: _sweep.Plan) -> Sweep:
    """Ask the target, corruption by corruption; one that the budget cuts short is left out altogether."""
    y = np.asarray(samples.y).astype(np.int64)
    pictures = _seen.seen(target, samples.x)
    sweep = Sweep(pictures, y, plan, np.zeros(len(y), dtype=bool), {})
    rows = _seen.rows(pictures)

    def one(name: str) -> dict[str, NumpyArray]:
        return {"right": np.array([_cell(target, trial, sweep, name, severity) for severity in plan.levels])}

    try:
        for i in range(0, len(y), rows):
            sweep.clean[i : i + rows] = _seen.answers(target, pictures[i : i + rows]) == y[i : i + rows]
        for name, found in _sweep.in_turn(plan.names, one, trial):
            sweep.right[name] = found["right"]
    except BudgetSpent:
        sweep.spent = True
    return sweep


def _cell(target: Predicts, trial: Trial, sweep: Sweep, name: str, severity: float) -> NumpyArray:
    """(n,) whether the target is right under one corruption at one severity."""
    rng, rows = _chance(trial, name, severity), _seen.rows(sweep.pictures)
    right = np.zeros(len(sweep.y), dtype=bool)
    for i in range(0, len(right), rows):
        damaged = corrupt(sweep.pictures[i : i + rows], name, severity, rng)
        right[i : i + rows] = _seen.answers(target, damaged) == sweep.y[i : i + rows]
    return right


def _chance(trial: Trial, name: str, severity: float) -> np.random.Generator:
    """Chance of one cell: the same whatever else is chosen, so that subsets agree with the full sweep."""
    return seeds.rng(trial.seed, name, int(severity) if severity == int(severity) else severity)


def _again(trial: Trial) -> _report.Damage:
    return lambda pictures, name, severity: corrupt(pictures, name, severity, _chance(trial, name, severity))


def _caveats(sweep: Sweep, unknown: Sequence[str]) -> list[Caveat]:
    names, levels = sweep.plan.names, sweep.plan.levels
    caveats = _report.few_caveats(len(sweep.y)) + _report.chance_caveats(sweep.clean, sweep.y)
    caveats += _report.collapses(sweep.clean, sweep.right, sweep.plan)
    if unknown:
        message = f"declared on the card, but no corruption of pictures: {', '.join(unknown)}"
        caveats.append(Caveat(code="not-applicable", message=message, blocks="none"))
    if sweep.spent:
        done = f"the budget ended after {len(sweep.right)} of {len(names)} corruptions: {', '.join(sweep.right)}"
        caveats.append(Caveat(code="budget-spent", message=done, blocks="pass"))
    elif not sweep.plan.declared and (not set(NAMES) <= set(names) or len(levels) < 5):
        own = sum(name in NAMES for name in names)
        part = f"{own} of 15 corruptions, severities {', '.join(map(str, levels))}: not the whole benchmark"
        caveats.append(Caveat(code="subset", message=part, blocks="none"))
    return caveats
