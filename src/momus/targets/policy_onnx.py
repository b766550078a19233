"""Policies as ONNX graphs: a batch of observations in; actions, logits or values out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from momus.core.errors import MissingExtra, TargetError
from momus.core.samples import NumpyArray
from momus.targets.policy_actions import Batched

_PREFERRED = ("actions", "action", "logits", "q_values", "values")
_TYPES = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(float16)": np.float16,
          "tensor(uint8)": np.uint8, "tensor(int64)": np.int64, "tensor(int32)": np.int32}  # fmt: skip


def onnx_policy(path: Path, space: Any, *, output: str | None = None, name: str = "policy") -> Batched:
    """A policy of an ONNX graph with one input.

    ``output`` names the output to read; otherwise the one called action(s), logits, q_values or values, else the
    first. Discrete actions are the largest score, continuous ones are clipped to their bounds. Observations are given
    in the type the graph asks for, flattened where it takes rows of numbers. Graphs of a fixed batch of one are asked
    row by row. The graph runs on one thread of the CPU.

    Raises TargetError for a graph that cannot be read, has several inputs or lacks the output; MissingExtra.
    """
    graph = _Graph(path, output, name)
    return Batched(graph.ask, space, name)


class _Graph:
    def __init__(self, path: Path, output: str | None, name: str) -> None:
        try:
            import onnxruntime
        except ModuleNotFoundError as error:
            raise MissingExtra.of("ONNX policies", "onnx", "onnxruntime") from error
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = settings.inter_op_num_threads = 1
        settings.log_severity_level = 3
        try:
            self.session = onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime raises classes of its own for each thing that can be wrong
            text = " ".join(str(error).split())[:200]
            raise TargetError(f"onnxruntime cannot read this graph: {text}", place=str(path)) from error
        inputs, outputs = self.session.get_inputs(), [o.name for o in self.session.get_outputs()]
        if len(inputs) != 1:
            names = ", ".join(i.name for i in inputs)
            raise TargetError(
                f"a policy's graph takes one input, the observation; this one takes {names}", place=str(path),
                hint="Export the actor alone, without hidden states",
            )  # fmt: skip
        if output is not None and output not in outputs:
            raise TargetError(f"the graph has no output '{output}'", place=str(path), hint=f"It has {outputs}")
        self.name, self.path = name, path
        self.input, self.shape = inputs[0].name, tuple(inputs[0].shape)
        self.type = _TYPES.get(inputs[0].type, np.float32)
        self.output = output or next((o for o in _PREFERRED if o in outputs), outputs[0])
        self.single = bool(self.shape) and self.shape[0] == 1

    def ask(self, observations: NumpyArray) -> NumpyArray:
        x = np.ascontiguousarray(np.asarray(observations), dtype=self.type)
        if len(self.shape) == 2 and x.ndim > 2:
            x = x.reshape(len(x), -1)
        elif len(self.shape) == 2 and x.ndim == 1:
            x = x[:, None]
        wanted = self.shape[1:]
        fits = len(wanted) == x.ndim - 1 and all(
            not isinstance(w, int) or w == s for w, s in zip(wanted, x.shape[1:], strict=True)
        )
        if not fits:
            raise TargetError(
                f"the graph takes observations of shape {wanted}, the environment shows {x.shape[1:]}",
                code="target/bad-answer", place=str(self.path), hint="Wrap the environment as it was in training",
            )  # fmt: skip
        if self.single and len(x) > 1:
            return np.concatenate([self._run(x[i : i + 1]) for i in range(len(x))])
        return self._run(x)

    def _run(self, x: NumpyArray) -> NumpyArray:
        answer: NumpyArray = np.asarray(self.session.run([self.output], {self.input: x})[0])
        return answer.reshape(1) if answer.ndim == 0 else answer
