"""dependencies.availability: the input that takes the most of a service for its bytes."""

from __future__ import annotations

from random import Random

from momus.core.capabilities import Serves, Serving
from momus.core.errors import BudgetSpent
from momus.core.evidence import Excerpt
from momus.core.probe import Trial, probe
from momus.core.records import Caveat, Interval, Knowledge, Measurement
from momus.methods.fuzz.costly import FLOOR_S, Asker, Found, Growth, Search, growth, unfolded
from momus.methods.fuzz.harness import Harness
from momus.probes.dependencies import _costs


@probe(
    knowledge=Knowledge.BLACK_BOX,
    metric="costliest_ratio",
    worse="higher",
    unit="honest inputs",
    source="CWE-400; CWE-1333; CWE-409; arXiv:1711.11008",
    cost="tries + 100 queries",
    version=1,
)
def availability(target: Serves, trial: Trial, *, tries: int = 600, size: int = 0) -> Measurement:
    """The costliest input of a fixed size, found by search, against honest inputs of that size.

    Measures: how many honest inputs the costliest one that was found takes the place of, in processor time or in peak
    memory, whichever is more. Generators that know the format (one-colour pictures, scans over and over, numbers with
    one hash, text that makes patterns go back and forth) are tried first, then mutations of the best. What takes less
    than a millisecond and four megabytes counts as that much. An input that takes more than the card lets one request
    take counts as at least a hundred honest ones.

    Why it matters: whoever can send one such input a second keeps a core busy, and no model needs to be fooled for it.

    Options: ``tries`` inputs of the search. ``size`` bytes of an input; 0 takes those of the largest honest example.

    Returns: the ratio in quarters of a power of ten, from the least to the most of repeated measurements by the
    process's own clock, so that other work on the machine neither fails nor passes anybody. Figures ``time_ratio``,
    ``memory_ratio``, ``growth`` (the power of the size by which the cost of such inputs grows), ``unfolding`` (decoded
    bytes for each byte sent), ``honest_ms``. Evidence: the costliest inputs by generator, the curve of cost against
    size, and the worst input as a file with a line that reproduces it.

    Cost: about ``tries`` + 100 queries of the service, each within the card's limits, in processes of their own.

    A pass means little when: the search ends early for want of tries, the service keeps its work in threads of a
    library that it does not wait for, or the load falls on something behind it, such as a database.

    Source: CWE-400 (uncontrolled resource consumption), CWE-1333 (inefficient regular expressions), CWE-409 (data
    amplification); Xiao et al. 2018, arXiv:1711.11008.
    """
    serving = target.serving()
    honest = _costs.honest_inputs(serving)
    length = _costs.size_of(honest, size)
    kinds = [k for k in honest.inputs if honest.inputs[k]] or ["other"]
    warm = [rows[0] for rows in honest.inputs.values() if rows][:3]
    meter = trial.meter
    asker = Asker(
        serving.answer, warm=warm, seconds=serving.seconds, memory_mb=serving.memory_mb,
        spend=(lambda _n: None) if meter is None else meter.spend,
    )  # fmt: skip
    search = Search(asker, length, Random(trial.seed))  # noqa: S311 - mutations, not secrets
    worst, curve, short, tried = None, Growth(), False, (0, 0)
    with asker:
        try:
            honest, over = _costs.weighed(asker, honest, length)
            if over is not None or not honest.answered:
                return _nothing(trial, asker.asked, over is not None)
            trial.progress(0.1, "generators")
            before = asker.asked, asker.answered
            search.enough = _costs.ENOUGH * honest.seconds / FLOOR_S
            worst = search.run(kinds, honest.inputs, tries)
            tried = asker.asked - before[0], asker.answered - before[1]
            trial.progress(0.8, "growth with size")
            grown = next((f for f in [worst, *search.best] if f is not None and f.make is not None), None)
            curve = growth(asker, grown, length) if grown is not None else curve
        except BudgetSpent:
            short = True
            worst = worst or next(iter(search.best), None)
    if worst is None:
        return _nothing(trial, asker.asked, False)
    caveats = _costs.caveats(honest, *tried, short)
    return _measured(trial, serving, search, worst, curve, honest, caveats)


def _measured(
    trial: Trial,
    serving: Serving,
    search: Search,
    worst: Found,
    curve: Growth,
    honest: _costs.Honest,
    caveats: list[Caveat],
) -> Measurement:
    time, memory = _costs.ratios(worst, honest)
    ci = max(time, memory, key=lambda i: (i.low, i.high))
    n = search.asker.asked
    figures = _costs.figures(time, memory, curve, honest, _unfolding(serving, worst), n)
    return trial.measurement(
        ci.low, ci, n, scope={"size": search.size}, figures=figures, caveats=caveats,
        evidence=_costs.evidence(serving, worst, search.best, curve, honest),
    )  # fmt: skip


def _unfolding(serving: Serving, worst: Found) -> float:
    """Decoded bytes for each byte of the worst input; 0 where there is no decoder of its own or it refuses."""
    if serving.decode is None or worst.over:
        return 0.0
    decode = serving.decode
    with Harness(
        lambda data: float(unfolded([decode(data)])[0]), seconds=serving.seconds, memory_mb=serving.memory_mb, keep=True
    ) as harness:
        outcome = harness.run([worst.data])[0]
    return outcome.answer / max(len(worst.data), 1) if isinstance(outcome.answer, float) else 0.0


def _nothing(trial: Trial, asked: int, over: bool) -> Measurement:
    """No ratio: there is nothing honest to hold an input against."""
    message = "an honest input already takes more than a request may" if over else "no honest input was answered"
    caveat = Caveat(code="too-few-samples", message=message, blocks="both")
    told = Excerpt(title="Costliest inputs", text=message)
    return trial.measurement(1.0, Interval(low=1, high=1000), asked, evidence=[told], caveats=[caveat])
