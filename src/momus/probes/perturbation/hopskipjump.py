"""perturbation.hopskipjump: the nearest turned input, from nothing but the model's answers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from array_api_compat import array_namespace, device

from momus.core.capabilities import Array, Predicts, to_numpy
from momus.core.evidence import Line, Series
from momus.core.probe import Trial, probe
from momus.core.records import Caveat, Figure, Knowledge, Measurement
from momus.core.samples import NumpyArray
from momus.methods import masking
from momus.methods.ascent import Found
from momus.methods.decision_search import Nearest, hop_skip_jump, rows_a_call
from momus.probes.perturbation._inputs import Inputs, prepare, reserved
from momus.probes.perturbation._outcome import conclude, recheck


@probe(
    knowledge=Knowledge.BLACK_BOX,
    data=("test",),
    optional_data=("train",),
    metric="attack_success_rate",
    worse="higher",
    within="perturbation.cascade",
    source="arXiv:1904.02144",
    cost="at most n queries rows; 9 n rows of checks",
    tasks=("classifier", "regressor"),
    modalities=("image", "table", "audio"),
)
def hopskipjump(
    target: Predicts,
    trial: Trial,
    *,
    epsilon: float | None = None,
    norm: str = "l2",
    queries: int = 2400,
    n: int = 50,
    tolerance: float | None = None,
    threshold: float | None = None,
) -> Measurement:
    """Share of correctly classified inputs for which answers alone lead to another answer within epsilon.

    Measures: HopSkipJump looks for the nearest turned input without scores or gradients; the share of the inputs that
    the model gets right whose nearest turned input lies within epsilon. Inputs that are wrong untouched are never
    moved and are counted once, in ``clean_accuracy``. Every example is asked again and held against the data range and
    the columns' rules. A regressor counts as turned where its output moves by more than the tolerance, a detector
    where it crosses its threshold.

    Why it matters: hiding scores is no defence. Whoever sees only the decision, accepted or refused, can do this.

    Options: ``epsilon`` what counts as near, in units of the picture's range ([0, 1]), of full scale (sound) or of
    each column's scale (tables). ``norm`` l2 or linf; an L2 epsilon has no usual value: the default is 8/255 of a
    quarter of the pixels' square root (pictures), 0.25 (tables). ``queries`` model rows an input, 1 or more; 2,400 are
    about ten iterations. ``n`` inputs at most. ``tolerance`` for regressors, in the output's units. ``threshold`` for
    detectors.

    Returns: figures ``robust_accuracy`` (share of all inputs), ``clean_accuracy``, ``median_distortion`` of all turned
    inputs, near or not, ``queries_per_input``, ``never_turned``, ``rejected_examples``; pictures or changed columns;
    accuracy left against epsilon, and the median distance against queries.

    Raises: ProbeError for an epsilon beyond the range (0 to 255 given for [0, 1]), bad labels or inputs.

    Cost: at most n queries rows, in a few hundred calls of up to 4,096 rows; 9 n rows of checks.

    A pass means little when: answers are random; the distance was still falling towards epsilon when the queries
    ended; no point at all got another answer; a table has categories, which this search leaves alone. Each of these is
    looked for and turns a pass into inconclusive. With scores or gradients the same inputs fall at smaller distances.

    Source: Chen, Jordan and Wainwright 2020, arXiv 1904.02144; smooth directions as in Li et al. 2020, arXiv
    2005.14137.
    """
    inputs = prepare(
        target, trial, n=n, epsilon=epsilon, norm=norm, options={"queries": queries, "n": n}, tolerance=tolerance,
        threshold=threshold,
    )  # fmt: skip
    nearest, granted = _search(target, trial, inputs, queries)
    trial.progress(0.9, "asking the examples again")
    moved = nearest.fooled & (nearest.distance > 0)  # at 0 the input itself got another answer than the first time
    near = moved & (nearest.distance <= inputs.epsilon)
    complete = nearest.complete and granted >= queries
    beyond = _confirmed(target, inputs, nearest, moved & ~near)
    measured = conclude(
        target,
        trial,
        inputs,
        _found(nearest, near, complete),
        scope={"norm": norm},
        caveats=_signs(target, inputs, nearest, granted),
    )
    held = near | beyond
    figures = [f for f in measured.figures if f.name != "median_distortion"]
    if held.any():
        typical = float(np.median(nearest.distance[held]))
        note = f"{norm}, of every turned input, within epsilon or not"
        figures.append(Figure(name="median_distortion", value=typical, n=int(held.sum()), note=note))
    if len(moved):
        mean = float(nearest.queries.mean())
        figures.append(Figure(name="queries_per_input", value=mean, n=len(moved), note="model rows of the search"))
    lost = float((~nearest.fooled).sum())
    figures.append(Figure(name="never_turned", value=lost, note="inputs for which no point got another answer"))
    curve = _against_queries(inputs, nearest)
    return measured.model_copy(update={"figures": tuple(figures), "evidence": (*measured.evidence, *curve)})


def _search(target: Predicts, trial: Trial, inputs: Inputs, queries: int) -> tuple[Nearest, int]:
    """The nearest turned inputs, and how many queries an input the budget granted."""
    x, y = inputs.at(inputs.chosen)
    labels, right = to_numpy(y), len(inputs.chosen)
    meter, keep = trial.meter, 9 * right
    granted = queries
    if meter is not None and meter.budget.queries is not None and right:
        granted = max(0, min(queries, (meter.budget.queries - meter.queries - keep) // right))
    ask = reserved(trial, right)

    def won(points: Array, at: NumpyArray) -> NumpyArray:
        ask(len(points))
        trial.progress(0.1 + 0.8 * min(1.0, (meter.queries if meter else 0) / max(1, right * granted)), "asking")
        return inputs.won(to_numpy(target.predict(points)), labels[at])

    usable = np.array([inputs.won(inputs.answers, np.full(len(inputs.answers), label)) for label in labels])
    found = hop_skip_jump(
        won,
        x,
        norm=inputs.norm,
        queries=granted,
        domain=inputs.domain,
        starts=inputs.x,
        usable=usable.reshape(right, len(inputs.answers)),
        rng=trial.rng,
        rows=rows_a_call(x),
    )
    return found, granted


def _found(nearest: Nearest, which: NumpyArray, complete: bool) -> Found:
    xp = array_namespace(nearest.x)
    flags = xp.asarray(which, device=device(nearest.x))
    margin = xp.zeros(len(which), dtype=nearest.x.dtype, device=device(nearest.x))
    return Found(nearest.x, flags, margin, nearest.queries, complete)


def _confirmed(target: Predicts, inputs: Inputs, nearest: Nearest, far: NumpyArray) -> NumpyArray:
    """Which of the examples beyond epsilon hold when asked again: they count for the median distance alone."""
    if not far.any():
        return far
    wide = replace(inputs, epsilon=float(nearest.distance[far].max()))
    return recheck(target, wide, _found(nearest, far, True)).won


def _signs(target: Predicts, inputs: Inputs, nearest: Nearest, granted: int) -> tuple[Caveat, ...]:
    flickers = bool((nearest.distance == 0).any())
    signs = [masking.randomised(target.info.randomised or flickers), masking.few_queries(granted, least=250)]
    lost = int((~nearest.fooled).sum())
    if lost == len(nearest.fooled):
        signs.append(masking.constant(inputs.answers.astype(float)[:, None]))
    if lost and inputs.modality != "table" and granted > 80:
        message = f"for {lost} inputs no point at all got another answer: nothing is known about them"
        signs.append(Caveat(code="no-start", message=message))
    if inputs.domain.groups or inputs.domain.codes:
        message = "the table has categories, which this search leaves alone: perturbation.square switches them"
        signs.append(Caveat(code="categories-untouched", message=message))
    signs.append(_unfinished(inputs, nearest))
    return masking.present(signs)


def _unfinished(inputs: Inputs, nearest: Nearest) -> Caveat | None:
    """The distance of survivors was still falling so fast that as many queries again would have reached epsilon."""
    asked = np.array([q.max(initial=0) for q, _ in nearest.trail])
    if not len(nearest.distance) or not asked.max(initial=0):
        return None
    half = nearest.trail[int(np.searchsorted(asked, asked.max() / 2))][1]
    left = np.isfinite(half) & (nearest.distance > inputs.epsilon)
    soon = left & (nearest.distance**2 <= inputs.epsilon * np.where(left, half, 1.0))
    if soon.sum() <= 0.05 * len(left):
        return None
    message = f"{int(soon.sum())} inputs were about to come within epsilon when the queries ended: ask for more"
    return Caveat(code="search-unfinished", message=message)


def _against_queries(inputs: Inputs, nearest: Nearest) -> list[Series]:
    """The median distance over all attacked inputs after so many queries, from when half of them have an example."""
    points = [(float(q.mean()), float(np.median(d))) for q, d in nearest.trail if len(d)]
    points = [(q, d) for q, d in points if np.isfinite(d) and q > 0]
    if not points:
        return []
    line = Line(name="median distance", x=tuple(q for q, _ in points), y=tuple(d for _, d in points))
    reach = Line(
        name="epsilon", x=(points[0][0], points[-1][0]), y=(inputs.epsilon, inputs.epsilon), dashed=True
    )  # fmt: skip
    title, label = "Distance against queries", "model rows asked for each input"
    up = f"{inputs.norm} distance of the nearest turned input, median"
    return [Series(title=title, x_label=label, y_label=up, lines=(line, reach), log_x=True)]
