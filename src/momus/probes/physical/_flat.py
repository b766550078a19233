"""Flat printed things on photos: which photos, where the thing goes, how its texture is made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import overload

import numpy as np

from momus.core.capabilities import Array, Gradients, Scores, to_numpy
from momus.core.errors import BudgetSpent, ProbeError
from momus.core.probe import Trial
from momus.core.samples import NumpyArray, Samples
from momus.methods.objectives import Misclassified, Objective, Reached
from momus.methods.viewing.eot import Made, Paper, Scene, native, optimise, printable
from momus.methods.viewing.maps import Projection
from momus.methods.viewing.model import Condition, ViewingModel

ROWS = 32  # pictures asked about together
MAKING = 0.7  # the part of time and progress that making the textures takes, tests the rest
_KEPT = 1 << 22  # projections of at most this many pixels in all are kept, others are made anew each time


@dataclass(frozen=True, eq=False)
class Photos:
    """Photos as the model sees them. ``pictures`` (n, h, w, c) in [0, 1]; ``right`` (n,): what it gets right untouched.

    ``like``: a canonical array of the target's own kind. ``ids`` (n,): who is on it, where that is known.
    """

    samples: Samples
    pictures: NumpyArray
    labels: NumpyArray
    scores: NumpyArray
    right: NumpyArray
    like: Array
    complete: bool

    @property
    def shape(self) -> tuple[int, int]:
        return int(self.pictures.shape[1]), int(self.pictures.shape[2])

    @property
    def channels(self) -> int:
        return int(self.pictures.shape[3])


def photos(target: Scores, trial: Trial, samples: Samples) -> Photos:
    """Encodes photos and asks for the clean answers, as far as the budget reaches.

    Raises ProbeError for what is no labelled picture.
    """
    if samples.y is None:
        raise ProbeError("the photos carry no labels", place=samples.name, hint="Name the labels on the card")
    labels = np.asarray(samples.y)
    if labels.dtype.kind not in "iub":
        raise ProbeError("labels must be class indices", place=samples.name)
    like = target.encode(samples.x)
    if like.ndim != 4:
        raise ProbeError("only pictures can be attacked by a printed thing", place=samples.name)
    pictures = np.ascontiguousarray(np.moveaxis(to_numpy(like), 1, -1), dtype=np.float32)
    if not np.isfinite(pictures).all():
        raise ProbeError("photos contain NaN or infinity", place=samples.name, hint="Clean the data first")
    classes = len(target.info.classes)
    if len(labels) and classes and not 0 <= int(labels.min()) <= int(labels.max()) < classes:
        raise ProbeError(f"labels run from {labels.min()} to {labels.max()}, the model has {classes} classes")
    parts, complete = [], True
    try:
        for i in range(0, len(labels), ROWS):
            parts.append(to_numpy(target.scores(like[i : i + ROWS])))  # noqa: PERF401 - answers so far are kept
    except BudgetSpent:
        complete = False
    scores = np.concatenate(parts) if parts else np.zeros((0, max(1, classes)))
    n = len(scores)
    right = scores.argmax(axis=1) == labels[:n] if n else np.zeros(0, dtype=bool)
    return Photos(samples.take(slice(0, n)), pictures[:n], labels[:n], scores, right, like[:1], complete)


def both(first: Photos, second: Photos) -> Photos:
    """Two sets of photos of one size as one; the second's rows come behind."""

    def joined(name: str) -> NumpyArray:
        return np.concatenate([getattr(first, name), getattr(second, name)])

    return replace(
        first,
        pictures=joined("pictures"),
        labels=joined("labels"),
        scores=joined("scores"),
        right=joined("right"),
        complete=first.complete and second.complete,
    )


