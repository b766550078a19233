"""Meter: counts what a probe asks of a target and stops it when the budget is spent."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from momus.core.capabilities import Array, Layer, Packages, Serving, Slope, TargetInfo, Term
from momus.core.errors import BudgetSpent, TargetError
from momus.core.records import Caveat, Cost, Measurement
from momus.core.samples import NumpyArray
from momus.core.trees import TreeEnsemble


@dataclass(frozen=True, slots=True)
class Budget:
    """What one measurement may cost: ``queries`` in model rows, ``seconds`` of wall-clock time. None is no bound."""

    queries: int | None = None
    seconds: float | None = None


class Meter:
    """A target seen through a counter. Arrays pass untouched, so native arrays stay where they are.

    It raises :class:`BudgetSpent` *before* a query that would exceed the budget; methods catch that and return their
    best so far. An ability the wrapped target lacks raises :class:`TargetError`, but the plan checks needs on the bare
    target first.
    """

    def __init__(self, target: Any, budget: Budget | None = None) -> None:
        self.target = target
        self.budget = budget or Budget()
        self.queries = 0
        self.calls = 0
        self.gradients = 0
        self.started = time.perf_counter()
        self.late = False  # whether time, not the work, has ended something: how much was done depends on the machine
        self._kept = 0
        self._share = 1.0
        # A target that waits (for a served model's rate, before a repeat) must know when waiting is of no use any more.
        self._until: Callable[[float], None] | None = getattr(target, "until", None)

    @contextmanager
    def keeping(self, rows: int, share: float = 1.0, *, most: float = 1 / 3) -> Iterator[None]:
        """Inside, the budget ends ``rows`` queries early and time at ``share`` of it: what the test afterwards needs.

        Of a small budget no more than the part ``most`` of its queries is kept.
        """
        before = self._kept, self._share
        kept = rows if self.budget.queries is None else min(rows, int(self.budget.queries * most))
        self._kept, self._share = max(before[0], kept), min(before[1], share)
        try:
            yield
        finally:
            self._kept, self._share = before

    @property
    def info(self) -> TargetInfo:
        info: TargetInfo = self.target.info
        return info

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.started

    @property
    def cost(self) -> Cost:
        return Cost(queries=self.queries, calls=self.calls, gradients=self.gradients, seconds=round(self.seconds, 4))

    @property
    def deadline(self) -> float:
        """When the time is up, by ``time.monotonic``; infinity where it is not bounded."""
        if self.budget.seconds is None:
            return math.inf
        return time.monotonic() + self.budget.seconds * self._share - self.seconds

    def check_time(self) -> None:
        """Raise BudgetSpent when the time is up. Long loops that do not query call this."""
        if self.budget.seconds is not None and self.seconds > self.budget.seconds * self._share:
            self.late = True
            raise BudgetSpent

    def timely(self, found: Measurement) -> Measurement:
        """The same; a number that the clock had a part in says so, whether its probe thought of it or not."""
        if not self.late or any(c.code == "budget-spent" for c in found.caveats):
            return found
        message = "time ended a part of the work: with more time, or on a faster machine, the number can be another"
        caveat = Caveat(code="budget-spent", message=message, blocks="none")
        return found.model_copy(update={"caveats": (*found.caveats, caveat)})

    def spend(self, rows: int, *, gradients: int = 0) -> None:
        """Account for ``rows`` model rows about to be asked."""
        self.check_time()
        if self.budget.queries is not None and self.queries + rows > self.budget.queries - self._kept:
            raise BudgetSpent
        self.queries += rows
        self.calls += 1
        self.gradients += gradients
        if self._until is not None:
            self._until(self.deadline)

    def _ability(self, name: str) -> Callable[..., Any]:
        method = getattr(self.target, name, None)
        if method is None:
            raise TargetError(f"target '{self.info.name}' cannot {name}", hint="Choose another adapter or probe")
        return method  # type: ignore[no-any-return]

    def encode(self, x: NumpyArray, /) -> Array:
        return self._ability("encode")(x)

    def decode(self, a: Array, /) -> NumpyArray:
        return self._ability("decode")(a)  # type: ignore[no-any-return]

    def predict(self, x: Array, /) -> Array:
        self.spend(len(x))
        return self._ability("predict")(x)

    def probabilities(self, x: Array, /) -> Array:
        self.spend(len(x))
        return self._ability("probabilities")(x)

    def scores(self, x: Array, /) -> Array:
        self.spend(len(x))
        return self._ability("scores")(x)

    def logits(self, x: Array, /) -> Array:
        self.spend(len(x))
        return self._ability("logits")(x)

    def pullback(self, x: Array, slope: Slope, /) -> tuple[Array, Array]:
        self.spend(len(x), gradients=len(x))
        return self._ability("pullback")(x, slope)  # type: ignore[no-any-return]

    def generate(self, x: Array, /) -> NumpyArray:
        self.spend(len(x))
        return self._ability("generate")(x)  # type: ignore[no-any-return]

    def sequence_gradient(self, x: Array, wanted: Sequence[str], /) -> tuple[Array, Array]:
        self.spend(len(x), gradients=len(x))
        return self._ability("sequence_gradient")(x, wanted)  # type: ignore[no-any-return]

    def alphabet(self) -> Sequence[str]:
        return self._ability("alphabet")()  # type: ignore[no-any-return]

    def symbols(self, x: Array, /) -> Sequence[Sequence[str]]:
        """Reads texts, asks the model nothing."""
        return self._ability("symbols")(x)  # type: ignore[no-any-return]

    def symbol_gradient(self, x: Array, wanted: Sequence[Any], /) -> tuple[NumpyArray, Sequence[NumpyArray]]:
        self.spend(len(x), gradients=len(x))
        return self._ability("symbol_gradient")(x, wanted)  # type: ignore[no-any-return]

    def trees(self) -> TreeEnsemble:
        """The splits are read, the model is asked nothing."""
        return self._ability("trees")()  # type: ignore[no-any-return]

    def retrain(self, x: NumpyArray, y: NumpyArray, /, *, seed: int) -> Any:
        """A retrained target, bare: its queries are the tester's own and do not count against the budget."""
        self.check_time()
        return self._ability("retrain")(x, y, seed=seed)

    def retrain_together(
        self, x: NumpyArray, y: NumpyArray, inside: NumpyArray, /, *, seeds: Sequence[int]
    ) -> Sequence[Any]:
        """Retrained targets, bare, as those of ``retrain``."""
        self.check_time()
        return self._ability("retrain_together")(x, y, inside, seeds=seeds)  # type: ignore[no-any-return]

    def retrain_under(self, x: NumpyArray, y: NumpyArray, /, *, seed: int, term: Term) -> Any:
        """A retrained target, bare, as that of ``retrain``."""
        self.check_time()
        return self._ability("retrain_under")(x, y, seed=seed, term=term)

    def parameters(self) -> Mapping[str, NumpyArray]:
        """The numbers are read, the model is asked nothing."""
        return self._ability("parameters")()  # type: ignore[no-any-return]

    def with_parameters(self, values: Mapping[str, NumpyArray], /) -> Any:
        """Another target, bare."""
        return self._ability("with_parameters")(values)

    def update(self, x: Array, y: Array, /) -> Mapping[str, Array]:
        """A client's own computation: one pass over x, counted."""
        self.spend(len(x), gradients=len(x))
        return self._ability("update")(x, y)  # type: ignore[no-any-return]

    def update_match(self, x: Array, y: Array, seen: Mapping[str, Array], distance: str, /) -> tuple[float, Array]:
        """The attacker's own computation on the shared model, counted as two passes over x."""
        self.spend(2 * len(x), gradients=2 * len(x))
        return self._ability("update_match")(x, y, seen, distance)  # type: ignore[no-any-return]

    def layers(self) -> Sequence[Layer]:
        """The network is read, not asked."""
        return self._ability("layers")()  # type: ignore[no-any-return]

    def activations(self, x: Array, layer: str = "penultimate", /) -> Array:
        self.spend(len(x))
        return self._ability("activations")(x, layer)

    def activation_pullback(self, x: Array, layer: str, slope: Slope, /) -> tuple[Array, Array]:
        self.spend(len(x), gradients=len(x))
        return self._ability("activation_pullback")(x, layer, slope)  # type: ignore[no-any-return]

    def without_units(self, layer: str, units: Sequence[int], /) -> Any:
        """A pruned target, bare."""
        return self._ability("without_units")(layer, units)

    def tune(self, x: NumpyArray, y: NumpyArray, /, **how: Any) -> Any:
        """A target trained further, bare, as those of ``retrain``."""
        self.check_time()
        return self._ability("tune")(x, y, **how)

    def learn(self, x: NumpyArray, y: NumpyArray, /, *, seed: int) -> Any:
        """A target that learned further rows, bare, as those of ``retrain``."""
        self.check_time()
        return self._ability("learn")(x, y, seed=seed)

    def code(self) -> Sequence[Path]:
        return self._ability("code")()  # type: ignore[no-any-return]

    def files(self) -> Sequence[Path]:
        return self._ability("files")()  # type: ignore[no-any-return]

    def packages(self) -> Packages:
        return self._ability("packages")()  # type: ignore[no-any-return]

    def serving(self) -> Serving:
        """The path itself; whoever sends bytes through it says so by :meth:`spend`."""
        return self._ability("serving")()  # type: ignore[no-any-return]

    def make_env(self, name: str = "test", /) -> Any:
        return self._ability("make_env")(name)

    def act(self, observation: Any, /) -> Any:
        self.spend(1)
        return self._ability("act")(observation)

    def goal(self, trajectory: Sequence[Any], env: Any, /) -> float:
        return float(self._ability("goal")(trajectory, env))

    def act_together(self, observations: NumpyArray, /) -> NumpyArray:
        self.spend(len(observations))
        return self._ability("act_together")(observations)  # type: ignore[no-any-return]

    def noop(self) -> Any:
        return self._ability("noop")()

    def features(self, env: Any, /) -> Mapping[str, float]:
        """The environment is read, the policy is asked nothing."""
        return self._ability("features")(env)  # type: ignore[no-any-return]

    def invariants(self) -> Sequence[str]:
        return self._ability("invariants")()  # type: ignore[no-any-return]

    def due(self, before: Mapping[str, float], action: Any, after: Mapping[str, float], /) -> float:
        return float(self._ability("due")(before, action, after))

    def variations(self) -> Mapping[str, Sequence[Any]]:
        return self._ability("variations")()  # type: ignore[no-any-return]

    def make_varied(self, name: str, value: Any, /) -> Any:
        return self._ability("make_varied")(name, value)

    def prefer(self, a: Sequence[Any], b: Sequence[Any], /) -> float:
        return float(self._ability("prefer")(a, b))

    def judgements(self) -> Sequence[Mapping[str, Any]]:
        return self._ability("judgements")()  # type: ignore[no-any-return]

    def improve(self, steps: int, /, *, seed: int) -> Callable[[Any], Any]:
        """A trained policy, bare: its moves are the tester's own and do not count against the budget."""
        self.check_time()
        return self._ability("improve")(steps, seed=seed)  # type: ignore[no-any-return]
