"""The learned numbers of estimators that have any: linear models and networks of scikit-learn."""

from __future__ import annotations

import copy
import functools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from momus.core import digest
from momus.core.errors import TargetError
from momus.core.samples import NumpyArray
from momus.targets import fitting

_NAMES = ("coef_", "intercept_", "coefs_", "intercepts_")


def readable(model: Any) -> bool:
    """True where the last step holds coefficients as arrays that its answers depend on."""
    return bool(_arrays(fitting.last_step(model)))


def form_of(form: type, model: Any) -> type:
    """The class to make: ``form`` with ``parameters`` and ``with_parameters`` where the model has some."""
    return _joined(form) if readable(model) else form


def check_fit(name: str, held: Mapping[str, NumpyArray], values: Mapping[str, NumpyArray]) -> None:
    """TargetError where names or shapes differ from those of the model."""
    strange = [k for k in values if k not in held]
    lacking = [k for k in held if k not in values]
    if strange or lacking:
        raise TargetError(
            f"the model has no parameter '{strange[0]}'" if strange else f"'{lacking[0]}' is not given",
            place=f"target '{name}'",
            hint=f"Its parameters: {', '.join(list(held)[:6])}",
        )
    for key, value in values.items():
        if np.shape(value) != held[key].shape:
            message = f"parameter '{key}' has shape {held[key].shape}, {np.shape(value)} was given"
            raise TargetError(message, place=f"target '{name}'")


class OfEstimator:
    """``parameters`` and ``with_parameters`` for an estimator's adapter."""

    model: Any
    _info: Any

    def parameters(self) -> Mapping[str, NumpyArray]:
        """Coefficients by attribute name (``coef_``, ``coefs_.0``), copies."""
        return {k: v.copy() for k, v in _arrays(fitting.last_step(self.model)).items()}

    def with_parameters(self, values: Mapping[str, NumpyArray], /) -> Any:
        """The same target around a copy of the estimator with these coefficients."""
        held = _arrays(fitting.last_step(self.model))
        check_fit(self._info.name, held, values)
        again = copy.copy(self)
        again.model = copy.deepcopy(self.model)
        final = fitting.last_step(again.model)
        for key, value in values.items():
            name, _, number = key.partition(".")
            given = np.asarray(value, dtype=held[key].dtype)
            if number:
                getattr(final, name)[int(number)] = given.copy()
            else:
                setattr(final, name, given.copy())
        made = digest.of_value([self._info.digest, digest.of_array(*(np.asarray(v) for v in values.values()))])
        again._info = replace(self._info, digest=made, files=())
        return again


@functools.cache
def _joined(form: type) -> type:
    return type(f"{form.__name__}Weights", (OfEstimator, form), {"__doc__": form.__doc__})


def _arrays(final: Any) -> dict[str, NumpyArray]:
    found: dict[str, NumpyArray] = {}
    for name in _NAMES:
        try:
            value = vars(final).get(name)
        except TypeError:
            return {}
        parts = {f"{name}.{i}": v for i, v in enumerate(value)} if isinstance(value, list) else {name: value}
        found |= {k: v for k, v in parts.items() if isinstance(v, np.ndarray) and v.dtype.kind == "f"}
    return found if any(k.startswith("coef") for k in found) else {}
