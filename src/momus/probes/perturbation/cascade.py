"""perturbation.cascade: the worst case over four strong attacks, each run on what the others left."""

from __future__ import annotations

from momus.core.capabilities import Gradients
from momus.core.probe import Trial, probe
from momus.core.records import Knowledge, Measurement
from momus.probes.perturbation._ascent import Attack
from momus.probes.perturbation._cascade import evidence, figures, members, run, signs
from momus.probes.perturbation._inputs import prepare
from momus.probes.perturbation._members import Members
from momus.probes.perturbation._outcome import conclude


@probe(
    knowledge=Knowledge.WHITE_BOX,
    data=("test",),
    optional_data=("train",),
    metric="attack_success_rate",
    worse="higher",
    source="arXiv:2003.01690",
    cost="a survivor: (steps + 1)(1 + 3 targets) + queries rows, 7,828 as published; a fooled input 10 to 1,000",
    tasks=("classifier", "regressor"),
    modalities=("image", "table", "audio"),
)
def cascade(
    target: Gradients,
    trial: Trial,
    *,
    epsilon: float | None = None,
    norm: str = "linf",
    steps: int = 100,
    targets: int = 9,
    queries: int = 5000,
    n: int = 500,
    switches: int = 1,
    tolerance: float | None = None,
    threshold: float | None = None,
) -> Measurement:
    """Share of correctly classified inputs that at least one of four strong attacks turns wrong inside epsilon.

    Measures: attack success rate over the inputs the model gets right, as a worst case: Auto-PGD on the cross-entropy,
    Auto-PGD towards nine target classes, FAB towards nine, and Square with 5,000 queries, in that order, each on what
    those before it left. Inputs that are wrong untouched are counted once, in ``clean_accuracy``. Every example is
    asked twice more and held against epsilon, the data range and the columns' rules.

    Why it matters: one attack with one loss reports a model as safe where another walks through. On the hardened digits
    of the benchmark PGD with 40 steps leaves about twice the accuracy that this ensemble leaves.

    Options: ``epsilon`` radius of the ball, in units of the picture's range ([0, 1]; default 8/255), of full scale
    (sound; 0.01) or of each column's scale (tables; 0.1 interquartile ranges). ``norm`` linf or l2. ``steps`` of each
    gradient attack, ``targets`` classes at most, ``queries`` of Square: as published unless told. ``n`` inputs at most.
    ``switches`` categories that may change at once in a table. ``tolerance`` for regressors, in the output's units,
    ``threshold`` for detectors: these are attacked by Auto-PGD and FAB without targets, and Square.

    Returns: figures ``robust_accuracy`` (share of all inputs), ``accuracy_after_*`` and ``rows_*`` of each attack,
    ``clean_accuracy``, ``median_distortion``, ``fooled_after_saving``, ``rejected_examples``; the attacks as bars and
    as a table of cost; which classes each broke; pictures or changed columns; accuracy left against epsilon.

    Raises: ProbeError for an epsilon beyond the range (0 to 255 given for [0, 1]), bad labels or inputs.

    Cost: a survivor costs (steps + 1)(1 + 3 targets) + queries rows at most, 7,828 with ten classes and the settings
    as published; most fooled inputs about ten. 1,000 rows more for checks.

    A pass means little when: gradients vanish, outputs are random, Square beats the gradients, the survivors' margin
    hardly moved, or the whole range does not suffice either. Each is looked for and turns a pass into inconclusive.
    Fewer steps, targets or queries than published find less; the scope tells what was used.

    Source: Croce and Hein 2020, arXiv 2003.01690 (the ensemble), 1907.02044 (FAB); Andriushchenko et al. 2020, arXiv
    1912.00049 (Square); signs of masking from Athalye et al. 2018, arXiv 1802.00420.
    """
    asked = {"steps": steps, "targets": targets, "queries": queries, "n": n}
    inputs = prepare(
        target, trial, n=n, epsilon=epsilon, norm=norm, switches=switches, options=asked, tolerance=tolerance,
        threshold=threshold,
    )  # fmt: skip
    rng = trial.rng
    attacks = Members(target, trial, inputs)
    ran = run(target, trial, inputs, members(attacks, rng, steps=steps, targets=targets, queries=queries))
    trial.progress(0.9, "looking for signs of masked gradients")
    caveats = signs(target, Attack(target, trial, inputs, steps, None, 1), ran, rng)
    measured = conclude(
        target,
        trial,
        inputs,
        ran.found,
        scope={"norm": norm, **({} if inputs.classes else {"targets": None})},
        figures=tuple(figures(inputs, ran)),
        caveats=caveats,
    )
    return measured.model_copy(update={"evidence": (*evidence(inputs, ran), *measured.evidence)})
