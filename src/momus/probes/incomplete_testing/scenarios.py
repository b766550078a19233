"""Realistic cases that no test set holds: fallen over, on a shirt, covered, out of scope, blank, the sensor off."""

from __future__ import annotations

from collections.abc import Sequence

from momus.core.capabilities import Predicts, Probabilities, missing
from momus.core.errors import BudgetSpent, ProbeError
from momus.core.meter import Meter
from momus.core.probe import Trial, probe
from momus.core.records import Caveat, Figure, Interval, Knowledge, Measurement, Scalar
from momus.methods.scenarios import Stock
from momus.probes.incomplete_testing import _answers, _asked
from momus.probes.incomplete_testing._answers import Answered
from momus.probes.incomplete_testing._cases import CONTROL, Broken, Cases, build
from momus.stats import intervals

LEAST_SOURCES = 10  # rows or cut-outs from which cases are made; of fewer every case is a copy of few


@probe(
    knowledge=Knowledge.NONE,
    data=("test",),
    optional_data=("objects", "backgrounds"),
    metric="scenario_errors",
    worse="higher",
    source="arXiv:1807.06732",
    cost="n (scenarios + 1) rows",
    tasks=("classifier",),
)
def scenarios(target: Predicts, trial: Trial, *, n: int = 60, confident: float = 0.0) -> Measurement:
    """Share of the cases of the worst scenario that are answered otherwise than declared.

    Measures
        Cases made from the user's own data by what the card declares (``tests.scenarios``): by a maker of the house or
        by a function of the user's. Pictures: ``fallen_over``, ``on_a_shirt``, ``occluded``, ``out_of_scope``,
        ``blank``, ``sensor_off``, from cut-outs (data role ``objects``) on photographs (role ``backgrounds``) where
        they are given. Tables: ``blank``, ``default``, ``out_of_range``, ``sentinel``. Texts: ``empty``,
        ``other_language``, ``gibberish``. Sound: ``silence``, ``noise``, ``clipping``. What fits the data and is not
        declared is run too; there only a misread ``occluded`` or ``clipping`` counts, all else is a figure.
    Why it matters
        A stop sign that the wind blew over, or that somebody wears on a shirt, is likelier than a crafted patch.
    Options
        n: cases of each scenario, 1 and up. confident: the largest probability from which an answer counts as
        confident; 0 takes the middle between chance and certainty.
    Returns
        scenario_errors with an interval that holds for all counted scenarios at once; figures ordinary_error,
        wrong[...] for each counted scenario, confident[...] for blank and out-of-scope input that nobody said must be
        abstained from, misread[...] for the rest. An input that the target refuses is abstained from.
    Raises
        ProbeError for an unknown maker, option or expected class. A user's maker that fails leaves its scenario out.
    Cost
        n rows a scenario, n for the ordinary error, and n where abstaining is asked for.
    A pass means little when
        The composed cases look unlike the real ones (look at them), or the scenario that will happen is not declared.
    Source
        Gilmer et al. 2018 (arXiv:1807.06732), "the test set attack" and the stop sign blown over.
    """
    test = trial.samples("test")
    if n < 1 or not 0 <= confident <= 1:
        raise ProbeError(f"n is {n} and confident {confident:g}", hint="n is 1 or more, confident lies in [0, 1]")
    if len(test) < 2:
        few = Caveat(code="too-few-samples", message=f"{len(test)} test rows show nothing", blocks="both")
        return trial.measurement(0.0, Interval(low=0.0, high=1.0), len(test), caveats=[few])
    bare = target.target if isinstance(target, Meter) else target
    stock = Stock(test, trial.data.get("objects"), trial.data.get("backgrounds"))
    stated = (trial.context.get("domain") or {}).get("scenarios") or ()
    made, broken = build(
        stated, stock, n, trial.seed, trial.functions, answers_missing=bool(getattr(bare.info, "missing", False))
    )
    bar = confident or _middle(len(bare.info.classes or test.classes))
    asks_confidence = not missing(bare, Probabilities)
    answered: list[Answered] = []
    ordinary: Figure | None = None
    heeds: list[Caveat] = []
    spent = False
    try:
        abstain = asks_confidence and any(c.counts and c.expect == "abstain" for c in made)
        ordinary, heeds = _asked.ordinary(target, test.sample(max(n, 200), trial.rng), n, bar if abstain else None)
        for done, cases in enumerate(made):
            answered.append(_asked.answered(target, cases, bar, asks_confidence))
            trial.progress((done + 1) / len(made), cases.name)
    except BudgetSpent:
        spent = True
    counted = [a for a in answered if a.counts]
    value, ci = worst(counted)
    figures = [] if ordinary is None else [ordinary]
    figures += [a.figure for a in answered]
    sources = len(test if stock.objects is None else stock.objects)
    doubts = any(a.abstained_in_doubt for a in counted)  # refusing is no doubt
    caveats = [c for c in heeds if doubts or c.code != "never-confident"]
    caveats += _caveats(answered, counted, broken, spent, made)
    if sources < LEAST_SOURCES:
        message = f"all cases are made from {sources} rows or objects: they are {sources} cases, shown many times"
        caveats.append(Caveat(code="few-sources", message=message, blocks="pass"))
    scope: dict[str, Scalar] = {"declared": len(stated), "scenarios": len(answered), "confident": round(bar, 4)}
    return trial.measurement(
        value,
        ci,
        sum(a.n for a in counted),
        scope=scope,
        figures=figures,
        evidence=_answers.evidence(answered, bare.info.classes or test.classes, ordinary, test.rate),
        caveats=caveats,
    )


