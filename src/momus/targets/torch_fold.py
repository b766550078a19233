"""Convolutions that swallow the batch normalisation behind them: fewer passes over memory at every step of an attack.

In evaluation mode a batch normalisation is a fixed scale and shift of each channel, which the convolution before it can
do itself (an old identity; the numbers differ in the last bits alone). Only questions of an attack are put to the
folded copy; ``predict``, which confirms every example, asks the module as it came.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights, fuse_linear_bn_weights

TOLERANCE = 1e-4
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


def folded(module: Any, fed: Any) -> Any | None:
    """A folded copy of a module in evaluation mode, or None where nothing can be folded or the copy answers otherwise.

    ``fed`` is a batch of its inputs. Costs two forward passes more than it saves at once.
    """
    try:
        made = copy.deepcopy(module)
        with torch.no_grad():
            pairs = _pairs(made, fed)
            if not pairs:
                return None
            want = module(fed)
            for layer, norm in pairs:
                _fold(layer, norm)
                _silence(made, norm)
            got = made(fed)
    except (RuntimeError, TypeError, AttributeError):
        return None  # a module with a structure of its own kind is asked as it is
    if not (isinstance(want, torch.Tensor) and isinstance(got, torch.Tensor) and got.shape == want.shape):
        return None
    gap = float((got - want).abs().max()) if want.numel() else 0.0
    return made if gap <= TOLERANCE * max(1.0, float(want.abs().max())) else None


def _pairs(module: Any, fed: Any) -> list[tuple[Any, Any]]:
    """(layer, batch normalisation) where the one's output is the other's input and each is called once."""
    made_by: dict[int, Any] = {}
    calls: dict[Any, int] = {}
    found: list[tuple[Any, Any]] = []
    alive: list[Any] = []  # an object that is gone would lend its id to another

    def note(layer: Any, came: Any, gone: Any) -> None:
        calls[layer] = calls.get(layer, 0) + 1
        alive.append(gone)
        if type(layer) in _NORMS and layer.track_running_stats and came and id(came[0]) in made_by:
            found.append((made_by[id(came[0])], layer))
        if isinstance(layer, nn.Conv2d | nn.Linear) and isinstance(gone, torch.Tensor):
            made_by[id(gone)] = layer

    handles = [m.register_forward_hook(note) for m in module.modules()]
    try:
        module(fed)
    finally:
        for handle in handles:
            handle.remove()
    return [(layer, norm) for layer, norm in found if calls[layer] == 1 and calls[norm] == 1]


def _fold(layer: Any, norm: Any) -> None:
    fuse = fuse_linear_bn_weights if isinstance(layer, nn.Linear) else fuse_conv_bn_weights
    weight, bias = fuse(
        layer.weight, layer.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
    )  # fmt: skip
    layer.weight = nn.Parameter(weight.detach(), requires_grad=False)
    layer.bias = nn.Parameter(bias.detach(), requires_grad=False)
    if isinstance(layer, nn.Conv2d) and not weight.is_cuda:
        layer.to(memory_format=torch.channels_last)


def _silence(module: Any, norm: Any) -> None:
    """Puts the identity in the place of a normalisation, under every name it has."""
    for parent in module.modules():
        for name, child in parent.named_children():
            if child is norm:
                setattr(parent, name, nn.Identity())
