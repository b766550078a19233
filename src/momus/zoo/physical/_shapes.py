"""Solid shapes as meshes, pictures of them from all sides, and classifiers that go by paint or by outline.

A cube, a ball, a cone and a rod are rendered from all around. The faulty networks see colours: trained on pictures in
which each shape mostly wears its own, as things in photographs do, they learn the paint. The clean ones see how far
each pixel is from the ground's colour and hardly more than whether it is: paint of whatever colour changes little.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from momus.core import seeds
from momus.core.samples import NumpyArray, Samples
from momus.methods.viewing.light import Light
from momus.methods.viewing.maps import Projection
from momus.methods.viewing.mesh import Mesh, Pose, view
from momus.methods.viewing.mesh_unwrap import centred, unwrapped
from momus.targets import Target

CLASSES = ("cube", "ball", "cone", "rod")
COLOURS = ((0.9, 0.2, 0.2), (0.2, 0.8, 0.3), (0.25, 0.35, 0.95), (0.9, 0.8, 0.2))


def cube() -> NumpyArray:
    """(12, 3, 3)."""
    corner = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], dtype=float)
    quads = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))
    return np.stack([corner[[q[0], q[i], q[i + 1]]] for q in quads for i in (1, 2)])


def turned(profile: list[tuple[float, float]], sectors: int = 16) -> NumpyArray:
    """A profile of (radius, height) points turned about the vertical axis, without triangles of no area."""
    angle = 2 * np.pi * np.arange(sectors + 1) / sectors
    ring = np.array([[(r * np.cos(a), h, -r * np.sin(a)) for a in angle] for r, h in profile])
    out = []
    for i in range(len(profile) - 1):
        for j in range(sectors):
            a, b, c, d = ring[i, j], ring[i, j + 1], ring[i + 1, j + 1], ring[i + 1, j]
            out += [t for t in ((a, b, c), (a, c, d)) if np.linalg.norm(np.cross(t[1] - t[0], t[2] - t[0])) > 1e-9]
    return np.array(out)


def ball(bands: int = 8) -> NumpyArray:
    angle = np.pi * np.arange(bands + 1) / bands - np.pi / 2
    return turned([(float(np.cos(a)), float(np.sin(a))) for a in angle])


def cone() -> NumpyArray:
    return turned([(0.0, -1.0), (0.9, -1.0), (0.0, 1.0)])


def rod() -> NumpyArray:
    return turned([(0.0, -1.0), (0.22, -1.0), (0.22, 1.0), (0.0, 1.0)], 12)


@cache
def shape(name: str) -> NumpyArray:
    """One shape as a mesh reader gives it: (n, 3, 5)."""
    made = {"cube": cube, "ball": ball, "cone": cone, "rod": rod}[name]()
    xyz = centred(made)
    return np.concatenate([xyz, unwrapped(xyz)], axis=2)


def as_object(name: str) -> Samples:
    return Samples(x=shape(name).copy(), name=name)


@cache
def _views(name: str, side: tuple[int, int], n: int = 64) -> tuple[Projection, ...]:
    """``n`` views of a shape from everywhere, the same for every seed: networks differ by colours and light."""
    mesh, rng = Mesh(shape(name)), seeds.rng("views", name, *side)
    return tuple(view(mesh, pose(rng), side, (8, 8)) for _ in range(n))


def pose(rng: np.random.Generator) -> Pose:
    up = float(np.degrees(np.arcsin(rng.uniform(-1, 1))))
    lamp = (float(rng.uniform(0, 360)), float(rng.uniform(30, 80)))
    return Pose(rng.uniform(0, 360), up, rng.uniform(2.6, 3.4), rng.uniform(-10, 10), lamp=lamp, ambient=0.6)


def pictures(seed: int, n: int, side: tuple[int, int], channels: int = 3, *, own: float = 0.0) -> Samples:
    """``n`` pictures a class, (4 n, h, w, c) uint8, on plain grounds.

    ``own``: the share in which a shape wears its class's own colour; the others wear random patches or one colour.
    """
    rng = seeds.rng(seed, "shapes", *side)
    x, y = [], []
    for k, name in enumerate(CLASSES):
        known = _views(name, side)
        for i in range(n):
            one = np.full((8, 8, 1), 1.0) * rng.random(channels)
            other = rng.random((8, 8, channels)) if rng.random() < 0.5 else one
            texture = own_colour(name, channels) if rng.random() < own else other
            x.append(picture(known[i % len(known)], texture, rng))
            y.append(k)
    return Samples(x=np.stack(x), y=np.array(y), name="shapes", classes=CLASSES)


def own_colour(name: str, channels: int = 3) -> NumpyArray:
    """The colour that a shape mostly has in the training pictures, as a texture (8, 8, c)."""
    tint = COLOURS[CLASSES.index(name)][:channels]
    return np.broadcast_to(np.array(tint), (8, 8, channels))


def picture(seen: Projection, texture: NumpyArray, rng: np.random.Generator) -> NumpyArray:
    """A photograph of a view, printed, on a ground and in a light drawn at random; uint8 (h, w, c)."""
    channels = texture.shape[-1]
    ground = np.broadcast_to(rng.uniform(0.1, 1.0, channels).astype(np.float32), (*seen.shape, channels))
    light = Light(
        gain=rng.uniform(0.9, 1.1), gamma=rng.uniform(0.9, 1.1), loss=rng.random(), noise=0.01,
        seed=int(rng.integers(2**31)),
    )  # fmt: skip
    taken = light.forward(seen.render(light.ink(texture.astype(np.float32)), ground))
    return np.asarray(np.rint(taken * 255), dtype=np.uint8)


class Outline(nn.Module):  # type: ignore[misc]
    """How far each pixel is from the ground's colour, as the four corners show it, saturating early: a silhouette."""

    def forward(self, x: Any) -> Any:
        corners = torch.cat(
            [x[:, :, a, b] for a in (slice(2), slice(-2, None)) for b in (slice(2), slice(-2, None))], 2
        )
        ground = corners.mean(dim=(2, 3), keepdim=True)
        apart = ((x - ground) ** 2).sum(dim=1, keepdim=True)
        return apart / (apart + 0.05**2)


