"""The parts of perturbation.transcription: which clips are worth an attack, the re-check, signs of a blind search."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from array_api_compat import array_namespace, device

from momus.core.capabilities import Array, SequenceGradients, to_numpy
from momus.core.errors import BudgetSpent, ProbeError
from momus.core.evidence import Cell, Evidence, Line, Series, Table
from momus.core.probe import Trial
from momus.core.records import Caveat, Figure
from momus.core.samples import NumpyArray, Samples
from momus.methods import masking, sound, speech
from momus.methods.speech import Heard, Schedule, plain, word_errors
from momus.probes.perturbation._inputs import reserved
from momus.probes.perturbation._sound import DECIBELS, against_loudness, finite, listen


@dataclass(frozen=True)
class Clips:
    """Clips ready to be attacked. ``said`` (n,) is what the recogniser hears untouched; ``worth`` (n,) who is attacked:
    neither ``silent`` nor ``already`` heard as wanted.
    """

    samples: Samples
    x: Array
    said: NumpyArray
    silent: NumpyArray
    already: NumpyArray
    complete: bool

    @property
    def worth(self) -> NumpyArray:
        return np.flatnonzero(~self.silent & ~self.already)

    @property
    def rate(self) -> int:
        return int(self.samples.rate or 16_000)

    def at(self, index: NumpyArray) -> Array:
        """Some clips, native."""
        return self.x[array_namespace(self.x).asarray(index, device=device(self.x))]


def check_options(
    wanted: str, decibels: float, steps: int, step_size: float, shrink: float, every: int, n: int
) -> None:
    """ProbeError for an option out of range."""
    for name, value in {"steps": steps, "every": every, "n": n}.items():
        if value < 1:
            raise ProbeError(f"{name} must be at least 1, not {value}", place=f"option '{name}'")
    if not plain(wanted):
        raise ProbeError("wanted holds no word", place="option 'wanted'", hint="For example: delete all the files")
    if not (math.isfinite(decibels) and decibels <= 0):
        raise ProbeError(
            f"decibels must be a number of at most 0, not {decibels:g}",
            place="option 'decibels'",
            hint="-20 lets the change be a tenth as high as the clip; 0 as high as the clip itself",
        )
    if not 0 < shrink < 1:
        raise ProbeError(f"shrink must lie between 0 and 1, not {shrink:g}", place="option 'shrink'")
    if not (math.isfinite(step_size) and step_size > 0):
        raise ProbeError(f"step_size must be more than 0, not {step_size:g}", place="option 'step_size'")


def ready(target: SequenceGradients, trial: Trial, wanted: str, n: int) -> Clips:
    """Draws at most ``n`` clips and asks what the recogniser hears in them.

    Raises ProbeError for data that are no sound, or of another rate than the target hears.
    """
    samples = trial.samples("test")
    if not samples.is_sound:
        raise ProbeError(
            "the test data are no sound", place=samples.name, hint="Name a folder of WAV files on the card"
        )
    if target.info.rate and samples.rate != target.info.rate:
        raise ProbeError(
            f"the clips have {samples.rate} Hz, the target hears {target.info.rate} Hz",
            place=samples.name,
            hint="Say input.rate on the target: clips are then resampled to it",
        )
    if trial.budget.queries is not None:
        n = max(1, min(n, trial.budget.queries // 3))
    samples = samples.sample(n, trial.rng)
    x = target.encode(samples.x)
    if not bool(np.isfinite(to_numpy(x)).all()):
        raise ProbeError("the clips contain NaN or infinity", place=samples.name, hint="Clean the data first")
    said, complete = np.zeros(0, dtype=object), True
    try:
        said = target.generate(x) if len(x) else said
    except BudgetSpent:
        complete = False
    samples, x = samples.take(slice(0, len(said))), x[: len(said)]
    silent = to_numpy(sound.peaks(x)) <= sound.QUIETEST if len(said) else np.zeros(0, dtype=bool)
    already = np.array([plain(str(t)) == plain(wanted) for t in said], dtype=bool)
    return Clips(samples, x, said, silent, already, complete)


def attack(
    target: SequenceGradients,
    trial: Trial,
    clips: Clips,
    index: NumpyArray,
    wanted: str,
    schedule: Schedule,
    share: float,
) -> Heard:
    """The search on some clips; ``share`` of the progress bar is what it fills."""
    ask = reserved(trial, len(clips.worth))
    x = clips.at(index)
    texts = [wanted] * len(index)

    def pull(point: Array, rows: NumpyArray) -> tuple[Array, Array]:
        ask(len(point))
        return target.sequence_gradient(point, [texts[i] for i in rows])

    def hear(point: Array) -> NumpyArray:
        ask(len(point))
        return target.generate(point)

    allowed = sound.within(sound.lengths(to_numpy(x)), x)
    start = 0.05 if share > 0.5 else 0.75
    return speech.transcribe_as(
        pull, hear, x, texts, schedule, allowed=allowed,
        progress=lambda done: trial.progress(start + share * done, "drawing the change in"),
    )  # fmt: skip


@dataclass(frozen=True)
class Checked:
    """What stood up to a fresh look. ``won`` and ``heard`` (m,) over the attacked clips, in their order."""

    won: NumpyArray
    heard: NumpyArray
    level: NumpyArray
    ratio: NumpyArray
    broken: int
    unconfirmed: int
    asked: bool


def recheck(target: SequenceGradients, clips: Clips, found: Heard, wanted: str, bound: float) -> Checked:
    """Every claimed success as a 16-bit file holds it, read back and heard again, and held against the rules."""
    x0 = to_numpy(clips.at(clips.worth)).astype(np.float64)
    x = to_numpy(found.x).astype(np.float64)
    change = x - x0
    level, ratio = sound.loudness(change, x0), sound.signal_to_noise(change, x0)
    edge = bound * np.abs(x0).max(axis=1, initial=0.0) * (1 + 1e-5) + 1e-7
    after = np.arange(x.shape[1])[None, :] >= sound.lengths(x0)[:, None]
    legal = (
        np.isfinite(x).all(axis=1)
        & (np.abs(change).max(axis=1, initial=0.0) <= edge)
        & (np.abs(x).max(axis=1, initial=0.0) <= 1 + 1e-6)
        & ~((change != 0) & after).any(axis=1)
    )
    heard = clips.said[clips.worth].copy()
    claimed = np.flatnonzero(found.won)
    won, asked = found.won.copy(), True
    if len(claimed):
        saved = np.rint(x[claimed] * sound.STEPS).clip(-sound.STEPS, sound.STEPS - 1) / sound.STEPS
        try:
            heard[claimed] = target.generate(target.encode(saved.astype(np.float32)))
            won[claimed] = [plain(str(t)) == plain(wanted) for t in heard[claimed]]
        except BudgetSpent:
            asked = False
            heard[claimed] = wanted
    failed = int((found.won & ~won & legal).sum())
    return Checked(won & legal, heard, level, ratio, int((found.won & ~legal).sum()), failed, asked)


def signs(
    target: SequenceGradients, trial: Trial, clips: Clips, found: Heard, wanted: str, schedule: Schedule
) -> tuple[Caveat, ...]:
    """Signs that the search was blind: dead gradients, random answers, words that no change whatever brings about."""
    seen: list[Caveat | None] = [
        masking.flat_gradients(found.flat),
        masking.randomised(target.info.randomised),
    ]
    if len(clips.said) > 1 and len({plain(str(t)) for t in clips.said}) == 1:
        message = "the recogniser hears the same in every clip: it may not listen at all"
        seen.append(Caveat(code="constant-output", message=message))
    left = np.flatnonzero(~found.won)
    if len(left) and found.complete and schedule.bound < 1:
        few = clips.worth[left[:3]]
        loud = Schedule(bound=1.0, shrink=0.5, steps=min(schedule.steps, 100), size=0.05, every=schedule.every)
        wide = attack(target, trial, clips, few, wanted, loud, 0.2)
        if not wide.complete:
            message = "no budget was left to try a change as loud as the clip"
            seen.append(Caveat(code="masking-unchecked", message=message))
        elif not wide.won.any():
            message = f"even a change as loud as the clip did not bring the recogniser to hear '{wanted}'"
            seen.append(Caveat(code="loud-change-fails", message=f"{message}: it may be unable to say it"))
    return masking.present(seen)


def caveats(clips: Clips, found: Heard, checked: Checked) -> list[Caveat]:
    """Everything that a reader must know beside the number."""
    out: list[Caveat] = []
    n = len(clips.worth)
    if n < 2:
        out.append(Caveat(code="too-few-samples", message=f"{n} clips say nothing", blocks="both"))
    if clips.silent.any():
        k = int(clips.silent.sum())
        message = f"{k} of {len(clips.said)} clips {'is' if k == 1 else 'are'} silent: nothing to hide a change in"
        out.append(Caveat(code="nothing-to-hide-in", message=message, blocks="none" if n else "both"))
    if clips.already.any():
        message = f"{int(clips.already.sum())} clips are heard as the wanted text untouched and were left out"
        out.append(Caveat(code="already-wanted", message=message, blocks="none"))
    if not (found.complete and clips.complete):
        out.append(
            Caveat(code="budget-spent", message="the budget ended before the attack: a longer one may find more")
        )
    if not checked.asked:
        message = "the budget left no query to confirm the clips"
        out.append(Caveat(code="not-rechecked", message=message, blocks="none"))
    if checked.broken:
        message = f"{checked.broken} clips that left the bound or the range were not counted"
        out.append(Caveat(code="examples-broke-rules", message=message))
    if checked.unconfirmed:
        message = f"{checked.unconfirmed} clips were heard as wanted once and not when asked again"
        out.append(Caveat(code="examples-not-confirmed", message=message))
    return out


def figures(clips: Clips, found: Heard, checked: Checked, wanted: str) -> list[Figure]:
    """Loudness, steps and word errors beside the rate of success."""
    won, n = checked.won, len(clips.worth)
    out = [Figure(name="silent_clips", value=float(clips.silent.sum()), note="left out: there is nothing to hide in")]
    if won.any():
        k = int(won.sum())
        level, ratio, first = checked.level[won], checked.ratio[won], found.first[won]
        note = "loudest sample of the change against the loudest of the clip, of the successes"
        out += [
            Figure(name="median_decibels", value=float(np.median(level)), n=k, note=note),
            Figure(name="mean_decibels", value=float(np.mean(level)), n=k, note=note),
            Figure(name="median_signal_to_noise", value=float(np.median(ratio)), n=k, note="dB, of the successes"),
            Figure(name="median_steps", value=float(np.median(first)), n=k, note="until first heard as wanted"),
        ]
    if n:
        errors = float(np.mean([word_errors(str(t), wanted) for t in checked.heard]))
        note = "of what is heard after the attack, against the wanted text"
        out.append(Figure(name="word_error_rate", value=errors, n=n, note=note))
    y = clips.samples.y
    if y is not None and y.dtype == object and len(y):
        errors = float(np.mean([word_errors(str(a), str(b)) for a, b in zip(clips.said, y, strict=True)]))
        out.append(Figure(name="clean_word_error_rate", value=errors, n=len(y), note="untouched, against the data"))
    return out


def evidence(clips: Clips, found: Heard, checked: Checked, decibels: float) -> list[Evidence]:
    """The table of clips, the course of the search, success against loudness, and clips to listen to."""
    rows: list[tuple[Cell, ...]] = []
    for k, i in enumerate(clips.worth):
        ok, first = bool(checked.won[k]), int(found.first[k])
        level, ratio = (finite(v[k]) if ok else None for v in (checked.level, checked.ratio))
        rows.append(
            (int(i), str(clips.said[i])[:120], str(checked.heard[k])[:120], level, ratio, first if ok else None)
        )
    names = ("clip", "heard untouched", "heard after the attack", "change (dB)", "signal to noise (dB)", "steps")
    out: list[Evidence] = [Table(title="What is heard", note=DECIBELS, columns=names, rows=tuple(rows))]
    out += _course(clips, found)
    curve = against_loudness(checked.level[checked.won], len(clips.worth), decibels, "heard as wanted")
    index = np.flatnonzero(checked.won)
    before, after = to_numpy(clips.at(clips.worth[index])), to_numpy(found.x)[index]
    return [*out, *([curve] if curve else []), *listen([int(i) for i in clips.worth[index]], before, after, clips.rate)]


def _course(clips: Clips, found: Heard) -> list[Evidence]:
    """Loss and bound against steps, a line a clip, at most six."""
    if not found.loss:
        return []
    loss, bound = np.array(found.loss), 20 * np.log10(np.maximum(np.array(found.bounds), 1e-6))
    at = np.unique(np.linspace(0, len(loss) - 1, 60).astype(int))
    few = range(min(6, loss.shape[1]))

    def lines(values: NumpyArray) -> tuple[Line, ...]:
        steps = tuple(float(a) for a in at)
        return tuple(
            Line(name=f"clip {int(clips.worth[k])}", x=steps, y=tuple(np.nan_to_num(values[at, k]).tolist()))
            for k in few
        )

    return [
        Series(
            title="Loss of the wanted text", x_label="step", y_label="nats a token", lines=lines(loss),
            note="it rises again each time the bound is drawn in",
        ),
        Series(title="Bound on the change", x_label="step", y_label="dB", lines=lines(bound)),
    ]  # fmt: skip
