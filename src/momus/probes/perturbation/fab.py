"""perturbation.fab: the smallest change that turns each input, by gradients."""

from __future__ import annotations

import numpy as np
from array_api_compat import array_namespace, device

from momus.core.capabilities import Gradients, to_numpy
from momus.core.errors import BudgetSpent
from momus.core.evidence import Line, Series
from momus.core.probe import Trial, probe
from momus.core.records import Figure, Knowledge, Measurement
from momus.core.samples import NumpyArray
from momus.methods.ascent import rows_for
from momus.methods.fab import Nearest
from momus.probes.perturbation._ascent import Attack, signs
from momus.probes.perturbation._inputs import Inputs, prepare
from momus.probes.perturbation._members import Members
from momus.probes.perturbation._outcome import conclude


@probe(
    knowledge=Knowledge.WHITE_BOX,
    data=("test",),
    optional_data=("train",),
    metric="attack_success_rate",
    worse="higher",
    source="arXiv:1907.02044",
    cost="at most 2 n (steps + 1) targets restarts rows, half of them with gradient; 8 n + 1,700 rows of checks",
    tasks=("classifier", "regressor"),
    within="perturbation.cascade",
    modalities=("image", "table", "audio"),
)
def fab(
    target: Gradients,
    trial: Trial,
    *,
    epsilon: float | None = None,
    norm: str = "linf",
    steps: int = 100,
    targets: int = 9,
    restarts: int = 1,
    n: int = 50,
    switches: int = 1,
    tolerance: float | None = None,
    threshold: float | None = None,
) -> Measurement:
    """How small a change turns each input: share of those that less than epsilon turns, and the median distance.

    Measures: attack success rate over the inputs the model gets right, at epsilon; beside it the smallest change found
    for every input, however large, in ``median_distance``. The attack walks along the decision boundary towards the
    original, to each of the likeliest other classes in turn. Every example is asked again and held against the data
    range and the columns' rules.

    Why it matters: a share at one epsilon says little about the next one. Distances show how much room a model has,
    and which inputs have none.

    Options: ``epsilon`` the radius that counts as success, in units of the picture's range ([0, 1]; default 8/255), of
    full scale (sound; 0.01) or of each column's scale (tables; 0.1 interquartile ranges). ``norm`` linf or l2: what is
    kept small. ``steps`` a run, ``targets`` classes at most, ``restarts`` runs from other starts, each 1 or more. ``n``
    inputs at most. ``switches``: as for other attacks on tables, but this one leaves categories alone. ``tolerance``
    for regressors, in the output's units; ``threshold`` for detectors.

    Returns: figures ``median_distance`` (of all inputs the model gets right), ``not_turned`` (inputs that no change
    found turns), ``robust_accuracy`` (share of all inputs), ``clean_accuracy``, ``median_distortion`` (of the fooled),
    ``rejected_examples``; accuracy left against distance; pictures or changed columns.

    Raises: ProbeError for an epsilon beyond the range (0 to 255 given for [0, 1]), bad labels or inputs.

    Cost: at most 2 n (steps + 1) targets restarts rows, typically 1.6 n steps targets, two in three with a gradient.

    A pass means little when: gradients vanish, outputs are random, or a cheap black-box attack does better. Each of
    these is looked for and turns a pass into inconclusive. Distances are upper bounds: a nearer example may exist.

    Source: Croce and Hein 2020, arXiv 1907.02044; signs of masking from Athalye et al. 2018, arXiv 1802.00420.
    """
    asked = {"steps": steps, "targets": targets, "restarts": restarts, "n": n}
    inputs = prepare(
        target, trial, n=n, epsilon=epsilon, norm=norm, switches=switches, options=asked, tolerance=tolerance,
        threshold=threshold,
    )  # fmt: skip
    rng = trial.rng
    found = Members(target, trial, inputs).fab(
        inputs.chosen, rng, steps=steps, targets=targets, restarts=restarts, stop=False
    )
    trial.progress(0.8, "looking for signs of masked gradients")
    caveats, beaten = signs(target, Attack(target, trial, inputs, min(steps, 40), None, 1), found, rng)
    distances, asked_again = _confirmed(target, inputs, found)
    measured = conclude(
        target,
        trial,
        inputs,
        found,
        scope={"norm": norm, "switches": None, **({} if inputs.classes else {"targets": None})},
        figures=(
            Figure(name="black_box_only", value=float(beaten), note="survivors that a cheap black-box attack fooled"),
            *_figures(distances, norm, asked_again),
        ),
        caveats=caveats,
    )
    curve = _against_distance(inputs, distances)
    return measured.model_copy(update={"evidence": (*measured.evidence, *curve)})


def _confirmed(target: Gradients, inputs: Inputs, found: Nearest) -> tuple[NumpyArray, bool]:
    """(m,) distances of examples that the target still falls for and that keep the rules; inf for the others."""
    distances = to_numpy(found.distance).astype(float)
    claimed = np.flatnonzero(np.isfinite(distances))
    x0, y = inputs.at(inputs.chosen)
    xp = array_namespace(x0)
    out = np.full(len(distances), np.inf)
    rows = max(rows_for(x0), 64)
    for i in range(0, len(claimed), rows):
        at = claimed[i : i + rows]
        native = xp.asarray(at, device=device(x0))
        x, domain = found.x[native], inputs.domain.like(x0)
        broken = domain.check(x, x0[native], float(distances[at].max()), inputs.norm)
        legal = ~np.any([to_numpy(mask) for mask in broken.values()], axis=0)
        try:
            fools = inputs.won(to_numpy(target.predict(x)), to_numpy(y)[at])
        except BudgetSpent:
            return np.where(np.isfinite(out), out, distances), False
        out[at] = np.where(legal & fools, distances[at], np.inf)
    return out, True


def _figures(distances: NumpyArray, norm: str, confirmed: bool) -> list[Figure]:
    """Median over all attacked inputs; those that nothing turned count as further than any."""
    turned = np.isfinite(distances)
    note = f"{norm}, smallest change found that turns an input; {'' if confirmed else 'not '}confirmed"
    out = [Figure(name="not_turned", value=float((~turned).sum()), n=len(distances), note="inputs nothing turned")]
    if len(distances) and turned.mean() > 0.5:
        middle = float(np.quantile(distances, 0.5, method="lower"))
        out.insert(0, Figure(name="median_distance", value=middle, n=len(distances), note=note))
    return out


def _against_distance(inputs: Inputs, distances: NumpyArray) -> list[Series]:
    """Share of all inputs that are still right at each size of change."""
    n = len(inputs.right)
    known = np.sort(distances[np.isfinite(distances)])
    if not n or not len(known):
        return []
    at = [0.0, *known.tolist()]
    left = [(len(distances) - i) / n for i in range(len(at))]
    line = Line(name="still right", x=tuple(at), y=tuple(left))
    return [
        Series(
            title="Accuracy left against the size of the change",
            note="upper bounds; one step for each input that falls",
            x_label=f"smallest change found ({inputs.norm})",
            y_label="share of all inputs",
            lines=(line,),
        )
    ]
