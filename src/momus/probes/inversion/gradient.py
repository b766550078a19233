"""inversion.gradient: a likeness of every class, climbed along the model's own slope."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from momus.core.capabilities import Gradients, to_numpy
from momus.core.errors import BudgetSpent, ProbeError
from momus.core.probe import Trial, probe
from momus.core.records import Caveat, Figure, Knowledge, Measurement
from momus.core.samples import NumpyArray
from momus.methods import masking
from momus.methods.class_inversion import climb, log_odds, nudge, odds_slope
from momus.methods.losses import softmax
from momus.probes.inversion._lineups import BIAS, Answered, Share, conclude
from momus.probes.inversion._people import People, nothing, people_of

UNSEEN = 0.1  # of the photographs' contrast, and 8/255 at most: what nobody sees
Slope = Callable[[NumpyArray, NumpyArray], NumpyArray]
NUDGES = 10  # steps to take a photograph there


@probe(
    knowledge=Knowledge.WHITE_BOX,
    data=("test",),
    optional_data=("train", "pool"),
    metric="identification_above_chance",
    worse="higher",
    source="doi:10.1145/2810103.2813677",
    cost="persons (steps + 12) rows",
    tasks=("classifier",),
    modalities=("image", "table"),
    classes=5,
)
def gradient(
    target: Gradients,
    trial: Trial,
    *,
    persons: int = 60,
    line_up: int = 5,
    photos: int = 3,
    steps: int = 60,
    radius: float = 0.3,
    waves: int = 32,
) -> Measurement:
    """Share of people who can be picked out of a line-up by what the model gives away of them.

    Measures: for each class the input that the model most likely calls by that name is searched along its gradient,
    all classes in one batch, in a space of smooth pictures (long cosine waves count for more; this is the prior and
    takes the place of a denoising step) or of plausible rows. A recogniser that the search never saw then looks at the
    result and picks one of ``line_up`` photographs kept from the model, one a person. The number is the share of people
    recognised with guesses taken out: 0 at chance, 1 where all are picked. Every possible line-up counts, and the
    interval treats all line-ups of one person as belonging together.

    Why it matters: whoever holds the model and a name gets a face. A model trained on people may itself be personal
    data.

    Options: ``persons``: classes at most, drawn. ``line_up`` photographs to choose from, ``photos`` of each person that
    take turns in it. ``steps`` of the search at most; ``radius`` of the ball it stays in, in units of a natural
    picture's (or row's) deviation from the start; ``waves`` along the longer side of a picture. The role ``pool``, data
    of other people, gives the start; without it a search starts from grey or from the middle of the columns' ranges.

    Returns: figures ``lineup_identification`` with its interval, ``recogniser_accuracy`` on real photographs, the same
    line-ups for the start, the mean photograph, noise and another class's likeness (``start_identification`` ...),
    ``nudged_identification`` (photographs of others, moved towards the class by a tenth of their contrast, which only
    the model sees), ``classes_reached``; pictures beside photographs, identification against rows asked, a line for
    each class.

    Raises: ProbeError for data without labels, or options out of range.

    Cost: persons (steps + 12) rows, with one backward pass each but for two.

    A pass means little when: gradients vanish, searches end in inputs that the model does not call by the name sought,
    a better prior is at hand (a generator of faces), or the recogniser is weak; each of the first two and the last is
    looked for. Classes that are no persons give no person away, whatever the number.

    Source: Fredrikson, Jha, Ristenpart 2015 (doi:10.1145/2810103.2813677), who had people do the line-ups.
    """
    if steps < 1 or not radius > 0 or waves < 1:
        raise ProbeError("steps and waves must be at least 1 and radius above 0", place="options")
    found = people_of(target, trial, persons=persons, line_up=line_up, photos=photos, most=waves)
    if not isinstance(found, People):
        return nothing(trial, found)
    count = found.panel.people
    trial.progress(0.05, f"searching for {count} likenesses")

    def slope_at(x: NumpyArray, wanted: NumpyArray) -> tuple[NumpyArray, NumpyArray]:
        scores, back = target.pullback(found.native(x), lambda out, rows: odds_slope(out, wanted[rows]))
        return to_numpy(scores), to_numpy(back)

    def rising(z: NumpyArray, wanted: NumpyArray) -> tuple[NumpyArray, NumpyArray]:
        scores, back = slope_at(found.space.lift(z), wanted)
        return log_odds(scores, wanted), found.space.pull(back)

    with trial.keeping(count * (NUDGES + 2), 0.8):
        likeness = climb(rising, found.space, found.classes, steps=steps, radius=radius)
    answered = _answered(target, found, likeness.z)
    trial.progress(0.7, "holding line-ups")
    nudged, signs = _nudged(found, lambda x, wanted: slope_at(x, wanted)[1])
    return conclude(
        trial,
        found,
        likeness,
        answered,
        unit="rows asked",
        more=nudged,
        signs=[masking.flat_gradients(likeness.flat), masking.randomised(target.info.randomised), *signs],
    )


def _answered(target: Gradients, people: People, z: NumpyArray) -> Answered | None:
    """What the model says to the pictures as they would be saved: None where the budget forbids the question."""
    try:
        scores = to_numpy(target.scores(target.encode(people.read(z))))
    except BudgetSpent:
        return None
    own = softmax(scores)[np.arange(len(z)), people.classes]
    return Answered(np.asarray(own), scores.argmax(axis=1) == people.classes)


def _nudged(people: People, slope: Slope) -> tuple[Sequence[Figure], Sequence[Caveat]]:
    """Does the recogniser follow changes that only the model sees? Then its line-ups prove nothing."""
    if not people.is_image:
        return (), ()
    panel = people.panel
    source = np.arange(panel.people)
    for h in np.unique(panel.half):
        members = np.flatnonzero(panel.half == h)
        source[members] = np.roll(members, 1)
    photos = panel.photos[panel.parade(source, 0)]
    try:
        x = to_numpy(people.target.encode(photos))
        moved = nudge(slope, x, people.classes, epsilon=min(8 / 255, UNSEEN * float(x.std())), steps=NUDGES)
    except BudgetSpent:
        return (), ()
    seen = np.asarray(people.target.decode(people.native(moved)))
    share = Share(panel.judge(seen, np.arange(panel.people), people.rounds))
    figure = share.figure("nudged_identification", "photographs of others, changed as only the model sees it")
    if share.ci.low <= 1 / panel.size + BIAS:
        return (figure,), ()
    message = (
        f"changes that nobody sees make the recogniser pick the class in {share.value:.0%} of line-ups: it looks at "
        "the same things as the model"
    )
    return (figure,), (Caveat(code="recogniser-follows", message=message, blocks="fail"),)
