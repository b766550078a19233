"""Add made-up rows whose labels spell training records, and read them back by asking the finished model."""

from __future__ import annotations

import numpy as np

from momus.core import seeds
from momus.core.capabilities import Trains, to_numpy
from momus.core.errors import ProbeError
from momus.core.probe import Trial, probe
from momus.core.records import Caveat, Figure, Knowledge, Measurement
from momus.methods import hidden_audit, hidden_data, hidden_inputs
from momus.methods.hidden_audit import Attempt
from momus.probes.provider import _audit, _pulling, _strangers


@probe(
    knowledge=Knowledge.BLACK_BOX,
    data=("train", "test"),
    metric="records_taken",
    worse="higher",
    unit="records",
    source="arXiv:1709.07886",
    cost="n_test rows (at most 5,000), 3 clean trainings, one for each planting; made-up rows are asked of those",
    tasks=("classifier",),
    modalities=("image", "table", "text"),
)
def synthetic(
    target: Trains,
    trial: Trial,
    *,
    records: int = 200,
    tolerated: float = 0.01,
    trainings: int = 6,
    share: float = 0.5,
    repeat: int = 1,
    copies: int = 3,
    depth: int = 4,
    side: int = 24,
) -> Measurement:
    """Hide training records in the labels of made-up rows and read them back by queries.

    Measures
        How many training records come back from the labels that the finished model gives to rows which the training
        code had invented and learned along, while it loses no more than the tolerated accuracy beside a clean
        training of the same seed.
    Why it matters
        The provider needs neither the model's file nor a change to its training: rows are added, as augmentation adds
        them, and whoever may ask the model for labels reads the records out. Any kind of model can be used so.
    Options
        records: most records sent. tolerated: accuracy lost that would go unnoticed. trainings: most plantings tried.
        share: made-up rows of the first planting, as a share of the training rows; more or fewer follow.
        repeat: how many rows carry each bit and vote. copies: how often each row is laid beside the training rows.
        depth, side: as for provider.low_bits.
    Returns
        records_taken, those known again among all decoys, with an interval for as many of the same kind; figures on
        their quality, bit_error, the price in accuracy with an interval, made_up_rows, and rows_caught, the share of
        them that a filter for strange rows would drop at one honest row in a hundred.
    Raises
        ProbeError for an option out of range or one class alone; TargetError where the training hook fails.
    Cost
        The model is asked for the test rows once; trainings are the tester's own and count in seconds.
    A pass means little when
        The hook trains another kind of model than the one given, or no training in the budget had room for as many
        rows as the model could have learned.
    Source
        Song, Ristenpart, Shmatikov 2017 (arXiv:1709.07886), section on capacity abuse.
    """
    _pulling.check(trainings, share, min(repeat, copies))
    setting = _audit.prepare(target, trial, tolerated, records, depth, side)
    classes = len(target.info.classes) or int(np.max(np.asarray(setting.train.y), initial=0)) + 1
    if hidden_data.bits_a_label(classes) == 0:
        raise ProbeError("one class alone spells nothing")
    if not setting.usable:
        return setting.nothing()
    seed, made_seed = seeds.derive(trial.seed, "training") % 2**31, seeds.derive(trial.seed, "made up") % 2**31
    if not _audit.retrained(setting, target, seed):
        return setting.nothing(_pulling.no_time())
    x, y = setting.train.x, np.asarray(setting.train.y)
    each = max(setting.queue.bits * repeat, 1)
    depth_of_label = hidden_data.bits_a_label(classes)

    def rows(bits: int) -> int:
        return -(-bits // depth_of_label)

    def attempt(strength: float) -> Attempt:
        count = int(strength * len(x)) * depth_of_label // each
        trial.progress(min(0.9, strength), f"{int(strength * len(x))} made-up rows beside {len(x)}")
        sent = setting.sending(count)
        bits = hidden_data.to_bits(sent.values, sent.widths)
        labels = hidden_data.to_labels(hidden_data.repeated(bits, repeat), classes)
        extra = hidden_inputs.made_up(setting.train, len(labels), made_seed)
        model = target.retrain(
            np.concatenate([x, *[extra] * copies]), np.concatenate([y, *[labels] * copies]), seed=seed
        )
        said = to_numpy(model.predict(model.encode(extra))).reshape(-1) if len(extra) else labels
        found = hidden_data.voted(hidden_data.from_labels(said, classes, repeat * len(bits)), repeat)
        got = sent.holding(hidden_data.from_bits(found, sent.widths))
        damage = hidden_data.error_rate(found, bits)
        return setting.attempt(strength, model, got, sent, bits=len(bits), damage=damage)

    def learned(a: Attempt) -> int:
        """More rows while the model learns them by heart and still does its work."""
        if a.cost > 5 * setting.tolerated or (len(a.sent) and a.back.count < 0.5 * len(a.sent)):
            return -1
        return 1 if len(a.sent) < setting.fitting(each * setting.most, each) else 0

    attempts, spent = hidden_audit.climb(attempt, share, 2.5, max(1, trainings - 2), learned)
    best = hidden_audit.unnoticed(attempts, setting.tolerated)
    loud = max(attempts, key=lambda a: a.back.count, default=None)
    while not spent and loud is not None and len(attempts) < trainings:  # between the loudest and the quietest
        quiet = best.strength if best is not None else share / 6
        if best is not None and best.back.count >= 0.9 * loud.back.count:
            break
        more, spent = hidden_audit.climb(attempt, (loud.strength * quiet) ** 0.5, 2.5, 1, learned)
        attempts += more
        best = hidden_audit.unnoticed(attempts, setting.tolerated)
        loud = loud if best is not None else min(attempts, key=lambda a: a.strength)
    caught, rate = _strangers.caught(setting.train, made_seed, rows(best.bits * repeat) if best else 0, trial.seed)
    figures = [
        Figure(name="made_up_rows", value=0 if best is None else rows(best.bits * repeat)),
        Figure(name="rows_caught", value=caught, ci=rate, note="at one honest row in a hundred"),
    ]
    none = [] if any(len(a.sent) for a in attempts) or not attempts else [_no_record(attempts, each, depth_of_label)]
    return _audit.report(
        setting, attempts, best, strength="made-up rows a training row", figures=figures, spent=spent, more=none
    )


def _no_record(attempts: list[Attempt], each: int, depth_of_label: int) -> Caveat:
    most = max(a.strength for a in attempts)
    message = f"one record needs {-(-each // depth_of_label):,} made-up rows; {most:.2g} a training row were tried"
    return Caveat(code="no-record-fits", message=message, blocks="pass")
