"""Answers that do not follow from what was decoded: the same picture, table or text, and yet another answer.

What the model sees is all that its answer may depend on. Where two files decode alike and are answered differently,
something else in the file reached the model or its answer: memory that the decoder wrote beside its buffer, as in
arXiv:1711.11008, or text that was meant for nobody.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from momus.methods.fuzz import wire
from momus.methods.fuzz.failures import Limits
from momus.methods.fuzz.harness import Harness

Answer = Callable[[bytes], Any]
_AGAIN, _EACH, _GROUPS = 12, 16, 8
_NEAR = 1e-6  # relative: the same numbers added in another order


@dataclass(frozen=True, slots=True)
class Beside:
    """``first`` and ``other`` decode alike and are answered differently; ``answers`` labels were seen for one content.

    ``tried`` files were compared with one or more that decode alike, by ``asked`` requests.
    """

    tried: int
    answers: int = 0
    first: bytes = b""
    other: bytes = b""
    told: str = ""
    asked: int = 0


def beside(answer: Answer, decode: Answer, inputs: Sequence[bytes], limits: Limits) -> Beside:
    """Compare files that decode alike; a path that answers the very same file in two ways is not compared."""
    answers, decoded = (_all(f, inputs, limits) for f in (answer, decode))
    again = _all(answer, inputs[::-1], limits)[::-1]  # another order: what depends on earlier requests shows, too
    groups: dict[bytes, list[int]] = {}
    for i, (one, two, seen) in enumerate(zip(answers, again, decoded, strict=True)):
        if one is not None and two is not None and seen is not None and alike(one[0], two[0]):
            groups.setdefault(wire.encode(seen[0]), []).append(i)
    tried, worst, asked = sum(len(g) for g in groups.values() if len(g) > 1), Beside(0), 3 * len(inputs)
    apart = [_differing([(inputs[i], answers[i][0]) for i in g]) for g in groups.values()]  # type: ignore[index]
    for some in sorted((a for a in apart if len(a) > 1), key=len, reverse=True)[:_GROUPS]:
        asked += _AGAIN * len(some)
        firm = _firm(answer, some, limits)
        labels = {_label(v) for _, v in firm}
        if len(firm) > 1 and len(labels) > worst.answers:
            (first, one), (other, two) = firm[:2]
            worst = Beside(0, len(labels), first, other, f"{_label(one)} and {_label(two)}")
    return replace(worst, tried=tried, asked=asked)


def _differing(group: Sequence[tuple[bytes, Any]]) -> list[tuple[bytes, Any]]:
    """One file for each answer, the first few."""
    found: list[tuple[bytes, Any]] = []
    for data, value in group:
        if len(found) < _EACH and not any(alike(value, v) for _, v in found):
            found.append((data, value))
    return found


def _firm(answer: Answer, some: Sequence[tuple[bytes, Any]], limits: Limits) -> list[tuple[bytes, Any]]:
    """Those that get the same answer each time, asked in turn: a path that draws lots is not held to what it drew."""
    told = _all(answer, [data for data, _ in some] * _AGAIN, limits)
    return [
        (data, value) for i, (data, value) in enumerate(some)
        if all(t is not None and alike(t[0], value) for t in told[i :: len(some)])
    ]  # fmt: skip


def _all(function: Answer, inputs: Sequence[bytes], limits: Limits) -> list[tuple[Any] | None]:
    """What is answered to each input, in a tuple; None where it is not."""
    with Harness(
        function, seconds=limits.seconds, memory_mb=limits.memory_mb, refuses=limits.refuses, keep=True
    ) as harness:
        outcomes = harness.run(inputs)
    return [(o.answer,) if o.kind == "answered" else None for o in outcomes]


def alike(a: Any, b: Any) -> bool:
    """Equal, numbers within rounding."""
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(alike(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(alike, a, b))
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return a.shape == b.shape and bool(np.allclose(a, b, rtol=_NEAR, atol=1e-9, equal_nan=True))
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=_NEAR, abs_tol=1e-9) or (math.isnan(a) and math.isnan(b))
    return type(a) is type(b) and bool(a == b)


def _label(value: Any) -> str:
    """The part of an answer that a caller acts on: a label or number, the highest place of an array."""
    if isinstance(value, Mapping):
        plain = [v for v in value.values() if isinstance(v, str | int)]
        return _label(plain[0]) if plain else _label(list(value.values()))
    if isinstance(value, np.ndarray) and value.size:
        return f"place {int(np.argmax(value))}" if value.dtype.kind in "fiu" else str(value.ravel()[0])
    return f"{value:.4g}" if isinstance(value, float) else str(value)[:60]
