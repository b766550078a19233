"""perturbation.square: random search with nothing but the model's scores."""

from __future__ import annotations

import numpy as np

from momus.core.capabilities import Array, Scores, to_numpy
from momus.core.errors import BudgetSpent
from momus.core.evidence import Line, Series
from momus.core.probe import Trial, probe
from momus.core.records import Caveat, Figure, Knowledge, Measurement
from momus.methods import masking
from momus.methods.ascent import Found
from momus.methods.sound_search import sound_search
from momus.methods.square_search import square as search_image
from momus.methods.square_search import table_search
from momus.probes.perturbation._inputs import Inputs, prepare, reserved, rows_within
from momus.probes.perturbation._outcome import conclude


@probe(
    knowledge=Knowledge.BLACK_BOX,
    data=("test",),
    optional_data=("train",),
    metric="attack_success_rate",
    worse="higher",
    source="arXiv:1912.00049",
    cost="at most n queries rows; 8 n + 1,000 rows of checks",
    tasks=("classifier", "regressor"),
    within="perturbation.cascade",
    modalities=("image", "table", "audio"),
    version=3,
)
def square(
    target: Scores,
    trial: Trial,
    *,
    epsilon: float | None = None,
    norm: str = "linf",
    queries: int = 1000,
    n: int = 200,
    switches: int = 1,
    tolerance: float | None = None,
    threshold: float | None = None,
) -> Measurement:
    """Share of correctly classified inputs that random search over the scores turns wrong inside epsilon.

    Measures: attack success rate over the inputs the model gets right, with scores as the only knowledge: no gradient,
    no weights. Pictures get the Square attack; tables a random search that leaves immutable columns alone and keeps
    integers whole, one-hot groups one-hot and values in their range; sound gets the same search over its samples. A
    regressor counts as turned where its output moves by more than the tolerance, a detector where it crosses its
    threshold.

    Why it matters: whoever may call the model and sees its confidence can do this, against any kind of model.

    Options: ``epsilon`` radius of the ball, in units of the picture's range ([0, 1]; default 8/255), of full scale
    (sound; 0.01) or of each column's scale (tables; 0.1 interquartile ranges of the training data). ``norm`` linf or
    l2. ``queries`` model rows an input, 1 or more. ``n`` inputs at most. ``switches`` categories that may change at
    once in a table. ``tolerance`` for regressors, in the output's units (default half the outputs' standard
    deviation). ``threshold`` for detectors.

    Returns: figures ``robust_accuracy`` (share of all inputs), ``clean_accuracy``, ``median_distortion``,
    ``median_queries``, ``rejected_examples``; pictures or changed columns; accuracy left against epsilon and queries.

    Raises: ProbeError for an epsilon beyond the range (0 to 255 given for [0, 1]), bad labels or inputs.

    Cost: at most n queries rows.

    A pass means little when: outputs are random or rounded so that the search sees no difference, or the query budget
    is small: 1,000 is what a patient attacker has, a determined one has 10,000.

    Source: Andriushchenko et al. 2020, arXiv 1912.00049; tables: the same search under declared constraints.
    """
    inputs = prepare(
        target, trial, n=n, epsilon=epsilon, norm=norm, switches=switches, options={"queries": queries, "n": n},
        tolerance=tolerance, threshold=threshold,
    )  # fmt: skip
    rng = trial.rng
    found = _attack(target, trial, inputs, inputs.chosen, rng, inputs.epsilon, queries)
    trial.progress(0.8, "looking for signs that the search was blind")
    won = to_numpy(found.fooled)
    figures = []
    if won.any():
        typical = float(np.median(found.queries[won]))
        figures.append(Figure(name="median_queries", value=typical, n=int(won.sum()), note="of the fooled inputs"))
    measured = conclude(
        target,
        trial,
        inputs,
        found,
        scope={"norm": norm},
        figures=tuple(figures),
        caveats=_signs(target, trial, inputs, found, rng, queries),
    )
    return measured.model_copy(update={"evidence": (*measured.evidence, *_against_queries(inputs, found, queries))})


def _attack(
    target: Scores,
    trial: Trial,
    inputs: Inputs,
    index: np.ndarray,
    rng: np.random.Generator,
    epsilon: float,
    queries: int,
) -> Found:
    ask = reserved(trial, int(inputs.right.sum()))

    def scores(x: Array) -> Array:
        ask(len(x))
        return target.scores(x)

    x, y = inputs.at(index)
    search = {"image": search_image, "audio": sound_search}.get(inputs.modality, table_search)
    return search(
        scores,
        x,
        y,
        epsilon=epsilon,
        queries=queries,
        norm=inputs.norm,
        domain=inputs.domain,
        rng=rng,
        rows=rows_within(trial, x),
        objective=inputs.objective,
    )


def _signs(
    target: Scores, trial: Trial, inputs: Inputs, found: Found, rng: np.random.Generator, queries: int
) -> tuple[Caveat, ...]:
    """Signs that the search could not see its way: random or constant scores, margins that never moved."""
    signs = [
        masking.randomised(target.info.randomised),
        masking.constant(to_numpy(inputs.outputs)),
        masking.few_queries(queries),
    ]
    left = np.flatnonzero(~to_numpy(found.fooled))
    if not len(left) or not inputs.epsilon or not found.complete:
        return masking.present(signs)
    before = inputs.objective.margin(inputs.outputs, inputs.y)
    if inputs.is_image:
        signs.append(masking.flat_loss(to_numpy(before)[inputs.chosen[left]], to_numpy(found.margin)[left]))
        few = inputs.chosen[np.sort(rng.choice(left, min(10, len(left)), replace=False))]
        whole = float(inputs.domain.high - inputs.domain.low)
        whole *= 1.0 if inputs.norm == "linf" else float(np.sqrt(np.prod(inputs.x.shape[1:])))
        try:
            wide = _attack(target, trial, inputs, few, rng, whole, 100)
            if wide.complete:
                signs.append(masking.large_epsilon(int(to_numpy(wide.fooled).sum()), len(few), whole, limit=0.5))
        except BudgetSpent:
            signs.append(Caveat(code="masking-unchecked", message="no budget was left to try the whole range"))
    return masking.present(signs)


def _against_queries(inputs: Inputs, found: Found, queries: int) -> list[Series]:
    """Accuracy left after so many queries an input."""
    n = len(inputs.right)
    won = to_numpy(found.fooled)
    if not n or not len(won):
        return []
    grid = sorted({max(1, round(queries ** (i / 20))) for i in range(21)})
    left = [float((len(won) - (won & (found.queries <= q)).sum()) / n) for q in grid]
    line = Line(name="still right", x=tuple(float(q) for q in grid), y=tuple(left))
    return [
        Series(
            title="Accuracy left against queries",
            x_label="model rows asked for each input",
            y_label="share of all inputs",
            lines=(line,),
            log_x=True,
        )
    ]
