"""The parts of perturbation.pgd: the attack with its settings, closer examples, and signs of masked gradients."""

from __future__ import annotations

import numpy as np
from array_api_compat import array_namespace, device

from momus.core.capabilities import Array, Gradients, to_numpy
from momus.core.errors import BudgetSpent
from momus.core.probe import Trial
from momus.core.records import Caveat
from momus.core.samples import NumpyArray
from momus.methods import masking
from momus.methods.ascent import Found, pgd, to_host
from momus.methods.losses import Loss
from momus.methods.sound_search import sound_search
from momus.methods.square_search import square, table_search
from momus.probes.perturbation._inputs import Inputs, reserved, rows_within


class Attack:
    """PGD on this target with settings that stay the same."""

    def __init__(
        self, target: Gradients, trial: Trial, inputs: Inputs, steps: int, step_size: float | None, restarts: int
    ) -> None:
        self.target, self.trial, self.inputs = target, trial, inputs
        self.steps, self.restarts = steps, restarts
        self.size = step_size if step_size is not None else max(inputs.epsilon / 10, 2.5 * inputs.epsilon / steps)
        self.ask = reserved(trial, int(inputs.right.sum()))

    def scores(self, x: Array) -> Array:
        self.ask(len(x))
        return self.target.logits(x)

    def run(
        self,
        index: NumpyArray,
        rng: np.random.Generator,
        loss: Loss,
        *,
        epsilon: float | None = None,
        steps: int = 0,
    ) -> Found:
        """Attacks the inputs ``index``; another epsilon and fewer steps for the check with the whole range."""

        def loss_gradient(x: Array, y: Array) -> tuple[Array, Array]:
            self.ask(len(x))
            return self.target.pullback(x, lambda out, rows: self.inputs.objective.slope(out, y[rows], loss))

        radius = self.inputs.epsilon if epsilon is None else epsilon
        x, y = self.inputs.at(index)
        return pgd(
            loss_gradient,
            self.scores,
            x,
            y,
            epsilon=radius,
            steps=steps or self.steps,
            step_size=self.size if epsilon is None else radius / 4,
            norm=self.inputs.norm,
            restarts=self.restarts if epsilon is None else 1,
            domain=self.inputs.domain,
            rng=rng,
            rows=rows_within(self.trial, x),
            objective=self.inputs.objective,
        )


def closer(attack: Attack, found: Found, rng: np.random.Generator) -> Array:
    """The successes as near to their originals as short attacks at 3/4, 1/2, 1/4 and 1/8 of epsilon find them.

    Only what falls at one radius is tried at the next. At most 44 rows a success, about ten where the model is weak.
    """
    xp = array_namespace(found.x)
    x = xp.asarray(found.x, copy=True)
    index = np.flatnonzero(to_numpy(found.fooled))
    for share in (0.75, 0.5, 0.25, 0.125):
        if not len(index) or not attack.inputs.epsilon:
            break
        near = attack.run(attack.inputs.chosen[index], rng, "margin", epsilon=share * attack.inputs.epsilon, steps=10)
        won = np.flatnonzero(to_numpy(near.fooled))
        index = index[won]
        x[xp.asarray(index, device=device(x))] = near.x[xp.asarray(won, device=device(x))]
        if not near.complete:
            break
    return x


def signs(target: Gradients, attack: Attack, found: Found, rng: np.random.Generator) -> tuple[tuple[Caveat, ...], int]:
    """Signs of gradient masking, from at most 25 survivors, and how many of them a black-box attack fooled."""
    inputs = attack.inputs
    before = to_numpy(inputs.outputs)
    left = np.flatnonzero(~to_numpy(found.fooled))
    seen: list[Caveat | None] = [
        masking.flat_gradients(found.flat),
        masking.randomised(target.info.randomised),
        masking.constant(before),
    ]
    beaten = 0
    if len(left) and inputs.epsilon and found.complete:
        untouched = to_numpy(inputs.objective.margin(inputs.outputs, inputs.y))[inputs.chosen[left]]
        seen.append(masking.flat_loss(untouched, to_numpy(found.margin)[left]))
        few = inputs.chosen[np.sort(rng.choice(left, min(25, len(left)), replace=False))]
        try:
            beaten = _black_box(attack, few, rng)
            seen.append(masking.black_box_wins(beaten, len(few), "random noise and 40 queries of Square"))
            seen.append(whole_range(attack, few, rng))
        except BudgetSpent:
            seen.append(Caveat(code="masking-unchecked", message="no budget was left to look for masked gradients"))
    return masking.present(seen), beaten


def whole_range(attack: Attack, few: NumpyArray, rng: np.random.Generator) -> Caveat | None:
    """Whether the inputs ``few`` fall when a picture may become any other picture; unasked for other data."""
    inputs = attack.inputs
    if not inputs.is_image:
        return None
    whole = float(inputs.domain.high - inputs.domain.low)
    whole *= 1.0 if inputs.norm == "linf" else float(np.sqrt(np.prod(inputs.x.shape[1:])))
    wide = attack.run(few, rng, "margin", epsilon=whole, steps=20)
    return masking.large_epsilon(int(to_numpy(wide.fooled).sum()), len(few), whole) if wide.complete else None


def _black_box(attack: Attack, index: NumpyArray, rng: np.random.Generator) -> int:
    """How many of these survivors four draws of corner noise or a 40-query random search fool."""
    inputs = attack.inputs
    x, y = inputs.at(index)
    xp = array_namespace(x)
    domain = inputs.domain.like(x)
    fooled = np.zeros(len(index), dtype=bool)
    for _ in range(4):
        noise = np.where(rng.random(tuple(x.shape)) < 0.5, -1.0, 1.0) * inputs.epsilon
        noisy = x + xp.asarray(noise, dtype=x.dtype, device=device(x)) * domain.scale
        point = domain.project(noisy, x, inputs.epsilon, inputs.norm)
        fooled |= to_host(inputs.objective.won(attack.scores(point), y))
    search = {"image": square, "audio": sound_search}.get(inputs.modality, table_search)
    found = search(
        attack.scores, x, y, epsilon=inputs.epsilon, queries=40, norm=inputs.norm, domain=inputs.domain, rng=rng,
        objective=inputs.objective,
    )  # fmt: skip
    if not found.complete:
        raise BudgetSpent
    return int((fooled | to_numpy(found.fooled)).sum())
