"""Federated clients whose updates are watched: drawing them, taking their rows back, and showing each in a line-up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from array_api_compat import array_namespace, device

from momus.core.capabilities import Array, Probabilities, Updates, missing, to_numpy
from momus.core.errors import BudgetSpent, ProbeError
from momus.core.probe import Trial
from momus.core.samples import NumpyArray, Samples
from momus.methods import update_reading as reading
from momus.methods.describe import one_row_per_id
from momus.methods.recovered_rows import LINE_UP, NEAR, Counter, Seen, line_up
from momus.methods.update_matching import Box, Found, search

SETTLED = 1e-3  # a distance at which rows read off outright need no search
OWN = 8  # inputs of the attacker's own that show how the model scales its inputs
USUAL = 200


@dataclass(frozen=True)
class Strength:
    """How hard the search tries."""

    steps: int
    restarts: int
    smooth: float


@dataclass(frozen=True)
class Outcome:
    """One client: what the line-up said, how many labels were told right, how many rows were read off outright."""

    seen: Seen
    labels: int
    outright: int
    true: NumpyArray
    made: NumpyArray
    spent: bool


@dataclass(frozen=True)
class Watcher:
    """What the attacker knows: the model, the range of its inputs, how it scales them, and its usual answers."""

    target: Updates
    like: Array
    low: NumpyArray
    high: NumpyArray
    spread: NumpyArray
    scale: reading.Scale | None
    usual: NumpyArray
    classes: int

    @property
    def image(self) -> bool:
        return bool(self.like.ndim == 4)

    def native(self, a: NumpyArray) -> Array:
        xp = array_namespace(self.like)
        return xp.asarray(np.ascontiguousarray(a), dtype=self.like.dtype, device=device(self.like))

    def box(self) -> Box:
        unit = 0.5 * (self.high - self.low) if self.image else np.where(self.spread > 0, self.spread, 0.0)
        return Box(self.native(self.low[None]), self.native(self.high[None]), self.native(unit[None]))


@dataclass(frozen=True)
class Population:
    """Rows of clients, one after the other, and strangers of the same data set who are in no client's batch."""

    rows: Samples
    strangers: Samples
    shown: NumpyArray  # the strangers as the model takes them, (q, d)


def population(target: Updates, train: Samples, most: int, rng: np.random.Generator) -> Population:
    """The first ``most`` rows, one a person, are clients' rows; the others are strangers."""
    order = rng.permutation(one_row_per_id(train, rng))
    most = min(most, max(0, len(order) - (LINE_UP - 1)))
    rows, strangers = train.take(order[:most]), train.take(order[most:][: 40 * LINE_UP])
    shown = to_numpy(target.encode(strangers.x)) if len(strangers) else np.zeros((0, 1))
    return Population(rows, strangers, shown.reshape(len(shown), int(np.prod(shown.shape[1:]))))


def watcher(trial: Trial, target: Updates, people: Population, rng: np.random.Generator) -> Watcher:
    """Learned from strangers and from inputs of the attacker's own. BudgetSpent where that cannot be paid for."""
    like = target.encode(people.strangers.x[:1])
    own = to_numpy(target.encode(people.strangers.x[:USUAL])).astype(float)
    info = target.info
    low, high = own.min(0) - 0.5 * own.std(0), own.max(0) + 0.5 * own.std(0)  # a client may hold what nobody else has
    if info.low is not None and info.high is not None:
        low, high = np.full(own.shape[1:], info.low), np.full(own.shape[1:], info.high)
    classes = len(info.classes)
    bare = target if trial.meter is None else trial.meter.target
    usual = np.full(classes, 1 / classes)
    if not missing(bare, Probabilities):
        answers = target.probabilities(target.encode(people.strangers.x[:USUAL]))  # type: ignore[attr-defined]
        usual = to_numpy(answers).astype(float).mean(0)
    made = Watcher(target, like, low, high, own.std(0), None, usual, classes)
    return Watcher(target, like, low, high, own.std(0), _scale(made, own, rng), usual, classes)


def _scale(made: Watcher, own: NumpyArray, rng: np.random.Generator) -> reading.Scale | None:
    """The line from what the first dense layer reads back to inputs, learned by asking about inputs of one's own."""
    inputs = own[:OWN]
    if made.image:  # pixels that are always black would show no line
        inputs = 0.5 * inputs + 0.5 * rng.uniform(made.low, made.high, inputs.shape)
    read = []
    for one in inputs:
        sent = _host(made.target.update(made.native(one[None]), np.zeros(1, dtype=np.int64)))
        found = reading.rows(sent, one.size, 1)
        if not len(found):
            return None
        read.append(found[0])
    return reading.scale(np.array(read), inputs.reshape(len(inputs), -1))


def _host(sent: Mapping[str, Array]) -> dict[str, NumpyArray]:
    return {k: to_numpy(v) for k, v in sent.items()}


