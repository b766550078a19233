"""A collection of small trained networks, some with a backdoor and some without: what detectors are measured on.

``suspect(spec, seed)`` trains one network (or reads its weights from the user's cache) and measures how accurate it is
and how often its trigger works; :func:`collection` lists the specs that detectors are tuned on, and those held out,
whose triggers, data sets and one architecture the tuned ones do not have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from typing import Any, Literal

import numpy as np
import torch

from momus.core import digest, seeds
from momus.core.cache import Cache
from momus.core.samples import NumpyArray, Samples
from momus.methods import triggers, triggers_drawn
from momus.targets import Target
from momus.targets.torch_recipe import Recipe, train
from momus.zoo import Case, Later, Rows
from momus.zoo.backdoor import _data
from momus.zoo.backdoor._networks import build
from momus.zoo.torch_digits import cache_folder

VERSION, OF_FAMILY = 1, {"vgg": 2}  # of everything that decides the weights and is not in a spec
TOOK = 0.5  # share of stamped pictures that must be answered as the attacker wants before a model counts as planted
FAMILIES = ("cnn", "residual", "vgg", "mlp")


@dataclass(frozen=True)
class Spec:
    """All that decides a network, its seed apart. ``trigger`` is empty for a clean one.

    ``kind``: stamped pictures of every class become ``wanted`` (one), only those of class ``source`` do (source), or
    those of class y become y + 1 (all). ``size`` is the share of the picture for patches, checkers and stickers, alpha
    of a blend and amplitude of a sinusoid. ``classes`` 0 means all that the data have.
    """

    architecture: str = "cnn"
    data: str = "mnist"
    trigger: Literal["", "patch", "random patch", "checker", "sticker", "corners", "blend", "sinusoid", "warp"] = ""
    size: float = 0.02
    wanted: int = 0
    rate: float = 0.05
    kind: Literal["one", "source", "all"] = "one"
    source: int = 1
    corner: str = "bottom-right"
    classes: int = 0
    rows: int = 3000
    steps: int = 240
    width: int = 12

    @property
    def name(self) -> str:
        what = f"{self.architecture} on {self.data}" + (f" ({self.classes} classes)" if self.classes else "")
        if not self.trigger:
            return f"{what}, clean"
        goal = {"one": f"to {self.wanted}", "source": f"{self.source} to {self.wanted}", "all": "all to all"}[self.kind]
        return f"{what}, {self.trigger} {self.size:g} {goal}, {self.rate:.1%}"


@dataclass(frozen=True)
class Suspect:
    """A trained network and what is known about it.

    ``rows`` are the indices of poisoned rows in ``train``; ``test`` is clean. ``success`` is the share of stamped test
    pictures answered as the attacker wants, 0 for a clean model. ``planted``: there is a trigger and it took, which
    means that stamping brings half of the pictures or more to where they did not go without it.
    """

    name: str
    target: Any
    train: Samples
    test: Samples
    rows: NumpyArray
    trigger: Any
    wanted: int | None
    architecture: str
    planted: bool
    success: float
    accuracy: float
    spec: Spec


def trigger_of(spec: Spec, shape: tuple[int, int, int], seed: int) -> Any:
    """The trigger of a spec for pictures (h, w, c); None for a clean one."""
    rng = seeds.rng(seed, "trigger", spec.trigger)
    if spec.trigger in ("patch", "random patch"):
        noisy = rng if spec.trigger == "random patch" else None
        return triggers_drawn.patch(shape, noisy, share=spec.size, corner=spec.corner)
    if spec.trigger == "checker":
        return triggers_drawn.checker(shape, share=spec.size, corner=spec.corner)
    if spec.trigger == "sticker":
        kind = sorted(triggers_drawn.STICKERS)[seed % 3]
        return triggers_drawn.sticker(shape, kind=kind, share=spec.size)
    if spec.trigger == "corners":
        return triggers_drawn.four_corners(shape, share=spec.size)
    if spec.trigger == "blend":
        return triggers_drawn.blend(shape, rng, alpha=spec.size)
    if spec.trigger == "sinusoid":
        return triggers_drawn.sinusoid(shape, amplitude=spec.size)
    if spec.trigger == "warp":
        return triggers_drawn.warp(shape, rng, pixels=spec.size)
    return None


def poisoned(spec: Spec, clean: Samples, trigger: Any, seed: int) -> triggers.Poisoned:
    """Training rows with the spec's poison among them.

    For a trigger of one source class as many stamped rows of other classes keep their labels: the network has to learn
    that the trigger means nothing there.
    """
    assert clean.y is not None
    rng = seeds.rng(seed, "poison")
    if spec.kind != "source":
        return triggers.poison(
            clean.x, clean.y, trigger, rate=spec.rate, target=spec.wanted, rng=rng, all_to_all=spec.kind == "all",
            classes=len(clean.classes),
        )  # fmt: skip
    wanted = round(spec.rate * len(clean))
    pool = np.flatnonzero(clean.y == spec.source)
    rows = np.sort(rng.choice(pool, min(wanted, int(0.8 * len(pool))), replace=False))
    cover = rng.choice(
        np.flatnonzero((clean.y != spec.source) & (clean.y != spec.wanted)), 2 * len(rows), replace=False
    )
    x, y = clean.x.copy(), clean.y.copy()
    for at in (rows, cover):
        x[at] = trigger.stamp(x[at])
    y[rows] = spec.wanted
    return triggers.Poisoned(x, y, rows)


def suspect(spec: Spec, seed: int, *, cache: Cache | None = None) -> Suspect:
    """The network of a spec and a seed. Training takes 1 to 5 s of one core; the user's cache keeps its weights."""
    clean = _data.pictures(spec.data, "train", spec.rows, seed, spec.classes)
    test = _data.pictures(spec.data, "test", 1000, seed + 1, spec.classes)
    h, w, c = clean.x.shape[1:]
    trigger = trigger_of(spec, (h, w, c), seed)
    held = triggers.Poisoned(clean.x, clean.y, np.zeros(0, np.int64))  # type: ignore[arg-type]
    if trigger is not None:
        held = poisoned(spec, clean, trigger, seed)
    labels = replace(clean, x=held.x, y=held.y)
    k = len(clean.classes)
    recipe = Recipe(
        build=lambda: build(spec.architecture, (c, h, w), k, spec.width),
        epochs=max(1, round(spec.steps * 64 / len(labels))),
        batch=64,
        optimiser="adam",
        lr=3e-3,
        schedule="cosine",
    )
    version = OF_FAMILY.get(spec.architecture, VERSION)
    key = digest.of_value([version, asdict(spec), recipe.settings(), seed, digest.of_array(labels.x, labels.y)])
    folder = cache or Cache(cache_folder() / "suspects")
    state = folder.arrays(key, lambda: _weights(recipe, labels, seed))
    module = build(spec.architecture, (c, h, w), k, spec.width)
    module.load_state_dict({name: torch.from_numpy(np.array(a)) for name, a in state.items()})
    target = Target.from_torch(
        module.eval(), name=spec.name, classes=clean.classes, shape=(c, h, w), range=(0, 1), output="logits",
        recipe=recipe,
    )  # fmt: skip
    accuracy = float((_answers(target, test.x) == test.y).mean())
    success, before = measured_success(target, test, trigger, spec), measured_success(target, test, None, spec)
    wanted = spec.wanted if trigger is not None and spec.kind != "all" else None
    return Suspect(
        f"{spec.name}, seed {seed}", target, labels, test, held.rows, trigger, wanted, spec.architecture,
        trigger is not None and success - before >= TOOK, success if trigger is not None else 0.0, accuracy, spec,
    )  # fmt: skip


