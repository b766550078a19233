"""A small network in plain NumPy: what a thief trains on stolen answers, with gradients by its inputs.

Probes import no framework, so the copy that has to have gradients is written here: dense layers for tables, two
strided convolutions for pictures, Adam, soft or hard labels. A copy of the victim's own size in a framework on an
accelerator would be stronger; what this one reaches is a lower bound on what can be stolen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from momus.core.samples import NumpyArray

LARGEST_SIDE = 32  # pictures are averaged down to this before the first convolution


class Go(NamedTuple):
    """Which slopes a step back needs: by the parameters, by the inputs."""

    parameters: bool
    inputs: bool


_TO_INPUTS, _BOTH, _FIRST = Go(False, True), Go(True, True), Go(True, False)


class _Layer(Protocol):
    """``forward`` gives outputs and what ``backward`` needs; ``backward`` gives the slope by inputs and parameters."""

    parameters: list[NumpyArray]

    def forward(self, x: NumpyArray) -> tuple[NumpyArray, Any]: ...

    def backward(self, kept: Any, slope: NumpyArray, go: Go) -> tuple[NumpyArray, list[NumpyArray]]: ...


class _Dense:
    def __init__(self, inputs: int, outputs: int, rng: np.random.Generator) -> None:
        scale = np.sqrt(2.0 / inputs)
        weights = rng.standard_normal((inputs, outputs), dtype=np.float32) * np.float32(scale)
        self.parameters = [weights, np.zeros(outputs, dtype=np.float32)]

    def forward(self, x: NumpyArray) -> tuple[NumpyArray, Any]:
        return x @ self.parameters[0] + self.parameters[1], x

    def backward(self, kept: Any, slope: NumpyArray, go: Go) -> tuple[NumpyArray, list[NumpyArray]]:
        by = [kept.T @ slope, slope.sum(0)] if go.parameters else []
        return (slope @ self.parameters[0].T if go.inputs else slope), by


class _Relu:
    def __init__(self) -> None:
        self.parameters: list[NumpyArray] = []

    def forward(self, x: NumpyArray) -> tuple[NumpyArray, Any]:
        alive = x > 0
        return x * alive, alive

    def backward(self, kept: Any, slope: NumpyArray, go: Go) -> tuple[NumpyArray, list[NumpyArray]]:
        return slope * kept, []


class _Convolution:
    """3x3 windows, two pixels apart, on (n, h, w, c): halves the side."""

    def __init__(self, inputs: int, outputs: int, rng: np.random.Generator) -> None:
        scale = np.sqrt(2.0 / (9 * inputs))
        weights = rng.standard_normal((9 * inputs, outputs), dtype=np.float32) * np.float32(scale)
        self.parameters = [weights, np.zeros(outputs, dtype=np.float32)]

    def forward(self, x: NumpyArray) -> tuple[NumpyArray, Any]:
        n, h, w, c = x.shape
        padded = np.zeros((n, h + 2, w + 2, c), dtype=x.dtype)
        padded[:, 1 : h + 1, 1 : w + 1] = x
        windows = sliding_window_view(padded, (3, 3), axis=(1, 2))[:, ::2, ::2]  # (n, h', w', c, 3, 3)
        rows, columns = windows.shape[1:3]
        flat = np.ascontiguousarray(windows.transpose(0, 1, 2, 4, 5, 3)).reshape(n * rows * columns, 9 * c)
        out = flat @ self.parameters[0] + self.parameters[1]
        return out.reshape(n, rows, columns, -1), (flat, (n, h, w, c))

    def backward(self, kept: Any, slope: NumpyArray, go: Go) -> tuple[NumpyArray, list[NumpyArray]]:
        flat, (n, h, w, c) = kept
        _, rows, columns, outputs = slope.shape
        g = slope.reshape(-1, outputs)
        by = [flat.T @ g, g.sum(0)] if go.parameters else []
        if not go.inputs:
            return slope, by
        pieces = (g @ self.parameters[0].T).reshape(n, rows, columns, 3, 3, c)
        back = np.zeros((n, h + 2, w + 2, c), dtype=slope.dtype)
        for i in range(3):
            for j in range(3):
                back[:, i : i + 2 * rows - 1 : 2, j : j + 2 * columns - 1 : 2] += pieces[:, :, :, i, j]
        return back[:, 1 : h + 1, 1 : w + 1], by


class _Flatten:
    def __init__(self) -> None:
        self.parameters: list[NumpyArray] = []

    def forward(self, x: NumpyArray) -> tuple[NumpyArray, Any]:
        return x.reshape(len(x), -1), x.shape

    def backward(self, kept: Any, slope: NumpyArray, go: Go) -> tuple[NumpyArray, list[NumpyArray]]:
        return slope.reshape(kept), []


class _Pixels:
    """(n, c, h, w) pictures to centred (n, h, w, c), averaged over blocks where the side is above LARGEST_SIDE."""

    def __init__(self, shape: Sequence[int]) -> None:
        self.parameters: list[NumpyArray] = []
        self.block = max(1, -(-max(shape[1:]) // LARGEST_SIDE))

    def forward(self, x: NumpyArray) -> tuple[NumpyArray, Any]:
        b = self.block
        n, c, h, w = x.shape
        kept = x.shape
        if x.dtype == np.uint8:  # a quarter of the memory, where many are kept
            x = x.astype(np.float32) / np.float32(255)
        if b > 1:
            x = x[:, :, : h // b * b, : w // b * b].reshape(n, c, h // b, b, w // b, b).mean((3, 5))
        return np.ascontiguousarray(x.transpose(0, 2, 3, 1)) * 2 - 1, kept

    def backward(self, kept: Any, slope: NumpyArray, go: Go) -> tuple[NumpyArray, list[NumpyArray]]:
        g = 2 * slope.transpose(0, 3, 1, 2)
        b = self.block
        if b == 1:
            return g, []
        back = np.zeros(kept, dtype=slope.dtype)
        spread = np.repeat(np.repeat(g, b, axis=2), b, axis=3) / (b * b)
        back[:, :, : spread.shape[2], : spread.shape[3]] = spread
        return back, []


class _Columns:
    """Table columns as a network likes them: each number twice, scaled and with its tails drawn in; codes spread out.

    Money and counts differ by orders of magnitude, and a boundary may lie anywhere among them. ``codes`` maps a
    column of category codes to the codes it may hold; it has no gradient. A missing value stands at the mean.
    """

    def __init__(self, x: NumpyArray, codes: Mapping[int, Sequence[float]]) -> None:
        self.parameters: list[NumpyArray] = []
        self.codes = {column: np.asarray(values, dtype=float) for column, values in codes.items()}
        self.plain = np.array([i for i in range(x.shape[1]) if i not in self.codes], dtype=int)
        seen = np.where(np.isfinite(x), x, np.nan)[:, self.plain]
        some = np.isfinite(seen).any(0)
        self.centre, self.spread = np.zeros(len(self.plain)), np.ones(len(self.plain))
        self.centre[some] = np.nanmean(seen[:, some], axis=0)
        spread = np.nanstd(seen[:, some], axis=0)
        self.spread[some] = np.where(spread > 0, spread, 1.0)

    def forward(self, x: NumpyArray) -> tuple[NumpyArray, Any]:
        z = (x[:, self.plain] - self.centre) / self.spread
        inside = np.isfinite(z) & (np.abs(z) < 20)
        z = np.clip(np.where(np.isfinite(z), z, 0.0), -20, 20)
        spread = [x[:, column][:, None] == values[None, :] for column, values in self.codes.items()]
        return np.concatenate([z, np.arcsinh(10 * z) / 2, *spread], axis=1).astype(np.float32), (z, inside, x.shape)

    def backward(self, kept: Any, slope: NumpyArray, go: Go) -> tuple[NumpyArray, list[NumpyArray]]:
        z, inside, shape = kept
        d = len(self.plain)
        by = slope[:, :d] + slope[:, d : 2 * d] * 5 / np.sqrt(1 + 100 * z * z)
        back = np.zeros(shape)
        back[:, self.plain] = by * inside / self.spread
        return back, []


def softmax(z: NumpyArray) -> NumpyArray:
    e = np.exp(z - z.max(1, keepdims=True))
    out: NumpyArray = e / e.sum(1, keepdims=True)
    return out


@dataclass(frozen=True)
class Recipe:
    """How a copy is built and trained. ``steps`` bounds the gradient steps, whatever the number of answers."""

    hidden: tuple[int, ...] = (64, 64)
    channels: tuple[int, int] = (16, 32)
    epochs: int = 60
    steps: int = 2500
    batch: int = 64
    rate: float = 2e-3
    decay: float = 1e-4


TABLE = Recipe()
PICTURE = Recipe(hidden=(64,), epochs=30, steps=900, rate=2e-3)


@dataclass
class Network:
    """A trained copy. ``scores`` are logits; ``pullback`` carries a slope of them back to the inputs."""

    layers: list[_Layer]
    classes: int
    steps: int = field(default=0)

    def scores(self, x: NumpyArray, batch: int = 512) -> NumpyArray:
        """(n, k) logits."""
        parts = [self._forward(x[i : i + batch])[0] for i in range(0, len(x), batch)]
        return np.concatenate(parts) if parts else np.zeros((0, self.classes), dtype=np.float32)

    def pullback(self, x: NumpyArray, slope: NumpyArray, batch: int = 512) -> NumpyArray:
        """Gradient by x of the sum of logits times ``slope`` (n, k), of the shape of x."""
        parts = []
        for i in range(0, len(x), batch):
            out, kept = self._forward(x[i : i + batch])
            g = slope[i : i + batch].astype(out.dtype)
            for layer, held in zip(reversed(self.layers), reversed(kept), strict=True):
                g, _ = layer.backward(held, g, _TO_INPUTS)
            parts.append(g)
        return np.concatenate(parts) if parts else np.zeros_like(x)

    def _forward(self, x: NumpyArray) -> tuple[NumpyArray, list[Any]]:
        kept = []
        for layer in self.layers:
            x, held = layer.forward(x)
            kept.append(held)
        return x, kept


def fit(
    x: NumpyArray,
    wanted: NumpyArray,
    *,
    rng: np.random.Generator,
    recipe: Recipe | None = None,
    codes: Mapping[int, Sequence[float]] | None = None,
) -> Network:
    """A network that answers ``x`` with ``wanted`` (n, k): probabilities, or ones and zeros for labels.

    ``x`` is (n, d), scaled here, with ``codes`` the columns of category codes, or (n, c, h, w) in
    [0, 1] or bytes. Cross-entropy to the wanted distribution, which is the
    Kullback-Leibler loss up to a constant; Adam with a rate that falls to nothing over the run.
    """
    used = recipe or (PICTURE if x.ndim == 4 else TABLE)
    k = wanted.shape[1]
    layers = _picture_layers(x, k, used, rng) if x.ndim == 4 else _table_layers(x, k, used, rng, codes or {})
    made = Network(layers, k)
    target = wanted.astype(np.float32)
    size = min(used.batch, max(8, len(x) // 4))
    total = max(1, min(used.steps, used.epochs * max(1, len(x) // size)))
    adam = _Adam([p for layer in layers for p in layer.parameters], used.rate, used.decay)
    first = next(i for i, layer in enumerate(layers) if layer.parameters)
    order = rng.permutation(len(x))
    start = 0
    for step in range(total):
        if start + size > len(order):
            order, start = rng.permutation(len(x)), 0
        rows = order[start : start + size]
        start += size
        out, kept = made._forward(x[rows])
        g = (softmax(out) - target[rows]) / len(rows)
        slopes: list[NumpyArray] = []
        for i in range(len(layers) - 1, first - 1, -1):
            g, by = layers[i].backward(kept[i], g, _FIRST if i == first else _BOTH)
            slopes = by + slopes
        adam.step(slopes, 0.5 * (1 + np.cos(np.pi * step / total)))
    made.steps = total
    return made


def _table_layers(
    x: NumpyArray, classes: int, recipe: Recipe, rng: np.random.Generator, codes: Mapping[int, Sequence[float]]
) -> list[_Layer]:
    columns = _Columns(x, codes)
    layers: list[_Layer] = [columns]
    width = columns.forward(x[:1])[0].shape[1]
    for size in recipe.hidden:
        layers += [_Dense(width, size, rng), _Relu()]
        width = size
    return [*layers, _last(width, classes, rng)]


def _picture_layers(x: NumpyArray, classes: int, recipe: Recipe, rng: np.random.Generator) -> list[_Layer]:
    pixels = _Pixels(x.shape[1:])
    layers: list[_Layer] = [pixels]
    before = x.shape[1]
    for channels in recipe.channels:
        layers += [_Convolution(before, channels, rng), _Relu()]
        before = channels
    layers.append(_Flatten())
    probe: NumpyArray = np.zeros((1, *x.shape[1:]), dtype=np.float32)
    for layer in layers:
        probe, _ = layer.forward(probe)
    width = probe.shape[1]
    for size in recipe.hidden:
        layers += [_Dense(width, size, rng), _Relu()]
        width = size
    return [*layers, _last(width, classes, rng)]


def _last(width: int, classes: int, rng: np.random.Generator) -> _Dense:
    """Starts near zero, so that the first answers are even."""
    made = _Dense(width, classes, rng)
    made.parameters[0] *= np.float32(0.1)
    return made


class _Adam:
    def __init__(self, parameters: list[NumpyArray], rate: float, decay: float) -> None:
        self.parameters, self.rate, self.decay, self.count = parameters, rate, decay, 0
        self.mean = [np.zeros_like(p) for p in parameters]
        self.square = [np.zeros_like(p) for p in parameters]

    def step(self, slopes: list[NumpyArray], share: float) -> None:
        self.count += 1
        rate = self.rate * share
        for p, g, m, v in zip(self.parameters, slopes, self.mean, self.square, strict=True):
            m += 0.1 * (g - m)
            v += 0.001 * (g * g - v)
            even = np.sqrt(v / (1 - 0.999**self.count)) + 1e-8
            p -= np.float32(rate) * (m / np.float32(1 - 0.9**self.count) / even + np.float32(self.decay) * p)
