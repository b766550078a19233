"""perturbation.sparse: a few pixels, changed at will, found with nothing but the model's scores."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device

from momus.core.capabilities import Array, Scores, to_numpy
from momus.core.errors import ProbeError
from momus.core.evidence import Line, Pictures, Series
from momus.core.probe import Trial, probe
from momus.core.records import Caveat, Figure, Knowledge, Measurement
from momus.core.samples import NumpyArray
from momus.methods import masking
from momus.methods.ascent import Found
from momus.methods.sparse_search import changed, sparse_search, take_back
from momus.probes.perturbation._inputs import Inputs, prepare, reserved, rows_within
from momus.probes.perturbation._outcome import conclude
from momus.stats.intervals import wilson

HIDDEN = ("Accuracy left against epsilon",)  # how far a pixel moves is free, so a curve over it says nothing


@probe(
    knowledge=Knowledge.BLACK_BOX,
    data=("test",),
    metric="attack_success_rate",
    worse="higher",
    source="arXiv:2006.12834",
    cost="at most n queries rows; n (40 + 9) rows of checks",
    tasks=("classifier", "regressor"),
    modalities=("image",),
)
def sparse(
    target: Scores,
    trial: Trial,
    *,
    pixels: int | None = None,
    queries: int = 1000,
    n: int = 100,
    tolerance: float | None = None,
    threshold: float | None = None,
) -> Measurement:
    """Share of correctly classified pictures that changing a few pixels, at will, turns wrong.

    Measures: attack success rate over the pictures the model gets right when at most ``pixels`` of them may change, in
    all channels and by any amount, with scores as the only knowledge (Sparse-RS). Pictures that are wrong untouched are
    counted once, in ``clean_accuracy``. Every example is asked again, and its changed pixels are counted again. A
    regressor counts as turned where its output moves by more than the tolerance, a detector where it crosses its
    threshold.

    Why it matters: dust, dead pixels, a sticker the size of a coin: changes that a bound on every pixel's difference
    does not describe, and that hardening against small differences does not stop.

    Options: ``pixels`` places that may change (default 1 percent of the picture, at least 1). ``queries`` model rows an
    input, 1 or more. ``n`` inputs at most. ``tolerance`` for regressors, in the output's units. ``threshold`` for
    detectors.

    Returns: figures ``robust_accuracy`` (share of all inputs), ``clean_accuracy``, ``median_pixels`` (what the
    successes needed once every pixel they can do without was taken back), ``median_queries``, ``rejected_examples``;
    pictures; accuracy left against pixels.

    Raises: ProbeError for fewer pixels than 1 or more than the picture has, bad labels, inputs that are no pictures.

    Cost: at most n queries rows; about 40 rows a success to take pixels back.

    A pass means little when: outputs are random, constant or so rounded that the search sees no difference (looked for,
    and then inconclusive), or queries are few: 1,000 is what a patient attacker has, the source used 10,000.

    Source: Croce et al. 2022, arXiv 2006.12834.
    """
    inputs = prepare(
        target, trial, n=n, epsilon=None, norm="linf", options={"queries": queries, "n": n}, tolerance=tolerance,
        threshold=threshold,
    )  # fmt: skip
    if not inputs.is_image:
        raise ProbeError("a pixel attack needs pictures", place=inputs.samples.name, hint="Use perturbation.table")
    places = int(np.prod(inputs.x.shape[2:]))
    most = max(1, places // 100) if pixels is None else pixels
    if not 1 <= most <= places:
        raise ProbeError(f"pixels must be 1 to {places}, not {most}", place="option 'pixels'")
    inputs = replace(inputs, epsilon=float(inputs.domain.high - inputs.domain.low))
    rng = trial.rng
    found = _attack(target, trial, inputs, inputs.chosen, rng, most, queries)
    trial.progress(0.8, "taking back the pixels that are not needed")
    found, needed = _pruned(target, trial, inputs, found, rng, most)
    over = int((needed > most).sum())
    caveats = _signs(target, inputs, found, over, queries)
    won = to_numpy(found.fooled)
    figures = [Figure(name="over_the_limit", value=float(over), note="examples with more pixels, not counted")]
    if won.any():
        count = int(won.sum())
        figures += [
            Figure(name="median_pixels", value=float(np.median(needed[won])), n=count, note="that the turned needed"),
            Figure(name="median_queries", value=float(np.median(found.queries[won])), n=count, note="of the turned"),
        ]
    scope: Any = {"epsilon": None, "pixels": most}
    measured = conclude(target, trial, inputs, found, scope=scope, figures=tuple(figures), caveats=caveats)
    evidence = [_retold(e, most) for e in measured.evidence if e.title not in HIDDEN]
    kept = [f for f in measured.figures if f.name != "median_distortion"]
    curve = _against_pixels(inputs, needed[won], most)
    return measured.model_copy(update={"figures": tuple(kept), "evidence": (*evidence, *curve)})


def _attack(
    target: Scores,
    trial: Trial,
    inputs: Inputs,
    index: NumpyArray,
    rng: np.random.Generator,
    pixels: int,
    queries: int,
) -> Found:
    ask = reserved(trial, int(inputs.right.sum()))

    def scores(x: Array) -> Array:
        ask(len(x))
        return target.scores(x)

    x, y = inputs.at(index)
    return sparse_search(
        scores, x, y, pixels=pixels, queries=queries, domain=inputs.domain, rng=rng, rows=rows_within(trial, x),
        objective=inputs.objective,
    )  # fmt: skip


def _pruned(
    target: Scores, trial: Trial, inputs: Inputs, found: Found, rng: np.random.Generator, most: int
) -> tuple[Found, NumpyArray]:
    """The successes with no pixel more than they need, and how many pixels each example changes."""
    x0, y = inputs.at(inputs.chosen)
    xp = array_namespace(x0)
    index = np.flatnonzero(to_numpy(found.fooled))
    ask = reserved(trial, len(inputs.chosen))
    if len(index):
        native = xp.asarray(index, device=device(x0))
        labels = to_numpy(y)[index]

        def won(points: Array, at: NumpyArray) -> NumpyArray:
            ask(len(points))
            return inputs.won(to_numpy(target.predict(points)), labels[at])

        x = xp.asarray(found.x, copy=True)
        x[native] = take_back(won, found.x[native], x0[native], rng=rng).x
        found = replace(found, x=x)
    needed = changed(found.x, x0).sum(axis=1)
    fooled = found.fooled & xp.asarray(needed <= most, device=device(x0))  # counted again, apart from the search
    return replace(found, fooled=fooled), needed


def _signs(target: Scores, inputs: Inputs, found: Found, over: int, queries: int) -> tuple[Caveat, ...]:
    """Signs that the search could not see its way, or did not keep its own rule."""
    signs = [
        masking.randomised(target.info.randomised),
        masking.constant(to_numpy(inputs.outputs)),
        masking.few_queries(queries),
    ]
    if over:
        signs.append(Caveat(code="examples-broke-rules", message=f"{over} examples changed more pixels than they may"))
    left = np.flatnonzero(~to_numpy(found.fooled))
    if len(left) and found.complete:
        before = to_numpy(inputs.objective.margin(inputs.outputs, inputs.y))[inputs.chosen[left]]
        signs.append(masking.flat_loss(before, to_numpy(found.margin)[left]))
    return masking.present(signs)


def _retold(evidence: Any, most: int) -> Any:
    """The pictures under a note about pixels: the shared one speaks of epsilon."""
    if not isinstance(evidence, Pictures):
        return evidence
    note = f"at most {most} pixels changed, by any amount; grey in the difference means unchanged"
    return evidence.model_copy(update={"note": note})


def _against_pixels(inputs: Inputs, needed: NumpyArray, most: int) -> list[Series]:
    """Accuracy that is left when so many pixels may change: at most this much."""
    n, right = len(inputs.right), int(inputs.right.sum())
    if not n:
        return []
    grid = sorted({round(most * i / 20) for i in range(21)})
    left = [right - int((needed <= g).sum()) if g else right for g in grid]
    bands = [wilson(k, n) for k in left]
    line = Line(
        name="still right",
        x=tuple(float(g) for g in grid),
        y=tuple(k / n for k in left),
        low=tuple(b.low for b in bands),
        high=tuple(b.high for b in bands),
    )
    note = "upper bounds: pixels that a success did not need were taken back"
    title, label, up = "Accuracy left against pixels", "pixels that may change", "share of all inputs"
    return [Series(title=title, note=note, x_label=label, y_label=up, lines=(line,))]
