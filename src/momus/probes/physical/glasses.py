"""physical.glasses: printed eyeglass frames that change who a face is taken for."""

from __future__ import annotations

import numpy as np

from momus.core.capabilities import Gradients
from momus.core.errors import ProbeError
from momus.core.probe import Trial, probe
from momus.core.records import Knowledge, Measurement
from momus.core.samples import NumpyArray, Samples
from momus.methods.viewing.model import ViewingModel
from momus.probes.physical import _flat_evidence as evidence
from momus.probes.physical import _flat_outcome as outcome
from momus.probes.physical._flat import MAKING, Goal, Photos, Settings, both, craft, parts, photos
from momus.probes.physical._frame import frame
from momus.probes.physical._views import class_index, class_name
from momus.stats.intervals import clustered


@probe(
    knowledge=Knowledge.WHITE_BOX,
    data=("faces",),
    optional_data=("train",),
    metric="attack_success_rate",
    worse="higher",
    source="doi:10.1145/2976749.2978392",
    cost="photos + people (steps batch + 64) rows to make them; 3 photos views / 2 to test; 80 people sweep",
    tasks=("classifier",),
    modalities=("image",),
)
def glasses(
    target: Gradients,
    trial: Trial,
    *,
    impersonate: bool = False,
    target_class: str | None = None,
    people: int = 12,
    photos_each: int = 6,
    eye_line: float = 0.4,
    eye_distance: float = 0.35,
    eye_middle: float = 0.5,
    frame_mm: float = 145.0,
    steps: int = 100,
    batch: int = 8,
    views: int = 5,
    sweep: int = 1,
    rotation: float = 6.0,
    tilt: float = 10.0,
    slip: float = 0.03,
    brightness: float = 0.05,
    blur: float = 0.004,
    noise: float = 0.02,
    colour_loss: float = 1.0,
    printability: float = 0.1,
    smoothness: float = 0.1,
    paper: str = "a4",
) -> Measurement:
    """Share of held-out views of faces in which printed eyeglass frames make the model see somebody else.

    Measures: attack success rate over people who wear frames made for them. For each of ``people`` classes a frame is
    made on their photos in ``train``, or on half of those in ``faces`` where there are no others, by expectation over
    transformation, and tested on the remaining photos in views of its own.
    A view counts if plain grey frames of the same shape leave the answer as it should be; the interval treats all views
    of one person as belonging together. Without ``impersonate`` any other person will do (dodging).

    The role ``faces`` says that the photos are faces: ``data: {faces: test}`` on the target where the test photos are.

    Why it matters: glasses are worn in the open. A person who prints a frame walks past a camera as nobody known, or as
    somebody else.

    Options: ``impersonate`` each wearer as another person, drawn, or as ``target_class`` (name or number; implies it).
    ``people`` wearers, drawn among those with two photos or more that the model gets right; ``photos_each`` at most.
    Where the glasses sit: ``eye_line`` share of the height, ``eye_distance`` between the pupils and ``eye_middle`` as
    shares of the width; the same in all photos, so faces must be aligned roughly. ``frame_mm`` true width of the frame
    (pupils are taken to be 63 mm apart). ``steps``, ``batch`` of the optimisation; ``views`` of each test photo;
    ``sweep`` photos of each person for success against conditions, 0 for none. The viewing model: ``rotation`` degrees
    to either side, ``tilt`` degrees at most, ``slip`` of the frame's width to any side, ``brightness`` of the range to
    either side, ``blur`` of the shorter side and ``noise`` of the range at most, ``colour_loss`` share of a dull print
    at most. ``printability``, ``smoothness``: how hard these terms pull. ``paper`` a4 or letter.

    Returns: figures ``random_texture`` and ``plain_texture`` (controls), ``clean_accuracy``, ``people_turned`` (share
    of wearers turned in most views), ``any_wrong`` (impersonating), ``non_printability``, ``total_variation``,
    ``covered``; pictures, success against conditions, each frame as a PDF at true size.

    Raises: ProbeError for a class that is none, eyes outside the picture, or a frame of no human width.

    Cost: photos + people (steps batch + 64) rows to make them, 3 photos views / 2 to test, 80 people sweep for the
    conditions.

    A pass means little when: people have few photos, random colours do as well, or gradients vanish; each is looked
    for. The test is digital: faces turn and light falls as the viewing model says, and no real head is under the frame.

    Source: Sharif et al. 2016, Accessorize to a crime (ACM CCS); arXiv 1801.00349; the transformations as in Athalye et
    al. 2018, arXiv 1707.07397.
    """
    model = ViewingModel(
        rotation=(-rotation, rotation),
        scale=(0.95, 1.05),
        tilt=(0.0, tilt),
        position=(0.0, slip),
        brightness=(-brightness, brightness),
        blur=(0.0, blur),
        noise=(0.0, noise),
        loss=(0.0, colour_loss),
    )
    settings = Settings(steps, batch, printability, smoothness, validation=16, checks=4)
    for name, value in {"people": people, "photos_each": photos_each, "views": views}.items():
        if value < 1:
            raise ProbeError(f"{name} must be at least 1, not {value}", place=f"option '{name}'")
    to = class_index(target, target_class, "target_class")
    rng = trial.rng
    thing = frame(eye_line, eye_distance, eye_middle, frame_mm)
    taken, wearers = _wearers(target, trial, people, photos_each, to, rng)
    jobs = []
    tests = 3 * views * sum(len(held) for _, _, held in wearers)
    for i, (person, learn, held) in enumerate(wearers):
        goal = Goal(to if to is not None else _other(taken, person, rng) if impersonate else None)
        span = MAKING * i / len(wearers), MAKING * (i + 1) / len(wearers)
        made = craft(target, trial, taken, learn, thing, goal, model, settings, rng, reserve=tests, span=span)
        jobs.append(outcome.Job(thing, made, held, goal, np.full(len(held), person)))
    held = np.concatenate([j.index for j in jobs]) if jobs else np.zeros(0, dtype=np.int64)
    tried = outcome.test(target, taken, jobs, evidence.draw(model, jobs, views, rng), rng)
    swept = outcome.sweep(target, trial, taken, jobs, model, rng, sweep)
    hits, of = evidence.numbers(tried)
    success = outcome.rate(hits, of)
    names = [_called(target, person, j.goal) for (person, _, _), j in zip(wearers, jobs, strict=True)]
    lines = (f"Made for {target.info.name}. {model.words()}", f"Success over all wearers, digital: {success:.0%}")
    return trial.measurement(
        success,
        clustered(hits, of),
        int(of.sum()),
        scope={"people": len(jobs), "views": views, "conditions": model.words()},
        figures=[*outcome.figures(taken, held, tried, jobs), outcome.turned(hits, of)],
        evidence=[
            *evidence.views(target, taken, jobs, model, rng),
            *evidence.conditions(model, swept, "share of views turned"),
            *evidence.textures(jobs, names),
            *evidence.files(jobs, names, "glasses", frame_mm, paper, lines),
        ],
        caveats=outcome.caveats(target, taken, held, tried, jobs, all(j.made.complete for j in jobs)),
    )


