"""perturbation.pgd: projected gradient descent with full knowledge of the model."""

from __future__ import annotations

import numpy as np
from array_api_compat import array_namespace, device

from momus.core.capabilities import Array, Gradients, LossName, to_numpy
from momus.core.errors import BudgetSpent
from momus.core.probe import Trial, probe
from momus.core.records import Caveat, Figure, Knowledge, Measurement
from momus.methods import masking
from momus.methods.ascent import Found, to_host
from momus.methods.ascent import pgd as ascend
from momus.methods.square_search import square, table_search
from momus.probes.perturbation._inputs import Inputs, prepare, reserved, rows_within
from momus.probes.perturbation._outcome import conclude, merged


@probe(
    knowledge=Knowledge.WHITE_BOX,
    data=("test",),
    optional_data=("train",),
    metric="attack_success_rate",
    worse="higher",
    source="arXiv:1706.06083",
    cost="at most 2 n (steps + 1) restarts rows; 8 n + 1,700 rows of checks",
    tasks=("classifier",),
    modalities=("image", "table"),
)
def pgd(
    target: Gradients,
    trial: Trial,
    *,
    epsilon: float | None = None,
    norm: str = "linf",
    steps: int = 40,
    step_size: float | None = None,
    restarts: int = 1,
    n: int = 500,
    switches: int = 1,
) -> Measurement:
    """Share of correctly classified inputs that a gradient attack inside epsilon turns wrong.

    Measures: attack success rate over the inputs the model gets right; inputs that are wrong untouched are counted
    once, in ``clean_accuracy``. Every example is asked again and held against epsilon, the data range and the
    columns' rules.

    Why it matters: somebody who knows the model, or a copy of it, changes an input so slightly that no person objects,
    and gets another decision.

    Options: ``epsilon`` radius of the ball, in units of the picture's range ([0, 1]; default 8/255) or of each column's
    scale (tables; default 0.1 interquartile ranges). ``norm`` linf or l2. ``steps`` gradient steps, 1 or more.
    ``step_size`` in units of epsilon, default max(epsilon / 10, 2.5 epsilon / steps). ``restarts`` random starts, 1 or
    more. ``n`` inputs at most. ``switches`` categories that may change at once in a table.

    Returns: figures ``robust_accuracy`` (share of all inputs), ``clean_accuracy``, ``median_distortion``,
    ``fooled_after_saving``, ``rejected_examples``; pictures or changed columns; accuracy left against epsilon.

    Raises: ProbeError for an epsilon beyond the range (0 to 255 given for [0, 1]), bad labels or inputs.

    Cost: at most 2 n (steps + 1) restarts rows: a pass with cross-entropy, then one over its survivors with the margin
    between the logits; fooled inputs stop at once. 8 n + 1,700 rows more for checks.

    A pass means little when: gradients vanish, outputs are random, a cheap black-box attack does better, or the whole
    range does not suffice either. Each of these is looked for and turns a pass into inconclusive.

    Source: Madry et al. 2018, arXiv 1706.06083; signs of masking from Athalye et al. 2018, arXiv 1802.00420.
    """
    asked = {"steps": steps, "restarts": restarts, "n": n}
    inputs = prepare(target, trial, n=n, epsilon=epsilon, norm=norm, switches=switches, options=asked)
    rng = trial.rng
    attack = _Attack(target, trial, inputs, steps, step_size, restarts)
    found = attack.run(inputs.chosen, rng, "cross_entropy")
    left = np.flatnonzero(~to_numpy(found.fooled))
    if found.complete and len(left):
        # Cross-entropy stalls where a softmax is saturated or a model unsure; the margin between two logits does not.
        trial.progress(0.6, "second pass over the survivors with the margin loss")
        found = merged(found, attack.run(inputs.chosen[left], rng, "margin"), left)
    trial.progress(0.8, "looking for signs of masked gradients")
    signs, beaten = _signs(target, attack, found, rng)
    return conclude(
        target,
        trial,
        inputs,
        found,
        title=f"PGD, {steps} steps with cross-entropy, then with the margin, {norm}",
        scope={"step_size": attack.size, "norm": norm},
        figures=(
            Figure(name="black_box_only", value=float(beaten), note="survivors that a cheap black-box attack fooled"),
        ),
        caveats=signs,
    )


class _Attack:
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
        index: np.ndarray,
        rng: np.random.Generator,
        loss: LossName,
        *,
        epsilon: float | None = None,
        steps: int = 0,
    ) -> Found:
        """Attacks the inputs ``index``; another epsilon and fewer steps for the check with the whole range."""

        def loss_gradient(x: Array, y: Array) -> tuple[Array, Array]:
            self.ask(len(x))
            return self.target.loss_gradient(x, y, loss)

        radius = self.inputs.epsilon if epsilon is None else epsilon
        x, y = self.inputs.at(index)
        return ascend(
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
        )


def _signs(
    target: Gradients, attack: _Attack, found: Found, rng: np.random.Generator
) -> tuple[tuple[Caveat, ...], int]:
    """Signs of gradient masking, from at most 25 survivors, and how many of them a black-box attack fooled."""
    inputs = attack.inputs
    before = to_numpy(inputs.scores)
    left = np.flatnonzero(~to_numpy(found.fooled))
    signs: list[Caveat | None] = [
        masking.flat_gradients(found.flat),
        masking.randomised(target.info.randomised),
        masking.constant(before),
    ]
    beaten = 0
    if len(left) and inputs.epsilon and found.complete:
        own = np.take_along_axis(before, to_numpy(inputs.y)[:, None], axis=1)[:, 0]
        rest = np.where(np.arange(before.shape[1]) == to_numpy(inputs.y)[:, None], -np.inf, before).max(axis=1)
        signs.append(masking.flat_loss((own - rest)[inputs.chosen[left]], to_numpy(found.margin)[left]))
        few = inputs.chosen[np.sort(rng.choice(left, min(25, len(left)), replace=False))]
        try:
            beaten = _black_box(attack, few, rng)
            signs.append(masking.black_box_wins(beaten, len(few), "random noise and 40 queries of Square"))
            if inputs.is_image:
                whole = float(inputs.domain.high - inputs.domain.low)
                whole *= 1.0 if inputs.norm == "linf" else float(np.sqrt(np.prod(inputs.x.shape[1:])))
                wide = attack.run(few, rng, "margin", epsilon=whole, steps=20)
                if wide.complete:
                    signs.append(masking.large_epsilon(int(to_numpy(wide.fooled).sum()), len(few), whole))
        except BudgetSpent:
            signs.append(Caveat(code="masking-unchecked", message="no budget was left to look for masked gradients"))
    return masking.present(signs), beaten


def _black_box(attack: _Attack, index: np.ndarray, rng: np.random.Generator) -> int:
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
        fooled |= to_host(xp.argmax(attack.scores(point), axis=1) != y)
    search = square if inputs.is_image else table_search
    found = search(
        attack.scores, x, y, epsilon=inputs.epsilon, queries=40, norm=inputs.norm, domain=inputs.domain, rng=rng
    )
    if not found.complete:
        raise BudgetSpent
    return int((fooled | to_numpy(found.fooled)).sum())
