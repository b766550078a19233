"""PyTorch modules that read texts: a module that takes a list of str and answers with logits.

Words become numbers inside the module, so a text has no gradient here; its parameters, and training it again, do.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from momus.core import digest
from momus.core.capabilities import Array, TargetInfo
from momus.core.errors import TargetError
from momus.core.samples import NumpyArray, Samples
from momus.targets import answers, weights
from momus.targets.described import Spaced
from momus.targets.spaces import Space
from momus.targets.torch_under import Under

Hook = Callable[[NumpyArray, NumpyArray, int], Any]


@dataclass(frozen=True)
class Reader:
    """``module`` in evaluation mode; ``rows`` texts go through at a time, ``k`` classes come out."""

    name: str
    module: Any
    k: int
    rows: int = 256

    def logits(self, x: NumpyArray) -> NumpyArray:
        """(n, k) float64."""
        parts = [np.zeros((0, self.k))]
        for start in range(0, len(x), self.rows):
            texts = [str(t) for t in x[start : start + self.rows]]
            with answers.asking(self.name, x), torch.no_grad():
                out = self.module(texts)
            if not isinstance(out, torch.Tensor) or tuple(out.shape) != (len(texts), self.k):
                got = tuple(out.shape) if isinstance(out, torch.Tensor) else type(out).__name__
                raise answers.bad_answer(
                    self.name, x, f"the model returned {got}, expected logits ({len(texts)}, {self.k})"
                )
            parts.append(out.detach().cpu().numpy().astype(np.float64))
        found = np.concatenate(parts)
        if not np.isfinite(found).all():
            raise answers.bad_answer(self.name, x, "the model returned NaN or infinity")
        return found


class TorchTexts(Spaced):
    """A classifier of texts. Canonical arrays are the texts as read."""

    def __init__(self, net: Reader, info: TargetInfo, where: Space, hook: Hook | None = None) -> None:
        self.net, self.space, self._info, self._hook = net, where, info, hook

    @property
    def _what(self) -> str:
        return type(self.net.module).__name__

    def predict(self, x: Array, /) -> Array:
        """int64 class indices (n,)."""
        return self.scores(x).argmax(axis=1)

    def scores(self, x: Array, /) -> Array:
        """Logits (n, k)."""
        return self.net.logits(np.asarray(x, dtype=object))

    def probabilities(self, x: Array, /) -> Array:
        """softmax of the logits, (n, k)."""
        z = self.scores(x)
        e = np.exp(z - z.max(axis=1, keepdims=True)) if len(z) else z
        return e / e.sum(axis=1, keepdims=True)

    def parameters(self) -> Mapping[str, NumpyArray]:
        """Every number of the module's ``parameters()``, by name, in the module's order; copies."""
        return {k: p.detach().cpu().numpy().copy() for k, p in self.net.module.named_parameters()}

    def with_parameters(self, values: Mapping[str, NumpyArray], /) -> Any:
        """The same target around a copy of the module with these parameters."""
        weights.check_fit(self._info.name, self.parameters(), values)
        module = copy.deepcopy(self.net.module)
        with torch.no_grad():
            for name, held in module.named_parameters():
                held.copy_(torch.as_tensor(np.asarray(values[name])))
        made = digest.of_value([self._info.digest, digest.of_array(*(np.asarray(v) for v in values.values()))])
        info = replace(self._info, digest=made, files=())
        return type(self)(replace(self.net, module=module), info, self.space, self._hook)


class TorchTextsTrains(Under, TorchTexts):
    """TorchTexts that can be trained again, also under a foreign term."""

    def retrain(self, x: NumpyArray, y: NumpyArray, /, *, seed: int) -> TorchTextsTrains:
        """A target of the same kind around the module that the hook trains from scratch on these texts."""
        assert self._hook is not None
        with torch.random.fork_rng(), answers.asking(self._info.name, x, "was trained again"), torch.enable_grad():
            torch.manual_seed(seed % 2**63)
            module = self._hook(x, y, seed)
        made = digest.of_value([self._info.digest, digest.of_array(np.asarray(x), np.asarray(y)), seed])
        info = replace(self._info, name=f"{self._info.name} (retrained)", digest=made, notes=(), files=())
        return type(self)(replace(self.net, module=_ready(module, info.name)), info, self.space, self._hook)


def torch_texts(
    module: Any,
    where: Space,
    classes: Sequence[str],
    train: Hook | None,
    samples: Samples | None,
    identity: str,
    files: Sequence[str] = (),
) -> TorchTexts:
    """A module that reads texts as a target; without ``classes`` a batch of 16 texts tells how many there are."""
    name = where.name
    ready = _ready(module, name)
    named = tuple(str(c) for c in classes)
    if not named:
        if samples is None or not len(samples):
            hint = "Give classes= or samples="
            raise TargetError("the number of classes is not known", place=f"target '{name}'", hint=hint)
        with answers.asking(name, samples.x), torch.no_grad():
            out = ready([str(t) for t in samples.x[:16]])
        named = tuple(str(i) for i in range(int(out.shape[-1])))
    net = Reader(name, ready, len(named))
    if samples is not None and len(samples):
        net.logits(samples.x[:16])
    info = TargetInfo(
        name=name,
        task="classifier",
        adapter="torch",
        digest=digest.of_value([identity, list(named), "texts"]),
        classes=named,
        modality="text",
        files=tuple(files),
        output="logits",
    )
    return (TorchTexts if train is None else TorchTextsTrains)(net, info, where, train)


def _ready(module: Any, name: str) -> Any:
    if not isinstance(module, torch.nn.Module):
        raise TargetError(
            f"{type(module).__name__} is not a torch.nn.Module", place=f"target '{name}'", hint="Return the module"
        )
    return module.eval()
