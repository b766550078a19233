"""What an attack on sound looks like: clips to listen to, how loud the change is, and when."""

from __future__ import annotations

import re

import numpy as np
from array_api_compat import array_namespace, device

from momus.core.capabilities import Array, Predicts, to_numpy
from momus.core.evidence import Attachment, Cell, Line, Series, Table
from momus.core.records import Caveat, Figure
from momus.core.samples import NumpyArray
from momus.methods import sound
from momus.probes.perturbation._inputs import Inputs

SHOWN = 3
LONGEST = 30  # seconds of a clip that go into the report


def sounds(
    _target: Predicts, inputs: Inputs, x: Array, won: NumpyArray, labels: NumpyArray
) -> list[Table | Series | Attachment]:
    """For the successes of pgd, square and their kin: how loud each change is, and a few clips to listen to."""
    index = np.flatnonzero(won)
    if not len(index):
        return []
    before, after = _rows(inputs.at(inputs.chosen)[0], index), _rows(x, index)
    level, ratio = sound.loudness(after - before, before), sound.signal_to_noise(after - before, before)
    rows: list[tuple[Cell, ...]] = []
    for i, j in enumerate(index):
        was, now = (_name(inputs, v) for v in (inputs.answers[inputs.chosen][j], labels[j]))
        rows.append((int(inputs.chosen[j]), was, now, finite(level[i]), finite(ratio[i])))
    table = Table(
        title="Clips that were turned, and how loud the change is",
        note=DECIBELS,
        columns=("clip", "decision", "changed to", "change (dB)", "signal to noise (dB)"),
        rows=tuple(rows[:20]),
    )
    few = _of_each(index, np.asarray(labels)[index])
    rate = inputs.samples.rate or 16_000
    return [table, *listen([int(inputs.chosen[index[i]]) for i in few], before[few], after[few], rate)]


def how_loud(inputs: Inputs, x: Array, won: NumpyArray) -> list[Figure]:
    """Loudness of the changes that turned a clip; nothing for other inputs than sound."""
    index = np.flatnonzero(won)
    if inputs.modality != "audio" or not len(index):
        return []
    before, after = _rows(inputs.at(inputs.chosen)[0], index), _rows(x, index)
    level, ratio = sound.loudness(after - before, before), sound.signal_to_noise(after - before, before)
    note = "loudest sample of the change against the loudest of the clip"
    found = [("median_decibels", level, note), ("median_signal_to_noise", ratio, "dB, energy of clip over change")]
    numbers = [(name, float(np.median(v)), n) for name, v, n in found]
    return [Figure(name=name, value=v, n=len(index), note=n) for name, v, n in numbers if np.isfinite(v)]


def silence(inputs: Inputs) -> list[Caveat]:
    """A caveat where clips are silent: an attacker may not change what fills a clip up, and here that is all of it."""
    silent = to_numpy(sound.peaks(inputs.at(inputs.chosen)[0])) == 0 if len(inputs.chosen) else np.zeros(0)
    if not silent.any():
        return []
    message = f"{int(silent.sum())} of {len(silent)} clips are silent: there is nothing to hide a change in"
    return [Caveat(code="nothing-to-hide-in", message=message, blocks="both" if silent.all() else "none")]


DECIBELS = (
    "change: the loudest sample of the change against the loudest of the clip; -20 dB is a tenth of its height, -40 dB "
    "a hundredth"
)


def listen(names: list[int], before: NumpyArray, after: NumpyArray, rate: int) -> list[Series | Attachment]:
    """Envelopes of the first clip and its change, and WAV files of the first few before and after."""
    out: list[Series | Attachment] = []
    ends = sound.lengths(before)
    for name, a, b, end in list(zip(names, before, after, ends, strict=True))[:SHOWN]:
        end = min(int(end), LONGEST * rate)
        if not out:
            out.append(_over_time(name, a[:end], b[:end], rate))
        for kind, clip in (("original", a), ("changed", b)):
            file = f"clip-{name}-{kind}.wav"
            out.append(
                Attachment(title=f"Clip {name}, {kind}", name=file, media="audio/wav", data=sound.wav(clip[:end], rate))
            )
    return out


def _over_time(name: int, before: NumpyArray, after: NumpyArray, rate: int) -> Series:
    seconds, own = sound.envelope(before, rate)
    _, added = sound.envelope(after - before, rate)
    at = tuple(float(s) for s in seconds)
    return Series(
        title=f"Clip {name}: how loud the clip and the change are",
        note="largest sample of each moment; 0 dB is full scale",
        x_label="seconds",
        y_label="dB of full scale",
        lines=(Line(name="clip", x=at, y=tuple(own.tolist())), Line(name="change", x=at, y=tuple(added.tolist()))),
    )


def against_loudness(levels: NumpyArray, n: int, most: float, what: str) -> Series | None:
    """Share of ``n`` clips that fall to a change of at most so many dB; ``levels`` of the successes."""
    if not n:
        return None
    low = min(float(np.floor(levels.min() / 5) * 5) if len(levels) else most - 20, most - 5)
    grid = np.linspace(low, most, 26)
    share = [(levels <= g + 1e-6).sum() / n for g in grid]
    return Series(
        title="Success against loudness of the change",
        note="lower bounds: a longer search may get by with less",
        x_label="loudness of the change (dB against the clip's loudest sample)",
        y_label="share of all clips",
        lines=(Line(name=what, x=tuple(grid.tolist()), y=tuple(float(s) for s in share)),),
    )


def finite(value: float) -> Cell:
    """A number for a table, rounded; None where it is infinite."""
    return round(float(value), 1) if np.isfinite(value) else None


def slug(text: str) -> str:
    """A text as a part of a file name."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:40] or "text"


def _rows(x: Array, index: NumpyArray) -> NumpyArray:
    return to_numpy(x[array_namespace(x).asarray(index, device=device(x))]).astype(np.float64)


def _of_each(index: NumpyArray, labels: NumpyArray) -> NumpyArray:
    """Positions of up to SHOWN successes, of different outcomes where there are any."""
    _, first = np.unique(labels, return_index=True)
    order = np.concatenate([np.sort(first), np.setdiff1d(np.arange(len(index)), first)]).astype(int)
    return np.asarray(order[:SHOWN])


def _name(inputs: Inputs, answer: float) -> str:
    if not inputs.classes:
        return f"{answer:.4g}"
    classes, label = inputs.samples.classes, int(answer)
    return classes[label] if 0 <= label < len(classes) else f"class {label}"