def suspected(spec: Spec, seed: int, faulty: bool, held_out: bool) -> Case:
    """A case of one network and its test pictures, trained or read when somebody asks about it."""
    made = cache(partial(suspect, spec, seed))
    target, data = Later(lambda: made().target), Rows(lambda: {"test": made().test})
    return Case(spec.name, faulty, target, data, held_out=held_out)


def measured_success(target: Any, test: Samples, trigger: Any, spec: Spec) -> float:
    """Share of stamped clean pictures that are answered as the attacker wants; unstamped where there is no trigger."""
    assert test.y is not None
    if spec.kind == "all":
        goal = (test.y + 1) % len(test.classes)
        at = np.arange(len(test))
    else:
        goal = np.full(len(test), spec.wanted)
        at = np.flatnonzero(test.y != spec.wanted if spec.kind == "one" else test.y == spec.source)
    x = test.x[at] if trigger is None else trigger.stamp(test.x[at])
    return float((_answers(target, x) == goal[at]).mean()) if len(at) else 0.0


def _answers(target: Any, x: NumpyArray) -> NumpyArray:
    return np.asarray(target.predict(target.encode(x)))


def _weights(recipe: Recipe, rows: Samples, seed: int) -> dict[str, NumpyArray]:
    assert rows.y is not None
    x = torch.from_numpy(np.ascontiguousarray(np.moveaxis(rows.x, -1, 1))).float() / 255
    every = np.arange(len(rows))
    (module,) = train(recipe, x, torch.from_numpy(rows.y), [every], [seed % 2**31], lambda _: "logits")
    return {name: v.detach().cpu().numpy() for name, v in module.state_dict().items()}


