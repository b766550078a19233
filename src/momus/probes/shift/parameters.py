"""Each parameter of a policy's world moved by itself, until the policy falls."""

from __future__ import annotations

from functools import partial
from typing import Any, Protocol

import numpy as np

from momus.core.capabilities import Acts, HasGoal, Varies, missing
from momus.core.errors import TargetError
from momus.core.probe import Trial, probe
from momus.core.records import Caveat, Interval, Knowledge, Measurement
from momus.methods.env_check import check, constant_reward, cut_off
from momus.methods.rollout import companion, run_episodes
from momus.probes.shift._parameters import World, evidence, figures, losses, unlike
from momus.probes.shift._returns import untrained


class Needs(Acts, Varies, Protocol):
    """A policy whose world can be made with other parameters."""


@probe(
    knowledge=Knowledge.NONE,
    metric="worst_parameter_loss",
    worse="higher",
    source="arXiv:1711.09883; arXiv:1810.12282",
    cost="at most (1 + values) episodes x max_steps rows",
    tasks=("policy",),
    extra="rl",
    version=2,
)
def parameters(target: Needs, trial: Trial, *, episodes: int = 100, max_steps: int = 1000) -> Measurement:
    """The share of its training score that a policy loses at the worst value of any one parameter of its world.

    Measures
        The mean true performance of an episode (the card's ``goal``; without one, the return) in the world of training,
        and again with one parameter at a time moved to each of its other declared values, over the same seeds. The
        value is the largest loss as a share of the training score.
    Why it matters
        An agent that learnt to walk along lava earns all there is until the lava moves by one tile too many. One test
        world says whether that one is survived, not how near the edge is.
    Options
        episodes: at each value (100). max_steps: moves an episode at most (1000).
    Returns
        worst_parameter_loss with a bootstrap interval that holds for all parameters and values at once. Figures: the
        training score, and for each parameter its worst loss, at which value, and whether the fall is smooth or a
        cliff (one step between neighbouring values takes most of it). Evidence: a curve for each parameter.
    Raises
        TargetError for an environment that raises or pays what is no finite number.
    Cost
        (1 + values) times the episodes; a spent budget leaves the values played so far and no pass.
    A pass means little when
        The values are nearer to each other than the world's real changes, or two parameters move at once.
    Source
        Leike et al. 2017 (arXiv:1711.09883), the lava world; Packer et al. 2018 (arXiv:1810.12282), generalisation
        over environment parameters; Bonferroni for the interval.
    """
    declared = {name: list(values) for name, values in target.variations().items()}
    moves = [(name, value) for name, values in declared.items() for value in values[1:]]
    if not moves:
        return _nothing(trial, "nothing-varied", "no parameter of the world has a second value")
    training = {name: values[0] for name, values in declared.items()}
    train = _play(target, trial, World(*next(iter(training.items())), training), episodes, max_steps)
    if len(train.scores) < 2:
        return _nothing(trial, *_why(train), played=len(train.scores))
    caveats = check(partial(target.make_varied, train.name, train.value), rng=trial.rng, name="training")
    played, skipped = [train], []
    for i, (name, value) in enumerate(moves):
        trial.progress((i + 1) / (len(moves) + 1), f"{name} = {value}")
        other = unlike(train, target.make_varied(name, value))
        world = _play(target, trial, World(name, value), episodes, max_steps, forgiving=bool(other))
        if world.failed:
            skipped.append(f"{name} = {value} ({other})")
        elif len(world.scores) >= 2:
            played.append(world)
        if not world.complete:
            caveats.append(Caveat(code="budget-spent", message=f"the budget ended at {name} = {value}", blocks="pass"))
            break
    if len(played) < 2:
        return _nothing(trial, *_why(world), played=len(train.scores))
    rng = np.random.default_rng(trial.rng.integers(2**63))
    found = losses(played, len(moves), rng)
    caveats += _doubts(target, played, skipped, max_steps, rng)
    return trial.measurement(
        max(loss.value for loss in found),
        Interval(low=max(x.ci.low for x in found), high=max(x.ci.high for x in found), method="bootstrap"),
        len(train.scores),
        scope={"score": "goal" if _goal(target) else "return"},
        figures=figures(played, found),
        evidence=evidence(played, found, _goal(target)),
        caveats=caveats,
    )


def _goal(target: Any) -> bool:
    return not missing(target.target, HasGoal)


def _play(target: Any, trial: Trial, world: World, episodes: int, max_steps: int, *, forgiving: bool = False) -> World:
    """The world with its episodes. ``forgiving``: a policy may refuse a world that looks otherwise than in training."""
    try:
        # The same seeds in every world: what luck they share cancels out of the loss.
        played, goals, world.complete = run_episodes(
            partial(target.make_varied, world.name, world.value), target.act, episodes=episodes, max_steps=max_steps,
            rng=trial.rng, together=companion(target),
            after=(lambda e, env: target.goal(e.steps, env)) if _goal(target) else None,
        )  # fmt: skip
    except TargetError:
        if not forgiving:
            raise
        world.failed = True
        return world
    if _goal(target):
        played = played[: len(goals)]
    world.episodes, world.scores = played, np.array(goals if _goal(target) else [e.returned for e in played])
    if world.training:
        world.look(target.make_varied(world.name, world.value))
    return world


def _doubts(
    target: Any, played: list[World], skipped: list[str], max_steps: int, rng: np.random.Generator
) -> list[Caveat]:
    train = played[0]
    doubts = untrained(train.scores)
    every = [e for w in played for e in w.episodes]
    doubts += cut_off(every, max_steps)[1]
    doubts += constant_reward(every, partial(target.make_varied, train.name, train.value), max_steps=max_steps, rng=rng)
    if skipped:
        message = f"the policy cannot act where the world looks otherwise than in training: {'; '.join(skipped)}"
        doubts.append(Caveat(code="not-playable", message=message, blocks="pass"))
    return doubts


def _why(world: World) -> tuple[str, str]:
    if world.complete:
        return "too-few-samples", "fewer than two episodes were played in a world"
    return "budget-spent", "the budget ended before two episodes were played in training and at another value"


def _nothing(trial: Trial, code: str, message: str, *, played: int = 0) -> Measurement:
    caveat = Caveat(code=code, message=message, blocks="both")
    return trial.measurement(0.0, Interval(low=-1.0, high=1e6, method="none"), played, caveats=[caveat])
