"""How a linear model is taken apart: by equations where answers carry digits, at flips where they are rounded."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from momus.core.errors import BudgetSpent
from momus.core.samples import NumpyArray
from momus.methods import boundary_search, equation_solving
from momus.methods.equation_solving import LinearCopy
from momus.methods.linear_design import Design
from momus.methods.theft_report import Stage
from momus.probes.stealing._service import Service

CHECKS = 12  # held-out queries that decide whether the class is linear
EXACT = (
    1e-3  # greatest miss of a held-out equation, in units of the answers' spread, in a linear model of any precision
)
BLURRED = 3.0  # a miss of so many times the blur of the answers is still explained by the blur


@dataclass
class Taken:
    """The copies and what is known of the class. ``linear`` is None where nothing tells."""

    stages: list[Stage] = field(default_factory=list)
    copy: LinearCopy | None = None
    method: str = ""
    linear: bool | None = None
    misfit: float = 0.0
    solved_with: int = 0
    condition: float = 0.0
    blur: float = 0.0
    spent: bool = False

    def keep(self, queries: int, copy: LinearCopy) -> None:
        self.copy = copy
        self.stages.append(Stage(queries, copy.predict))


def take(service: Service, design: Design, rng: np.random.Generator) -> Taken:
    """The strongest way that the answers allow. Ends early, with the best copy so far, where the quota does."""
    taken, view = Taken(), service.view
    try:
        if service.regressor:
            _by_values(service, design, rng, taken)
        elif view.labels or view.decimals == 0 or (view.top is not None and service.outputs > 2):
            _at_flips(service, design, rng, taken, None)
        elif view.decimals is not None and service.outputs == 2:
            _at_flips(service, design, rng, taken, view.decimals)
        elif view.decimals is not None:
            _closest(service, design, rng, taken, "closest softmax to rounded answers")
            taken.linear = taken.misfit <= 5 * 10.0**-view.decimals
        else:
            _by_logits(service, design, rng, taken)
    except BudgetSpent:
        taken.spent = True
    return taken


def _by_logits(service: Service, design: Design, rng: np.random.Generator, taken: Taken) -> None:
    """One query for each unknown, and a few more to see whether the equations hold elsewhere."""
    taken.method = "logit equations"
    start, first = service.ask(design.usual()[None])
    for _ in range(10):  # an answer of certainty carries no digits to start from
        if equation_solving.trusted(first)[0] < 1e-7:
            break
        start, first = service.ask(design.drawn(1, rng))
    rows, answers = _asked(service, design, start, first, taken)
    rows, answers = _unsaturated(service, design, rows, answers)
    if len(service.asked) and service.queries > taken.solved_with:
        taken.keep(service.queries, equation_solving.solve(design, rows, answers))
        taken.solved_with = service.queries
    held, said = service.ask(design.drawn(CHECKS, rng, 1.5))
    assert taken.copy is not None
    taken.misfit = equation_solving.misfit(taken.copy, held, said)
    taken.linear = taken.misfit <= EXACT
    if taken.linear or (service.outputs > 2 and _one_vs_rest(service, design, rng, taken, (held, said))):
        return
    taken.blur = _blur(service, design, rng)
    _closest(service, design, rng, taken, "closest linear model")


def _by_values(service: Service, design: Design, rng: np.random.Generator, taken: Taken) -> None:
    """A regressor's values are the equations themselves, or their logarithms are."""
    taken.method = "equations of values"
    rows, answers = _asked(service, design, *service.ask(design.usual()[None]), taken)
    held, said = service.ask(design.drawn(CHECKS, rng, 1.5))
    assert taken.copy is not None
    taken.misfit = equation_solving.misfit(taken.copy, held, said)
    if taken.misfit > EXACT and (answers > 0).all() and (said > 0).all():
        other = equation_solving.solve(design, rows, answers, "log")
        if equation_solving.misfit(other, held, said) <= EXACT:
            taken.method, taken.misfit = "equations of logarithms", equation_solving.misfit(other, held, said)
            taken.keep(service.queries, other)
    taken.linear = taken.misfit <= EXACT
    if not taken.linear:
        taken.blur = _blur(service, design, rng)
        more, values = service.some(design.drawn(4 * design.unknowns + 40, rng, 1.5))
        rows, answers = np.concatenate([rows, held, more]), np.concatenate([answers, said, values])
        taken.method = "closest linear model"
        taken.keep(service.queries, equation_solving.solve(design, rows, answers, "identity"))


