"""The parts of perturbation.cascade: the members in turn, each on what the others left, and how it went."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from array_api_compat import array_namespace, device

from momus.core.capabilities import Gradients, to_numpy
from momus.core.errors import BudgetSpent
from momus.core.evidence import Bars, Evidence, Grid, Table
from momus.core.probe import Trial
from momus.core.records import Caveat, Figure
from momus.core.samples import NumpyArray
from momus.methods import masking
from momus.methods.ascent import Found
from momus.probes.perturbation._ascent import Attack, whole_range
from momus.probes.perturbation._inputs import Inputs
from momus.probes.perturbation._members import Members
from momus.probes.perturbation._outcome import merged
from momus.stats.intervals import wilson

SQUARE = "Square"


@dataclass(frozen=True)
class Stage:
    """What one member did: on how many inputs, which of them it broke, at what cost, how flat its gradients were."""

    name: str
    settings: str
    tried: int
    broke: NumpyArray
    rows: int
    gradients: int
    flat: float = float("nan")

    @property
    def figure(self) -> str:
        return self.name.lower().replace("-", "_")


@dataclass(frozen=True)
class Ran:
    """The worst case over the members. ``unconfirmed`` counts answers that a second question did not repeat."""

    found: Found
    stages: tuple[Stage, ...]
    unconfirmed: int


Member = tuple[str, str, Callable[[NumpyArray], Found]]


def members(attacks: Members, rng: np.random.Generator, *, steps: int, targets: int, queries: int) -> list[Member]:
    """Names, settings and calls, the cheapest and most successful first; without classes there is nothing to target."""
    k = attacks.runs(targets)
    climb: list[Member] = [
        ("APGD-CE", f"{steps} steps", lambda i: attacks.apgd(i, rng, "ce", steps=steps)),
        (
            "APGD-T",
            f"{steps} steps towards each of {k} classes",
            lambda i: attacks.apgd(i, rng, "targeted", steps=steps, targets=targets),
        ),
        (
            "FAB-T",
            f"{steps} steps towards each of {k} classes",
            lambda i: attacks.fab(i, rng, steps=steps, targets=targets, restarts=1, stop=True),
        ),
    ]
    if not attacks.inputs.classes:
        climb = [
            ("APGD", f"{steps} steps", lambda i: attacks.apgd(i, rng, "margin", steps=steps)),
            ("FAB", f"{steps} steps", lambda i: attacks.fab(i, rng, steps=steps, targets=1, restarts=1, stop=True)),
        ]
    return [*climb, (SQUARE, f"{queries} queries", lambda i: attacks.square(i, rng, queries))]


def run(target: Gradients, trial: Trial, inputs: Inputs, turns: list[Member]) -> Ran:
    """Each member attacks what is still standing. An example counts once the target repeats its answer."""
    m = len(inputs.chosen)
    x, y = inputs.at(inputs.chosen)
    outputs = inputs.outputs[array_namespace(x).asarray(inputs.chosen, device=device(x))]
    margin = inputs.objective.margin(outputs, y)
    fooled = inputs.objective.won(outputs, y)
    found = Found(x, fooled & False, margin, np.zeros(m, dtype=np.int64))
    stages: list[Stage] = []
    unconfirmed = 0
    for i, (name, settings, attack) in enumerate(turns):
        left = np.flatnonzero(~to_numpy(found.fooled))
        if not len(left) or not found.complete:
            break
        trial.progress(i / len(turns), f"{name} on {len(left)} inputs")
        rows, gradients = _spent(trial)
        result, flickered = _confirmed(target, inputs, attack(inputs.chosen[left]), left)
        unconfirmed += flickered
        found = merged(found, result, left)
        now = _spent(trial)
        broke = left[to_numpy(result.fooled)]
        stages.append(Stage(name, settings, len(left), broke, now[0] - rows, now[1] - gradients, result.flat))
    return Ran(found, tuple(stages), unconfirmed)


def _spent(trial: Trial) -> tuple[int, int]:
    return (0, 0) if trial.meter is None else (trial.meter.queries, trial.meter.gradients)


def _confirmed(target: Gradients, inputs: Inputs, found: Found, left: NumpyArray) -> tuple[Found, int]:
    """``found`` with only what the target says again when asked afresh, and how many it did not."""
    claimed = np.flatnonzero(to_numpy(found.fooled))
    if not len(claimed):
        return found, 0
    xp = array_namespace(found.x)
    native = xp.asarray(claimed, device=device(found.x))
    y = to_numpy(inputs.y)[inputs.chosen[left[claimed]]]
    try:
        again = inputs.won(to_numpy(target.predict(found.x[native])), y)
    except BudgetSpent:
        return replace(found, complete=False), 0
    if again.all():
        return found, 0
    fooled = xp.asarray(found.fooled, copy=True)
    fooled[native] = xp.asarray(again, device=device(found.x))
    return replace(found, fooled=fooled), int((~again).sum())


def signs(target: Gradients, attack: Attack, ran: Ran, rng: np.random.Generator) -> tuple[Caveat, ...]:
    """Signs that the survivors owe their survival to the attacks: masked gradients, random or constant outputs."""
    inputs = attack.inputs
    left = np.flatnonzero(~to_numpy(ran.found.fooled))
    climbs = [s for s in ran.stages if s.name != SQUARE]
    flats = [s.flat for s in climbs if np.isfinite(s.flat)]
    seen: list[Caveat | None] = [
        # Cross-entropy saturates on a sure model and says nothing; a loss that no member could follow does.
        masking.flat_gradients(min(flats, default=float("nan"))),
        masking.randomised(target.info.randomised),
        masking.constant(to_numpy(inputs.outputs)),
    ]
    if ran.unconfirmed:
        message = f"{ran.unconfirmed} examples fooled the model once and not when asked again"
        seen.append(Caveat(code="examples-not-confirmed", message=message))
    for stage in ran.stages:
        if stage.name == SQUARE:
            seen.append(masking.few_queries(int(stage.settings.split()[0])))
            seen.append(masking.black_box_wins(len(stage.broke), stage.tried, f"{SQUARE} with {stage.settings}"))
    if len(left) and inputs.epsilon and ran.found.complete:
        untouched = to_numpy(inputs.objective.margin(inputs.outputs, inputs.y))[inputs.chosen[left]]
        seen.append(masking.flat_loss(untouched, to_numpy(ran.found.margin)[left]))
        few = inputs.chosen[np.sort(rng.choice(left, min(25, len(left)), replace=False))]
        try:
            seen.append(whole_range(attack, few, rng))
        except BudgetSpent:
            seen.append(Caveat(code="masking-unchecked", message="no budget was left to try the whole range"))
    return masking.present(seen)


def figures(inputs: Inputs, ran: Ran) -> list[Figure]:
    """Accuracy after each member, as a share of all inputs, and what it cost."""
    n, left = len(inputs.right), int(inputs.right.sum())
    out = []
    for stage in ran.stages:
        left -= len(stage.broke)
        out += [
            Figure(
                name=f"accuracy_after_{stage.figure}",
                value=left / n if n else 0.0,
                ci=wilson(left, n),
                n=n,
                note=f"{stage.name}, {stage.settings}, broke {len(stage.broke)} of {stage.tried}",
            ),
            Figure(name=f"rows_{stage.figure}", value=float(stage.rows), note="model rows it asked, checks included"),
        ]
    return out


def evidence(inputs: Inputs, ran: Ran) -> list[Evidence]:
    """The members as bars and as a table, and which classes each of them broke."""
    n, left = len(inputs.right), int(inputs.right.sum())
    if not n or not ran.stages:
        return []
    names, values, rows = ["untouched"], [left / n], []
    for s in ran.stages:
        left -= len(s.broke)
        names.append(f"after {s.name}")
        values.append(left / n)
        rows.append((s.name, s.settings, s.tried, len(s.broke), round(left / n, 4), s.rows, s.gradients))
    bands = [wilson(round(v * n), n) for v in values]
    shown: list[Evidence] = [
        Bars(
            title="Accuracy left after each attack",
            note="each attack is run on what those before it left",
            y_label="share of all inputs",
            names=tuple(names),
            values=tuple(values),
            low=tuple(b.low for b in bands),
            high=tuple(b.high for b in bands),
        ),
        Table(
            title="What each attack broke and cost",
            columns=("attack", "settings", "tried", "broke", "accuracy left", "model rows", "of these with gradient"),
            rows=tuple(rows),
        ),
    ]
    classes = inputs.samples.classes
    if inputs.classes and 1 < len(classes) <= 20:
        labels = to_numpy(inputs.y)[inputs.chosen]
        parts = [(s.name, s.broke) for s in ran.stages]
        parts.append(("still right", np.flatnonzero(~to_numpy(ran.found.fooled))))
        shown.append(
            Grid(
                title="Who broke what",
                rows=tuple(name for name, _ in parts),
                columns=classes,
                values=tuple(tuple(float((labels[at] == c).sum()) for c in range(len(classes))) for _, at in parts),
                value_label="inputs",
            )
        )
    return shown
