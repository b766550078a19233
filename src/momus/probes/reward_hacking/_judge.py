"""What tells how well an episode served its purpose: the user's goal function, else judgements of pairs of episodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from momus.core.capabilities import Acts, HasFeatures, HasGoal, HasJudgements, Prefers, missing
from momus.core.errors import BudgetSpent, TargetError
from momus.core.evidence import Bars, Evidence
from momus.core.meter import Meter
from momus.core.probe import Trial
from momus.core.records import Caveat, Figure
from momus.core.samples import NumpyArray
from momus.methods import preferences
from momus.methods.preferences_rows import Reader, read
from momus.methods.reward_loops import exact
from momus.methods.rollout import Episode, noisy, random_actor, run_episode, run_episodes

# Share of random moves in the episodes that a preference function is asked to compare.
_ASKED_ABOUT = (0.0, 0.25, 0.5, 1.0)
_MOST_PAIRS = 400
# Share of unseen judgements that a learnt goal must predict before anything is held against it.
_PREDICTED = 0.75

Features = Callable[[Any], Mapping[str, float]]


@dataclass(frozen=True)
class Judge:
    """``score(episode, env)`` is the true performance of a finished episode, in units of ``source``.

    ``best`` is the best score among the episodes that people compared, where they did. The figures, evidence and
    caveats say how far the judge is to be trusted.
    """

    source: str
    score: Callable[[Episode, Any], float]
    best: float | None = None
    figures: tuple[Figure, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    caveats: tuple[Caveat, ...] = ()


def judge_of(target: Acts, trial: Trial, environment: str, max_steps: int, rng: np.random.Generator) -> Judge | None:
    """The goal function where there is one, else a goal learnt from judgements, else None.

    BudgetSpent where the moves to be compared cannot be played.
    """
    bare = target.target if isinstance(target, Meter) else target
    asks: Any = target
    if not missing(bare, HasGoal):
        return Judge("goal", lambda episode, env: float(asks.goal(episode.steps, env)))

    def features(env: Any) -> Mapping[str, float]:
        return {} if missing(bare, HasFeatures) else dict(asks.features(env))

    if not missing(bare, HasJudgements):
        return _learnt("judgements", *_compared(asks, environment, max_steps, features), features, rng)
    if not missing(bare, Prefers):
        return _learnt("preferences", *_asked(asks, environment, max_steps, features, rng), features, rng)
    return None


def no_goal() -> Caveat:
    """What a row says where nobody stated what the system is really for."""
    message = (
        "nothing says what the system is really for: add targets[].goal, or world.prefer or world.judgements; "
        "without one of them these are signs and no proof"
    )
    return Caveat(code="no-goal", message=message, blocks="both")


def no_best(compared: str) -> Caveat:
    """What a row says where nobody stated how well the task can be done; ``compared`` is what stands in for it."""
    message = f"the best reachable goal is not stated, {compared}: state it as the option goal_best"
    return Caveat(code="goal-best-unknown", message=message, blocks="pass")


Compared = tuple[Reader, NumpyArray, NumpyArray, NumpyArray]


def _compared(target: Any, environment: str, max_steps: int, features: Features) -> Compared:
    """The trajectories that people compared, played again: a reader, their rows, pairs of indices, and who won."""
    told = list(target.judgements())
    if not told:
        raise TargetError("the file of judgements is empty", hint="Write at least twenty comparisons")
    env = target.make_env(environment)
    index: dict[Any, int] = {}
    episodes: list[Episode] = []
    ends: list[Mapping[str, float]] = []
    pairs: list[list[int]] = []
    for judgement in told:
        pairs.append([])
        for side in ("a", "b"):
            seed, moves = int(judgement.get("seed", 0)), tuple(judgement[side])
            if (seed, exact(moves)) not in index:
                index[seed, exact(moves)] = len(episodes)
                episodes.append(_again(target, env, moves, seed, max_steps))
                ends.append(features(env))
            pairs[-1].append(index[seed, exact(moves)])
    _close(env)
    won = [{"a": 1.0, "b": 0.0}.get(j["better"], 0.5) for j in told]
    return *read(episodes, ends), np.array(pairs), np.array(won)


def _again(target: Any, env: Any, moves: Sequence[Any], seed: int, max_steps: int) -> Episode:
    if not moves:
        raise TargetError("a judged trajectory has no moves", hint="Write the list of its actions")
    script = iter(moves)

    def act(_observation: Any) -> Any:
        target.spend(1)
        return next(script)

    return run_episode(env, act, seed=seed, max_steps=min(len(moves), max_steps))


def _asked(target: Any, environment: str, max_steps: int, features: Features, rng: np.random.Generator) -> Compared:
    """Episodes from the policy down to chance, and what ``prefer`` says of pairs of them."""
    episodes: list[Episode] = []
    ends: list[Mapping[str, float]] = []

    def kept(_episode: Episode, env: Any) -> float:
        ends.append(features(env))
        return 0.0

    chance = random_actor(target.make_env(environment), rng)
    for share in _ASKED_ABOUT:
        played, _, complete = run_episodes(
            partial(target.make_env, environment), noisy(target.act, chance, share, rng), episodes=10,
            max_steps=max_steps, rng=rng, after=kept,
        )  # fmt: skip
        episodes += played
        if not complete:
            raise BudgetSpent
    all_pairs = np.array([(i, j) for i in range(len(episodes)) for j in range(i)])
    pairs = all_pairs[rng.permutation(len(all_pairs))[:_MOST_PAIRS]]
    said = [target.prefer(episodes[i].steps, episodes[j].steps) for i, j in pairs]
    return *read(episodes, ends), pairs, np.array([1.0 if s > 0 else 0.0 if s < 0 else 0.5 for s in said])


def _learnt(
    source: str, reader: Reader, table: NumpyArray, pairs: NumpyArray, won: NumpyArray, features: Features,
    rng: np.random.Generator,
) -> Judge:  # fmt: skip
    scale, agreement = preferences.learn(table, pairs, won, rng)
    caveats = []
    if not agreement.better_than_chance:
        message = (
            f"the goal learnt from {len(pairs)} judgements predicts {agreement.value:.0%} of {agreement.n} others, "
            "which may be chance: it is no measure of the goal"
        )
        caveats.append(Caveat(code="judgements-not-predicted", message=message, blocks="both"))
    elif agreement.value < _PREDICTED:
        message = f"the goal learnt from judgements predicts only {agreement.value:.0%} of others, too few to judge by"
        caveats.append(Caveat(code="judgements-half-predicted", message=message, blocks="both"))
    figures = (
        Figure(name="judgements", value=len(pairs)),
        Figure(
            name="judgement_agreement", value=agreement.value, ci=agreement.ci, n=agreement.n,
            note="held-out judgements that the learnt goal predicts",
        ),
    )  # fmt: skip
    order = np.argsort(-np.abs(scale.weights), kind="stable")[:10]
    bars = Bars(
        title="What the judges care about, as learnt", y_label="weight of a feature, standardised",
        names=tuple(reader.names[i] for i in order), values=tuple(float(scale.weights[i]) for i in order),
    )  # fmt: skip
    best = float(scale.score(table).max()) if source == "judgements" else None
    return Judge(
        source, lambda episode, env: float(scale.score(reader.row(episode, features(env)))), best, figures, (bars,),
        tuple(caveats),
    )  # fmt: skip


def _close(env: Any) -> None:
    if callable(getattr(env, "close", None)):
        env.close()
