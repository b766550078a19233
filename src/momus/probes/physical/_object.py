"""The parts of the probes that paint an object: what is asked before the search, and what is made of its outcome."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np

from momus.core.capabilities import Array, Predicts
from momus.core.errors import ProbeError
from momus.core.probe import Trial
from momus.core.records import Caveat, Figure, Interval, Measurement, Scalar
from momus.core.samples import NumpyArray
from momus.methods.objectives import Misclassified, Objective, Reached
from momus.methods.viewing.eot import Made, Scene
from momus.methods.viewing.mesh import Mesh
from momus.methods.viewing.mesh_unwrap import printed
from momus.probes.physical import _object_evidence as show
from momus.probes.physical._views import (
    Around,
    Scenes,
    Stream,
    View,
    answers,
    backgrounds,
    class_index,
    class_name,
    picture_shape,
    plain_texture,
    random_texture,
    views,
)
from momus.stats.intervals import wilson

_BODY = 4  # triangles: fewer enclose nothing
_SEEN = 0.002  # share of the picture below which an object is out of sight


@dataclass(frozen=True, eq=False)
class Case:
    """An object ready to be painted: its held-out views and how its plain self and random colours are read there.

    ``true`` and ``to`` are class indices, ``to`` None where any other class will do. ``spare``: seconds that asking
    every view once more may take. ``hopeless`` says why no number can be had.
    """

    mesh: Mesh
    around: Around
    shape: tuple[int, int, int]
    like: Array
    plain: NumpyArray
    held_out: list[View]
    behind: NumpyArray | None
    true: int
    to: int | None
    clean: NumpyArray
    random: NumpyArray
    rng: np.random.Generator
    caveats: tuple[Caveat, ...]
    spare: float
    hopeless: Caveat | None = None

    @property
    def recognised(self) -> NumpyArray:
        """(views,) booleans: the plain object is read as what it is."""
        found: NumpyArray = self.clean == self.true
        return found

    @property
    def objective(self) -> Objective:
        return Misclassified() if self.to is None else Reached()

    def won(self, read: NumpyArray) -> NumpyArray:
        """(views,) booleans: recognised when plain, and read as the attacker wants now."""
        return self.turned(read) & self.recognised[: len(read)]

    def turned(self, read: NumpyArray) -> NumpyArray:
        """(views,) booleans: read as the attacker wants, recognised when plain or not."""
        found: NumpyArray = read != self.true if self.to is None else read == self.to
        return found

    def more(self, n: int, *, kept: bool = True) -> Sequence[Scene]:
        """Further scenes of the same kind, to learn from; made anew whenever one is asked for, unless ``kept``."""
        label, seed = (self.true if self.to is None else self.to), int(self.rng.integers(2**63))
        stream = Stream(self.mesh, self.around, n, self.shape, self.plain.shape[0], label, self.behind, seed)
        return [v.scene for v in stream] if kept else Scenes(stream)


def prepare(
    target: Predicts,
    trial: Trial,
    around: Around,
    *,
    n: int,
    texels: int | None,
    colour: str,
    true_class: str,
    target_class: str,
) -> Case:
    """Checks what was asked for, draws the held-out views and asks how the plain and a random surface are read."""
    mesh = _mesh(trial)
    shape = picture_shape(target)
    side = int(texels if texels is not None else 1.5 * max(shape[1:]))
    if n < 1 or not 8 <= side <= 2048:
        raise ProbeError(f"{n} views of {side} texels a side: give at least 1 view and 8 to 2048 texels")
    true, to = class_index(target, true_class, "true_class"), class_index(target, target_class, "target_class")
    if true is not None and true == to:
        raise ProbeError("the target class is what the object already is", place="option 'target_class'")
    if trial.budget.queries is not None:
        n = max(1, min(n, trial.budget.queries // 6))
    rng = trial.rng
    plain, behind = plain_texture(trial, colour, side, shape[0]), backgrounds(target, trial, shape)
    held_out = views(mesh, around, n, shape=shape, texels=side, label=0, behind=behind, rng=rng)
    like = target.encode(np.zeros((1, *shape[1:], shape[0]), np.uint8))
    started = time.perf_counter()
    clean = answers(target.predict, held_out, plain, like)
    random = answers(target.predict, held_out, random_texture(side, shape[0], rng), like)
    spare = 0.75 * (time.perf_counter() - started)  # half as much again as one of the two took
    caveats = []
    if target.info.randomised:
        message = "equal pictures are answered differently: another run gives another number"
        caveats.append(Caveat(code="randomised-output", message=message, blocks="none"))
    if true is None:
        seen = clean[clean != to] if to is not None else clean
        true = int(np.bincount(seen).argmax()) if len(seen) else -1
        message = f"the card does not say what the object is: taken for '{class_name(target, true)}', as most views are"
        if len(seen):
            caveats.append(Caveat(code="true-class-guessed", message=message, blocks="none"))
    case = Case(
        mesh, around, shape, like, plain, held_out, behind, true, to, clean, random, rng, tuple(caveats), spare,
        _hopeless(mesh, held_out, clean, random, true, class_name(target, true)),
    )  # fmt: skip
    trial.progress(0.1, f"{int(case.recognised.sum())} of {len(clean)} plain views recognised")
    return case


def _mesh(trial: Trial) -> Mesh:
    samples = trial.samples("object")
    if not samples.is_mesh:
        raise ProbeError(
            "an object is a mesh of triangles", place=samples.name, hint="As in data.object: {path: teapot.obj}"
        )
    try:
        return Mesh(samples.x)
    except ValueError as error:
        raise ProbeError(str(error), place=samples.name) from error


def _hopeless(
    mesh: Mesh, held_out: list[View], clean: NumpyArray, random: NumpyArray, true: int, name: str
) -> Caveat | None:
    """Why no attack on this object would mean anything, or None."""
    if len(mesh) < _BODY:
        message = f"{len(mesh)} triangles are no solid object; for flat things see physical.patch"
        return Caveat(code="no-body", message=message, blocks="both")
    if len(random) < len(held_out):
        return Caveat(code="budget-spent", message="the budget ended before the object was shown", blocks="both")
    if float(np.mean([v.scene.projection.share for v in held_out])) < _SEEN:
        return Caveat(code="out-of-sight", message="the object covers next to nothing of its pictures", blocks="both")
    if not (clean == true).any():
        message = f"the plain object is read as '{name}' in none of {len(clean)} views, so there is nothing to turn"
        return Caveat(code="never-recognised", message=message, blocks="both")
    return None


def kept(trial: Trial, case: Case) -> AbstractContextManager[None]:
    """Rows and time to ask every held-out view again stay unspent."""
    seconds = trial.budget.seconds
    share = 1.0 if seconds is None else max(0.0, 1 - case.spare / seconds)
    return trial.keeping(len(case.held_out), share, most=1.0)


def undecided(trial: Trial, case: Case) -> Measurement:
    """No number: the object was not there to be attacked."""
    assert case.hopeless is not None
    return trial.measurement(
        0.0,
        Interval(low=0.0, high=1.0),
        0,
        scope=_scope(case),
        figures=_clean_figure(case),
        evidence=show.sides(None, case.held_out, case.clean, None, (case.plain,)),
        caveats=[case.hopeless, *case.caveats],
    )


def conclude(
    target: Predicts, trial: Trial, case: Case, made: Made, *, size_mm: float, signs: Sequence[Caveat] = ()
) -> Measurement:
    """Shows the surface, as its file holds it, to the untouched target in every held-out view, and counts.

    ``signs``: what the search itself noticed that takes the worth from a number.
    """
    texture = (np.rint(made.texture * 255) / 255).astype(np.float32)
    read = answers(target.predict, case.held_out, texture, case.like)
    caveats = [*_caveats(case, made, read), *signs, *case.caveats]
    if len(read) < len(case.held_out):
        caveats.append(Caveat(code="budget-spent", message="the budget ended before every view was asked again"))
    won = case.won(read)
    n = int(case.recognised[: len(read)].sum())
    hits = int(won.sum())
    names = (class_name(target, case.true), "" if case.to is None else class_name(target, case.to))
    trial.progress(0.95, f"{hits} of {n} views turned")
    return trial.measurement(
        hits / n if n else 0.0,
        wilson(hits, n),
        n,
        scope={**_scope(case), "true_class": names[0], "target_class": names[1] or None},
        figures=[*_clean_figure(case), *_figures(case, made, read, texture)],
        evidence=[
            *show.sides(target, case.held_out, case.clean, read, (case.plain, texture)),
            *show.charts(case.held_out, case.recognised, case.turned(read), names),
            *show.files(case.mesh, texture, size_mm=size_mm, names=names),
        ],
        caveats=caveats,
    )


def _scope(case: Case) -> dict[str, Scalar | None]:
    texels = case.plain.shape[0]
    hidden = dict.fromkeys(("nearest", "farthest", "lowest", "highest", "roll", "light", "true_class", "target_class"))
    return {**hidden, "views": len(case.held_out), "texels": texels, "seen_from": case.around.words()}


def _share(name: str, hits: NumpyArray, note: str = "") -> Figure:
    n, k = len(hits), int(hits.sum())
    return Figure(name=name, value=k / n if n else 0.0, ci=wilson(k, n), n=n, note=note)


def _clean_figure(case: Case) -> list[Figure]:
    return [_share("clean_recognised", case.recognised, "views in which the plain object is read as what it is")]


def _figures(case: Case, made: Made, read: NumpyArray, texture: NumpyArray) -> list[Figure]:
    out = [_share("read_right", read == case.true, "of all views, the painted object")]
    if case.to is not None:
        out.append(_share("read_as_target", read == case.to, "of all views, the painted object"))
        out.append(_share("plain_as_target", case.clean == case.to, "of all views, the object before"))
    out.append(_share("read_as_other", (read != case.true) & (read != (-1 if case.to is None else case.to))))
    random = case.won(case.random)[case.recognised]
    out.append(_share("random_surface", random, "the same success with random colours and no search"))
    seen = printed(case.mesh.triangles, case.plain.shape[:2])
    change = float(np.sqrt(np.mean((texture - case.plain)[seen] ** 2))) if seen.any() else 0.0
    out.append(Figure(name="colour_change", value=change, note="root mean square over the surface, of the range"))
    if made.history:
        last = [won for _, won in made.history[-max(1, len(made.history) // 10) :]]
        note = "of the views learnt from, in the last tenth of the search"
        out.append(Figure(name="learnt_views_won", value=float(np.mean(last)), note=note))
    return out


def _caveats(case: Case, made: Made, read: NumpyArray) -> list[Caveat]:
    out = []
    if not made.complete:
        message = f"the budget ended after {len(made.history)} steps of the search"
        out.append(Caveat(code="budget-spent", message=message, blocks="pass"))
    elif not made.history:
        out.append(Caveat(code="no-search", message="the search took no step", blocks="pass"))
    if made.flat > 0.5:
        message = f"the gradient was zero in {made.flat:.0%} of the views that were learnt from"
        out.append(Caveat(code="flat-gradients", message=message, blocks="pass"))
    rise = _rise(made)
    if rise > 0.1:
        message = f"the search was still gaining ({rise:+.0%} of the views over its last fifth): give it more steps"
        out.append(Caveat(code="not-settled", message=message, blocks="pass"))
    share = float(case.recognised.mean())
    if share < 0.25:
        message = f"the plain object is recognised in {share:.0%} of the views only"
        out.append(Caveat(code="hardly-recognised", message=message, blocks="none"))
    return [*out, *_beside(case, read)]


def _beside(case: Case, read: NumpyArray) -> list[Caveat]:
    """What random colours do, and what the paint does beside what it was made for."""
    known = case.recognised[: len(read)]
    if not known.any():
        return []
    out = []
    hits, by_chance = int(case.won(read).sum()), int(case.won(case.random)[: len(read)].sum())
    if by_chance > hits + 0.1 * known.sum():
        message = f"random colours turn {by_chance} views, the search {hits}: it went astray"
        out.append(Caveat(code="random-beats-search", message=message, blocks="pass"))
    elif by_chance >= 0.5 * known.sum():
        message = "random colours alone turn half of the views: the model hardly looks at the shape"
        out.append(Caveat(code="random-does-it", message=message, blocks="none"))
    astray = int((known & (read != case.true)).sum()) - hits
    if case.to is not None and astray > 0.25 * known.sum():
        message = f"the target class is missed, but {astray} of {int(known.sum())} views are misread as something else"
        out.append(Caveat(code="misread-otherwise", message=message, blocks="pass"))
    return out


def _rise(made: Made) -> float:
    """What the last tenth of the steps won beyond the tenth before, where both are long enough to say."""
    won = np.array([w for _, w in made.history])
    k = len(won) // 10
    return float(won[-k:].mean() - won[-2 * k : -k].mean()) if k >= 5 else 0.0