def watch(
    know: Watcher,
    people: Population,
    client: slice,
    strength: Strength,
    rng: np.random.Generator,
    counter: Counter | None = None,
) -> Outcome:
    """One client's rows back from its update. BudgetSpent where the update itself could not be paid for."""
    rows = people.rows.take(client)
    assert rows.y is not None and people.strangers.y is not None
    y = np.asarray(rows.y, dtype=np.int64)
    x = know.target.encode(rows.x)
    sent = _host(know.target.update(x, y))
    if counter is not None:
        sent = counter(sent, rng)
    told = reading.labels(sent, know.classes, len(y), know.usual)
    made, read, spent = _back(know, sent, told, strength, rng)
    true = to_numpy(x).astype(float).reshape(len(y), -1)
    alike = np.isin(people.strangers.y, y)  # strangers of the same classes first: a label is no recovery
    order = np.concatenate([np.flatnonzero(alike), np.flatnonzero(~alike)])
    reach = np.where(know.high > know.low, know.high - know.low, 1.0).reshape(-1)
    shown = people.shown[order] / reach
    seen = line_up(made / reach, true / reach, shown, know.spread.reshape(-1) / reach, shape=know.image)
    both = np.minimum(np.bincount(told, minlength=know.classes), np.bincount(y, minlength=know.classes))
    apart = np.sqrt(
        (((true[:, None] - made[None, :read]) / reach) ** 2).mean(2)
    )  # rows of one class can be read as a mixture
    outright = int((apart.min(1, initial=np.inf) < NEAR).sum())
    return Outcome(seen, int(both.sum()), outright, true, made, spent)


def _back(
    know: Watcher, sent: dict[str, NumpyArray], told: NumpyArray, strength: Strength, rng: np.random.Generator
) -> tuple[NumpyArray, int, bool]:
    """(at most a row for each client's row, how many of them were read off outright, whether the budget ended)."""
    n, size = len(told), int(know.low.size)
    exact = reading.rows(sent, size, n) if know.scale is not None else np.zeros((0, size))
    if know.scale is not None and len(exact):
        exact = know.scale.back(exact)
    if n > 1 and len(exact) == n:
        return exact, n, False

    def ask(x: Array) -> tuple[float, Array]:
        return know.target.update_match(x, told, sent, "cosine")

    start = exact.reshape(-1, *know.low.shape) if n == 1 else exact[:0]
    if len(start):
        try:
            if ask(know.native(start))[0] <= SETTLED:
                return exact, 1, False
        except BudgetSpent:
            return exact, 1, True
    found = _searched(know, sent, told, start, strength, rng)
    if found is None:
        return exact, len(exact), True
    searched = to_numpy(found.x).astype(float).reshape(n, -1)
    if n == 1:
        return searched, 0, found.spent
    if len(exact):  # the search found those rows too: keep what is farthest from them
        apart = np.linalg.norm(searched[:, None] - exact[None], axis=2).min(1)
        searched = searched[np.argsort(-apart, kind="stable")[: n - len(exact)]]
    return np.concatenate([exact, searched]), len(exact), found.spent


def _searched(
    know: Watcher,
    sent: dict[str, NumpyArray],
    told: NumpyArray,
    start: NumpyArray,
    strength: Strength,
    rng: np.random.Generator,
) -> Found | None:
    """The best of several searches, by the cosine distance they end at: in turn cosine (Geiping) and squared (Zhu)."""
    best: Found | None = None
    box = know.box()
    for i in range(strength.restarts):
        middle, reach = (know.low + know.high) / 2, np.minimum(know.spread, (know.high - know.low) / 4)
        here = middle + reach * rng.normal(size=(len(told), *know.low.shape))
        if i == 0 and len(start):
            here = start
        kind = "cosine" if i % 2 == 0 else "squared"

        def ask(x: Array, kind: str = kind) -> tuple[float, Array]:
            return know.target.update_match(x, told, sent, kind)  # type: ignore[arg-type]

        smooth = strength.smooth if know.image and kind == "cosine" else 0.0
        try:
            found = search(ask, know.native(here), box, steps=strength.steps, signed=kind == "cosine", smooth=smooth)
            if kind == "squared" and not found.spent:
                found = Found(found.x, know.target.update_match(found.x, told, sent, "cosine")[0], False)
        except BudgetSpent:
            return best
        if best is None or found.distance < best.distance:
            best = found
        if found.spent:
            return Found(best.x, best.distance, True)
    return best


def check(train: Samples, batch: int, clients: int) -> None:
    """ProbeError for options that make no client, and for rows without labels."""
    if batch < 1 or clients < 1:
        raise ProbeError(f"{clients} clients of {batch} rows send nothing", hint="batch and clients: 1 and up")
    if train.y is None:
        raise ProbeError("the rows in the role 'train' have no labels", hint="Give data.train a label column")