def _middle(classes: int) -> float:
    """Half way between chance and certainty: 0.75 of two classes, 0.55 of ten."""
    return 0.5 * (1 + 1 / max(classes, 2))


def worst(counted: Sequence[Answered]) -> tuple[float, Interval]:
    """The largest share of misses, with ends that hold for all scenarios at once (Bonferroni)."""
    if not counted:
        return 0.0, Interval(low=0.0, high=1.0)
    level = 1 - 0.05 / len(counted)
    each = [intervals.wilson(int(a.wrong.sum()), a.n, level) for a in counted]
    low, high = max(i.low for i in each), max(i.high for i in each)
    return max(float(a.wrong.mean()) for a in counted), Interval(low=low, high=high, method="wilson, simultaneous")


def _caveats(
    answered: Sequence[Answered],
    counted: Sequence[Answered],
    broken: Sequence[Broken],
    spent: bool,
    made: Sequence[Cases],
) -> list[Caveat]:
    caveats = [Caveat(code="scenario-not-made", message=f"{b.name}: {b.why}", blocks="pass") for b in broken]
    if spent:
        message = f"the budget ended after {len(answered)} of {len(made)} scenarios"
        caveats.append(Caveat(code="budget-spent", message=message, blocks="pass"))
    mute = [a.cases.name for a in answered if a.cases.counts and not a.known]
    if mute:
        message = f"the model gives no probabilities, so whether it abstains is not known: {', '.join(mute)}"
        caveats.append(Caveat(code="no-confidence", message=message, blocks="pass"))
    if not counted:
        message = "no scenario is declared whose answer could be judged; the figures say what the model does"
        caveats.append(Caveat(code="nothing-declared", message=message, blocks="both"))
    control = next((a for a in answered if a.cases.name == CONTROL and not a.cases.counts), None)
    hardest = max(counted, key=lambda a: float(a.wrong.mean()), default=None)
    if control is not None and hardest is not None and hardest.cases.expect == "label":
        floor = intervals.wilson(int(control.wrong.sum()), control.n)
        if floor.low > 0.1:
            message = (
                f"{control.wrong.mean():.0%} of the things composed upright are misread too: "
                "the composing, not the scenario, may be what the model fails at"
            )
            caveats.append(Caveat(code="composition", message=message, blocks="fail"))
    return caveats
