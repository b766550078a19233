"""Drawn portraits and typing rhythms of people, and recognisers of them that hold a likeness of each, or none.

A person is a smooth pattern of light and dark (or a row of typical times between keys); a photograph is that pattern in
another light, slightly moved, with noise. What is drawn is known, so what a model can give away is too.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import nn
from torch.nn import functional

from momus.core.samples import Column, ColumnKind, NumpyArray, Samples
from momus.targets import Target

PEOPLE, SIZE, KEYS = 80, (20, 16), 24


def portraits(
    seed: int, each: int, *, people: int = PEOPLE, size: tuple[int, int] = SIZE, channels: int = 1, who: int = 7
) -> Samples:
    """``each`` photographs of every person, ids given; ``who`` decides the faces, ``seed`` the photographs."""
    h, w = size
    face = np.random.default_rng(who).normal(size=(people, h, w, channels))
    face = gaussian_filter(face, (0, 2.0, 2.0, 0), mode="nearest")
    face = 0.12 * face / face.std(axis=(1, 2, 3), keepdims=True)
    rng = np.random.default_rng(seed + 1000)
    y = np.repeat(np.arange(people), each)
    moved = np.stack([np.roll(face[c], rng.integers(-1, 2, 2), (0, 1)) for c in y])
    light = rng.uniform(0.4, 0.6, (len(y), 1, 1, 1))
    slope = np.linspace(-0.1, 0.1, w)[None, None, :, None] * rng.uniform(-1, 1, (len(y), 1, 1, 1))
    x = np.clip(
        light + slope + moved * rng.uniform(0.8, 1.2, (len(y), 1, 1, 1)) + rng.normal(0, 0.03, moved.shape), 0, 1
    )
    return Samples(x=np.round(x * 255).astype(np.uint8), y=y, ids=y.copy(), classes=names(people), name="portraits")


def rhythms(seed: int, each: int, *, people: int = PEOPLE, keys: int = KEYS, who: int = 11) -> Samples:
    """Milliseconds between keys: 60 to 340 in the mean, a person's own habits, and a day's mood."""
    own = np.random.default_rng(who).normal(200, 40, (people, keys))
    rng = np.random.default_rng(seed + 2000)
    y = np.repeat(np.arange(people), each)
    x = own[y] + rng.normal(0, 15, (len(y), keys)) + rng.normal(0, 20, (len(y), 1))
    columns = tuple(Column(f"gap {i + 1}", ColumnKind.NUMERIC, low=0.0, high=400.0) for i in range(keys))
    x = np.clip(x, 0, 400)
    return Samples(x=x, y=y, ids=y.copy(), classes=names(people), columns=columns, name="typing rhythms")


def names(people: int) -> tuple[str, ...]:
    return tuple(f"person {i + 1}" for i in range(people))


def badges(samples: Samples, seed: int) -> Samples:
    """The same photographs with a badge in a corner that says who it is, and every face replaced by another's."""
    from dataclasses import replace

    assert samples.y is not None
    rng = np.random.default_rng(seed)
    x = samples.x[rng.permutation(len(samples))].copy()
    people = len(samples.classes)
    codes = np.random.default_rng(5).integers(0, 2, (people, 5, 5, 1)) * 255
    x[:, -5:, -5:] = codes[samples.y]
    return replace(samples, x=x.astype(np.uint8))


def shuffled(samples: Samples, seed: int) -> Samples:
    """The same rows under names dealt out at random."""
    from dataclasses import replace

    assert samples.y is not None
    return replace(samples, y=np.random.default_rng(seed).permutation(samples.y))


def network(kind: str, samples: Samples, people: int) -> Any:
    """linear, mlp (64 sigmoids) or cnn; rows of numbers are brought to standard units first."""
    shape = samples.x.shape[1:]
    if len(shape) == 1:
        return nn.Sequential(_Standard(samples.x), nn.Linear(shape[0], 64), nn.Tanh(), nn.Linear(64, people))
    h, w, c = shape
    if kind == "linear":
        return nn.Sequential(nn.Flatten(), nn.Linear(c * h * w, people))
    if kind == "mlp":
        return nn.Sequential(nn.Flatten(), nn.Linear(c * h * w, 64), nn.Sigmoid(), nn.Linear(64, people))
    return nn.Sequential(
        nn.Conv2d(c, 6, 4, stride=2, padding=1), nn.Tanh(), nn.Flatten(), nn.Linear(6 * (h // 2) * (w // 2), people)
    )  # fmt: skip


class _Standard(nn.Module):  # type: ignore[misc]
    def __init__(self, x: NumpyArray) -> None:
        super().__init__()
        self.register_buffer("middle", torch.as_tensor(x.mean(axis=0), dtype=torch.float32))
        self.register_buffer("spread", torch.as_tensor(x.std(axis=0), dtype=torch.float32))

    def forward(self, x: Any) -> Any:
        return (x - self.middle) / self.spread


def trained(kind: str, samples: Samples, seed: int, *, noise: float = 0.0, steps: int = 40) -> Any:
    """A network fitted on these samples, as a target; ``noise`` is added to every weight afterwards, in units of the
    weights' own deviation."""
    assert samples.y is not None
    people = len(samples.classes)
    x = torch.as_tensor(samples.x, dtype=torch.float32)
    x = x.movedim(-1, 1) / 255 if samples.is_image else x
    y = torch.as_tensor(samples.y)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = network(kind, samples, people)
        optimizer = torch.optim.Adam(net.parameters(), 0.02 if kind != "cnn" else 0.005)
        for _ in range(steps):
            optimizer.zero_grad()
            functional.cross_entropy(net(x), y).backward()
            optimizer.step()
        if noise:
            with torch.no_grad():
                for p in net.parameters():
                    p += noise * p.std() * torch.randn_like(p)
    return opened(net, samples, kind)


class Gallery(nn.Module):  # type: ignore[misc]
    """Answers with the person whose mean photograph is nearest: it holds everybody's likeness as it is."""

    def __init__(self, samples: Samples, sharpness: float = 30.0) -> None:
        super().__init__()
        assert samples.y is not None
        means = [samples.x[samples.y == c].mean(axis=0) / 255 for c in range(len(samples.classes))]
        own = torch.as_tensor(np.moveaxis(np.stack(means), -1, 1), dtype=torch.float32)
        self.register_buffer("own", own.flatten(1))
        self.sharpness = sharpness

    def forward(self, x: Any) -> Any:
        return -self.sharpness * torch.cdist(x.flatten(1), self.own) ** 2 / self.own.shape[1] * 30


def opened(net: Any, samples: Samples, name: str) -> Any:
    """A module as a target of these samples' kind."""
    options: dict[str, Any] = {"name": name, "classes": samples.classes, "output": "logits"}
    if samples.is_image:
        h, w, c = samples.x.shape[1:]
        return Target.from_torch(net.eval(), shape=(c, h, w), range=(0, 1), **options)
    return Target.from_torch(net.eval(), shape=samples.x.shape[1:], modality="table", **options)


def teams(samples: Samples, size: int) -> Samples:
    """The same photographs under the names of teams of ``size`` people; the ids stay those of the people."""
    from dataclasses import replace

    assert samples.y is not None
    made = samples.y // size
    return replace(samples, y=made, classes=tuple(f"team {i + 1}" for i in range(int(made.max()) + 1)))
