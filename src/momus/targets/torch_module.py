"""PyTorch modules as targets: one forward pass an answer, native tensors in and out, no copy a step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from momus.core import digest
from momus.core.capabilities import Array, LossName, TargetInfo
from momus.core.errors import TargetError
from momus.core.samples import NumpyArray
from momus.targets import answers
from momus.targets.described import Described
from momus.targets.spaces import Space
from momus.targets.torch_net import Net

Hook = Callable[[NumpyArray, NumpyArray, int], Net]


class TorchTarget(Described):
    """A module that gives labels or values. Canonical arrays may be tensors or NumPy; answers follow the input."""

    def __init__(self, net: Net, info: TargetInfo, where: Space, hook: Hook | None = None) -> None:
        self.net = net
        self.space = where
        self._info = info
        self._hook = hook

    @property
    def _what(self) -> str:
        return type(self.net.module).__name__

    def encode(self, x: NumpyArray, /) -> Array:
        """A tensor on the module's device: float32 NCHW in [0, 1] for images, float64 for tables."""
        return torch.from_numpy(self.space.encode(x)).to(self.net.device)

    def decode(self, a: Array, /) -> NumpyArray:
        return self.space.decode(a.detach().cpu().numpy() if isinstance(a, torch.Tensor) else np.asarray(a))

    def predict(self, x: Array, /) -> Array:
        """int64 class indices (n,) for a classifier, values (n,) for a regressor."""
        a = self._tensor(x)
        with torch.no_grad():
            return self.like(x, self.net.decisions(a))

    def _tensor(self, x: Array) -> torch.Tensor:
        """The caller's array as a floating tensor on the module's device; a CPU tensor or array is not copied."""
        self.space.check(x)
        a = x if isinstance(x, torch.Tensor) else torch.from_numpy(np.ascontiguousarray(x))
        if not a.is_floating_point():
            raise answers.bad_answer(self._info.name, x, f"canonical arrays are floats, got {a.dtype}", "Use encode")
        return a.detach().to(self.net.device)

    def like(self, x: Array, out: Array) -> Array:
        """``out`` in the library, on the device and (floats) in the precision of ``x``."""
        if isinstance(out, np.ndarray):
            out = torch.from_numpy(out)
        if isinstance(x, torch.Tensor):
            return out.to(device=x.device, dtype=x.dtype if out.is_floating_point() else out.dtype)
        a = out.cpu().numpy()
        return a.astype(x.dtype, copy=False) if a.dtype.kind == "f" else a


class TorchScores(TorchTarget):
    """A classifier whose outputs are scores, but whose inputs have no gradient (it insists on whole numbers)."""

    def scores(self, x: Array, /) -> Array:
        """Logits (n, k); log-probabilities where the module ends in a softmax that could not be taken off."""
        a = self._tensor(x)
        with torch.no_grad():
            return self.like(x, self.net.logits(a))

    def probabilities(self, x: Array, /) -> Array:
        """softmax of the logits, (n, k)."""
        a = self._tensor(x)
        with torch.no_grad():
            return self.like(x, torch.softmax(self.net.logits(a), dim=1))


class TorchClassifier(TorchScores):
    """A classifier with gradients."""

    def logits(self, x: Array, /) -> Array:
        return self.scores(x)

    def loss_gradient(self, x: Array, y: Array, loss: LossName = "cross_entropy", /) -> tuple[Array, Array]:
        """(logits (n, k), gradient of the summed loss by x, shape of x) from one forward and one backward pass.

        All losses grow as the attack succeeds: ``cross_entropy``; ``margin`` (best other logit minus the true one);
        ``dlr``, the margin over the gap between the first and third logit (arXiv:2003.01690), which is ``margin``
        where there are fewer than three classes. ``y`` holds class indices.
        """
        a = self._tensor(x)
        labels = y if isinstance(y, torch.Tensor) else torch.from_numpy(np.ascontiguousarray(y))
        labels = labels.to(device=a.device, dtype=torch.int64)
        if len(labels) != len(a):
            raise TargetError(f"{len(labels)} labels for {len(a)} rows", place=answers.place(self._info.name, x))
        k = len(self._info.classes)
        if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < k:
            raise TargetError(f"labels must be 0 to {k - 1}", place=answers.place(self._info.name, x))
        logits, gradient = self.net.loss_gradient(a, labels, loss)
        return self.like(x, logits), self.like(x, gradient)


class Retrained:
    """Adds ``retrain`` by the card's hook to the classes below."""

    net: Net
    space: Space
    _info: TargetInfo
    _hook: Hook | None

    def retrain(self, x: NumpyArray, y: NumpyArray, /, *, seed: int) -> TorchTarget:
        """A target of the same kind around the module that the hook trains from scratch on rows as read.

        Torch's own generators are seeded from ``seed`` for the hook and put back afterwards.
        """
        assert self._hook is not None
        with torch.random.fork_rng():
            torch.manual_seed(seed % 2**63)
            net = self._hook(x, y, seed)
        made = digest.of_value([self._info.digest, digest.of_array(np.asarray(x), np.asarray(y)), seed])
        info = replace(self._info, name=f"{self._info.name} (retrained)", digest=made, notes=(), files=())
        return type(self)(net, info, self.space, self._hook)  # type: ignore[call-arg, return-value]


class TorchTargetTrains(Retrained, TorchTarget):
    """TorchTarget that can be trained again."""


class TorchScoresTrains(Retrained, TorchScores):
    """TorchScores that can be trained again."""


class TorchClassifierTrains(Retrained, TorchClassifier):
    """TorchClassifier that can be trained again."""
