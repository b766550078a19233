"""Rows of `momus list` that need no store: adapters, and the detectors of `momus monitor`."""

from __future__ import annotations

from typing import Any


def adapters() -> list[dict[str, Any]]:
    return [
        {"adapter": "sklearn", "takes": "estimators and pipelines, XGBoost, LightGBM", "extra": "-"},
        {"adapter": "torch", "takes": "factory + state dict, exported program", "extra": "torch"},
        {"adapter": "onnx", "takes": "ONNX graphs; gradients with torch", "extra": "onnx"},
        {"adapter": "callable", "takes": "any Python function", "extra": "-"},
        {"adapter": "policy", "takes": "a policy in a Gymnasium environment", "extra": "rl"},
        {"adapter": "files", "takes": "artifact files, nothing is loaded", "extra": "-"},
    ]


def detectors() -> list[dict[str, Any]]:
    from momus.monitor.catalogue import entries

    return [
        {"detector": e.probe, "mode": e.mode, "sees": e.summary, "limit": "-" if e.limit is None else f"{e.limit:g}",
         "metric": e.metric}
        for e in entries()
    ]  # fmt: skip
