"""The shadow models that membership probes share: the same rows, the same models, trained once a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import numpy as np

from momus.core import digest, seeds
from momus.core.capabilities import Probabilities, Trains, TrainsTogether, missing, to_numpy
from momus.core.errors import BudgetSpent, ProbeError, TargetError
from momus.core.probe import Trial
from momus.core.samples import NumpyArray, Samples
from momus.methods import membership, shadow_models

VERSION = 2  # of how rows are chosen and shadow models are trained: raise it when either changes
TOGETHER = 16  # models trained in one go where the target can: more gains little speed and costs memory


class Needs(Probabilities, Trains, Protocol):
    """Answers with probabilities, and can be trained again on other rows."""


@dataclass(frozen=True)
class Ground:
    """What an attack with shadow models stands on. Rows come as n members, then n others, one row a person.

    ``p`` (2n, k) is what the target says of them, ``y`` (2n,) their classes; ``shadows.p`` (s, 2n, k) is what s shadow
    models say of the same rows and ``shadows.inside`` (s, 2n) which of them each was trained on. ``views`` (v, 2n, k)
    and ``shadows.more`` (s, v, 2n, k) are answers to changed views of images, where ``queries`` asked for them.
    ``spent``: the budget ended before all was asked or trained. ``material`` trains further models of the same kind.
    """

    audit: membership.Audit
    members: Samples
    others: Samples
    y: NumpyArray
    p: NumpyArray
    shadows: shadow_models.Shadows
    filler: int
    spent: bool
    classes: tuple[str, ...]
    material: Material
    views: NumpyArray | None = None

    @property
    def n(self) -> int:
        """Rows on each side."""
        return len(self.members)

    @property
    def ready(self) -> bool:
        """Enough rows and at least one pair of models; without them no attack can be scored."""
        return self.n >= 4 and self.shadows.count >= 2

    @property
    def x(self) -> NumpyArray:
        """The audited rows as read, members first."""
        return np.concatenate([self.members.x, self.others.x])


@dataclass(frozen=True)
class Material:
    """All rows that shadow models are trained on. ``owner`` (rows,) is the audited row that each goes in and out with.

    Audited rows own themselves; other rows of an audited person go with that person's row, so that nobody is half in;
    filler rows (-1) are in every model and bring it to the target's size.
    """

    x: NumpyArray
    y: NumpyArray
    owner: NumpyArray
    audited: int

    def rows(self, inside: NumpyArray) -> NumpyArray:
        """(models, audited rows) -> (models, rows): which rows each model is trained on."""
        return np.where(self.owner >= 0, inside[:, np.maximum(self.owner, 0)], True)


def shadows_for(
    target: Needs, trial: Trial, *, records: int, shadows: int, shadow_rows: int = 0, queries: int = 1
) -> Ground:
    """Rows to judge, the target's answers to them, and ``shadows`` models trained with and without each of them.

    Every probe of a run that calls this for the same target gets the same rows and the same models, whatever its own
    seed: the choice comes from ``trial.shared_seed`` and trained answers go through ``trial.shared``, two models or
    ``TOGETHER`` at a time. Probes at work side by side begin at different models and share what both have done.

    ``records``: most rows judged on each side. ``shadow_rows``: rows a model is trained on, 0 for the target's own
    number. ``queries``: views of each image asked (1 to 10; mirrored and moved by a pixel). The two sides are balanced
    and keep one row a person; rows of one person are all in or all out of a model. Where the target can, models are
    trained together. Check ``Ground.ready`` before use: it is False for fewer than 4 rows a side or without one pair.

    Costs 2 ``records`` times ``queries`` target rows; training counts in seconds only. Raises ProbeError for fewer than
    2 shadows, missing labels or views of something that is no image, TargetError for a copy without probabilities.
    """
    if shadows < 2:
        raise ProbeError(f"{shadows} shadow models make no pair", hint="shadows: 2 and up")
    train, test = trial.samples("train"), trial.samples("test")
    membership.check_labels(train, test, len(target.info.classes))
    if not 1 <= queries <= 10 or (queries > 1 and not train.is_image):
        raise ProbeError(f"{queries} queries a row: there are up to 10 views of an image, and one of anything else")
    seed = trial.shared_seed("membership shadows")
    rng = np.random.default_rng(seed)
    audit = membership.choose_rows(train, test, records, rng)
    members, others = train.take(audit.members), test.take(audit.others)
    material = _material(train, test, audit, shadow_rows, rng)
    p, spent = _ask(target, members, others, queries)
    n = p.shape[1] // 2
    rows = np.concatenate([np.arange(n), len(members) + np.arange(n)])
    made = shadow_models.Shadows(np.zeros((0, 2 * n, 2)), np.zeros((0, 2 * n), dtype=bool), False)
    if n >= 4:
        parts = [VERSION, target.info.digest, train.digest, test.digest, str(seed), records, shadow_rows, queries]
        made = _fit(target, trial, material, parts, members, others, shadows, seed, queries).first(rows)
    return Ground(
        audit=replace(audit, members=audit.members[:n], others=audit.others[:n]),
        members=members.take(slice(n)),
        others=others.take(slice(n)),
        y=material.y[rows],
        p=p[0],
        shadows=made,
        filler=int((material.owner < 0).sum()),
        spent=spent or made.spent,
        classes=tuple(target.info.classes or train.classes),
        material=material,
        views=p[1:] if queries > 1 else None,
    )


def copies(target: Trains, trial: Trial, material: Material, models: Sequence[int], seed: int) -> list[Probabilities]:
    """Shadow models by number, trained together where the target can; what ``shadows_for`` asks and then lets go."""
    inside = material.rows(shadow_models.halves(material.audited, models, seed))
    tell = shadow_models.training_seeds(models, seed)
    if can_train_together(trial):
        made = list(target.retrain_together(material.x, material.y, inside, seeds=tell))  # type: ignore[attr-defined]
    else:
        chosen = zip(inside, tell, strict=True)
        made = [target.retrain(material.x[rows], material.y[rows], seed=one) for rows, one in chosen]
    if any(not callable(getattr(m, "probabilities", None)) for m in made):
        raise TargetError("the retrained copy gives no probabilities", hint="Let the train hook return a classifier")
    return made


def can_train_together(trial: Trial) -> bool:
    """Whether the bare target trains several models at once (the meter in front of it offers every method)."""
    return trial.meter is not None and not missing(trial.meter.target, TrainsTogether)


def views(x: NumpyArray, count: int) -> list[NumpyArray]:
    """The rows themselves; of images also mirrored ones, then both moved by a pixel, as in training with crops."""
    if count == 1:
        return [x]
    moves = ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1))
    found = []
    for down, right in moves:
        h, w = x.shape[1:3]
        moved = x[:, np.clip(np.arange(h) - down, 0, h - 1)][:, :, np.clip(np.arange(w) - right, 0, w - 1)]
        found += [moved, moved[:, :, ::-1]]
    return found[:count]


def _ask(target: Probabilities, members: Samples, others: Samples, queries: int) -> tuple[NumpyArray, bool]:
    """The target's answers (queries, 2n, k) to the rows of which every view could be asked, n members first."""
    speak = _speaker(target)

    def answers(rows: NumpyArray) -> NumpyArray:
        return np.concatenate([speak(view) for view in views(rows, queries)], axis=1)

    p_in, p_out, spent = membership.ask(answers, members.x, others.x)
    p = np.concatenate([p_in, p_out])
    return p.reshape(len(p), queries, p.shape[1] // queries if len(p) else 2).swapaxes(0, 1), spent


def _speaker(target: Probabilities) -> Callable[[NumpyArray], NumpyArray]:
    return lambda rows: to_numpy(target.probabilities(target.encode(rows)))


def _fit(
    target: Needs,
    trial: Trial,
    material: Material,
    parts: list[object],
    members: Samples,
    others: Samples,
    count: int,
    seed: int,
    queries: int,
) -> shadow_models.Shadows:
    x = np.concatenate([members.x, others.x])
    asked = views(x, queries)

    def answers(models: Sequence[int], _inside: NumpyArray) -> NumpyArray:
        def make() -> dict[str, NumpyArray]:
            made = copies(target, trial, material, models, seed)
            return {"p": np.stack([np.stack([_speaker(m)(rows) for rows in asked]) for m in made])}

        if trial.meter is not None:
            trial.meter.check_time()
        return trial.shared(key(models), make)["p"]

    def key(models: Sequence[int]) -> list[object]:
        return ["membership shadows", *parts, list(models)]

    first = 0 if trial.probe is None else seeds.derive("shadow groups", trial.probe.id) % max(1, count // 2)
    together = TOGETHER if can_train_together(trial) else 2
    groups = shadow_models.groups_of(count, together)
    with suppress(BudgetSpent):
        nobody = np.zeros((0, 0), dtype=bool)
        trial.ahead([partial(answers, g, nobody) for g in groups], [[digest.of_value(key(g))] for g in groups])
    return shadow_models.fit_shadows(
        answers,
        material.audited,
        count=count,
        together=together,
        first=first,
        seed=seed,
        progress=trial.progress,
    )


def _material(
    train: Samples, test: Samples, audit: membership.Audit, shadow_rows: int, rng: np.random.Generator
) -> Material:
    """Audited rows, the other rows of the same people, and training rows of nobody audited up to the wanted size."""
    n = len(audit.members)
    free = np.ones(len(train), dtype=bool)
    free[audit.members] = False
    x, owner = [train.x[audit.members], test.x[audit.others]], [np.arange(2 * n)]
    y = [np.asarray(train.y)[audit.members], np.asarray(test.y)[audit.others]]
    for side, chosen, start in ((train, audit.members, 0), (test, audit.others, n)):
        if side.ids is None:
            continue
        ids = np.asarray(side.ids).astype(str)
        place = {one: start + i for i, one in enumerate(ids[chosen])}
        mine = np.array([place.get(one, -1) for one in ids])
        rest = np.setdiff1d(np.flatnonzero(mine >= 0), chosen)
        if side is train:
            free &= mine < 0
        x, y, owner = [*x, side.x[rest]], [*y, np.asarray(side.y)[rest]], [*owner, mine[rest]]
    known = sum(len(o) for o in owner) // 2  # half of the people are in a model at a time
    wanted = max(0, (shadow_rows or len(train)) - known)
    filler = np.sort(rng.permutation(np.flatnonzero(free))[:wanted])
    return Material(
        np.concatenate([*x, train.x[filler]]),
        np.concatenate([*y, np.asarray(train.y)[filler]]).astype(int),
        np.concatenate([*owner, np.full(len(filler), -1)]),
        2 * n,
    )