def _wearers(
    target: Gradients, trial: Trial, people: int, each: int, to: int | None, rng: np.random.Generator
) -> tuple[Photos, list[tuple[int, NumpyArray, NumpyArray]]]:
    """The photos that were asked about, and each wearer's class with photos to learn from and photos held out."""
    test, own = trial.samples("faces"), _own_photos(trial)
    y = np.zeros(0, dtype=np.int64) if test.y is None else np.asarray(test.y)
    known, counts = np.unique(y, return_counts=True)
    apart = own is not None
    enough = np.isin(known, np.asarray(own.y)) if own is not None else counts >= 2
    fit = rng.permutation(known[enough & (known != (-1 if to is None else to))])[: 2 * people]
    taken = photos(target, trial, _some(test, fit, each, rng))
    learnt = photos(target, trial, _some(own, fit, each, rng)) if own is not None else taken
    first = len(taken.labels) if apart else 0
    out: list[tuple[int, NumpyArray, NumpyArray]] = []
    for person in fit:
        mine = np.flatnonzero(taken.right & (taken.labels == person))
        others = np.flatnonzero(learnt.right & (learnt.labels == person)) + first
        learn, held = (others, mine) if apart else (mine[part] for part in parts(len(mine), 0.5, rng))
        if len(learn) and len(held) and len(out) < people:
            out.append((int(person), learn, held))
    return (both(taken, learnt) if apart else taken), out


def _own_photos(trial: Trial) -> Samples | None:
    """Photos of the same people that the attacker may learn from, where there is a set of its own."""
    own = trial.data.get("train")
    shape = trial.samples("faces").x.shape[1:]
    return own if own is not None and own.y is not None and len(own) and own.x.shape[1:] == shape else None


def _some(samples: Samples, fit: NumpyArray, each: int, rng: np.random.Generator) -> Samples:
    """At most ``each`` photos of these people; one or two of anybody where there are none."""
    y = np.asarray(samples.y)
    rows = [rng.permutation(np.flatnonzero(y == person))[:each] for person in fit]
    return samples.take(np.sort(np.concatenate(rows)) if rows else np.arange(min(len(samples), 2)))


def _other(taken: Photos, person: int, rng: np.random.Generator) -> int:
    """Another class at random."""
    k = taken.scores.shape[1]
    return int((person + rng.integers(1, k)) % k) if k > 1 else person


def _called(target: Gradients, person: int, goal: Goal) -> str:
    wearer = class_name(target, person)
    return f"frame for {wearer}" if goal.to is None else f"frame for {wearer} as {class_name(target, goal.to)}"
