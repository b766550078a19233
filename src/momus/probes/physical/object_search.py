"""physical.object_search: the painted object for a model that shows nothing but its scores."""

from __future__ import annotations

import numpy as np

from momus.core.capabilities import Array, Scores, to_numpy
from momus.core.probe import Trial, probe
from momus.core.records import Knowledge, Measurement
from momus.core.samples import NumpyArray
from momus.methods import masking
from momus.methods.viewing.mesh_search import paint
from momus.methods.viewing.mesh_unwrap import printed
from momus.probes.physical import _object
from momus.probes.physical._views import Around


@probe(
    knowledge=Knowledge.BLACK_BOX,
    data=("object",),
    optional_data=("backgrounds", "texture"),
    metric="attack_success_rate",
    worse="higher",
    within="physical.object",
    source="arXiv:1912.00049",
    cost="queries + 3 views",
    tasks=("classifier",),
    modalities=("image",),
)
def object_search(
    target: Scores,
    trial: Trial,
    *,
    true_class: str = "",
    target_class: str = "",
    views: int = 96,
    queries: int = 4000,
    batch: int = 16,
    pool: int = 96,
    texels: int | None = None,
    colour: str = "#b4b4b4",
    nearest: float = 2.6,
    farthest: float = 3.4,
    lowest: float = -90.0,
    highest: float = 90.0,
    roll: float = 10.0,
    light: float = 1.0,
    size_mm: float = 150.0,
) -> Measurement:
    """Share of the views of a solid object that one printed surface, found by trial, turns, seen from all around.

    Measures: as physical.object, found with the model's scores alone: squares of paint are tried on the surface and
    kept where they lower the mean margin over a few views.

    Why it matters: whoever can ask the model about pictures of a rendered object needs neither its weights nor a copy.

    Options: ``queries`` rows of the search, ``batch`` views that judge each proposal; all others as physical.object.

    Returns: as physical.object.

    Raises: as physical.object.

    Cost: queries + 3 views rows.

    A pass means little when: the queries were few, or no score ever changed; both are looked for. A search with
    gradients is stronger; where there are any, physical.object says more.

    Source: random search of Andriushchenko et al. 2020, arXiv 1912.00049, over views as in arXiv 1707.07397.
    """
    around = Around((nearest, farthest), (lowest, highest), roll, light)
    case = _object.prepare(
        target, trial, around, n=views, texels=texels, colour=colour, true_class=true_class, target_class=target_class
    )
    if case.hopeless:
        return _object.undecided(trial, case)
    span: list[NumpyArray] = []  # least and greatest score of each output so far

    def scores(x: Array) -> Array:
        out = target.scores(x)
        heard = np.concatenate([*span, to_numpy(out)])
        span[:] = [heard.min(axis=0, keepdims=True), heard.max(axis=0, keepdims=True)]
        return out

    with _object.kept(trial, case):
        made = paint(
            scores,
            case.more(pool),
            case.plain,
            printed(case.mesh.triangles, case.plain.shape[:2]),
            objective=case.objective,
            like=case.like,
            rng=case.rng,
            queries=queries,
            batch=batch,
            progress=lambda share: trial.progress(0.1 + 0.8 * share, "painting the object"),
        )
    still = masking.constant(np.concatenate(span)) if span else None
    return _object.conclude(target, trial, case, made, size_mm=size_mm, signs=masking.present([still]))
