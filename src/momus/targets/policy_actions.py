"""Actions out of what a network answers: the largest score, values within their bounds, or actions as they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from momus.core.samples import NumpyArray
from momus.targets import answers

Network = Callable[[NumpyArray], Any]


class Chooses(Protocol):
    """A policy that chooses for one observation and for many."""

    def __call__(self, observation: Any, /) -> Any: ...
    def together(self, observations: NumpyArray, /) -> NumpyArray: ...


class Batched:
    """A policy out of a network that answers for a batch of observations (n, ...), with the actions of ``space``."""

    def __init__(self, ask: Network, space: Any, name: str = "policy") -> None:
        self.ask, self.space, self.name = ask, space, name

    def __call__(self, observation: Any, /) -> Any:
        return self.together(np.asarray(observation)[None])[0]

    def together(self, observations: NumpyArray, /) -> NumpyArray:
        """(n, ...) observations -> n actions of the space."""
        return actions(self.ask(observations), self.space, len(observations), self.name)


def actions(answer: Any, space: Any, n: int, name: str = "policy") -> NumpyArray:
    """n actions of a Gymnasium space out of an answer for n observations.

    Discrete: scores or values (n, k) give the largest, whole numbers (n,) or (n, 1) are actions already. Box: numbers
    (n, *shape) are clipped to the bounds. MultiDiscrete: whole numbers (n, d), or the scores of all d choices side by
    side. MultiBinary: (n, k), on above 0. Raises TargetError for anything else, or for what is not finite.
    """
    rows = _rows(answer, n, name)
    given = answers.numbers(name, rows, rows)
    kind = type(space).__name__
    if kind == "Discrete":
        return _discrete(given, space, n, name)
    if kind == "Box":
        shaped = _shaped(given, (n, *space.shape), space, name)
        clipped: NumpyArray = np.clip(shaped, space.low, space.high).astype(space.dtype)
        return clipped
    if kind == "MultiDiscrete":
        return _several(given, space, n, name)
    if kind == "MultiBinary":
        on: NumpyArray = (_shaped(given, (n, *space.shape), space, name) > 0).astype(np.int8)
        return on
    raise answers.bad_answer(
        name, None, f"no rule makes actions of {space} out of numbers", "Give policy.py:act, which returns actions"
    )


def _rows(answer: Any, n: int, name: str) -> NumpyArray:
    if isinstance(answer, tuple | list) and answer and np.ndim(answer[0]) > 0:
        answer = answer[0]
    if hasattr(answer, "detach"):
        answer = answer.detach().cpu().numpy()
    array = np.asarray(answer)
    if array.ndim == 0 and n == 1:
        array = array[None]
    if array.ndim == 0 or len(array) != n:
        raise answers.bad_answer(
            name, None, f"the policy answered with shape {array.shape} for {n} observations", "One answer a row"
        )
    return array


def _discrete(given: NumpyArray, space: Any, n: int, name: str) -> NumpyArray:
    k, first = int(space.n), int(space.start)
    flat = given.reshape(n, -1)
    if flat.shape[1] == k and k > 1:
        best: NumpyArray = flat.argmax(axis=1).astype(np.int64) + first
        return best
    if flat.shape[1] == 1 and (flat == np.round(flat)).all():
        return flat[:, 0].astype(np.int64)
    raise answers.bad_answer(
        name, None, f"the policy answered with shape {given.shape} for {n} observations",
        f"Give scores ({n}, {k}) or whole numbers ({n},) for {space}",
    )  # fmt: skip


def _several(given: NumpyArray, space: Any, n: int, name: str) -> NumpyArray:
    sizes = np.asarray(space.nvec).ravel()
    flat = given.reshape(n, -1)
    if flat.shape[1] == len(sizes) and (flat == np.round(flat)).all():
        return flat.astype(np.int64).reshape(n, *space.shape)
    flat = _shaped(flat, (n, int(sizes.sum())), space, name)
    parts = np.split(flat, np.cumsum(sizes)[:-1], axis=1)
    chosen: NumpyArray = np.stack([p.argmax(axis=1) for p in parts], axis=1).astype(np.int64)
    return chosen.reshape(n, *space.shape)


def _shaped(given: NumpyArray, shape: tuple[int, ...], space: Any, name: str) -> NumpyArray:
    if given.size != int(np.prod(shape)):
        raise answers.bad_answer(
            name, None, f"the policy answered with shape {given.shape}, not {shape}", f"Actions are those of {space}"
        )
    return given.reshape(shape)
