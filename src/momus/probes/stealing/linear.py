"""A linear model, solved for: as many queries as it has weights."""

from __future__ import annotations

import numpy as np

from momus.core.capabilities import Predicts, to_numpy
from momus.core.errors import BudgetSpent
from momus.core.evidence import Table
from momus.core.probe import Trial, probe
from momus.core.records import Caveat, Figure, Knowledge, Measurement
from momus.methods.equation_solving import LinearCopy
from momus.methods.linear_design import design
from momus.methods.theft_defences import View, view_of
from momus.methods.theft_report import Stage
from momus.probes.stealing import _linear, _report
from momus.probes.stealing._service import Service, gives_probabilities, ranges_of, under_other_views, whole

WEAKER = (View(3), View(2), View(1), View(top=1), View(labels=True))


@probe(
    knowledge=Knowledge.BLACK_BOX,
    data=("test",),
    optional_data=("train",),
    metric="copy_agreement",
    worse="higher",
    source="arXiv:1609.02943",
    cost="d + 1 with full answers, about 50 (d + 1) with rounded ones, 2 rows and 12 after to examine the copy",
    tasks=("classifier", "regressor"),
    modalities=("table", "image", "audio"),
)
def linear(
    target: Predicts,
    trial: Trial,
    *,
    queries: int = 20000,
    rows: int = 1000,
    decimals: int = -1,
    labels: bool = False,
    defences: bool = True,
    after: int = 100,
) -> Measurement:
    """Solve for the weights of a linear model from its answers.

    Measures
        How often a copy made by equation solving answers as the original does, on test rows that were never asked, and
        how many queries, how much money and how many minutes that took.
    Why it matters
        A logistic or linear regression of d inputs is d + 1 numbers. Whoever gets as many answers with all their digits
        has the model itself; rounding only makes that dearer.
    Options
        queries: most queries the thief makes. rows: test rows, and rows from the declared ranges, on which the copy is
        examined. decimals: digits of an answer, -1 for what the card's service says. labels: the class alone is
        answered. defences: whether the attack is run again against less telling answers. after: rows of a table for
        what the copy is good for, 0 for none.
    Returns
        copy_agreement on test rows with a Wilson interval; figures uniform_agreement, copy_accuracy, queries_to_90pct
        to 99pct with cost and minutes, probability_error (greatest difference of an answer), held_out_error (how badly
        equations that were not solved are missed), unknowns, condition; the agreement that no query buys; transfer_rate
        (inputs found on the copy that turn the original) beside noise_rate, membership_auc_copy and _original.
    Raises
        ProbeError for texts; TargetError when answers are not finite.
    Cost
        One query for each unknown and 12 to check; with rounded answers or classes alone a binary search for each.
    A pass means little when
        The model is not linear: then the answer says so and passes nobody. A thief with more queries than ``queries``,
        or one who learns a copy (see stealing.active), is another matter.
    Source
        Tramèr et al. 2016 (arXiv:1609.02943); Lowd & Meek 2005 for classes alone.
    """
    rng, samples = trial.rng, trial.samples("test")
    view = View(labels=True) if labels else view_of(trial.service)
    view = View(decimals, view.top, view.labels) if decimals >= 0 else view
    made = design(ranges_of(target, samples), _usual(target, trial))
    with trial.keeping(_report.exam_rows(trial, rows, after), 0.7):
        service = Service(target, samples, view, queries)
        taken = _linear.take(service, made, rng)
        trial.progress(0.5, "asking less telling answers")
        weaker: list[tuple[View, Stage]] = []
        full = service.view == View()
        if defences and full and taken.linear and not service.regressor:

            def again(other: Service) -> Stage:
                return whole(other, _linear.take(other, made, np.random.default_rng([trial.seed, 7])))

            weaker = under_other_views(target, samples, again, WEAKER, queries)
    asked, said = service.stream()
    theft = _report.Theft(
        taken.stages,
        asked,
        said,
        service.view,
        weaker,
        figures=[
            Figure(name="unknowns", value=float(made.unknowns * max(1, service.outputs - 1))),
            Figure(name="held_out_error", value=taken.misfit, note="of equations that were not solved"),
            *_conditioning(taken),
            *(_error(target, trial, taken.copy) if full and taken.copy else []),
        ],
        evidence=[_weights(taken.copy, trial)] if taken.copy is not None and taken.linear else [],
        caveats=_caveats(taken),
        scope={"method": taken.method, "labels": None, "decimals": None, "solved_with": taken.solved_with},
        graded=taken.copy.answers if taken.copy is not None else None,
    )
    return _report.measured(target, trial, theft, rows=rows, after=after)