@dataclass(frozen=True, eq=False)
class Thing:
    """A flat thing: its texels, the shape cut out of them, and where a condition puts it on a photo."""

    texture: tuple[int, int]
    place: Callable[[Condition, tuple[int, int]], Projection]
    alpha: NumpyArray | None = None

    @property
    def mask(self) -> NumpyArray | None:
        return None if self.alpha is None else np.asarray(self.alpha > 0, dtype=np.float32)


class Scenes(Sequence[Scene]):
    """Photos under conditions. Scenes are made when they are asked for; those of small pictures are kept."""

    def __init__(
        self,
        taken: Photos,
        thing: Thing,
        index: NumpyArray,
        conditions: Sequence[Condition],
        labels: NumpyArray,
    ) -> None:
        self.taken, self.thing, self.photo = taken, thing, np.asarray(index, dtype=np.int64)
        self.conditions, self.labels = conditions, np.asarray(labels)
        self._keep = len(self.photo) * int(np.prod(taken.shape)) <= _KEPT
        self._made: dict[int, Scene] = {}

    def __len__(self) -> int:
        return len(self.photo)

    @overload
    def __getitem__(self, i: int) -> Scene: ...

    @overload
    def __getitem__(self, i: slice) -> list[Scene]: ...

    def __getitem__(self, i: int | slice) -> Scene | list[Scene]:
        if isinstance(i, slice):
            return [self._scene(j) for j in range(len(self))[i]]
        return self._scene(i)

    def _scene(self, i: int) -> Scene:
        if i in self._made:
            return self._made[i]
        photo, condition = int(self.photo[i]), self.conditions[i]
        shape = self.taken.shape
        scene = Scene(
            self.thing.place(condition, shape),
            condition.light(shape),
            self.taken.pictures[photo],
            int(self.labels[i]),
            photo,
        )
        if self._keep:
            self._made[i] = scene
        return scene


@dataclass(frozen=True)
class Goal:
    """What the attacker wants: ``to`` None is any wrong answer, else that class."""

    to: int | None = None

    @property
    def objective(self) -> Objective:
        return Misclassified() if self.to is None else Reached()

    def labels(self, true: NumpyArray) -> NumpyArray:
        """What the objective refers to for photos of these classes."""
        return true if self.to is None else np.full(len(true), self.to)

    def worth(self, true: NumpyArray) -> NumpyArray:
        """Booleans: photos that are not what is wanted already."""
        return np.ones(len(true), dtype=bool) if self.to is None else true != self.to


@dataclass(frozen=True)
class Settings:
    """How hard to try."""

    steps: int
    batch: int
    printability: float
    smoothness: float
    step_size: float = 0.05
    validation: int = 48
    checks: int = 8

    def __post_init__(self) -> None:
        for name in ("steps", "batch"):
            if getattr(self, name) < 1:
                raise ProbeError(f"{name} must be at least 1, not {getattr(self, name)}", place=f"option '{name}'")
        for name in ("printability", "smoothness"):
            if not 0 <= getattr(self, name) <= 100:
                raise ProbeError(f"{name} must lie between 0 and 100", place=f"option '{name}'")


