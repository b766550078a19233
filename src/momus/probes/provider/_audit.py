"""What the four planting probes share: the clean model, the records to send, the price in accuracy, and the report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from momus.core.capabilities import to_numpy
from momus.core.errors import BudgetSpent, ProbeError
from momus.core.probe import Trial
from momus.core.records import Caveat, Figure, Interval, Measurement
from momus.core.samples import NumpyArray, Samples
from momus.methods import hidden_audit, hidden_records
from momus.methods.hidden_audit import Attempt
from momus.methods.hidden_records import Records
from momus.probes.provider import _report

DECOYS = 1000
TEST_ROWS = 5000
CLEAN = 3  # clean trainings, under other seeds


@dataclass
class Setting:
    """The system before anything is planted, and what shall be taken out of it.

    ``queue`` holds the records in the order they are sent; ``others`` are rows they might be taken for.
    """

    trial: Trial
    train: Samples
    test: Samples
    queue: Records
    order: NumpyArray
    spare: Records
    most: int
    tolerated: float
    clean: NumpyArray
    given: float
    caveats: list[Caveat]
    cleans: NumpyArray | None = None

    @property
    def n(self) -> int:
        return min(len(self.train), len(self.test))

    @property
    def usable(self) -> bool:
        return not any(c.blocks == "both" for c in self.caveats)

    def right(self, model: Any) -> NumpyArray:
        """Which test rows a model of the tester's own gets right."""
        return np.asarray(to_numpy(model.predict(model.encode(self.test.x))).reshape(-1) == np.asarray(self.test.y))

    def sending(self, count: int) -> Records:
        """The first ``count`` records of the queue, no more than were asked for."""
        return self.queue.take(slice(max(0, min(count, self.most, len(self.order)))))

    def fitting(self, room: int, each: int) -> int:
        """How many of the records asked for fit into ``room`` at ``each`` a record."""
        return min(room // max(each, 1), self.most, len(self.order))

    def others(self, sent: int) -> Records:
        """Rows that were not sent."""
        rest = self.queue.take(slice(sent, sent + DECOYS))
        return self.spare.holding(np.concatenate([rest.values, self.spare.values]))

    def attempt(self, strength: float, model: Any, got: Records, sent: Records, **more: Any) -> Attempt:
        """Judge what was read from ``model`` and what it lost."""
        right = self.right(model)
        cleans = self.clean[None] if self.cleans is None else self.cleans
        cost, ci = hidden_audit.paired_cost(cleans, right)
        back = hidden_records.came_back(got, sent, self.others(len(sent)))
        return Attempt(strength, sent, got, back, right, cost, ci, carrier=model, **more)

    def nothing(self, *more: Caveat) -> Measurement:
        """No number: what was missing stands in the caveats."""
        return self.trial.measurement(
            0.0, Interval(low=0.0, high=1.0), self.n, caveats=[*self.caveats, *more], figures=self._figures()
        )

    def _figures(self) -> list[Figure]:
        return [Figure(name="accuracy_given", value=self.given, n=len(self.test))]


def prepare(target: Any, trial: Trial, tolerated: float, records: int, depth: int, side: int) -> Setting:
    """Check data and options, ask the given model for the test rows, and choose the records to send."""
    if records < 1 or not 0 <= tolerated < 1 or not 1 <= depth <= 8 or side < 4:
        hint = "records: 1 and up; tolerated: 0 to below 1; depth: 1 to 8; side: 4 and up"
        raise ProbeError("an option is out of its range", hint=hint)
    rng = trial.rng
    train, test = trial.samples("train"), trial.samples("test").sample(TEST_ROWS, rng)
    if train.y is None or test.y is None:
        raise ProbeError("training and test rows need labels", hint="Name the label column on the card")
    if hidden_records.kind_of(train) is None:
        raise ProbeError("only pictures, tables and texts can be sent as records")
    caveats: list[Caveat] = []
    right = np.zeros(len(test), dtype=bool)
    if min(len(train), len(test)) < 2:
        caveats.append(Caveat(code="too-few", message="fewer than two rows to train or to test on", blocks="both"))
    elif len(test) * tolerated < 1:
        message = f"on {len(test)} test rows nobody could see an accuracy {tolerated:.0%} lower"
        caveats.append(Caveat(code="too-few-test-rows", message=message, blocks="both"))
    if len(test):
        try:
            right = to_numpy(target.predict(target.encode(test.x))).reshape(-1) == np.asarray(test.y)
        except BudgetSpent:
            message = "the budget ended before the model's own accuracy was known"
            caveats.append(Caveat(code="budget", message=message, blocks="both"))
    all_rows = hidden_records.records_of(train, depth=depth, side=side)
    order = rng.permutation(_worth_sending(all_rows))
    spare = hidden_records.records_of(test.take(slice(DECOYS)), like=all_rows, depth=depth, side=side)
    queue = all_rows.take(order[: records + DECOYS])
    mean = float(right.mean()) if len(right) else 0.0
    return Setting(trial, train, test, queue, order, spare, records, tolerated, right, mean, caveats)


def _worth_sending(rows: Records) -> NumpyArray:
    """Indices of the rows with anything in them; an empty text is nobody's secret."""
    full = (rows.values > 0).sum(axis=1) >= 4 if rows.kind == "text" else np.ones(len(rows), dtype=bool)
    return np.flatnonzero(full)


def retrained(setting: Setting, target: Any, seed: int) -> bool:
    """Train clean models of the same recipe, which the planted ones are compared with; False where time ran out.

    Nobody notices a loss that honest trainings differ by: where their worst lies further below their mean than the
    tolerated accuracy, that is what goes unnoticed.
    """
    found = []
    try:
        for i in range(CLEAN):
            model = target.retrain(setting.train.x, np.asarray(setting.train.y), seed=(seed + i) % 2**31)
            found.append(setting.right(model))
    except BudgetSpent:
        return False
    setting.cleans = np.stack(found)
    setting.clean = setting.cleans[0]
    accuracies = setting.cleans.mean(axis=1)
    own, worst = float(accuracies.mean()), float(accuracies.min())
    setting.tolerated = max(setting.tolerated, own - worst)
    if setting.given - own > 0.05:
        message = f"models trained by the hook are right on {own:.2f} of the test rows, the one given on "
        message += f"{setting.given:.2f}: they are not one recipe"
        setting.caveats.append(Caveat(code="retrain-mismatch", message=message, blocks="pass"))
    return True


def scrubbed(setting: Setting, best: Attempt | None, read: Callable[[Any], Records]) -> list[tuple[str, float, int]]:
    """(name, accuracy, records left) of the planted model as it is and for each way to clean its parameters."""
    if best is None or not len(best.sent):
        return []
    values = best.carrier.parameters()
    out = [("nothing", best.accuracy, best.back.count)]
    for name, changed in hidden_audit.scrubs(values, np.random.default_rng(setting.trial.seed)).items():
        model = best.carrier.with_parameters(changed)
        back = hidden_records.came_back(read(model), best.sent, setting.others(len(best.sent)))
        out.append((name, float(setting.right(model).mean()), back.count))
    return out


def report(
    setting: Setting,
    attempts: Sequence[Attempt],
    best: Attempt | None,
    *,
    strength: str,
    figures: Sequence[Figure] = (),
    scrub: Sequence[tuple[str, float, int]] = (),
    spent: bool = False,
    more: Sequence[Caveat] = (),
) -> Measurement:
    """The measurement: records of the best unnoticed attempt, its quality, its price, and what removes it."""
    loud = max(attempts, key=lambda a: a.back.count, default=None)
    value, ci = hidden_audit.records_interval(best, loud)
    caveats = [*setting.caveats, *more]
    if spent:
        message = "the budget ended before stronger or weaker plantings were tried"
        caveats.append(Caveat(code="budget", message=message, blocks="pass"))
    if best is None and loud is not None and loud.back.count > 0.1 * len(loud.sent):
        least = min(a.cost for a in attempts)
        message = f"every planting that was tried cost at least {100 * least:.1f} points; weaker ones were not tried"
        caveats.append(Caveat(code="none-unnoticed", message=message, blocks="pass"))
    clean = float((setting.clean if setting.cleans is None else setting.cleans).mean()) if len(setting.clean) else 0.0
    said = [
        *setting._figures(),
        Figure(name="accuracy_clean", value=clean, n=len(setting.clean)),
        Figure(name="unnoticed_loss", value=setting.tolerated, note="tolerated, or what clean trainings differ by"),
        *(_report.quality(best) if best is not None else []),
        *figures,
        *(Figure(name=f"records_after[{name}]", value=left) for name, _, left in scrub[1:]),
    ]
    evidence = _report.evidence(attempts, best, setting.order, setting.train, strength, setting.tolerated, scrub)
    scope = {"strength": None if best is None else round(best.strength, 6), "plantings": len(attempts)}
    return setting.trial.measurement(
        value, ci, setting.n, scope=scope, figures=said, evidence=evidence, caveats=caveats
    )
