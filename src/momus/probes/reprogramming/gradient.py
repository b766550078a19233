"""reprogramming.gradient: a program found with the model's gradients."""

from __future__ import annotations

from momus.core.capabilities import Gradients
from momus.core.probe import Trial, probe
from momus.core.records import Knowledge, Measurement
from momus.methods.reprogram import white_box
from momus.probes.reprogramming._outcome import conclude, no_room
from momus.probes.reprogramming._setup import NoRoom, plan_of, setup


@probe(
    knowledge=Knowledge.WHITE_BOX,
    optional_data=("task", "test"),
    metric="stolen_gain",
    worse="higher",
    source="arXiv:1806.11146",
    cost="steps batch + held_out rows; 1,700 rows of counter-measures, with test data 2,700",
    tasks=("classifier",),
    modalities=("image",),
)
def gradient(
    target: Gradients,
    trial: Trial,
    *,
    task: str = "auto",
    steps: int = 400,
    batch: int = 32,
    examples: int = 2000,
    held_out: int = 500,
    side: int = 0,
    cell: int = 1,
    rate: float = 0.1,
    penalty: float = 0.0,
    mapping: str = "first",
    per: int = 1,
    rematch: int = 0,
    offsets: bool = True,
    price: float = 0.0,
) -> Measurement:
    """How much of a job that the attacker cannot do alone the model does for them, through a learned frame.

    Measures: accuracy on a stolen task, read from the model's scores on pictures set into one learned frame, above the
    better of chance and a linear model on the raw pictures, as a share of what that one gets wrong. Examples and
    held-out pictures differ; the answers are those of the untouched model.

    Why it matters: whoever holds the weights, or a copy, finds the frame at home and then uses the service for their
    own job, at the owner's expense and under the owner's name.

    Options: ``task`` squares (white squares are counted, as in the paper; a linear model can, so it decides little),
    mixed (light and dark squares are counted; a linear model cannot), digits, own (the data role ``task``), auto (own
    where given, else mixed). ``steps`` of ``batch`` examples out of ``examples``; ``held_out`` pictures for the number.
    ``side`` of the task's picture in pixels, 0 for half the model's input. ``cell`` pixels a side share one weight.
    ``rate`` of Adam, falling to a hundredth. ``penalty`` on squared weights. ``mapping`` first (label j is output j) or
    matched (outputs that rise for a label), with ``per`` outputs a label, matched anew ``rematch`` times. ``offsets``:
    the attacker also learns a bias for each label's score. ``price`` of 1,000 answers, in any currency.

    Returns: figures ``stolen_accuracy``, ``linear_accuracy``, ``chance``, ``points_above_own``, ``queries_to_learn``,
    ``queries_per_point``, ``price_to_learn``, ``accuracy_under.*`` and ``caught.*``; the program as a picture, requests
    with the label read, learning curve, what would stop it.

    Raises: ProbeError for options out of range, or a task with more labels than the model has outputs.

    Cost: steps batch rows with gradients, held_out rows, and up to 2,700 rows for counter-measures. As set, about nine
    minutes of one core where a row with its gradient takes 40 ms; a batch of 8 is learned in a quarter of that.

    A pass means little when: gradients vanish, the program was still improving, the budget ended, or the task is so
    easy that a linear model does it; each is looked for. Another task may fit the model better: give your own.

    Source: Elsayed et al. 2019, arXiv 1806.11146; several outputs a label from Tsai et al. 2020, arXiv 2007.08714.
    """
    plan = plan_of(
        {
            "steps": steps,
            "batch": batch,
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
    trial.progress(0.05, "learning a program")
    with trial.keeping(len(made.held), 0.8):
        program = white_box(
            target.pullback,
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