def craft(
    target: Gradients,
    trial: Trial,
    taken: Photos,
    index: NumpyArray,
    thing: Thing,
    goal: Goal,
    model: ViewingModel,
    settings: Settings,
    rng: np.random.Generator,
    *,
    reserve: int,
    span: tuple[float, float] = (0.0, 1.0),
) -> Made:
    """The texture for the photos ``index``, judged on views (and, from eight photos on, on photos) of its own.

    ``reserve``: rows of the budget that the test needs. ``span``: the part of the progress that this is.
    """
    learn, judge = _apart(index, rng)
    labels = goal.labels(taken.labels)

    def scenes(photos_: NumpyArray, n: int) -> Scenes:
        order = np.concatenate([rng.permutation(photos_) for _ in range(-(-n // max(len(photos_), 1)))])[:n]
        return Scenes(taken, thing, order, model.draw(n, rng), labels[order])

    start = (0.5 + rng.uniform(-0.5, 0.5, (*thing.texture, taken.channels))).astype(np.float32)
    if not len(learn):
        return Made(start, float("nan"), (), 0, True, float("nan"))
    with _kept(trial, reserve, span[1]):
        return optimise(
            target.pullback,
            target.scores,
            scenes(learn, min(settings.steps * settings.batch, 1024)),
            start,
            objective=goal.objective,
            like=taken.like,
            rng=rng,
            validation=scenes(judge, settings.validation),
            steps=settings.steps,
            batch=settings.batch,
            step_size=settings.step_size,
            paper=Paper(printable(taken.channels), settings.printability, settings.smoothness),
            mask=thing.mask,
            checks=settings.checks,
            progress=lambda share: trial.progress(span[0] + (span[1] - span[0]) * share, "making the texture"),
        )


def _apart(index: NumpyArray, rng: np.random.Generator) -> tuple[NumpyArray, NumpyArray]:
    """Photos to learn from and photos to judge by: a quarter apart where there are eight, else the same ones."""
    if len(index) < 8:
        return index, index
    mixed = rng.permutation(index)
    return np.sort(mixed[len(mixed) // 4 :]), np.sort(mixed[: len(mixed) // 4])


def _kept(trial: Trial, reserve: int, until: float) -> AbstractContextManager[None]:
    """``reserve`` rows, or a third of the budget, stay for the test; of several textures each has its part."""
    queries = trial.budget.queries
    if queries is not None:
        reserve = queries - int((queries - min(reserve, queries // 3)) * min(1.0, until / MAKING))
    return trial.keeping(reserve, until, most=1.0)


def parts(n: int, share: float, rng: np.random.Generator) -> tuple[NumpyArray, NumpyArray]:
    """Two parts of range(n) at random, the first with about ``share`` of it; both get one where n is 2 or more."""
    order = rng.permutation(n)
    cut = int(np.clip(round(share * n), min(1, n - 1) if n else 0, max(n - 1, 0)))
    return np.sort(order[:cut]), np.sort(order[cut:])


@dataclass
class Answered:
    """Decisions on the test scenes asked so far. All (m,): the photo, its label, decisions by texture."""

    scenes: Scenes
    decisions: list[NumpyArray] = field(default_factory=list)
    complete: bool = True

    def __len__(self) -> int:
        return len(self.decisions[0]) if self.decisions else 0


def ask(target: Scores, scenes: Scenes, textures: Sequence[Sequence[NumpyArray] | NumpyArray]) -> Answered:
    """Decisions for each of the textures in all scenes, by ``predict``, which no attack uses.

    A texture is one array for all scenes, or a list to be used in turns. The pictures are rounded to 8 bits, as a
    camera stores them. Scenes are asked for all textures or for none; a spent budget keeps those that were asked.
    """
    found: list[list[NumpyArray]] = [[] for _ in textures]
    complete = True
    rows = max(1, ROWS // max(1, len(textures)))
    for i in range(0, len(scenes), rows):
        part = scenes[i : i + rows]
        pictures = np.concatenate([np.stack([s.render(_turn(t, i + j)) for j, s in enumerate(part)]) for t in textures])
        try:
            said = to_numpy(target.predict(_stored(pictures, scenes.taken.like)))
        except BudgetSpent:
            complete = False
            break
        for k, piece in enumerate(np.split(said, len(textures))):
            found[k].append(piece)
    done = [np.concatenate(f) if f else np.zeros(0, dtype=np.int64) for f in found]
    return Answered(scenes, done, complete)


def _turn(texture: Sequence[NumpyArray] | NumpyArray, i: int) -> NumpyArray:
    return texture if isinstance(texture, np.ndarray) else texture[i % len(texture)]


def _stored(pictures: NumpyArray, like: Array) -> Array:
    return native(np.round(pictures * 255).astype(np.float32) / np.float32(255), like)
