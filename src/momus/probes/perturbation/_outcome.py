"""From what an attack found to a measurement: re-check every example on the untouched target, count, show."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from array_api_compat import array_namespace, device

from momus.core.capabilities import Array, Predicts, to_numpy
from momus.core.errors import BudgetSpent
from momus.core.evidence import Evidence, Line, Series
from momus.core.probe import Trial
from momus.core.records import Caveat, Figure, Measurement
from momus.core.samples import NumpyArray
from momus.methods.ascent import Found, rows_for
from momus.methods.domain import per_row
from momus.methods.objectives import Crosses
from momus.methods.sound import quantised
from momus.probes.perturbation._evidence import changed_columns, pictures
from momus.probes.perturbation._inputs import Inputs
from momus.probes.perturbation._sound import how_loud, silence, sounds
from momus.stats.intervals import wilson


@dataclass(frozen=True)
class Checked:
    """What stood up to the re-check. ``won`` (m,) and ``broken`` count over the attacked inputs."""

    x: Array
    won: NumpyArray
    labels: NumpyArray
    broken: dict[str, int]
    unconfirmed: int
    asked: bool


def recheck(target: Predicts, inputs: Inputs, found: Found) -> Checked:
    """Every example the attack calls a success, looked at afresh: inside the domain, and really misclassified.

    Asks ``predict``, which no attack uses. Where the budget ends first the attack's own answers stand, ``asked`` False.
    """
    x0, y = inputs.at(inputs.chosen)
    claimed = np.flatnonzero(to_numpy(found.fooled))
    won = np.zeros(len(y), dtype=bool)
    labels = inputs.answers[inputs.chosen].copy()
    if not len(claimed):
        return Checked(found.x, won, labels, {}, 0, True)
    native = array_namespace(x0).asarray(claimed, device=device(x0))
    x = found.x[native]
    rules = inputs.domain.like(x).check(x, x0[native], inputs.epsilon, inputs.norm)
    masks = {rule: to_numpy(mask) for rule, mask in rules.items()}
    legal = ~np.any(list(masks.values()), axis=0)
    asked = True
    try:
        rows = max(rows_for(x), 64)
        now = np.concatenate([to_numpy(target.predict(x[i : i + rows])) for i in range(0, len(claimed), rows)])
        labels[claimed] = now
        fooled = inputs.won(now, to_numpy(y)[claimed])
    except BudgetSpent:
        asked, fooled = False, np.ones(len(claimed), dtype=bool)
    won[claimed] = legal & fooled
    return Checked(
        found.x,
        won,
        labels,
        {rule: int(mask.sum()) for rule, mask in masks.items() if mask.any()},
        int((legal & ~fooled).sum()),
        asked,
    )


def nearest(target: Predicts, inputs: Inputs, checked: Checked, closest: Array, halvings: int = 6) -> NumpyArray:
    """(m,) distances at which the successes still succeed, by halving the way back to the original; inf for the rest.

    ``closest`` (m, ...) holds examples that lie nearer than those that were re-checked, or the same ones.

    Upper bounds on the true distance. Tables with categories or integers keep the distance as found. Costs up to
    ``halvings`` rows a success; a spent budget keeps what is known.
    """
    x0, y = inputs.at(inputs.chosen)
    out = np.full(len(checked.won), np.inf)
    index = np.flatnonzero(checked.won)
    if not len(index):
        return out
    xp = array_namespace(x0)
    native = xp.asarray(index, device=device(x0))
    x0, x, y = x0[native], closest[native], to_numpy(y)[index]
    domain = inputs.domain.like(x)
    share = np.ones(len(index))
    if not domain.discrete:
        low = np.zeros(len(index))
        try:
            for _ in range(halvings):
                middle = (low + share) / 2
                point = x0 + (x - x0) * per_row(xp.asarray(middle, dtype=x.dtype, device=device(x)), x)
                fooled = inputs.won(to_numpy(target.predict(point)), y)
                share, low = np.where(fooled, middle, share), np.where(fooled, low, middle)
        except BudgetSpent:
            pass  # the shares known so far are bounds too, only wider
    # The re-check lets rounding pass; a distance a hair beyond epsilon would fall out of the curve.
    out[index] = np.minimum(to_numpy(domain.distance(x, x0, inputs.norm)).astype(float), inputs.epsilon) * share
    return out


def conclude(
    target: Predicts,
    trial: Trial,
    inputs: Inputs,
    found: Found,
    *,
    scope: Mapping[str, str | int | float | None],
    figures: tuple[Figure, ...] = (),
    caveats: tuple[Caveat, ...] = (),
    closest: Array | None = None,
) -> Measurement:
    """The measurement: share of the inputs that the model gets right and the attack turned wrong.

    For a regressor every input counts as right, and turned means moved by more than the tolerance.

    ``closest`` holds nearer examples where the attack looked for them; distances are then measured there.
    """
    checked = recheck(target, inputs, found)
    distances = nearest(target, inputs, checked, found.x if closest is None else closest)
    n, right, won = len(inputs.right), int(inputs.right.sum()), int(checked.won.sum())
    shows: Mapping[str, Callable[..., Sequence[Evidence]]]
    shows = {"image": pictures, "table": changed_columns, "audio": sounds}
    seen = shows[inputs.modality](target, inputs, checked.x, checked.won, checked.labels)
    evidence = [*seen, _against_epsilon(inputs, distances, n)]
    numbers = [
        Figure(name="clean_accuracy", value=right / n if n else 0.0, ci=wilson(right, n), n=n, note=_meaning(inputs)),
        Figure(
            name="robust_accuracy",
            value=(right - won) / n if n else 0.0,
            ci=wilson(right - won, n),
            n=n,
            note="share of all inputs that are still right under attack; the true value is at most this",
        ),
        *figures,
    ]
    if won:
        typical = float(np.median(distances[checked.won]))
        unit = "in units of each column's scale" if inputs.modality == "table" else "of the data range"
        numbers.append(
            Figure(name="median_distortion", value=typical, n=won, note=f"{inputs.norm}, {unit}, of the fooled")
        )
        numbers += how_loud(inputs, checked.x, checked.won)
        numbers += _after_rounding(target, inputs, checked)
    rejected = sum(checked.broken.values()) + checked.unconfirmed
    numbers.append(Figure(name="rejected_examples", value=float(rejected), note="found by the attack, not counted"))
    return trial.measurement(
        won / right if right else 0.0,
        wilson(won, right),
        right,
        # What a pass must be read with; switches are changes of category, which pictures have none of.
        scope={"epsilon": inputs.epsilon, **scope, **({} if inputs.modality == "table" else {"switches": None})},
        figures=numbers,
        evidence=[e for e in evidence if e is not None],
        caveats=(*_caveats(inputs, found, checked, n, right), *caveats),
    )


def _meaning(inputs: Inputs) -> str:
    """What right means before an attack, where it is not the right class."""
    if inputs.classes:
        return ""
    if isinstance(inputs.objective, Crosses):
        return "on the side of the threshold where they belong"
    return "every value counts as right until it is moved by the tolerance"


def _caveats(inputs: Inputs, found: Found, checked: Checked, n: int, right: int) -> list[Caveat]:
    out = []
    if n < 2:
        out.append(Caveat(code="too-few-samples", message=f"{n} inputs say nothing", blocks="both"))
    if n and not right:
        out.append(
            Caveat(
                code="nothing-right", message="the model gets no input right: there is nothing to attack", blocks="both"
            )
        )
    if not inputs.domain.free(inputs.epsilon):
        message = f"no input may be changed at epsilon {inputs.epsilon:g}, so nothing was attacked"
        out.append(Caveat(code="nothing-to-move", message=message, blocks="both"))
    if inputs.modality == "audio":
        out += silence(inputs)
    labels = to_numpy(inputs.y)
    if n > 1 and inputs.classes and len(np.unique(labels)) < 2:
        out.append(Caveat(code="one-class", message="all inputs carry the same label: the other classes are untested"))
    if n > 1 and isinstance(inputs.objective, Crosses) and len(np.unique(labels)) < 2:
        message = f"all inputs belong on the same side of the threshold {inputs.objective.threshold:g}"
        out.append(Caveat(code="one-class", message=f"{message}: the other side is untested"))
    if not (found.complete and inputs.complete):
        out.append(
            Caveat(code="budget-spent", message="the budget ended before the attack: a longer one may find more")
        )
    if not checked.asked:
        out.append(
            Caveat(code="not-rechecked", message="the budget left no query to confirm the examples", blocks="none")
        )
    if checked.broken:
        words = "; ".join(f"{rule}: {count}" for rule, count in checked.broken.items())
        out.append(
            Caveat(code="examples-broke-rules", message=f"examples that were not counted: {words}", blocks="pass")
        )
    if checked.unconfirmed:
        out.append(
            Caveat(
                code="examples-not-confirmed",
                message=f"{checked.unconfirmed} examples fooled the model once and not when asked again",
            )
        )
    return out


def _after_rounding(target: Predicts, inputs: Inputs, checked: Checked) -> list[Figure]:
    """Share of the successful pictures or clips that still fool the model once stored in the format they came in."""
    if inputs.modality == "table":
        return []
    index = np.flatnonzero(checked.won)
    x0, y = inputs.at(inputs.chosen)
    xp = array_namespace(x0)
    won = checked.x[xp.asarray(index, device=device(x0))]
    stored = target.decode(won if inputs.is_image else quantised(won))
    try:
        again = target.encode(stored)
        if tuple(again.shape[1:]) != tuple(x0.shape[1:]):
            return []
        kept = int(inputs.won(to_numpy(target.predict(again)), to_numpy(y)[index]).sum())
    except BudgetSpent:
        return []
    what = "pictures that still fool when saved as files of the original kind"
    note = f"share of the fooling {what if inputs.is_image else 'clips that still fool when saved with 16 bits'}"
    return [
        Figure(
            name="fooled_after_saving", value=kept / len(index), ci=wilson(kept, len(index)), n=len(index), note=note
        )
    ]


def _against_epsilon(inputs: Inputs, distances: NumpyArray, n: int) -> Series | None:
    """Accuracy that is left at each epsilon up to the one attacked with: at most this much."""
    if not n or not inputs.epsilon:
        return None
    grid = [inputs.epsilon * i / 10 for i in range(11)]
    left = [int((distances > e * (1 + 1e-9)).sum()) for e in grid]
    bands = [wilson(k, n) for k in left]
    line = Line(
        name="still right",
        x=tuple(grid),
        y=tuple(k / n for k in left),
        low=tuple(b.low for b in bands),
        high=tuple(b.high for b in bands),
    )
    return Series(
        title="Accuracy left against epsilon",
        note="upper bounds: each fooling example was walked back towards its original",
        x_label=f"epsilon ({inputs.norm})",
        y_label="share of all inputs",
        lines=(line,),
    )


def merged(first: Found, again: Found, at: NumpyArray) -> Found:
    """``first`` with the rows ``at`` replaced where ``again``, an attack on those rows alone, did better."""
    xp = array_namespace(first.x)
    better = to_numpy(again.fooled) | (to_numpy(again.margin) < to_numpy(first.margin)[at])
    to = xp.asarray(at[better], device=device(first.x))
    take = xp.asarray(np.flatnonzero(better), device=device(first.x))
    x, fooled, margin = (xp.asarray(a, copy=True) for a in (first.x, first.fooled, first.margin))
    x[to], fooled[to], margin[to] = again.x[take], again.fooled[take], again.margin[take]
    queries = first.queries.copy()
    queries[at] += again.queries
    return replace(
        first, x=x, fooled=fooled, margin=margin, queries=queries, complete=first.complete and again.complete
    )
