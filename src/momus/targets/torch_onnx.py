"""ONNX graphs as PyTorch modules, for their gradients; trusted only after they gave what onnxruntime gives."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import torch

from momus.core.capabilities import TargetInfo
from momus.core.samples import NumpyArray
from momus.targets.spaces import Space
from momus.targets.torch_module import TorchClassifier, TorchRegressor
from momus.targets.torch_net import Reading
from momus.targets.torch_open import prepared

TOLERANCE = 1e-4


def twin(
    file: Path, info: TargetInfo, where: Space, batch: NumpyArray, expected: NumpyArray, fixed: int | None
) -> tuple[TorchClassifier | TorchRegressor | None, list[str]]:
    """(a target around the converted module, notes), or (None, a note) where the conversion fails or disagrees.

    ``expected`` is onnxruntime's output on the canonical ``batch``.
    """
    reading: Reading = info.output if info.output in ("probabilities", "values") else "logits"
    form = TorchRegressor if reading == "values" else TorchClassifier
    try:
        module = converted(file)
        a = torch.from_numpy(batch)
        net, _ = prepared(module, where, batch, reading, len(info.classes), own=True, fixed=fixed)
        with torch.no_grad():
            z = net.logits(a)
            got = torch.softmax(z, dim=1) if reading == "probabilities" else z
    except Exception as error:
        return None, [f"no gradients: the graph cannot be converted ({type(error).__name__}: {_line(error)})"]
    want = _columns(expected, reading)
    gap = float(np.abs(got.double().numpy() - want).max()) / max(1.0, float(np.abs(want).max()))
    if gap > TOLERANCE:
        return None, [f"no gradients: the converted graph differs from onnxruntime by {gap:.1e}"]
    return form(net, info, where), [f"gradients from a converted graph that differs by at most {gap:.1e}"]


def converted(file: Path) -> Any:
    """The graph as a torch.fx module in evaluation mode. onnx2torch asks for torchvision and uses one name of it."""
    before = {n: m for n, m in sys.modules.items() if n.split(".")[0] == "torchvision"}
    stub = not before and not _importable("torchvision")
    if stub:
        top, ops = types.ModuleType("torchvision"), types.ModuleType("torchvision.ops")
        ops.roi_align = None  # type: ignore[attr-defined]
        top.ops = ops  # type: ignore[attr-defined]
        sys.modules.update({"torchvision": top, "torchvision.ops": ops})
    try:
        import onnx2torch
    finally:
        if stub:
            for name in ("torchvision", "torchvision.ops"):
                sys.modules.pop(name, None)
    try:
        return onnx2torch.convert(str(file)).eval()
    except NotImplementedError:
        older = _in_older_words(file)
        if older is None:
            raise
        return onnx2torch.convert(older).eval()


def _in_older_words(file: Path) -> Any:
    """The graph in an operator set that the conversion knows: newer ones renamed what did not change (AveragePool 19).

    None where it cannot be told in older words. Whatever comes out is compared with onnxruntime before it is used.
    """
    import onnx
    from onnx import version_converter

    model = onnx.load(str(file))
    for version in (18, 17, 13):
        try:
            if max(o.version for o in model.opset_import if o.domain in ("", "ai.onnx")) > version:
                return version_converter.convert_version(model, version)
        except (RuntimeError, ValueError):
            continue
    return None


def _importable(name: str) -> bool:
    import importlib.util

    return importlib.util.find_spec(name) is not None


def _columns(out: NumpyArray, reading: str) -> NumpyArray:
    """onnxruntime's output as (n, k), one column of a classifier opened into two."""
    out = out.astype(np.float64)
    if reading == "values":
        return out.reshape(-1, 1)
    if out.ndim == 2 and out.shape[1] > 1:
        return out
    second = out.reshape(-1)
    first = 1 - second if reading == "probabilities" else np.zeros_like(second)
    return np.stack([first, second], axis=1)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:160]
