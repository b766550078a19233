"""stealing.active: a copy learned from questions alone, by somebody who has no data of the kind."""

from __future__ import annotations

from momus.core.capabilities import Predicts
from momus.core.errors import ProbeError
from momus.core.probe import Trial, probe
from momus.core.records import Knowledge, Measurement
from momus.methods import copying_search
from momus.probes.stealing._after import afterwards, cost
from momus.probes.stealing._copies import conclude, prepare


@probe(
    knowledge=Knowledge.BLACK_BOX,
    data=("test",),
    optional_data=("train",),
    metric="copy_agreement",
    worse="higher",
    source="arXiv:1609.02943, arXiv:1905.09165",
    cost="queries + rows + 200 rows; 34 after rows for what the copy is good for",
    tasks=("classifier",),
    modalities=("image", "table"),
)
def active(
    target: Predicts,
    trial: Trial,
    *,
    queries: int = 2000,
    strategy: str = "active",
    answers: str = "",
    rows: int = 500,
    after: int = 100,
    epsilon: float | None = None,
) -> Measurement:
    """Share of test rows that a copy answers like the original, learned from made-up questions.

    Measures: agreement of the copy with the original on test rows that were never asked, after ``queries`` questions
    that somebody without any data of the kind can invent: rows of the form drawn from its ranges, or pictures of
    nothing. Rounds of questions near the boundary of the copy so far follow a random start.

    Why it matters: whoever can ask can take the model along, however secret its file is. The copy is free to use, to
    search for weaknesses and to be asked about people.

    Options: ``queries`` questions at most, 1 and up. ``strategy`` active, or random for draws alone. ``answers`` scores
    or labels: what the thief uses; by default what the service shows. ``rows`` test rows of the exam. ``after`` rows
    for what the copy is good for afterwards, 0 for none. ``epsilon`` of the transferred examples, Linf, default 8/255
    of a picture's range or 0.1 interquartile ranges of a column.

    Returns: figures ``uniform_agreement``, ``copy_accuracy``, ``queries_to_90pct`` and on with money and minutes,
    ``agreement_one_decimal``, ``agreement_top_1``, ``agreement_labels`` for the same questions with less telling
    answers, ``queries_until_alarm`` with ``honest_accused``, ``transfer_rate`` with its control ``noise_rate`` and
    ceiling ``own_gradient_rate``, ``membership_auc_copy`` beside ``membership_auc_original``; the curve, prices and
    defences.

    Raises: ProbeError for an unknown strategy or answers, scores asked of a target that gives labels alone, or
    options out of range; TargetError for probabilities that are not finite.

    Cost: ``queries`` for the theft, ``rows`` and up to 200 drawn rows for the exam; 34 times ``after`` rows.

    A pass means little when: the thief has data of the kind (stealing.knockoff, stealing.jacobian), knows the family
    of the model (stealing.linear, stealing.tree), asks more, or trains a larger copy than the small ones tried here.

    Source: Tramèr et al. 2016 (arXiv:1609.02943) for adaptive retraining; Pal et al. 2020 (arXiv:1905.09165) for
    questions that are both doubtful and far apart.
    """
    if strategy not in ("active", "random"):
        raise ProbeError(f"no strategy '{strategy}'", hint="Choose active or random", place="option 'strategy'")
    job = prepare(target, trial, queries=queries, rows=rows, answers=answers, after=after)
    with trial.keeping(cost(len(job.test), after), 0.7):
        search = copying_search.active if strategy == "active" else copying_search.at_random
        theft = search(job.thief(), job.space()) if len(job.test) else copying_search.nothing(job.test.x, 2)
    use = afterwards(target, job, theft, after=after, epsilon=epsilon)
    return conclude(job, theft, figures=use.figures, evidence=use.evidence)
