"""perturbation.table: a search over the rows of a table that keeps everything the card declares about its columns."""

from __future__ import annotations

import numpy as np

from momus.core.capabilities import Predicts, to_numpy
from momus.core.errors import ProbeError
from momus.core.probe import Trial, probe
from momus.core.records import Figure, Knowledge, Measurement
from momus.methods.table_attack import Settings
from momus.probes.perturbation._inputs import prepare
from momus.probes.perturbation._outcome import conclude
from momus.probes.perturbation._tables import changed, column_figures, graded, search, signs


@probe(
    knowledge=Knowledge.BLACK_BOX,
    data=("test",),
    optional_data=("train",),
    metric="attack_success_rate",
    worse="higher",
    source="own search; schedule of arXiv:1912.00049",
    cost="at most n (queries + refine) rows; 9 n rows of checks",
    tasks=("classifier", "regressor"),
    modalities=("table",),
)
def table(
    target: Predicts,
    trial: Trial,
    *,
    epsilon: float | None = None,
    norm: str = "linf",
    queries: int = 1000,
    refine: int = 300,
    n: int = 200,
    switches: int = 1,
    labels_only: bool = False,
    tolerance: float | None = None,
    threshold: float | None = None,
) -> Measurement:
    """Share of a table's rows that a constrained search turns inside epsilon, knowing nothing but the answers.

    Measures: attack success rate over the rows the model gets right (a regressor: all rows). No change touches an
    immutable column, leaves a range, tears a one-hot group, makes a fraction of a whole number, switches more
    categories than allowed or breaks a declared rule; each example is held against all of it and asked again.

    Why it matters: an applicant, a customer or a sender chooses much of what stands in a row, and tries again until
    the decision suits. What they cannot choose must not be counted, or the number says nothing about them.

    Options: ``epsilon`` in units of each column's scale (the interquartile range of the training data; default 0.1).
    ``norm`` linf or l2. ``queries`` model rows an input until it is turned, 1 or more; ``refine`` more to bring it
    nearer and to take columns back. ``n`` inputs at most. ``switches`` categories that may change at once.
    ``labels_only`` keeps scores from the attacker, as where an application shows its decision alone. A regressor counts
    as turned when its value moves by ``tolerance`` (default half the standard deviation of its outputs) or, with a
    ``threshold``, when it ends on the other side.

    Returns: figures ``robust_accuracy``, ``clean_accuracy``, ``median_distortion`` (the nearest examples found),
    ``median_columns``, ``fewest_columns``, ``turned_by_one_column``, ``median_queries``; the columns of a few turned
    rows in plain values; how often each column was changed; accuracy left against epsilon.

    Raises: ProbeError for options out of range, columns that do not fit the target, or a rule that cannot be read.

    Cost: at most n (queries + refine) rows, and 9 n rows of checks.

    A pass means little when: outputs are random, the query budget is small, or the columns that an attacker can really
    choose are declared immutable. Epsilon counts scales of columns: a card's ranges and rules are the better fence.

    Source: own search. Its schedule of shares is that of Square (Andriushchenko et al. 2020, arXiv 1912.00049); with
    labels alone it comes in from turned rows, as decision-based attacks do (Chen et al. 2020, arXiv 1904.02144).
    """
    if refine < 0:
        raise ProbeError(f"refine must be at least 0, not {refine}", place="option 'refine'")
    asked = {"queries": queries, "n": n}
    inputs = prepare(
        target,
        trial,
        n=n,
        epsilon=epsilon,
        norm=norm,
        switches=switches,
        options=asked,
        tolerance=tolerance,
        threshold=threshold,
    )
    by_score = not labels_only and graded(inputs)
    settings = Settings(inputs.epsilon, queries, refine, inputs.norm, by_score)
    found = search(target, trial, inputs, inputs.chosen, trial.rng, settings)
    trial.progress(0.9, "asking every example again")
    won = to_numpy(found.fooled)
    figures = []
    if won.any():
        typical = float(np.median(found.queries[won]))
        figures.append(Figure(name="median_queries", value=typical, n=int(won.sum()), note="until an input was turned"))
    more, bars = column_figures(inputs, changed(inputs, found.x, won))
    measured = conclude(
        target,
        trial,
        inputs,
        found,
        scope={"norm": norm, "knows": "scores" if by_score else "labels", "rules": len(inputs.domain.rules)},
        figures=(*figures, *more),
        caveats=tuple(signs(target, inputs, queries)),
    )
    return measured.model_copy(update={"evidence": (*measured.evidence, *bars)})