def _asked(
    service: Service, design: Design, start: NumpyArray, first: NumpyArray, taken: Taken
) -> tuple[NumpyArray, NumpyArray]:
    """The one-by-one equations around ``start``; a copy from each quarter of them is kept. BudgetSpent if cut short."""
    before = service.queries - 1
    rows, answers = service.some(design.one_by_one(start[0])[1:])
    rows, answers = np.concatenate([start, rows]), np.concatenate([first, answers])
    link: equation_solving.Link = "identity" if service.regressor else "softmax"
    for n in sorted({int(np.ceil(s * design.unknowns)) for s in (0.25, 0.5, 0.75, 1.0)}):
        if n <= len(rows):
            taken.keep(before + n, equation_solving.solve(design, rows[:n], answers[:n], link))
    if len(rows) < design.unknowns:
        raise BudgetSpent
    taken.solved_with = service.queries
    taken.condition = equation_solving.condition(design, rows)
    return rows, answers


def _unsaturated(
    service: Service, design: Design, rows: NumpyArray, answers: NumpyArray
) -> tuple[NumpyArray, NumpyArray]:
    """The equations with those replaced whose answer was too sure to be read: half the step, up to ten times."""
    step = 0.5
    for _ in range(10):
        bad = np.flatnonzero(equation_solving.trusted(answers) > 1e-9)
        bad = bad[(bad > 0) & (bad <= len(design.numbers))]
        if not len(bad):
            break
        arrived, said = service.ask(design.one_by_one(rows[0], step)[bad])
        better = equation_solving.trusted(said) < equation_solving.trusted(answers[bad])
        rows[bad[better]], answers[bad[better]] = arrived[better], said[better]
        step /= 2
    return rows, answers


def _one_vs_rest(
    service: Service, design: Design, rng: np.random.Generator, taken: Taken, held: tuple[NumpyArray, NumpyArray]
) -> bool:
    """Normalised sigmoids, one a class: their logarithms' differences are no longer linear, so they are fitted."""
    k = service.outputs
    n = int(1.4 * k * design.unknowns / (k - 1)) + 8
    rows, answers = service.ask(design.drawn(n, rng, 2.0))
    start = equation_solving.solve(design, rows, np.maximum(answers, 1e-12))
    other = LinearCopy(design, start.weights, "one-vs-rest")
    copy = equation_solving.fitted(other, rows, answers, steps=300, exact=True)
    misfit = equation_solving.misfit(copy, *held)
    if misfit > EXACT:
        return False
    taken.method, taken.linear, taken.misfit = "one-vs-rest, fitted", True, misfit
    taken.keep(service.queries, copy)
    return True


def _at_flips(service: Service, design: Design, rng: np.random.Generator, taken: Taken, decimals: int | None) -> None:
    """Binary searches for places where the answer flips; each gives one equation, whatever the rounding."""
    taken.method = "search for the boundary" if decimals is None else "search for steps of the rounding"
    k = service.outputs
    need = int(np.ceil(1.25 * design.unknowns * (k - 1 if decimals is None else 1))) + 4
    ask = _answers(service)
    taken.blur = _blur(service, design, rng)
    if not len(design.numbers) or taken.blur > 0:
        _closest(service, design, rng, taken, "closest linear model")
        return
    found: list[boundary_search.Flips] = []
    for part in np.array_split(np.arange(need), 4):
        pairs = boundary_search.ends(design, ask, len(part), rng)
        if len(pairs[0]):
            found.append(boundary_search.flips(design, ask, pairs, decimals))
            _keep_flips(service, design, taken, found, decimals)
    if sum(map(len, found)) < 0.8 * need:
        _closest(service, design, rng, taken, "closest linear model")
        return
    checks = boundary_search.ends(design, ask, CHECKS, rng)
    held = boundary_search.flips(design, ask, checks, decimals)
    assert taken.copy is not None
    taken.misfit = boundary_search.missed(taken.copy, held, design.drawn(200, rng, 1.5))
    taken.linear = taken.misfit <= 20 * EXACT if design.smooth.any() else None
    found.append(held)
    _keep_flips(service, design, taken, found, decimals)
    if taken.misfit > EXACT or not design.smooth.any():
        _or_nearest(service, design, rng, taken)


