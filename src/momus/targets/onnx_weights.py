"""The learned numbers of an ONNX file: its initialisers of floats, read from the file and put back into a copy."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from momus.core import digest
from momus.core.samples import NumpyArray
from momus.targets import callable_
from momus.targets.weights import check_fit

# One number alone is a setting of an operator rather than something that was learned.
_LEAST = 2


def form_of(form: type, path: Path) -> type:
    """``form`` with ``parameters`` and ``with_parameters`` where the file holds any and can be read by ``onnx``."""
    try:
        import onnx  # noqa: F401 - asked for here: without it the target only answers
    except ModuleNotFoundError:
        return form
    return _joined(form) if _arrays(_model(path)) else form


class OfFile:
    """``parameters`` and ``with_parameters`` for an adapter whose function is an onnxruntime session over a file."""

    function: Any  # a momus.targets.onnx_.Session
    space: Any
    rows: int
    _info: Any
    _columns: Any
    _train: Any
    _given: Mapping[str, NumpyArray] | None = None

    def parameters(self) -> Mapping[str, NumpyArray]:
        """Initialisers of floats by their names, in the order of the file, copies."""
        held = _arrays(_model(Path(self._file))) if self._given is None else self._given
        return {k: v.copy() for k, v in held.items()}

    def with_parameters(self, values: Mapping[str, NumpyArray], /) -> Any:
        """The same graph around other numbers; it gives no gradients."""
        import onnx

        held = self.parameters()
        check_fit(self._info.name, held, values)
        model = _model(Path(self._file))
        given = {k: np.asarray(values[k], dtype=v.dtype) for k, v in held.items()}
        for tensor in model.graph.initializer:
            if tensor.name in given:
                tensor.CopyFrom(onnx.numpy_helper.from_array(given[tensor.name], tensor.name))
        session = self.function.over(model.SerializeToString())
        made = digest.of_value([self._info.digest, digest.of_array(*given.values())])
        info = replace(self._info, digest=made)
        # A converted twin would still hold the old numbers, so the copy answers without gradients.
        form: type = callable_.form_of(self._info.output, self._train is not None)
        again = _joined(form)(session, info, self.space, self._columns, self.rows, self._train)
        again._given = given
        return again

    @property
    def _file(self) -> str:
        return str(self._info.files[0])


@functools.cache
def _joined(form: type) -> type:
    return type(f"{form.__name__}Weights", (OfFile, form), {"__doc__": form.__doc__})


def _model(path: Path) -> Any:
    import onnx

    return onnx.load(str(path))


def _arrays(model: Any) -> dict[str, NumpyArray]:
    import onnx

    found = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    return {k: v for k, v in found.items() if v.dtype.kind == "f" and v.size >= _LEAST}
