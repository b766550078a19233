"""What both table probes share: the search on this target, which columns fell, and rules that the data break."""

from __future__ import annotations

import numpy as np
from array_api_compat import array_namespace, device

from momus.core.capabilities import Array, Predicts, to_numpy
from momus.core.evidence import Bars
from momus.core.probe import Trial
from momus.core.records import Caveat, Figure
from momus.core.samples import NumpyArray
from momus.methods import masking
from momus.methods.ascent import Found
from momus.methods.table_attack import Settings, table_attack
from momus.probes.perturbation._inputs import Inputs, reserved, rows_within
from momus.stats.intervals import wilson

DONORS = 500  # rows of the training data that a search may begin from
SHOWN = 12


def search(
    target: Predicts, trial: Trial, inputs: Inputs, index: NumpyArray, rng: np.random.Generator, settings: Settings
) -> Found:
    """perturbation.table's search on the inputs ``index``; with ``settings.graded`` False from labels alone."""
    ask = reserved(trial, int(inputs.right.sum()))
    xp = array_namespace(inputs.x)

    def scores(x: Array) -> Array:
        ask(len(x))
        return target.scores(x)  # type: ignore[attr-defined]

    def labels(x: Array) -> Array:
        """Decisions as outputs that say nothing but won or not: a one-hot row a label, or the value itself."""
        ask(len(x))
        found = to_numpy(target.predict(x))
        if not inputs.classes:
            return xp.asarray(found[:, None], dtype=inputs.x.dtype, device=device(inputs.x))
        k = max(len(target.info.classes), int(found.max(initial=0)) + 1, 2)
        return xp.asarray(np.eye(k)[found.astype(int)], dtype=inputs.x.dtype, device=device(inputs.x))

    x, y = inputs.at(index)
    reference = trial.data.get("train", inputs.samples)
    return table_attack(
        scores if inputs.scores is not None and settings.graded else labels,
        x,
        y,
        settings=settings,
        domain=inputs.domain,
        donors=target.encode(reference.sample(DONORS, rng).x),
        objective=inputs.objective,
        rng=rng,
        rows=rows_within(trial, x),
    )


def graded(inputs: Inputs) -> bool:
    """Whether the outputs tell how near an input is to the border: more than a handful of different margins."""
    if not inputs.classes:
        return True  # a value is a score
    if inputs.scores is None or not len(inputs.right):
        return False
    margins = to_numpy(inputs.objective.margin(inputs.scores, inputs.y))
    return len(np.unique(np.round(margins, 9))) > 4


def changed(inputs: Inputs, x: Array, won: NumpyArray) -> NumpyArray:
    """(m, d) booleans: which columns differ from the original in the examples that are legal."""
    x0 = inputs.at(inputs.chosen)[0]
    broken = inputs.domain.like(x0).check(x, x0, inputs.epsilon, inputs.norm)
    won = won & ~np.any([to_numpy(rows) for rows in broken.values()], axis=0)
    a, b = to_numpy(x), to_numpy(x0)
    differs = (a != b) & ~(np.isnan(a) & np.isnan(b))
    return np.asarray(differs[won])


def column_figures(inputs: Inputs, differs: NumpyArray) -> tuple[list[Figure], list[Bars]]:
    """How many columns a turned input needed, and how often each column was among them."""
    if not len(differs):
        return [], []
    count = differs.sum(axis=1)
    for group in inputs.domain.groups:  # a category that is switched touches two columns of its group
        each = differs[:, list(group)]
        count = count + each.any(axis=1) - each.sum(axis=1)
    figures = [
        Figure(name="median_columns", value=float(np.median(count)), n=len(count), note="changed in a turned input"),
        Figure(name="fewest_columns", value=float(count.min()), n=len(count)),
        Figure(
            name="turned_by_one_column",
            value=float((count == 1).mean()),
            ci=wilson(int((count == 1).sum()), len(count)),
            n=len(count),
            note="share of the turned inputs where a single column sufficed",
        ),
    ]
    share = differs.mean(axis=0)
    order = [int(j) for j in np.argsort(-share, kind="stable")[:SHOWN] if share[j] > 0]
    names = inputs.domain.names or tuple(f"column {j}" for j in range(len(share)))
    bars = Bars(
        title="Columns that were changed",
        note="in the turned inputs, after everything that was not needed had been taken back",
        y_label="share of the turned inputs",
        names=tuple(names[j] for j in order),
        values=tuple(float(share[j]) for j in order),
    )
    return figures, [bars]


def signs(target: Predicts, inputs: Inputs, queries: int) -> list[Caveat]:
    """Reasons to distrust a search on a table, and rules that the clean rows break already."""
    found = [masking.randomised(target.info.randomised), masking.few_queries(queries)]
    if inputs.scores is not None:
        found.append(masking.constant(to_numpy(inputs.scores)))
    elif inputs.classes and len(inputs.answers) > 1 and len(np.unique(inputs.answers)) == 1:
        found.append(
            Caveat(
                code="constant-output",
                message="the model gives every input the same label: nothing shows that it decides at all",
            )
        )
    x = to_numpy(inputs.x)
    for rule in inputs.domain.rules:
        count = int((~rule.holds(x)).sum()) if len(x) else 0
        if count:
            found.append(
                Caveat(
                    code="data-break-rules",
                    message=f"{count} of {len(x)} inputs break '{rule}' untouched: there an attack may break it too",
                    blocks="none",
                )
            )
    return list(masking.present(found))