def _or_nearest(service: Service, design: Design, rng: np.random.Generator, taken: Taken) -> None:
    """Where flips are known roughly only (whole numbers), a model fitted to random answers may be the better copy."""
    rows, answers = service.some(design.drawn(12 * design.unknowns + 100, rng, 1.5))
    held = service.ask(design.drawn(8 * CHECKS, rng, 1.5))
    other = _nearest(service, design, rows, answers, held)
    assert taken.copy is not None
    classes = held[1].argmax(axis=1)
    right = [float((c.predict(held[0]) == classes).mean()) for c in (taken.copy, other)]
    if right[1] > right[0]:
        taken.method = "closest linear model"
        taken.keep(service.queries, other)


def _keep_flips(
    service: Service, design: Design, taken: Taken, found: list[boundary_search.Flips], decimals: int | None
) -> None:
    joined = boundary_search.join(found)
    if decimals is not None:
        copy = boundary_search.level_copy(design, joined)
    else:
        rows, classes = service.stream()
        copy = boundary_search.class_copy(design, joined, service.outputs, rows, classes.astype(int))
    taken.solved_with = service.queries
    taken.condition = float(np.linalg.cond(joined.features(design)))
    taken.keep(service.queries, copy)


def _answers(service: Service) -> boundary_search.Ask:
    return lambda rows: service.ask(rows)[1]


def _closest(service: Service, design: Design, rng: np.random.Generator, taken: Taken, method: str) -> None:
    """The linear model whose answers come closest on random usual rows: for rounded, blurred and other answers."""
    taken.method = method
    rounded = service.view.decimals is not None and not service.view.labels
    n = min(4000, (60 if rounded or taken.blur > 0 else 12) * design.unknowns + 100)
    rows, answers = service.some(design.drawn(n, rng, 1.5))
    held, said = service.some(design.drawn(CHECKS * 4, rng, 1.5))
    if not len(rows):
        raise BudgetSpent
    before = service.queries - len(held) - len(rows)
    for share in (0.25, 0.5, 1.0):
        m = int(np.ceil(share * len(rows)))
        taken.keep(before + m, _nearest(service, design, rows[:m], answers[:m], (held, said)))
    assert taken.copy is not None
    off = taken.copy.answers(held) - said
    taken.misfit = float(np.sqrt((off * off).mean())) if len(held) else 0.0
    taken.solved_with = service.queries - len(held)
    if taken.blur > 0:
        taken.linear = None if service.view.labels else taken.misfit <= BLURRED * taken.blur
    elif taken.linear is None and service.view.labels:
        taken.linear = None
    else:
        taken.linear = False
    if len(rows) < n:
        raise BudgetSpent


def _nearest(
    service: Service, design: Design, rows: NumpyArray, answers: NumpyArray, held: tuple[NumpyArray, NumpyArray]
) -> LinearCopy:
    """The softmax, or the one-vs-rest, whichever misses the held-out answers less."""
    small = 10.0 ** -(service.view.decimals or 2) / 4
    softened = np.maximum(answers, small)
    start = equation_solving.solve(design, rows, softened / softened.sum(axis=1, keepdims=True))
    ridge = 1e-2 if service.view.labels else 1e-9
    best = equation_solving.fitted(start, rows, answers, steps=25, ridge=ridge)
    if service.outputs > 2 and not service.view.labels and len(held[0]) and 300 >= start.weights.size < len(rows) / 2:
        other = LinearCopy(design, start.weights, "one-vs-rest")
        other = equation_solving.fitted(other, rows, answers, steps=60, ridge=ridge)
        if equation_solving.misfit(other, *held) < 0.8 * equation_solving.misfit(best, *held):
            return other
    return best


def _blur(service: Service, design: Design, rng: np.random.Generator) -> float:
    """How much answers jump where the row hardly moves: 0 for a model, more for a service that blurs its answers."""
    n = 40
    rows = design.drawn(n, rng)
    near = rows.copy()
    moved = near[:, design.numbers]
    span = design.ranges.high[design.numbers] - design.ranges.low[design.numbers]
    moved = np.where(design.smooth, moved - 1e-7 * span * np.sign(moved - design.centre), moved)
    near[:, design.numbers] = moved
    (_, first), (_, second) = service.ask(rows), service.ask(near)
    jump = np.abs(first - second)
    step = 10.0**-service.view.decimals if service.view.decimals is not None and not service.view.labels else 1e-4
    scale = 1.0 if not service.regressor else max(float(first.std()), 1e-12)
    if float(jump.max()) <= 1.5 * step * scale or (service.view.labels and (jump.max(axis=1) > 0).sum() < 2):
        return 0.0
    return float(np.sqrt((jump * jump).mean() / 2))