def _usual(target: Predicts, trial: Trial) -> np.ndarray:
    """Rows that show the thief what a usual input looks like."""
    few = trial.samples("test").sample(200, np.random.default_rng([trial.seed, 5]))
    x = to_numpy(target.encode(few.x))
    return x.reshape(-1, int(np.prod(x.shape[1:])))


def _conditioning(taken: _linear.Taken) -> list[Figure]:
    found = []
    if taken.condition and np.isfinite(taken.condition):
        found.append(Figure(name="condition", value=taken.condition, note="how much the equations blow up an error"))
    if taken.blur:
        found.append(Figure(name="blur", value=taken.blur, note="jump of an answer where the row hardly moves"))
    return found


def _error(target: Predicts, trial: Trial, copy: LinearCopy) -> list[Figure]:
    """Greatest difference between an answer of the copy and one of the original, on test rows."""
    few = trial.samples("test").sample(200, np.random.default_rng([trial.seed, 6]))
    if not len(few):
        return []
    try:
        x = target.encode(few.x)
        flat = to_numpy(x).reshape(len(few), -1).astype(float)
        probabilities = gives_probabilities(target)
        said = to_numpy(target.probabilities(x)) if probabilities else to_numpy(target.predict(x))  # type: ignore[attr-defined]
    except BudgetSpent:
        return []
    off = np.abs(copy.answers(flat) - said.reshape(len(few), -1)).max()
    name = "probability_error" if probabilities else "value_error"
    return [Figure(name=name, value=float(off), n=len(few), note="greatest difference on test rows")]


def _weights(copy: LinearCopy, trial: Trial, most: int = 20) -> Table:
    """The greatest stolen weights, in units of each column's spread."""
    made, columns = copy.design, trial.samples("test").columns
    names = [c.name for c in columns] or [f"input {j}" for j in range(made.ranges.width)]
    called = ["(intercept)", *(names[j] for j in made.numbers)]
    for j, values in made.ranges.codes:
        kinds = columns[j].categories if columns else ()
        called += [f"{names[j]} = {kinds[int(v)] if kinds else f'{v:g}'}" for v in values[1:]]
    called += [names[j] for g in made.ranges.groups for j in g[1:]]
    w = copy.weights if copy.link in ("identity", "log", "one-vs-rest") else copy.weights[:, 1:]
    top = np.argsort(-np.abs(w).max(axis=1), kind="stable")[:most]
    return Table(
        title="Weights that were stolen",
        columns=("input", *(f"weight {c}" for c in range(1, min(w.shape[1], 6) + 1))),
        rows=tuple((called[i], *(round(float(v), 6) for v in w[i, :6])) for i in top),
        note=f"{w.size} weights in all, in units of each input's spread; the {len(top)} greatest are shown",
    )


def _caveats(taken: _linear.Taken) -> list[Caveat]:
    found = []
    if taken.spent:
        message = f"the queries ended while the weights were being solved for ({taken.method or 'nothing was solved'})"
        found.append(Caveat(code="budget-spent", message=message, blocks="pass"))
    if taken.linear is False:
        message = (
            "the answers are not those of a linear model (equations that were not solved are missed by "
            f"{taken.misfit:.2g}), so solving could not work; measured is the closest linear copy"
        )
        found.append(Caveat(code="not-linear", message=message, blocks="pass"))
    return found
