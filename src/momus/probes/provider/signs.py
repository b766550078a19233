"""Pull the signs of the parameters towards the bits of training records, during the user's own training."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from momus.core import seeds
from momus.core.capabilities import Parameters, TrainsUnder
from momus.core.probe import Trial, probe
from momus.core.records import Knowledge, Measurement
from momus.methods import hidden_data
from momus.methods.hidden_audit import Attempt
from momus.methods.hidden_records import Records
from momus.probes.provider import _audit, _pulling


class Needs(TrainsUnder, Parameters, Protocol):
    """Answers, can be trained under a foreign term, and its numbers can be read."""


@probe(
    knowledge=Knowledge.WHITE_BOX,
    data=("train", "test"),
    metric="records_taken",
    worse="higher",
    unit="records",
    source="arXiv:1709.07886",
    cost="n_test rows (at most 5,000), and three clean trainings and one for each planting",
    tasks=("classifier",),
    modalities=("image", "table", "text"),
)
def signs(
    target: Needs,
    trial: Trial,
    *,
    records: int = 200,
    tolerated: float = 0.01,
    trainings: int = 8,
    strength: float = 20.0,
    repeat: int = 1,
    depth: int = 4,
    side: int = 24,
) -> Measurement:
    """Hide training records in the signs of the parameters and read them back.

    Measures
        How many training records come back from the signs of a model whose training was pulled towards their bits,
        while it loses no more than the tolerated accuracy beside clean trainings, or than these differ by.
    Why it matters
        The code that trains the model is trusted with the data and with the model. It needs no line that copies data
        anywhere: one more term in the loss, and the model that leaves the house carries the records.
    Options
        records: most records sent. tolerated: accuracy lost that would go unnoticed. trainings: most plantings tried.
        strength: the first pull tried, as the weight of the mean penalty; stronger and weaker ones follow.
        repeat: how many copies of each bit vote. depth, side: as for provider.low_bits.
    Returns
        records_taken, those known again among all decoys, with an interval for as many of the same kind; figures on
        their quality, bit_error, the price in accuracy with an interval, and records_after[...] each way to clean the
        parameters.
    Raises
        ProbeError for an option out of range; TargetError where the training hook uses no optimiser of PyTorch.
    Cost
        The model is asked for the test rows once; trainings are the tester's own and count in seconds.
    A pass means little when
        The hook trains another kind of model than the one given, or the pull was never strong enough to be noticed
        (both are said in caveats).
    Source
        Song, Ristenpart, Shmatikov 2017 (arXiv:1709.07886), section on sign encoding.
    """
    setting = _audit.prepare(target, trial, tolerated, records, depth, side)
    _pulling.check(trainings, strength, repeat)
    if not setting.usable:
        return setting.nothing()
    seed = seeds.derive(trial.seed, "training") % 2**31
    if not _audit.retrained(setting, target, seed):
        return setting.nothing(_pulling.no_time())

    def read(model: Any, sent: Records) -> tuple[Records, float, None]:
        bits = hidden_data.to_bits(sent.values, sent.widths)
        found = hidden_data.get_signs(hidden_data.laid_out(model.parameters()), repeat * len(bits))
        found = hidden_data.voted(found, repeat)
        return sent.holding(hidden_data.from_bits(found, sent.widths)), hidden_data.error_rate(found, bits), None

    room = sum(np.asarray(v).size for v in target.parameters().values()) // repeat
    full = setting.fitting(room, setting.queue.bits)

    def attempt(pull: float, share: float) -> Attempt:
        sent = setting.sending(round(share * full))
        bits = hidden_data.to_bits(sent.values, sent.widths)
        term = hidden_data.sign_term(hidden_data.repeated(bits, repeat), pull, _pulling.MARGIN)
        made = target.retrain_under(setting.train.x, np.asarray(setting.train.y), seed=seed, term=term)
        got, damage, _ = read(made, sent)
        return setting.attempt(pull, made, got, sent, bits=len(bits), damage=damage)

    return _pulling.measured(setting, attempt, lambda m, sent: read(m, sent)[0], strength, trainings, room)
