"""Drawn heads, and recognisers that look where glasses sit or not, or that glasses cannot buy.

A person is a fine random pattern all over the face, the same in every photo, under changing light, noise and hair.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from momus.core.samples import NumpyArray, Samples
from momus.targets import Target

SIZE = (36, 32)
PEOPLE = 14


def patterns(people: int = PEOPLE, size: tuple[int, int] = SIZE, channels: int = 3) -> NumpyArray:
    """(people, channels, h, w) of -1 and 1 in squares of two pixels: what tells people apart, all over the face."""
    h, w = size
    rng = np.random.default_rng(7)
    small = rng.choice([-1.0, 1.0], (people, channels, -(-h // 2), -(-w // 2)))
    return np.asarray(small.repeat(2, axis=2).repeat(2, axis=3)[:, :, :h, :w])


def heads(
    seed: int, people: int = PEOPLE, each: int = 4, *, size: tuple[int, int] = SIZE, channels: int = 3
) -> Samples:
    """``each`` photos of a person: the pattern at a twentieth of the range, light that differs, some noise."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat(np.arange(people), each))
    own = np.moveaxis(patterns(people, size, channels), 1, -1)[y]
    light = rng.uniform(0.4, 0.6, (len(y), 1, 1, 1))
    slope = np.linspace(-0.05, 0.05, size[1])[None, None, :, None] * rng.choice([-1.0, 1.0], (len(y), 1, 1, 1))
    x = np.clip(light + slope + 0.05 * own + rng.normal(0, 0.02, own.shape), 0, 1)
    classes = tuple(f"person {i + 1}" for i in range(people))
    return Samples(x=np.round(x * 255).astype(np.uint8), y=y, name="heads", classes=classes, ids=y)


class Recogniser(nn.Module):  # type: ignore[misc]
    """Agreement of the picture with each person's pattern, after taking away what is smooth.

    ``brow``: only the band where glasses sit counts. ``chin``: what lies below counts twenty times as much.
    ``loudest``: the piece that agrees most speaks for the face. ``votes``: each piece of 4 x 4 gives one bounded vote;
    a frame covers a fifth of them at most.
    """

    def __init__(self, how: str, people: int, size: tuple[int, int], channels: int, scale: float) -> None:
        super().__init__()
        h, w = size
        rows = torch.arange(h) / h
        band = torch.ones(h)
        if how in ("brow", "chin"):
            band = ((rows > 0.22) & (rows < 0.6)).float() if how == "brow" else 0.05 + 0.95 * (rows > 0.68).float()
        own = torch.as_tensor(patterns(people, size, channels), dtype=torch.float32)
        self.register_buffer("own", own * band[None, None, :, None])
        self.how, self.scale, self.used = how, scale, float(band.mean()) * h * w * channels

    def forward(self, x: Any) -> Any:
        fine = x - functional.avg_pool2d(functional.pad(x, (4, 4, 4, 4), mode="replicate"), 9, 1)
        if self.how in ("brow", "chin"):
            return self.scale * 200 * torch.einsum("nchw,kchw->nk", fine, self.own) / self.used
        pieces = functional.avg_pool2d(torch.einsum("nchw,kchw->nkhw", fine, self.own) / fine.shape[1], 4)
        if self.how == "loudest":
            return self.scale * 10 * torch.logsumexp(pieces.flatten(2) * 100, dim=2)
        return self.scale * 10 * functional.softmax(150 * pieces, dim=1).mean((2, 3))


def target(how: str, people: int = PEOPLE, size: tuple[int, int] = SIZE, channels: int = 3, scale: float = 1.0) -> Any:
    """A recogniser of heads as a target."""
    return Target.from_torch(
        Recogniser(how, people, size, channels, scale).eval(),
        name=f"heads-{how}",
        classes=tuple(f"person {i + 1}" for i in range(people)),
        shape=(channels, *size),
        range=(0, 1),
        output="logits",
    )
