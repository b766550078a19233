"""physical.patch: a printed patch that lies anywhere in the picture."""

from __future__ import annotations

import math

import numpy as np

from momus.core.capabilities import Gradients
from momus.core.errors import ProbeError
from momus.core.probe import Trial, probe
from momus.core.records import Knowledge, Measurement
from momus.methods.viewing.maps import Projection
from momus.methods.viewing.model import Condition, ViewingModel
from momus.probes.physical import _flat_evidence as evidence
from momus.probes.physical import _flat_outcome as outcome
from momus.probes.physical._flat import MAKING, Goal, Settings, Thing, craft, parts, photos
from momus.probes.physical._views import class_index
from momus.stats.intervals import clustered


@probe(
    knowledge=Knowledge.WHITE_BOX,
    data=("test",),
    metric="attack_success_rate",
    worse="higher",
    source="arXiv:1712.09665",
    cost="n + steps batch + 400 rows to make it; 3 n views / 2 to test it; 80 sweep for the conditions",
    tasks=("classifier",),
    modalities=("image",),
)
def patch(
    target: Gradients,
    trial: Trial,
    *,
    target_class: str | None = None,
    area: float = 0.1,
    size_mm: float = 100.0,
    steps: int = 150,
    batch: int = 16,
    n: int = 60,
    views: int = 6,
    sweep: int = 12,
    texels: int = 48,
    rotation: float = 22.5,
    scale_low: float = 0.9,
    scale_high: float = 1.4,
    tilt: float = 30.0,
    brightness: float = 0.05,
    blur: float = 0.004,
    noise: float = 0.1,
    colour_loss: float = 1.0,
    printability: float = 0.1,
    smoothness: float = 0.1,
    paper: str = "a4",
) -> Measurement:
    """Share of held-out views in which a printed patch, lying anywhere in the picture, turns the answer.

    Measures: attack success rate over photos and views that the patch was not made with. One patch for all photos is
    made on half of them by expectation over transformation: it must work wherever it lies and however it is seen, lit
    and printed, within the declared viewing model. A view counts if a plain grey patch in the same place leaves the
    answer as it should be; the interval treats the views of one photo as belonging together.

    Why it matters: a sticker needs no access to the pictures. Who can put one where the camera looks gets another
    decision, from many sides and for anybody's pictures.

    Options: ``target_class`` the class it is to be taken for (name or number; none: any wrong one). ``area`` share of
    the picture at scale 1. ``size_mm`` width of the print. ``steps``, ``batch`` of the optimisation. ``n`` photos at
    most, half of them for the test; ``views`` of each. ``sweep`` photos for success against conditions, 0 for none.
    ``texels`` of the patch's side at most. The viewing model: ``rotation`` degrees to either side, ``scale_low`` to
    ``scale_high``, ``tilt`` degrees out of the picture's plane at most, ``brightness`` of the range to either side,
    ``blur`` of the shorter side and ``noise`` of the range at most, ``colour_loss`` share of a dull print at most.
    ``printability``, ``smoothness``: how hard these terms pull beside the attack. ``paper`` a4 or letter.

    Returns: figures ``random_texture`` and ``plain_texture`` (controls), ``clean_accuracy``, ``any_wrong`` (with a
    target class), ``non_printability``, ``total_variation``, ``covered``; pictures of views; success against viewing
    conditions; the patch as a PDF at true size and as texels.

    Raises: ProbeError for a class that is none, an area beyond half the picture, or conditions out of order.

    Cost: n + steps batch + 400 rows to make it, 3 n views / 2 to test it, about 80 rows for each photo of the sweep.

    A pass means little when: random colours do as well, plain grey loses most views, or gradients vanish. Each of
    these is looked for. The test is digital: a print in the world may do less, or with another patch more.

    Source: Brown et al. 2017, arXiv 1712.09665; the transformations from Athalye et al. 2018, arXiv 1707.07397; the
    printability and smoothness terms from Sharif et al. 2016.
    """
    model = _model(rotation, scale_low, scale_high, tilt, brightness, blur, noise, colour_loss)
    settings = Settings(steps, batch, printability, smoothness)
    _check(area, texels, {"n": n, "views": views})
    goal = Goal(class_index(target, target_class, "target_class"))
    rng = trial.rng
    taken = photos(target, trial, trial.samples("test").sample(n, rng))
    usable = np.flatnonzero(taken.right & goal.worth(taken.labels))
    learn, held = (usable[part] for part in parts(len(usable), 0.5, rng))
    thing = _thing(taken.shape if len(taken.pictures) else (1, 1), area, texels)
    made = craft(
        target,
        trial,
        taken,
        learn,
        thing,
        goal,
        model,
        settings,
        rng,
        reserve=3 * views * len(held),
        span=(0.0, MAKING),
    )
    job = outcome.Job(thing, made, held, goal, held)
    trial.progress(MAKING, "held-out photos in held-out views")
    tried = outcome.test(target, taken, [job], evidence.draw(model, [job], views, rng), rng)
    swept = outcome.sweep(target, trial, taken, [job], model, rng, sweep)
    hits, of = evidence.numbers(tried)
    name = "patch" if goal.to is None else f"patch for {target_class}"
    success = outcome.rate(hits, of)
    lines = (f"Made for {target.info.name}. {model.words()}", f"Success on held-out photos, digital: {success:.0%}")
    return trial.measurement(
        success,
        clustered(hits, of),
        int(of.sum()),
        scope={"views": views, "conditions": model.words()},
        figures=outcome.figures(taken, held, tried, [job]),
        evidence=[
            *evidence.views(target, taken, [job], model, rng),
            *evidence.conditions(model, swept, "share of views turned"),
            *evidence.textures([job], [name]),
            *evidence.files([job], [name], "patch", size_mm, paper, lines),
        ],
        caveats=outcome.caveats(target, taken, held, tried, [job], made.complete),
    )


def _model(
    rotation: float, low: float, high: float, tilt: float, brightness: float, blur: float, noise: float, loss: float
) -> ViewingModel:
    return ViewingModel(
        rotation=(-rotation, rotation),
        scale=(low, high),
        tilt=(0.0, tilt),
        brightness=(-brightness, brightness),
        blur=(0.0, blur),
        noise=(0.0, noise),
        loss=(0.0, loss),
    )


def _check(area: float, texels: int, counts: dict[str, int]) -> None:
    if not 0 < area <= 0.5:
        raise ProbeError(f"a patch cannot take {area:g} of the picture", place="option 'area'", hint="Up to 0.5")
    for name, value in {**counts, "texels": texels}.items():
        if value < 1:
            raise ProbeError(f"{name} must be at least 1, not {value}", place=f"option '{name}'")


def _thing(shape: tuple[int, int], area: float, texels: int) -> Thing:
    """A square of that share of the picture, no side longer than the picture's shorter one at scale 1."""
    width = min(math.sqrt(area * shape[0] * shape[1]), float(min(shape)))
    side = max(1, min(texels, math.ceil(2 * width)))

    def place(condition: Condition, size: tuple[int, int]) -> Projection:
        return condition.place(size, (side, side), width=width)

    return Thing((side, side), place)
