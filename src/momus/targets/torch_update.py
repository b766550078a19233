"""What a client of federated learning sends for its rows, from a PyTorch module, and how that depends on the rows."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import torch
from torch.nn import functional

from momus.core.capabilities import Array, TargetInfo
from momus.core.errors import TargetError
from momus.targets.torch_net import Net

Tensor = Any
TINY = 1e-12


class SendsUpdates:
    """Adds ``update`` and ``update_match`` to a target whose module has gradients.

    A copy of the module is made at the first question and none before. Batch normalisations work as a client's do while
    it trains, by the statistics of the batch, where there are at least two rows; dropout is off, since an attacker can
    do no better than know what was dropped. Parameters that were frozen when the module came in are not sent.
    """

    net: Net
    _info: TargetInfo
    _client: Net | None = None

    def update(self, x: Array, y: Array, /) -> Mapping[str, Array]:
        """Gradient of the mean loss by each trained parameter, by name, in the module's order."""
        a = self._tensor(x)  # type: ignore[attr-defined]
        with torch.enable_grad():
            found = self._gradients(a, y, again=False)
        return {name: self.like(x, g.detach()) for name, g in found.items()}  # type: ignore[attr-defined]

    def update_match(
        self, x: Array, y: Array, seen: Mapping[str, Array], distance: Literal["cosine", "squared"], /
    ) -> tuple[float, Array]:
        """How far the update of (x, y) is from ``seen``, and the gradient of that by x. TargetError where it
        has none."""
        a = self._tensor(x)  # type: ignore[attr-defined]
        leaf = a.detach().requires_grad_(True)
        with torch.enable_grad():
            found = self._gradients(leaf, y, again=True)
            given = {k: torch.as_tensor(seen[k], dtype=g.dtype, device=g.device) for k, g in found.items()}
            value = _cosine(found, given) if distance == "cosine" else _squared(found, given)
            try:
                (slope,) = torch.autograd.grad(value, leaf)
            except RuntimeError as error:
                raise TargetError(
                    f"the update cannot be differentiated by the rows ({' '.join(str(error).split())[:160]})",
                    place=f"target '{self._info.name}'",
                ) from error
        return float(value.detach()), self.like(x, slope)  # type: ignore[attr-defined]

    def _gradients(self, a: Tensor, y: Array, *, again: bool) -> dict[str, Tensor]:
        net = self._as_client(len(a) > 1)
        held = {k: p for k, p in net.module.named_parameters() if p.requires_grad}
        out = net.forward(a, whole=False)
        if net.reading == "values":
            wanted = torch.as_tensor(np.asarray(y), dtype=out.dtype, device=out.device)
            loss = functional.mse_loss(out[:, 0], wanted)
        else:
            loss = functional.cross_entropy(out, torch.as_tensor(np.asarray(y), dtype=torch.int64, device=out.device))
        grads = torch.autograd.grad(loss, list(held.values()), create_graph=again, allow_unused=True)
        return {k: torch.zeros_like(p) if g is None else g for (k, p), g in zip(held.items(), grads, strict=True)}

    def _as_client(self, several: bool) -> Net:
        if self._client is None:
            module = copy.deepcopy(self.net.module)
            names = set(self.net.trained) or {k for k, _ in module.named_parameters()}
            for name, p in module.named_parameters():
                p.requires_grad_(name in names and p.is_floating_point())
            for part in module.modules():
                if isinstance(part, torch.nn.modules.batchnorm._BatchNorm):
                    part.momentum = 0.0  # a question must not move the running statistics
            self._client = replace(self.net, module=module)
        for part in self._client.module.modules():
            if isinstance(part, torch.nn.modules.batchnorm._BatchNorm):
                part.training = several
        return self._client


def _cosine(found: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> Tensor:
    dot = sum((g * given[k]).sum() for k, g in found.items())
    mine = sum((g * g).sum() for g in found.values())
    theirs = sum((s * s).sum() for s in given.values())
    return 1 - dot / torch.sqrt(mine * theirs + TINY)


def _squared(found: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> Tensor:
    return sum(((g - given[k]) ** 2).sum() for k, g in found.items())
