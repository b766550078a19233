"""Hide training records in the low bits of the parameters: no training, nothing to see."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from momus.core import seeds
from momus.core.capabilities import Parameters, Predicts
from momus.core.probe import Trial, probe
from momus.core.records import Figure, Knowledge, Measurement
from momus.methods import hidden_audit, hidden_data, hidden_records
from momus.methods.hidden_audit import Attempt
from momus.methods.hidden_records import Records
from momus.probes.provider import _audit


class Needs(Predicts, Parameters, Protocol):
    """Answers, and its numbers can be read and exchanged."""


@probe(
    knowledge=Knowledge.WHITE_BOX,
    data=("train", "test"),
    metric="records_taken",
    worse="higher",
    unit="records",
    source="arXiv:1709.07886",
    cost="n_test rows (at most 5,000); copies with other low bits are asked as often, uncounted",
    tasks=("classifier",),
    modalities=("image", "table", "text"),
)
def low_bits(
    target: Needs, trial: Trial, *, records: int = 500, tolerated: float = 0.01, depth: int = 8, side: int = 24
) -> Measurement:
    """Hide training records in the low bits of the parameters and read them back.

    Measures
        How many training records the last bits of the model's numbers carry while it loses no more than the tolerated
        accuracy. Records are squeezed, written over the lowest bits of every mantissa, and read from the finished
        model as its receiver would.
    Why it matters
        A model computes with more digits than it needs. Whoever saves it can fill the rest, and nobody who tests it
        sees a difference: the simplest channel out of a training platform, and the widest.
    Options
        records: most records sent. tolerated: accuracy lost, as a share of the test rows, that would go unnoticed.
        depth: bits of a grey level or number (1 to 8). side: most pixels a side of a picture.
    Returns
        records_taken, those known again among all decoys, with an interval for as many of the same kind; figures on
        their quality, the price in accuracy with an interval, free_bits (lowest bits a number that can all be
        exchanged unnoticed) and records_after[...] each way to clean the parameters.
    Raises
        ProbeError for an option out of range, missing labels, or data that are no pictures, tables or texts.
    Cost
        The model is asked for the test rows once; about nine changed copies are asked for them too.
    A pass means little when
        The model's file keeps more digits than its adapter shows, or the test rows are few. It says nothing of the
        other channels.
    Source
        Song, Ristenpart, Shmatikov 2017 (arXiv:1709.07886), section on encoding in low-order bits.
    """
    setting = _audit.prepare(target, trial, tolerated, records, depth, side)
    if not setting.usable:
        return setting.nothing()
    values = {k: np.asarray(v) for k, v in target.parameters().items()}
    mantissa = hidden_audit.mantissa_of(values)
    attempts: list[Attempt] = []
    for b in _steps(mantissa):
        trial.progress(b / max(mantissa, 1), f"{b} low bits")
        attempts.append(_planted(target, setting, values, b, seeds.derive(trial.seed, "filling", b)))
    best = hidden_audit.unnoticed(attempts, tolerated)
    quiet = [int(a.strength) for a in attempts if a.cost <= tolerated + 1e-12]
    scrub = (
        _audit.scrubbed(setting, best, lambda model: _read(model, int(best.strength), setting.queue)) if best else []
    )
    free = max(quiet, default=0)
    figures = [
        Figure(name="free_bits", value=free, note=f"of {mantissa} that a mantissa has"),
        Figure(name="room_in_records", value=hidden_data.room(values, free) / max(setting.queue.bits, 1)),
        Figure(name="parameters", value=sum(v.size for v in values.values())),
    ]
    return _audit.report(setting, attempts, best, strength="low bits used", figures=figures, scrub=scrub)


def _steps(mantissa: int) -> list[int]:
    """About nine depths, dense at the top, where the accuracy goes."""
    down = [mantissa - k for k in (0, 1, 2, 3, 5, 7, 11, 15)]
    return sorted({b for b in (1, *down) if 0 < b <= mantissa})


def _planted(target: Needs, setting: _audit.Setting, values: dict[str, Any], b: int, seed: int) -> Attempt:
    """As many records as ``b`` low bits hold, the rest of the room filled with noise, which costs as much."""
    room = hidden_data.room(values, b)
    bits, count = hidden_records.packed(setting.sending(setting.most), room)
    noise = np.random.default_rng(seed).integers(0, 2, room - len(bits)).astype(np.uint8)
    model = target.with_parameters(hidden_data.put_low_bits(values, np.concatenate([bits, noise]), b))
    sent = setting.sending(count)
    found = {k: np.asarray(v) for k, v in model.parameters().items()}
    damage = hidden_data.error_rate(hidden_data.get_low_bits(found, b, len(bits)), bits)
    got = _read(model, b, setting.queue)
    return setting.attempt(float(b), model, got, sent, bits=len(bits), damage=damage)


def _read(model: Any, b: int, like: Records) -> Records:
    found = {k: np.asarray(v) for k, v in model.parameters().items()}
    return hidden_records.unpacked(hidden_data.get_low_bits(found, b), like)
