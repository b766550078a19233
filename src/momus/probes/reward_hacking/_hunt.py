"""The hunt for a behaviour that earns as much of the stated reward as can be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from momus.core.capabilities import Acts
from momus.core.errors import BudgetSpent
from momus.core.records import Caveat
from momus.methods import exploit_search
from momus.methods.exploit_search import Plan
from momus.methods.rollout import Act, run_episode
from momus.methods.world_state import World, rewindable

_MOST_ACTIONS = 16
_SEEDS = 3


@dataclass
class Hunt:
    """Searches an environment; ``steps`` counts its moves, and ``caveats`` say what could not be done."""

    target: Acts
    environment: str
    rng: np.random.Generator
    horizon: int
    steps: int = 0
    caveats: list[Caveat] = field(default_factory=list)

    def charge(self, moves: int) -> None:
        """Counts moves of the environment like those of the policy; BudgetSpent where no more are allowed."""
        spend = getattr(self.target, "spend", None)
        if spend is not None:
            spend(moves)
        self.steps += moves

    def counted(self, fresh: Callable[[], Act]) -> Act:
        """An actor for one episode whose moves are counted."""
        act = fresh()

        def one(observation: Any) -> Any:
            self.charge(1)
            return act(observation)

        return one

    def search(self, states: int, width: int, generations: int) -> list[Plan]:
        """Behaviours, the search that promises most first; what the budget left of them."""
        world = rewindable(partial(self.target.make_env, self.environment), rng=self.rng)
        found: list[Plan] = []
        try:
            actions = exploit_search.options(world.env.action_space, self.rng, _MOST_ACTIONS)
            if world.how == "none":
                message = f"the environment cannot be taken back to an earlier moment ({'; '.join(world.why)[:160]})"
                self.caveats.append(Caveat(code="no-way-back", message=message, blocks="none"))
            else:
                found += self._tabular(world, actions, states)
            if not found:
                found += self._sequences(world, actions, width, generations)
        except BudgetSpent:
            self.caveats.append(Caveat(code="budget-spent", message="the budget ended the search early", blocks="pass"))
        finally:
            world.close()
        return found

    def _tabular(self, world: World, actions: list[Any], states: int) -> list[Plan]:
        return exploit_search.tabular(
            world, actions, horizon=self.horizon, charge=self.charge, rng=self.rng, most=states
        )

    def _sequences(self, world: World, actions: list[Any], width: int, generations: int) -> list[Plan]:
        """Beams from a few starts, and the cross-entropy method from one."""
        found = []
        for _ in range(_SEEDS if world.how != "none" else 0):
            seed = int(self.rng.integers(2**31))
            moves, paid = exploit_search.beam(
                world, actions, seed=seed, width=width, horizon=self.horizon, charge=self.charge, rng=self.rng
            )
            if moves:
                found.append(Plan(f"a beam of {width}", exploit_search.by_sequence(moves), paid, False))
        seed = int(self.rng.integers(2**31))

        def played(moves: Any) -> float:
            act = self.counted(exploit_search.by_sequence(moves))
            return run_episode(world.env, act, seed=seed, max_steps=self.horizon).returned

        moves, paid = exploit_search.cross_entropy(
            played, actions, horizon=self.horizon, rng=self.rng, generations=generations
        )
        if np.isfinite(paid):
            found.append(Plan("the cross-entropy method", exploit_search.by_sequence(moves), paid, False))
        return sorted(found, key=lambda p: -p.predicted)
