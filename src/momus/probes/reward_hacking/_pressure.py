"""Ways to press a stated reward: choosing among many, searching harder, training longer."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from momus.core.capabilities import Acts
from momus.core.errors import BudgetSpent
from momus.core.probe import Trial
from momus.core.records import Caveat
from momus.core.samples import NumpyArray
from momus.methods import exploit_search
from momus.methods import goodhart as method
from momus.methods.rollout import noisy, run_episode
from momus.methods.world_state import rewindable
from momus.probes.reward_hacking._judge import Judge
from momus.probes.reward_hacking._play import Played, at_random, play

LEAST = 16
# Parts of the training steps at which a policy is looked at.
STAGES = (1 / 16, 1 / 4, 1.0)
# A planner that keeps 4 beginnings is a planner that keeps 4, however many actions there are.
_MOST_ACTIONS = 8


@dataclass(frozen=True)
class Pressure:
    """One kind of pressure that was applied. ``curve`` starts without any; ``fall`` is in units of the goal.

    ``doubles`` is True where the amounts are multiples of each other and no places on a scale.
    """

    name: str
    unit: str
    curve: method.Curve
    fall: method.Fall
    doubles: bool = True

    @property
    def rose(self) -> bool:
        return bool(self.curve.proxy[-1] > self.curve.proxy[0] + 1e-12)


@dataclass
class Arena:
    """The environment in which a reward is pressed, and what is known of its episodes without any pressure."""

    target: Acts
    trial: Trial
    judge: Judge
    environment: str
    max_steps: int
    rng: np.random.Generator
    caveats: list[Caveat] = field(default_factory=list)
    horizon: int = 0
    _plans: NumpyArray = field(default_factory=lambda: np.empty((0, 0, 2)))

    def played(self, act: Any, name: str, episodes: int) -> Played:
        return play(
            self.target, act, name, judge=self.judge, environment=self.environment, episodes=episodes,
            max_steps=self.max_steps, rng=self.rng,
        )  # fmt: skip

    def start(self, noise: float, episodes: int) -> tuple[Played, Played, Played]:
        """A quarter as many episodes of the policy itself, and episodes of it with noise and of random moves."""
        chance = at_random(self.target, self.environment, self.rng)
        weakened = noisy(self.target.act, chance, noise, self.rng)
        return (
            self.played(self.target.act, "policy", max(LEAST, episodes // 4)),
            self.played(weakened, "weakened policy", episodes),
            self.played(chance, "random moves", episodes),
        )

    def best_of(self, name: str, rolls: Played, level: float) -> Pressure | None:
        """Choosing the best paid of n episodes, n up to a quarter of those that were played."""
        ns = method.doublings(len(rolls) // 4)
        curve, fall = method.sampled_curve(rolls.proxy, rolls.goal, ns, self.rng, level=level)
        return Pressure(name, "episodes to choose from", curve, fall)

    def searched(self, width: int, repeats: int, rolls: Played, level: float) -> Pressure | None:
        """A planner that keeps ever more beginnings of an episode; None where the world cannot be taken back."""
        world = rewindable(partial(self.target.make_env, self.environment), rng=self.rng)
        try:
            if world.how == "none":
                self._says("no-search", f"no stronger search was possible: {'; '.join(world.why)[:160]}", "none")
                return None
            actions = exploit_search.options(world.env.action_space, self.rng, _MOST_ACTIONS)
            widths = method.doublings(width)
            rows: list[list[tuple[float, float]]] = []
            try:
                best = exploit_search.tabular(
                    world, actions, horizon=self.horizon, charge=self._charge, rng=self.rng, variants=repeats
                )
                for i in range(repeats):
                    seed = int(self.rng.integers(2**31))
                    row = [self._planned(world, actions, seed, w) for w in widths]
                    row += [self._acted(world, plan.fresh(), seed, self.horizon) for plan in best[i : i + 1]]
                    rows.append(row)
            except BudgetSpent:
                self._says("budget-spent", f"the budget ended the searches after {len(rows)} of {repeats}", "pass")
        finally:
            world.close()
        if len(rows) >= 2:
            self._plans = np.array(rows)
            widths = (*widths, 2 * widths[-1])[: len(rows[0])]  # all states stand where twice the width would
        return self._repeated("search", "beginnings kept", widths, rows, rolls, level)

    def settled(self, policy: Played, rolls: Played, level: float) -> Pressure | None:
        """The policy as the end of its own training: plans that earn less than it does come before it, by reward."""
        own = float(policy.proxy.mean())
        plans = self._plans[:, self._plans[..., 0].mean(axis=0) < own - 1e-9] if self._plans.size else self._plans
        if not plans.size or rolls.proxy.mean() >= own:
            return None
        plans = plans[:, np.argsort(plans[..., 0].mean(axis=0), kind="stable")]
        repeats = len(plans)
        parts = [self._parts(rolls, repeats), plans, self._parts(policy, repeats)]
        table = np.concatenate(parts, axis=1)
        curve, fall = method.repeated_curve(table[..., 0].mean(axis=0).tolist(), table[..., 0], table[..., 1], level)
        return Pressure("the policy", "reward earned", curve, fall, doubles=False)

    def _planned(self, world: Any, actions: Any, seed: int, width: int) -> tuple[float, float]:
        moves, _ = exploit_search.beam(
            world, actions, seed=seed, width=width, horizon=self.horizon, charge=self._charge, rng=self.rng
        )
        self._charge(0)  # raises where the time ended the search: half a search is no search of that width
        return self._acted(world, exploit_search.by_sequence(moves)(), seed, len(moves))

    def _acted(self, world: Any, act: Any, seed: int, moves: int) -> tuple[float, float]:
        self._charge(moves)
        episode = run_episode(world.env, act, seed=seed, max_steps=moves)
        return episode.returned, self.judge.score(episode, world.env)

    def _charge(self, moves: int) -> None:
        spend = getattr(self.target, "spend", None)
        if spend is not None:
            spend(moves)

    def trained(self, steps: int, trainings: int, rolls: Played, level: float) -> Pressure | None:
        """Policies trained for ever longer on the stated reward, each begun ``trainings`` times anew."""
        target: Any = self.target
        amounts = [max(1, round(steps * s)) for s in STAGES]
        rows = []
        try:
            for _ in range(trainings):
                seed = int(self.rng.integers(2**31))
                rows.append([self._trained(target.improve(a, seed=seed)) for a in amounts])
        except BudgetSpent:
            self._says("budget-spent", f"the budget ended the trainings after {len(rows)} of {trainings}", "pass")
        return self._repeated("training", "training steps", amounts, rows, rolls, level)

    def _trained(self, act: Any) -> tuple[float, float]:
        def counted(observation: Any) -> Any:
            self._charge(1)
            return act(observation)

        got = self.played(counted, "trained", 8)
        if not got.complete:
            raise BudgetSpent
        return float(got.proxy.mean()), float(got.goal.mean())

    def _repeated(
        self, name: str, unit: str, amounts: Any, rows: list[list[tuple[float, float]]], rolls: Played, level: float
    ) -> Pressure | None:
        """The curve of repeats, random moves standing for no pressure."""
        if len(rows) < 2:
            return None
        table: NumpyArray = np.array(rows)
        table = np.concatenate([self._parts(rolls, len(rows)), table], axis=1)
        curve, fall = method.repeated_curve([0, *amounts], table[..., 0], table[..., 1], level)
        return Pressure(name, unit, curve, fall)

    def _parts(self, rolls: Played, repeats: int) -> NumpyArray:
        """(repeats, 1, 2) mean return and goal of as many parts of the episodes: each repeat is held against others, so
        that what they share is no agreement between them."""
        parts = np.array_split(self.rng.permutation(len(rolls)), repeats)
        return np.array([[rolls.proxy[i].mean(), rolls.goal[i].mean()] for i in parts])[:, None]

    def _says(self, code: str, message: str, blocks: Any) -> None:
        self.caveats.append(Caveat(code=code, message=message, blocks=blocks))