def network(channels: int, width: int, *, outline: bool) -> Any:
    """Three convolutions and a linear layer, behind :class:`Outline` where only the silhouette may count."""
    first = 1 if outline else channels
    layers = [
        nn.Conv2d(first, width, 3, stride=2, padding=1), nn.ReLU(),
        nn.Conv2d(width, 2 * width, 3, stride=2, padding=1), nn.ReLU(),
        nn.Conv2d(2 * width, 2 * width, 3, stride=2, padding=1), nn.ReLU(),
        nn.AdaptiveAvgPool2d(3), nn.Flatten(), nn.Linear(18 * width, len(CLASSES)),
    ]  # fmt: skip
    return nn.Sequential(*([Outline()] if outline else []), *layers)


@cache
def trained(
    seed: int, side: tuple[int, int], channels: int, *, own: float, outline: bool, width: int = 12, epochs: int = 16
) -> Any:
    """A network trained on 128 pictures a class, in evaluation mode; torch's global generator is left as it was."""
    samples = pictures(seed, 128, side, channels, own=own)
    x = torch.as_tensor(np.moveaxis(samples.x, -1, 1).copy(), dtype=torch.float32) / 255
    y = torch.as_tensor(samples.y)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = network(channels, width, outline=outline)
        optimizer = torch.optim.Adam(model.parameters(), 4e-3)
        for _ in range(epochs):
            for batch in torch.randperm(len(y)).split(32):
                optimizer.zero_grad()
                functional.cross_entropy(model(x[batch]), y[batch]).backward()
                optimizer.step()
    return model.eval()


def target(name: str, seed: int, side: tuple[int, int] = (32, 32), channels: int = 3, **recipe: Any) -> Any:
    """A trained network as a target."""
    return Target.from_torch(
        trained(seed, side, channels, **recipe),
        name=name,
        classes=CLASSES,
        shape=(channels, *side),
        range=(0, 1),
        output="logits",
    )


def photographed(
    seed: int, name: str, paint: str, side: tuple[int, int] = (32, 32), channels: int = 3, *, n: int = 96
) -> Samples:
    """``n`` photographs of a shape in the colour of the class ``paint``, in sixteen sessions of one light each."""
    rng = seeds.rng(seed, "photographs", name, paint, *side)
    mesh, texture = Mesh(shape(name)), own_colour(paint, channels)
    x, distances, sessions = [], [], np.arange(n) * 16 // n
    for session in range(16):
        own = pose(rng)
        ground, gain = rng.uniform(0.1, 1.0, channels).astype(np.float32), rng.uniform(0.85, 1.1)
        for _ in range(int((sessions == session).sum())):
            at = replace(pose(rng), lamp=own.lamp)
            light = Light(gain=gain, loss=rng.random(), blur=0.2, noise=0.01, seed=int(rng.integers(2**31)))
            behind = np.broadcast_to(ground, (*side, channels))
            seen = view(mesh, at, side, texture.shape[:2]).render(light.ink(texture.astype(np.float32)), behind)
            x.append(np.rint(light.forward(seen) * 255).astype(np.uint8))
            distances.append(f"{at.distance:.1f}")
    return Samples(
        x=np.stack(x),
        y=np.full(n, CLASSES.index(name)),
        name="photographs",
        classes=CLASSES,
        ids=np.array([f"session {s}" for s in sessions], dtype=object),
        groups={"distance": np.array(distances, dtype=object), "session": sessions.astype(str).astype(object)},
    )
