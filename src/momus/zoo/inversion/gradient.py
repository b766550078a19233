"""Twins for inversion.gradient: models that hold people's likeness, and models that know them by something else."""

from __future__ import annotations

from dataclasses import replace

from momus.zoo import Case
from momus.zoo.inversion._portraits import Gallery, badges, opened, portraits, rhythms, shuffled, teams, trained


def cases(seed: int) -> tuple[Case, ...]:
    """Linear and deep recognisers of faces or typing; badges, dealt names, drowned weights and teams hide them."""
    train, test = portraits(seed, 6), portraits(seed + 100, 3)
    colour = {"channels": 3, "size": (20, 26), "who": 9}
    wide, fresh = portraits(seed, 5, **colour), portraits(seed + 100, 3, **colour)  # type: ignore[arg-type]
    typed, again = rhythms(seed, 8), rhythms(seed + 100, 4)
    data = {"train": train, "test": test}
    everybody = {"persons": 80}
    # Eight people under each name: what they have in common is nobody's face.
    crowd = portraits(seed, 5, people=320, size=(14, 14), who=13)
    others = portraits(seed + 100, 1, people=320, size=(14, 14), who=13)
    mixed = teams(others, 8)
    drowned = trained("mlp", train, seed, noise=8.0)
    dealt = shuffled(typed, seed)
    return (
        Case("softmax regression on faces", True, trained("linear", train, seed), data, everybody),
        Case("network on typing rhythms", True, trained("table", typed, seed), {"test": again}, everybody),
        Case("knows people by their badges", False, trained("linear", badges(train, seed), seed), data, everybody),
        Case("names dealt out at random", False, trained("mlp", shuffled(train, seed), seed, steps=200), data,
             everybody),
        Case("hidden layer, colour", True, trained("mlp", wide, seed), {"train": wide, "test": fresh}, everybody,
             held_out=True),
        Case("nearest of a gallery", True, opened(Gallery(train), train, "gallery"), {"test": test}, everybody,
             held_out=True),
        Case("convolutions, badges", False, trained("cnn", badges(wide, seed), seed),
             {"test": replace(fresh, name="photographs")}, everybody, held_out=True),
        Case("weights drowned in noise", False, drowned, data, everybody, held_out=True),
        Case("dealt names, typing", False, trained("table", dealt, seed, steps=200), {"test": again}, everybody,
             held_out=True),
        Case("eight people to a name", False, trained("linear", teams(crowd, 8), seed), {"test": mixed}, everybody,
             held_out=True),
    )  # fmt: skip
