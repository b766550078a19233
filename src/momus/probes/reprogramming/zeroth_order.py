"""reprogramming.zeroth_order: a program found with nothing but the model's scores."""

from __future__ import annotations

from momus.core.capabilities import Scores
from momus.core.probe import Trial, probe
from momus.core.records import Knowledge, Measurement
from momus.methods.reprogram import black_box
from momus.probes.reprogramming._outcome import conclude, no_room
from momus.probes.reprogramming._setup import NoRoom, plan_of, setup


@probe(
    knowledge=Knowledge.BLACK_BOX,
    optional_data=("task", "test"),
    metric="stolen_gain",
    worse="higher",
    within="reprogramming.gradient",
    source="arXiv:2007.08714",
    cost="2 steps directions batch + held_out rows; 1,700 rows of counter-measures, with test data 2,700",
    tasks=("classifier",),
    modalities=("image",),
)
def zeroth_order(
    target: Scores,
    trial: Trial,
    *,
    task: str = "auto",
    steps: int = 800,
    batch: int = 32,
    directions: int = 2,
    radius: float = 0.5,
    examples: int = 2000,
    held_out: int = 500,
    side: int = 0,
    cell: int = 0,
    rate: float = 0.2,
    penalty: float = 0.0,
    mapping: str = "first",
    per: int = 1,
    rematch: int = 0,
    offsets: bool = True,
    price: float = 0.0,
) -> Measurement:
    """How much of a job that the attacker cannot do alone the model does for them, its scores being all they see.

    Measures: as reprogramming.gradient, with a coarse frame of a few blocks, whose gradient is estimated from pairs of
    opposite random offsets: no gradient, no weights, only scores.

    Why it matters: every caller of a service that tells its scores can do this, and pays by the query, if at all.

    Options: ``steps`` of ``batch`` examples under 2 ``directions`` frames each, ``radius`` away from the present one.
    ``cell`` pixels a side share one weight, 0 for two blocks a side. The others as in reprogramming.gradient.

    Returns: the figures and evidence of reprogramming.gradient, with the queries that learning took.

    Raises: ProbeError for options out of range, or a task with more labels than the model has outputs.

    Cost: 2 steps directions batch rows (102,400 as set), held_out rows, and up to 2,700 for counter-measures: half an
    hour of one core where a row takes 15 ms. A budget of queries ends it earlier, with what was learned by then.

    A pass means little when: outputs are random or rounded so that no offset makes a difference, the budget is small,
    or the task is so easy that a linear model does it. The white-box attack finds more: a pass here is not one there.

    Source: Tsai et al. 2020, arXiv 2007.08714; opposite offsets on the same examples as in evolution strategies.
    """
    plan = plan_of(
        {
            "steps": steps,
            "batch": batch,
            "directions": directions,
            "radius": radius,
            "rate": rate,
            "penalty": penalty,
            "mapping": mapping,
            "per": per,
            "rematch": rematch,
            "offsets": offsets,
        }
    )
    made = setup(target, trial, task=task, examples=examples, held_out=held_out, side=side, cell=cell)
    if isinstance(made, NoRoom):
        return no_room(trial, made)
    trial.progress(0.05, "learning a program from scores")
    with trial.keeping(len(made.held), 0.8):
        program = black_box(
            target.scores,
            made.canvas,
            made.x,
            made.learn.y,
            labels=made.labels,
            outputs=made.outputs,
            plan=plan,
            rng=trial.rng,
        )
    return conclude(target, trial, made, program, price=price)
