"""physical.object: one printed surface for a solid thing, made to be misread from all sides."""

from __future__ import annotations

import numpy as np

from momus.core.capabilities import Gradients
from momus.core.probe import Trial, probe
from momus.core.records import Knowledge, Measurement
from momus.methods.viewing import eot
from momus.probes.physical import _object
from momus.probes.physical._views import Around


@probe(
    knowledge=Knowledge.WHITE_BOX,
    data=("object",),
    optional_data=("backgrounds", "texture"),
    metric="attack_success_rate",
    worse="higher",
    source="arXiv:1707.07397",
    cost="steps x batch + 3 views + 80 rows of validation",
    tasks=("classifier",),
    modalities=("image",),
)
def object(
    target: Gradients,
    trial: Trial,
    *,
    true_class: str = "",
    target_class: str = "",
    views: int = 96,
    steps: int = 150,
    batch: int = 8,
    pool: int = 0,
    step_size: float = 0.03,
    smoothness: float = 0.01,
    printability: float = 0.01,
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
    """Share of the views of a solid object that one printed surface turns, seen from all around.

    Measures: success over held-out views in which the untouched object is recognised: read as ``target_class`` where
    one is given, else as anything but ``true_class``. Views in which the plain object is not recognised count once, as
    already wrong, in ``clean_recognised``. The views are a sample of the declared part of the sphere, drawn evenly over
    it; the interval speaks of that sphere and that light, not of photographs: for those see physical.photographs.

    Why it matters: a thing that is misread from every side works for whoever passes, for as long as it stands there.

    Options: ``true_class``/``target_class`` names or numbers (default: what most views of the plain object are read
    as; no target). ``views`` held out. ``steps``, ``batch`` views a step and ``step_size`` of the search; ``pool`` of
    views to learn from, 0 for a new view each time, which is slower and learns more.
    ``smoothness``, ``printability`` pull towards what paper can show, 0 turns them off. ``texels`` a side, by default
    one and a half times the model's picture. ``colour`` of the plain object. ``nearest``/``farthest`` in object radii,
    ``lowest``/``highest`` elevation and ``roll`` in degrees, ``light`` from 0 (none) to 1 (the whole viewing model).
    ``size_mm`` greatest extent of the object to print for.

    Returns: figures ``clean_recognised``, ``read_as_target``, ``read_as_other`` and ``read_right`` over all views,
    ``random_surface`` (the same success with random colours), ``colour_change``; pictures from several sides, success
    by azimuth and elevation, by distance; the surface as PNG and as a PDF at true size.

    Raises: ProbeError for a class that is not there, a mesh that is none, bounds that are upside down.

    Cost: steps x batch + 3 views + at most 80 rows; a view takes 20 to 50 ms to project.

    A pass means little when: the search had not settled, gradients vanish, the plain object is hardly recognised, or
    the light, distances and sides that were declared are easier for the model than the real ones. Reflections, shadows
    on the object and lens distortion are not modelled.

    Source: Athalye et al. 2018, arXiv 1707.07397; printability after Sharif et al. 2016.
    """
    around = Around((nearest, farthest), (lowest, highest), roll, light)
    case = _object.prepare(
        target, trial, around, n=views, texels=texels, colour=colour, true_class=true_class, target_class=target_class
    )
    if case.hopeless:
        return _object.undecided(trial, case)
    scenes = case.more(pool) if pool else case.more(max(steps * batch, 1), kept=False)
    checks = case.more(16)

    with _object.kept(trial, case):
        made = eot.optimise(
            target.pullback,
            target.scores,
            scenes,
            case.plain,
            objective=case.objective,
            like=case.like,
            rng=np.random.default_rng(trial.seed + 1),
            validation=checks,
            steps=steps,
            batch=batch,
            step_size=step_size,
            rule="sign",
            paper=eot.Paper(eot.printable(case.plain.shape[-1]), printability, smoothness),
            checks=4,
            progress=lambda share: trial.progress(0.1 + 0.8 * share, "painting the object"),
        )
    return _object.conclude(target, trial, case, made, size_mm=size_mm)
