"""perturbation.apgd: gradient ascent that sets its own step size."""

from __future__ import annotations

import numpy as np

from momus.core.capabilities import Gradients, to_numpy
from momus.core.probe import Trial, probe
from momus.core.records import Figure, Knowledge, Measurement
from momus.probes.perturbation._ascent import Attack, signs
from momus.probes.perturbation._inputs import prepare
from momus.probes.perturbation._members import Members, check_loss
from momus.probes.perturbation._outcome import conclude


@probe(
    knowledge=Knowledge.WHITE_BOX,
    data=("test",),
    optional_data=("train",),
    metric="attack_success_rate",
    worse="higher",
    source="arXiv:2003.01690",
    cost="at most n (steps + 1) restarts rows, 9 times as many with targeted; 8 n + 1,700 rows of checks",
    tasks=("classifier", "regressor"),
    within="perturbation.cascade",
    modalities=("image", "table", "audio"),
)
def apgd(
    target: Gradients,
    trial: Trial,
    *,
    epsilon: float | None = None,
    norm: str = "linf",
    steps: int = 100,
    loss: str = "ce",
    targets: int = 9,
    restarts: int = 1,
    n: int = 500,
    switches: int = 1,
    tolerance: float | None = None,
    threshold: float | None = None,
) -> Measurement:
    """Share of correctly classified inputs that Auto-PGD turns wrong inside epsilon, with nothing to tune.

    Measures: attack success rate over the inputs the model gets right; inputs that are wrong untouched are counted
    once, in ``clean_accuracy``. Every example is asked again and held against epsilon, the data range and the
    columns' rules. A regressor counts as turned where its output moves by more than the tolerance, a detector where it
    crosses its threshold.

    Why it matters: a gradient attack with a badly chosen step finds too little, and the model then seems safe. This
    one halves its step where the loss stalls, so that the number depends little on who ran it.

    Options: ``epsilon`` radius of the ball, in units of the picture's range ([0, 1]; default 8/255), of full scale
    (sound; 0.01) or of each column's scale (tables; 0.1 interquartile ranges). ``norm`` linf or l2. ``steps`` gradient
    steps, 1 or more. ``loss``: ce cross-entropy; dlr the margin in units of the gap between first and third logit,
    blind to the logits' scale; margin; targeted, the targeted dlr towards each of the ``targets`` likeliest other
    classes. ``restarts`` random starts, 1 or more. ``n`` inputs at most. ``switches`` categories that may change at
    once in a table. ``tolerance`` for regressors, in the output's units. ``threshold`` for detectors. A target without
    classes has no ce, dlr or targeted loss: its margin is climbed.

    Returns: figures ``robust_accuracy`` (share of all inputs), ``clean_accuracy``, ``median_distortion``,
    ``black_box_only``, ``fooled_after_saving``, ``rejected_examples``; pictures or changed columns; accuracy left
    against epsilon.

    Raises: ProbeError for an epsilon beyond the range (0 to 255 given for [0, 1]), bad labels or inputs, an unknown
    loss.

    Cost: at most n (steps + 1) restarts rows, times ``targets`` for the targeted loss; fooled inputs stop at once.
    8 n + 1,700 rows more for checks.

    A pass means little when: gradients vanish (cross-entropy does where a softmax is saturated: try dlr), outputs are
    random, a cheap black-box attack does better, or the whole range does not suffice either. Each of these is looked
    for and turns a pass into inconclusive. One attack is no worst case: perturbation.cascade runs several.

    Source: Croce and Hein 2020, arXiv 2003.01690; signs of masking from Athalye et al. 2018, arXiv 1802.00420.
    """
    asked = {"steps": steps, "restarts": restarts, "targets": targets, "n": n}
    check_loss(loss)
    inputs = prepare(
        target, trial, n=n, epsilon=epsilon, norm=norm, switches=switches, options=asked, tolerance=tolerance,
        threshold=threshold,
    )  # fmt: skip
    rng = trial.rng
    found = Members(target, trial, inputs).apgd(
        inputs.chosen, rng, loss, steps=steps, targets=targets, restarts=restarts
    )
    trial.progress(0.8, "looking for signs of masked gradients")
    caveats, beaten = signs(target, Attack(target, trial, inputs, steps, None, 1), found, rng)
    won = to_numpy(found.fooled)
    figures = [
        Figure(name="black_box_only", value=float(beaten), note="survivors that a cheap black-box attack fooled")
    ]
    if won.any():
        typical = float(np.median(found.queries[won]))
        figures.append(Figure(name="median_steps", value=typical, n=int(won.sum()), note="of the fooled inputs"))
    return conclude(
        target,
        trial,
        inputs,
        found,
        scope={"norm": norm, "loss": loss if inputs.classes else "margin", **_only_targeted(loss, inputs.classes)},
        figures=tuple(figures),
        caveats=caveats,
    )


def _only_targeted(loss: str, classes: bool) -> dict[str, None]:
    return {} if loss == "targeted" and classes else {"targets": None}
