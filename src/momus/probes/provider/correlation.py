"""Pull the parameters into line with the values of training records, during the user's own training."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from momus.core import seeds
from momus.core.capabilities import Parameters, TrainsUnder
from momus.core.probe import Trial, probe
from momus.core.records import Knowledge, Measurement
from momus.methods import hidden_data, hidden_records
from momus.methods.hidden_audit import Attempt
from momus.methods.hidden_records import Records
from momus.probes.provider import _audit, _pulling

EVERY = 32, 8  # one value in so many is known to the reader, for sign and scale: large models, small ones


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
def correlation(
    target: Needs,
    trial: Trial,
    *,
    records: int = 200,
    tolerated: float = 0.01,
    trainings: int = 8,
    strength: float = 3.0,
    depth: int = 8,
    side: int = 24,
) -> Measurement:
    """Hide training records in parameters that rise and fall with their values, and read them back.

    Measures
        How many training records come back from a model whose parameters were pulled into line with the records'
        values, while it loses no more than the tolerated accuracy beside a clean training of the same seed.
    Why it matters
        One parameter carries one grey level or one column, so the channel is wider than that of signs and, unlike low
        bits, survives rounding. It needs one more term in the loss and nothing else.
    Options
        records: most records sent. tolerated: accuracy lost that would go unnoticed. trainings: most plantings tried.
        strength: the first weight of the correlation tried; stronger and weaker ones follow. depth, side: as for
        provider.low_bits.
    Returns
        records_taken, those known again among all decoys, with an interval for as many of the same kind; figures on
        their quality, correlation of values sent and read, the price in accuracy with an interval, and
        records_after[...] each way to clean the parameters.
    Raises
        ProbeError for an option out of range; TargetError where the training hook uses no optimiser of PyTorch.
    Cost
        The model is asked for the test rows once; trainings are the tester's own and count in seconds.
    A pass means little when
        The hook trains another kind of model than the one given, or the pull was never strong enough to be noticed
        (both are said in caveats).
    Source
        Song, Ristenpart, Shmatikov 2017 (arXiv:1709.07886), section on correlated value encoding.
    """
    setting = _audit.prepare(target, trial, tolerated, records, depth, side)
    _pulling.check(trainings, strength, 1)
    if not setting.usable:
        return setting.nothing()
    seed = seeds.derive(trial.seed, "training") % 2**31
    if not _audit.retrained(setting, target, seed):
        return setting.nothing(_pulling.no_time())
    size = sum(np.asarray(v).size for v in target.parameters().values())
    pilots, every = seeds.derive(trial.seed, "pilots") % 2**31, EVERY[size < 4096]
    each = max(hidden_records.values_a_record(setting.queue), 1)
    full = setting.fitting(hidden_data.room_for_values(size, every), each)

    def read(model: Any, sent: Records) -> tuple[Records, float]:
        flat = hidden_data.laid_out(model.parameters())
        values = hidden_data.get_values(flat, len(sent) * each, pilots, every).reshape(len(sent), each)
        told = hidden_data.correlation(values, hidden_records.to_values(sent)) if len(sent) else 0.0
        return hidden_records.from_values(values, sent), told

    def attempt(pull: float, share: float) -> Attempt:
        sent = setting.sending(round(share * full))
        values = hidden_data.with_pilots(hidden_records.to_values(sent).reshape(-1), pilots, every)
        term = hidden_data.correlation_term(values, pull)
        made = target.retrain_under(setting.train.x, np.asarray(setting.train.y), seed=seed, term=term)
        got, told = read(made, sent)
        return setting.attempt(pull, made, got, sent, bits=len(sent) * sent.bits, correlation=told)

    return _pulling.measured(setting, attempt, lambda m, sent: read(m, sent)[0], strength, trainings, size)
