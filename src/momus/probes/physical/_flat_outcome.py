"""From printed textures to a measurement: held-out photos in held-out views, beside a plain and a random texture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from momus.core.capabilities import Scores
from momus.core.probe import Trial
from momus.core.records import Caveat, Figure
from momus.core.samples import NumpyArray
from momus.methods import masking
from momus.methods.viewing.eot import Made, printable, unprintable, variation
from momus.methods.viewing.model import Condition, ViewingModel, fixed
from momus.probes.physical._flat import Goal, Photos, Scenes, Thing, ask
from momus.probes.physical._views import random_texture
from momus.stats.intervals import clustered, wilson

# The conditions that a sweep goes through, and by how much of the range it looks beyond either end.
SWEPT = {"rotation": 0.5, "scale": 0.5, "tilt": 0.5, "position": 0.0, "brightness": 0.5, "blur": 0.5, "noise": 0.5}
LEVELS = 5


@dataclass(frozen=True, eq=False)
class Job:
    """One printed thing and the photos ``index`` it is tested on. ``cluster`` (len(index),): what is independent."""

    thing: Thing
    made: Made
    index: NumpyArray
    goal: Goal
    cluster: NumpyArray


@dataclass(frozen=True, eq=False)
class Tried:
    """Decisions in (m,) views. ``to`` is -1 where any wrong answer will do."""

    photo: NumpyArray
    cluster: NumpyArray
    label: NumpyArray
    to: NumpyArray
    plain: NumpyArray
    printed: NumpyArray
    random: NumpyArray
    cover: NumpyArray
    complete: bool = True

    @property
    def counted(self) -> NumpyArray:
        """Views in which the plain thing leaves the model as the attacker does not want it: right, or not ``to``."""
        return np.asarray(np.where(self.to < 0, self.plain == self.label, self.plain != self.to))

    def won(self, decisions: NumpyArray) -> NumpyArray:
        reached = np.where(self.to < 0, decisions != self.label, decisions == self.to)
        return np.asarray(reached & self.counted)

    def by_cluster(self, mask: NumpyArray, of: NumpyArray | None = None) -> tuple[NumpyArray, NumpyArray]:
        """(hits, tries) of each cluster, tries being the counted views unless ``of`` says which."""
        tries = self.counted if of is None else of
        _, at = np.unique(self.cluster, return_inverse=True)
        m = int(at.max()) + 1 if len(at) else 0
        return np.bincount(at, mask & tries, m), np.bincount(at, tries, m)


def test(
    target: Scores,
    taken: Photos,
    jobs: Sequence[Job],
    draws: Sequence[Sequence[Condition]],
    rng: np.random.Generator | None,
) -> Tried:
    """Asks about every job's photos under its conditions: as many conditions as photos, or a multiple of them.

    With ``rng`` random textures are asked about as well.
    """
    out: list[Tried] = []
    complete = True
    for job, conditions in zip(jobs, draws, strict=True):
        index = np.resize(job.index, len(conditions)) if len(job.index) else job.index
        true = taken.labels[index]
        scenes = Scenes(taken, job.thing, index, conditions[: len(index)], job.goal.labels(true))
        plain = np.full_like(job.made.texture, 0.5)
        textures: list[NumpyArray | list[NumpyArray]] = [plain, job.made.texture]
        if rng is not None:
            textures.append([blocks(job.thing.texture, taken.channels, rng) for _ in range(16)])
        said = ask(target, scenes, textures)
        m = len(said)
        to = -1 if job.goal.to is None else job.goal.to
        out.append(
            Tried(
                index[:m],
                np.resize(job.cluster, len(index))[:m] if len(index) else index,
                true[:m],
                np.full(m, to),
                said.decisions[0],
                said.decisions[1],
                said.decisions[2] if rng is not None else said.decisions[0],
                np.array([s.projection.share for s in scenes[: min(m, 64)]]),
            )
        )
        complete = complete and said.complete
    return joined(out, complete)


def joined(tried: Sequence[Tried], complete: bool) -> Tried:
    """All of them in one."""

    def all_(name: str) -> NumpyArray:
        return np.concatenate([getattr(t, name) for t in tried]) if tried else np.zeros(0, dtype=np.int64)

    names = ("photo", "cluster", "label", "to", "plain", "printed", "random", "cover")
    return Tried(**{name: all_(name) for name in names}, complete=complete)


def blocks(texture: tuple[int, int], channels: int, rng: np.random.Generator) -> NumpyArray:
    """A texture of random colours in squares, eight along its longer side."""
    th, tw = texture
    return random_texture(max(th, tw), channels, rng, 8)[:th, :tw]


@dataclass(frozen=True)
class Point:
    """Success at one value of one condition. ``level`` is 0 at the low and 1 at the high end of the declared range."""

    value: float
    level: float
    hits: NumpyArray
    of: NumpyArray
    lost: NumpyArray
    views: NumpyArray


def sweep(
    target: Scores,
    trial: Trial,
    taken: Photos,
    jobs: Sequence[Job],
    model: ViewingModel,
    rng: np.random.Generator,
    most: int,
) -> dict[str, list[Point]]:
    """Success at several values of each condition, the other conditions drawn, the same photos and draws for each.

    ``most``: photos of a job at most; 0 for no sweep. Ends with what is known when the budget is spent.
    """
    out: dict[str, list[Point]] = {}
    few = [Job(j.thing, j.made, j.index[:most], j.goal, j.cluster[:most]) for j in jobs]
    if not most or not any(len(j.index) for j in few):
        return out
    drawn = [model.draw(len(j.index), rng) for j in few]
    for i, name in enumerate(SWEPT):
        trial.progress(0.8 + 0.2 * i / len(SWEPT), f"success against {name}")
        points: list[Point] = []
        for value, level in values(model, name):
            tried = test(target, taken, few, [[fixed(c, name, value) for c in d] for d in drawn], None)
            if not tried.complete:
                return out
            hits, of = tried.by_cluster(tried.won(tried.printed))
            lost, views = tried.by_cluster(~tried.counted, np.ones(len(tried.photo), dtype=bool))
            points.append(Point(value, level, hits, of, lost, views))
        if len(points) > 1:
            out[name] = points
    return out


def values(model: ViewingModel, name: str) -> list[tuple[float, float]]:
    """(value, level) over the declared range of a condition, and one value beyond either end where that exists."""
    low, high = getattr(model, name)
    if low == high:
        return []
    beyond = SWEPT[name]
    levels = [i / (LEVELS - 1) for i in range(LEVELS)]
    levels = [*([-beyond] if beyond else []), *levels, *([1 + beyond] if beyond else [])]
    least = {"scale": 0.05, "blur": 0.0, "noise": 0.0, "tilt": 0.0}.get(name, -np.inf)
    out = [(low + level * (high - low), level) for level in levels]
    return [(v, level) for v, level in out if v >= least and not (name == "tilt" and v > 75)]


def rate(hits: NumpyArray, of: NumpyArray) -> float:
    return float(hits.sum() / of.sum()) if of.sum() else 0.0


def figures(taken: Photos, held: NumpyArray, tried: Tried, jobs: Sequence[Job]) -> list[Figure]:
    """The numbers beside the success: what the model does without the thing, and with a thing that means nothing."""
    n, right = len(taken.right), int(taken.right.sum())
    every = np.ones(len(tried.photo), dtype=bool)
    lost, views = tried.by_cluster(~tried.counted, every)
    hits, of = tried.by_cluster(tried.won(tried.random))
    out = [
        Figure(name="clean_accuracy", value=right / n if n else 0.0, ci=wilson(right, n), n=n),
        Figure(
            name="random_texture",
            value=rate(hits, of),
            ci=clustered(hits, of),
            n=int(of.sum()),
            note="success of random colours in the same places: what comes of covering alone",
        ),
        Figure(
            name="plain_texture",
            value=rate(lost, views),
            ci=clustered(lost, views),
            n=int(views.sum()),
            note="views that a plain grey thing already loses; they are not counted",
        ),
    ]
    if len(tried.to) and (tried.to >= 0).any():
        wrong = (tried.printed != tried.label) & (tried.plain == tried.label)
        hits, of = tried.by_cluster(wrong, tried.plain == tried.label)
        ci, n = clustered(hits, of), int(of.sum())
        out.append(Figure(name="any_wrong", value=rate(hits, of), ci=ci, n=n, note="any wrong answer"))
    colours = printable(taken.channels)
    seen = [_inside(j) for j in jobs]
    if seen:
        off = float(np.mean([unprintable(t, colours)[0] for t in seen]))
        rough = float(np.mean([variation(j.made.texture)[0] for j in jobs]))
        note = "mean distance of a texel to the nearest printable colour, range 1"
        out.append(Figure(name="non_printability", value=off, note=note))
        out.append(Figure(name="total_variation", value=rough, note="mean step from texel to texel, range 1"))
    if len(tried.cover):
        out.append(Figure(name="covered", value=float(tried.cover.mean()), note="mean share of the picture it covers"))
    out.append(Figure(name="photos", value=float(len(held)), note="held-out photos, none of them used to make it"))
    return out


def turned(hits: NumpyArray, of: NumpyArray) -> Figure:
    """Share of the clusters (people) that are turned in most of their views."""
    asked = of > 0
    k, m = int((hits[asked] > of[asked] / 2).sum()), int(asked.sum())
    note = "share of the wearers who are turned in more than half of their views"
    return Figure(name="people_turned", value=k / m if m else 0.0, ci=wilson(k, m), n=m, note=note)


def _inside(job: Job) -> NumpyArray:
    """The texels that belong to the thing, (n, 1, c)."""
    texture = job.made.texture
    keep = np.ones(texture.shape[:2], dtype=bool) if job.thing.mask is None else job.thing.mask > 0
    return texture[keep][:, None, :]


def caveats(
    target: Scores, taken: Photos, held: NumpyArray, tried: Tried, jobs: Sequence[Job], complete: bool
) -> list[Caveat]:
    """Reasons to distrust the number."""
    out: list[Caveat | None] = []
    counted = int(tried.counted.sum())
    if len(held) < 2:
        out.append(Caveat(code="too-few-samples", message=f"{len(held)} held-out photos say nothing", blocks="both"))
    if len(taken.right) and not taken.right.any():
        message = "the model gets no photo right: there is nothing to attack"
        out.append(Caveat(code="nothing-right", message=message, blocks="both"))
    elif len(held) and not counted:
        message = "a plain grey thing in these views already makes every answer wrong: nothing is left to attack"
        out.append(Caveat(code="nothing-right", message=message, blocks="both"))
    elif counted < 0.5 * len(tried.photo):
        views = len(tried.photo)
        message = f"{views - counted} of {views} views are lost to a plain grey thing already and not counted"
        out.append(Caveat(code="fragile-views", message=message, blocks="pass"))
    if len(held) > 1 and len(np.unique(taken.labels)) < 2:
        out.append(Caveat(code="one-class", message="all photos carry the same label: the other classes are untested"))
    if not (complete and tried.complete and taken.complete):
        message = "the budget ended before the attack: a longer one may find more"
        out.append(Caveat(code="budget-spent", message=message))
    if len(tried.cover) and tried.cover.mean() > 0.5:
        message = f"it covers {tried.cover.mean():.0%} of the picture: that replaces the photo rather than joins it"
        out.append(Caveat(code="covers-photo", message=message, blocks="fail"))
    out.append(_occlusion(tried))
    flat = [j.made.flat for j in jobs if np.isfinite(j.made.flat)]
    out.append(masking.flat_gradients(float(np.mean(flat))) if flat else None)
    out.append(masking.constant(taken.scores))
    if target.info.randomised:
        message = "equal pictures get different answers: one view in the test was asked once"
        out.append(Caveat(code="randomised-output", message=message, blocks="none"))
    return list(masking.present(out))


def _occlusion(tried: Tried) -> Caveat | None:
    """Random colours do as well, so what was measured is covering, and the gradients were of no use."""
    hits, of = tried.by_cluster(tried.won(tried.random))
    mine, _ = tried.by_cluster(tried.won(tried.printed))
    if rate(hits, of) < 0.1 or hits.sum() < 2 or hits.sum() < 0.8 * mine.sum():
        return None
    message = (
        f"random colours in the same places do about as well ({rate(hits, of):.0%} against {rate(mine, of):.0%}): the"
        " model minds being covered, which is no evidence for or against a made texture"
    )
    return Caveat(code="covering-does-as-well", message=message, blocks="both")
