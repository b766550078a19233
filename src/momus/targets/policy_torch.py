"""PyTorch modules as policies."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from momus.core.samples import NumpyArray
from momus.targets.policy_actions import Batched


def is_module(act: Any) -> bool:
    """Whether this is a torch module. PyTorch is not imported to find out."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(act, torch.nn.Module)


def module_policy(module: Any, space: Any, *, name: str = "policy") -> Batched:
    """A policy of a module that maps observations (n, ...) to scores, values or actions (n, ...), in evaluation mode.

    Observations are given in the type of the module's first floating-point parameter, on its device. Of several
    outputs the first is read.
    """
    import torch

    module.eval()
    floats = [p for p in module.parameters() if p.is_floating_point()]
    kind = floats[0].dtype if floats else torch.float32
    device = floats[0].device if floats else torch.device("cpu")

    def ask(observations: NumpyArray) -> Any:
        with torch.no_grad():
            x = torch.as_tensor(np.ascontiguousarray(observations)).to(device, kind)
            return module(x)

    return Batched(ask, space, name)
