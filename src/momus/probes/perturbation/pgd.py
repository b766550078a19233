"""perturbation.pgd: projected gradient descent with full knowledge of the model."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np

from momus.core.capabilities import Gradients, to_numpy
from momus.core.probe import Trial, probe
from momus.core.records import Figure, Knowledge, Measurement
from momus.methods.objectives import Deviates
from momus.probes.perturbation._ascent import Attack, closer, signs
from momus.probes.perturbation._inputs import prepare
from momus.probes.perturbation._outcome import conclude, merged


@probe(
    knowledge=Knowledge.WHITE_BOX,
    data=("test",),
    optional_data=("train",),
    metric="attack_success_rate",
    worse="higher",
    source="arXiv:1706.06083",
    cost="at most 2 n (steps + 1) restarts rows; 8 n + 1,700 rows of checks; 44 n for closer examples",
    tasks=("classifier", "regressor"),
    within="perturbation.cascade",
    modalities=("image", "table", "audio"),
    version=3,
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
    tolerance: float | None = None,
    threshold: float | None = None,
) -> Measurement:
    """Share of correctly classified inputs that a gradient attack inside epsilon turns wrong.

    Measures: attack success rate over the inputs the model gets right; inputs that are wrong untouched are counted
    once, in ``clean_accuracy``. Every example is asked again and held against epsilon, the data range and the
    columns' rules. A regressor counts as turned where its output moves by more than the tolerance, a detector where
    it crosses its threshold.

    Why it matters: somebody who knows the model, or a copy of it, changes an input so slightly that no person objects,
    and gets another decision.

    Options: ``epsilon`` radius of the ball, in units of the picture's range ([0, 1]; default 8/255), of full scale
    (sound; 0.01) or of each column's scale (tables; 0.1 interquartile ranges). ``norm`` linf or l2. ``steps`` gradient
    steps, 1 or more. ``step_size`` in units of epsilon, default max(epsilon / 10, 2.5 epsilon / steps). ``restarts``
    random starts, 1 or more. ``n`` inputs at most. ``switches`` categories that may change at once in a table.
    ``tolerance`` for regressors, in the output's units (default half the outputs' standard deviation). ``threshold``
    for detectors.

    Returns: figures ``robust_accuracy`` (share of all inputs), ``clean_accuracy``, ``median_distortion``,
    ``fooled_after_saving``, ``rejected_examples``; pictures or changed columns; accuracy left against epsilon.

    Raises: ProbeError for an epsilon beyond the range (0 to 255 given for [0, 1]), bad labels or inputs.

    Cost: at most 2 n (steps + 1) restarts rows: a pass with cross-entropy, then one over its survivors with the margin
    between the logits; 3 instead of 2 for a regressor, which is pushed the way it leans, then up, then down. Fooled
    inputs stop at once. 8 n + 1,700 rows more for checks, at most 44 n to find out how close to the originals the
    examples can be.

    A pass means little when: gradients vanish, outputs are random, a cheap black-box attack does better, or the whole
    range does not suffice either. Each of these is looked for and turns a pass into inconclusive.

    Source: Madry et al. 2018, arXiv 1706.06083; signs of masking from Athalye et al. 2018, arXiv 1802.00420.
    """
    asked = {"steps": steps, "restarts": restarts, "n": n}
    inputs = prepare(
        target, trial, n=n, epsilon=epsilon, norm=norm, switches=switches, options=asked, tolerance=tolerance,
        threshold=threshold,
    )  # fmt: skip
    rng = trial.rng
    attack = Attack(target, trial, inputs, steps, step_size, restarts)
    found = attack.run(inputs.chosen, rng, "cross_entropy")
    # Cross-entropy stalls where a softmax is saturated or a model unsure; the margin between two logits does not. A
    # value that leans up may only be able to go down.
    for again in _second_passes(attack):
        left = np.flatnonzero(~to_numpy(found.fooled))
        if found.complete and len(left):
            trial.progress(0.6, "another pass over the survivors")
            found = merged(found, again.run(inputs.chosen[left], rng, "margin"), left)
    trial.progress(0.8, "looking for signs of masked gradients")
    caveats, beaten = signs(target, attack, found, rng)
    return conclude(
        target,
        trial,
        inputs,
        found,
        scope={"step_size": attack.size, "norm": norm},
        figures=(
            Figure(name="black_box_only", value=float(beaten), note="survivors that a cheap black-box attack fooled"),
        ),
        caveats=caveats,
        closest=closer(attack, found, rng),
    )


def _second_passes(attack: Attack) -> tuple[Attack, ...]:
    """What the survivors of the first pass meet: the margin of a classifier, either direction of a regressor."""
    objective = attack.inputs.objective
    if not isinstance(objective, Deviates):
        return (attack,) if attack.inputs.classes else ()
    made = []
    for side in (1, -1):
        pushed = copy.copy(attack)
        pushed.inputs = replace(attack.inputs, objective=replace(objective, side=side))
        made.append(pushed)
    return tuple(made)
