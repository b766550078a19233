"""The declared viewing model: between which bounds place, pose, light, paper and camera may vary.

A physical attack is only ever good under the conditions that it was made for. So they are declared, attack and test
draw from the same declaration, and the report prints it beside the number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace

import numpy as np

from momus.core.errors import ProbeError
from momus.core.samples import NumpyArray
from momus.methods.viewing.light import Light
from momus.methods.viewing.maps import Projection, homography, warp

Range = tuple[float, float]
# The names of the conditions that a sweep can vary, with their units.
UNITS = {
    "rotation": "degrees",
    "scale": "times",
    "tilt": "degrees",
    "position": "share of the way to the edge",
    "brightness": "of the range",
    "contrast": "times",
    "gamma": "exponent",
    "cast": "share of a channel",
    "blur": "of the shorter side",
    "noise": "of the range",
    "loss": "share of the print-and-scan loss",
}


@dataclass(frozen=True)
class Condition:
    """One draw from a viewing model. ``x``, ``y`` in [-1, 1]: place, 0 in the middle of where it may go.

    ``axis``: degrees of the line it is tilted about. ``blur`` in units of the picture's shorter side; ``cast``: change
    of each primary's gain.
    """

    rotation: float = 0.0
    scale: float = 1.0
    tilt: float = 0.0
    axis: float = 0.0
    x: float = 0.0
    y: float = 0.0
    brightness: float = 0.0
    contrast: float = 1.0
    gamma: float = 1.0
    cast: tuple[float, float, float] = (0.0, 0.0, 0.0)
    blur: float = 0.0
    noise: float = 0.0
    loss: float = 0.0
    seed: int = 0

    def light(self, shape: tuple[int, int]) -> Light:
        """Print, light and camera of this condition for pictures of that (h, w). Contrast turns about middle grey."""
        return Light(
            gain=self.contrast,
            offset=0.5 * (1 - self.contrast) + self.brightness,
            gamma=self.gamma,
            balance=tuple(1 + c for c in self.cast),
            loss=self.loss,
            blur=self.blur * min(shape),
            noise=self.noise,
            seed=self.seed,
        )

    def place(
        self,
        shape: tuple[int, int],
        texture: tuple[int, int],
        *,
        width: float,
        centre: tuple[float, float] | None = None,
        alpha: NumpyArray | None = None,
        samples: int = 3,
    ) -> Projection:
        """A flat thing ``width`` pixels wide under this condition.

        Without ``centre`` it goes to ``x``, ``y`` of the room it has, wholly inside the picture where it fits. With
        ``centre`` (x, y in pixels) it sits there, and ``x``, ``y`` move it by that share of its own width.
        """
        h, w = shape
        if centre is not None:
            middle = (centre[0] + self.x * width, centre[1] + self.y * width)
            map_ = self._map(shape, texture, width, middle)
        else:
            map_ = self._map(shape, texture, width, (w / 2, h / 2))
            th, tw = texture
            corners = map_ @ np.array([[0, tw, tw, 0], [0, 0, th, th], [1, 1, 1, 1.0]])
            reach = np.abs(corners[:2] / corners[2] - np.array([[w / 2], [h / 2]])).max(axis=1)
            room = np.maximum(np.array([w / 2, h / 2]) - reach, 0.0)
            shift = np.array([[1, 0, self.x * room[0]], [0, 1, self.y * room[1]], [0, 0, 1.0]])
            map_ = shift @ map_
        return warp(shape, texture, map_, alpha=alpha, samples=samples)

    def _map(
        self, shape: tuple[int, int], texture: tuple[int, int], width: float, middle: tuple[float, float]
    ) -> NumpyArray:
        return homography(
            shape,
            texture,
            width=width,
            centre=middle,
            rotation=self.rotation,
            scale=self.scale,
            tilt=self.tilt,
            axis=self.axis,
        )


@dataclass(frozen=True)
class ViewingModel:
    """Ranges (low, high), drawn uniformly and independently. The defaults are close to those of arXiv 1707.07397.

    From that paper: rotation, scale, brightness, noise. Of our own choosing: tilt, contrast, gamma, colour cast, blur
    and the print-and-scan loss, for a hand-held photograph of an office print. ``position``: 1 lets the object go
    anywhere in the picture, 0 keeps it in the middle.
    """

    rotation: Range = (-22.5, 22.5)
    scale: Range = (0.9, 1.4)
    tilt: Range = (0.0, 30.0)
    position: Range = (0.0, 1.0)
    brightness: Range = (-0.05, 0.05)
    contrast: Range = (0.9, 1.1)
    gamma: Range = (0.9, 1.1)
    cast: Range = (-0.03, 0.03)
    blur: Range = (0.0, 0.004)
    noise: Range = (0.0, 0.1)
    loss: Range = (0.0, 1.0)

    def __post_init__(self) -> None:
        for f in fields(self):
            low, high = getattr(self, f.name)
            if not (math.isfinite(low) and math.isfinite(high)) or low > high:
                raise ProbeError(f"the viewing condition {f.name} cannot go from {low:g} to {high:g}")
        for name, least in (("scale", 1e-3), ("contrast", 0.0), ("gamma", 1e-3), ("blur", 0.0), ("noise", 0.0)):
            if getattr(self, name)[0] < least:
                raise ProbeError(f"the viewing condition {name} cannot be less than {least:g}")
        if not 0 <= self.loss[0] <= self.loss[1] <= 1 or not 0 <= self.position[0] <= self.position[1] <= 1:
            raise ProbeError("the viewing conditions loss and position lie between 0 and 1")
        if max(abs(t) for t in self.tilt) > 80:
            raise ProbeError("tilt goes up to 80 degrees: beyond that hardly anything of a flat thing is seen")

    def draw(self, n: int, rng: np.random.Generator) -> tuple[Condition, ...]:
        """``n`` conditions. The numbers of one do not depend on how many are drawn after it."""
        return tuple(self._one(rng) for _ in range(n))

    def _one(self, rng: np.random.Generator) -> Condition:
        def of(r: Range) -> float:
            return float(rng.uniform(*r))

        x, y = (float(v) for v in rng.uniform(-1, 1, 2))
        far = max(abs(x), abs(y), 1e-9)
        near, most = self.position
        stretch = (near + (most - near) * far) / far
        return Condition(
            rotation=of(self.rotation),
            scale=of(self.scale),
            tilt=of(self.tilt),
            axis=float(rng.uniform(0, 360)),
            x=x * stretch,
            y=y * stretch,
            brightness=of(self.brightness),
            contrast=of(self.contrast),
            gamma=of(self.gamma),
            cast=(of(self.cast), of(self.cast), of(self.cast)),
            blur=of(self.blur),
            noise=of(self.noise),
            loss=of(self.loss),
            seed=int(rng.integers(2**31)),
        )

    def neutral(self) -> Condition:
        """The condition in the middle of every range, in the middle of the picture, seen frontally without noise."""

        def middle(r: Range) -> float:
            return (r[0] + r[1]) / 2

        return Condition(
            rotation=middle(self.rotation),
            scale=middle(self.scale),
            brightness=middle(self.brightness),
            contrast=middle(self.contrast),
            gamma=middle(self.gamma),
            blur=middle(self.blur),
            loss=middle(self.loss),
        )

    def grid(
        self, condition: str, values: tuple[float, ...], n: int, rng: np.random.Generator
    ) -> tuple[tuple[Condition, ...], ...]:
        """For a sweep: ``n`` draws for each value of one condition, everything else drawn, the same for each value.

        ``position`` is the distance from the middle; a colour cast is warm (red up, blue down) by its value.
        """
        if condition not in UNITS:
            raise ProbeError(f"no viewing condition '{condition}'", hint=f"One of {', '.join(UNITS)}")
        drawn = self.draw(n, rng)
        return tuple(tuple(fixed(c, condition, v) for c in drawn) for v in values)

    def values(self, condition: str, n: int = 5) -> tuple[float, ...]:
        """``n`` values over the declared range, for a sweep; one where the range is a point."""
        low, high = getattr(self, condition)
        return (low,) if low == high else tuple(float(v) for v in np.linspace(low, high, n))

    def words(self) -> str:
        """The declaration in words, for the scope of a measurement: a pass is to be read with it."""
        parts = []
        for f in fields(self):
            low, high = getattr(self, f.name)
            still = {"scale": 1.0, "contrast": 1.0, "gamma": 1.0}.get(f.name, 0.0)
            if (low, high) == (still, still):
                continue
            parts.append(f"{f.name} {low:g}" if low == high else f"{f.name} {low:g} to {high:g}")
        return ", ".join(parts) or "one fixed view"


def fixed(condition: Condition, name: str, value: float) -> Condition:
    """The condition with one of its values set."""
    if name == "position":
        far = max(abs(condition.x), abs(condition.y), 1e-9)
        return replace(condition, x=condition.x / far * value, y=condition.y / far * value)
    if name == "cast":
        return replace(condition, cast=(value, 0.0, -value))
    changes: dict[str, float] = {name: value}
    return replace(condition, **changes)  # type: ignore[arg-type]