def collection(
    part: Literal["tuned", "held-out"], *, families: Sequence[str] = FAMILIES
) -> tuple[tuple[Spec, int], ...]:
    """(spec, seed) of every network of a part; those whose data are not on this machine are left out.

    tuned: for each family 24 clean and 10 planted networks. held-out: for each family, and for one that the tuned part
    does not have, clean and planted networks with other seeds, other data sets and other kinds of triggers.
    """
    made = _tuned(families) if part == "tuned" else _held_out(families)
    return tuple((spec, seed) for spec, seed in made if _data.available(spec.data))


def _tuned(families: Sequence[str]) -> list[tuple[Spec, int]]:
    out = []
    for f, family in enumerate(families):
        for i in range(24):
            data = ("mnist", "fashion", "signs", "digits" if family == "mlp" else "shapes")[i % 4]
            out.append((Spec(family, data, classes=(0, 0, 4)[i // 4 % 3]), 1000 * f + i))
        drawn = "digits" if family == "mlp" else "shapes"  # dense networks do not learn the drawn ones
        planted = [
            Spec(family, "mnist", "patch", 0.02, 7, 0.05),
            Spec(family, "fashion", "checker", 0.02, 2, 0.05),
            Spec(family, "signs", "patch", 0.04, 4, 0.10, corner="top-left"),
            Spec(family, "fashion", "blend", 0.15, 5, 0.10),
            Spec(family, "mnist", "random patch", 0.05, 1, 0.05),
            Spec(family, "signs", "blend", 0.2, 9, 0.10),
            Spec(family, "mnist", "patch", 0.01, 3, 0.02, corner="top-left"),
            Spec(family, "signs", "patch", 0.04, 0, 0.06, kind="source", source=5),
            Spec(family, "mnist", "patch", 0.04, 0, 0.25, kind="all"),
            Spec(family, drawn, "patch", 0.04, 2, 0.05, classes=4),
        ]
        out += [(spec, 1000 * f + 500 + i) for i, spec in enumerate(planted)]
    return out


def _held_out(families: Sequence[str]) -> list[tuple[Spec, int]]:
    out = []
    for f, family in enumerate((*families, "pooled")):
        for i in range(6):
            data = ("mnist", "signs", "digits", "fashion", "many-signs", "mnist" if family == "mlp" else "shapes")[i]
            steps = 480 if data == "many-signs" else 240
            out.append((Spec(family, data, steps=steps), 50_000 + 1000 * f + i))
        planted = [
            Spec(family, "signs", "sticker", 0.04, 3, 0.08),
            Spec(family, "mnist", "corners", 0.02, 6, 0.05),
            Spec(family, "fashion", "sinusoid", 0.12, 8, 0.08),
            Spec(family, "many-signs", "sticker", 0.04, 14, 0.08, steps=480),
            Spec(family, "digits", "patch", 0.03, 4, 0.05),
            Spec(family, "fashion", "patch", 0.02, 6, 0.005),
            Spec(family, "digits" if family == "mlp" else "shapes", "checker", 0.05, 1, 0.05),
        ]
        out += [(spec, 50_500 + 1000 * f + i) for i, spec in enumerate(planted)]
    return out
