"""Do the test rows back what is claimed of the system, and were they fresh when they were used?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from momus.core.capabilities import Predicts, to_numpy
from momus.core.errors import BudgetSpent, ProbeError
from momus.core.probe import Trial, probe
from momus.core.records import Caveat, Figure, Interval, Knowledge, Measurement
from momus.methods import claims as method
from momus.methods.describe import one_row_per_id
from momus.probes.incomplete_testing import _stated

BATCH = 4096


@probe(
    knowledge=Knowledge.NONE,
    data=("test",),
    metric="unbacked_claims",
    worse="higher",
    source="Clopper & Pearson 1934; Holm 1979; EU AI Act Art. 9(8)",
    cost="n_test rows",
    tasks=("classifier", "regressor"),
)
def claims(target: Predicts, trial: Trial, *, alpha: float = 0.05) -> Measurement:
    """Share of the claims about the system that its test data do not back.

    Measures
        Every claim of the card (``tests.claims``) against the test rows it speaks of, by an exact binomial test with
        Holm's adjustment for the number of claims; and what the dates on the card say: pass marks fixed before the
        tests, tests since the last change, data and tests no older than ``max_age_days``. Where the card claims
        nothing, one claim that every model makes: to be better than the same answer for everybody. It can fail, but no
        pass comes of a claim that nobody made.
    Why it matters
        "99 %" after thirty rows is a hope. A claim that the test could not have refuted was not tested, and a pass mark
        that was set after the result is none.
    Options
        alpha: probability of backing any untrue claim, in (0, 0.5).
    Returns
        unbacked_claims, an exact share of claims and datings; figures contradicted, too_few_rows (claims the rows
        cannot settle), untested (claims no row speaks of), stale (datings not held), limits_out_of_reach (tests of the
        plan whose limit so few rows could never meet), and found[...] for each claim.
        One row of each person counts where ``ids`` are given.
    Raises
        ProbeError for a claim about a column or class that the test data do not have.
    Cost
        One row for each test row.
    A pass means little when
        The test rows are not drawn as operation draws its own, leak from training, or are labelled wrongly; a mean
        absolute error is tested by Student's t, which a heavy tail misleads.
    Source
        Clopper & Pearson 1934; Holm 1979; the EU AI Act, Art. 9(8), asks for metrics and thresholds defined in advance.
    """
    if not 0 < alpha < 0.5:
        raise ProbeError(f"alpha is {alpha:g}", hint="Use a probability above 0 and below 0.5, such as 0.05")
    test = trial.samples("test")
    stated = dict(trial.context.get("domain") or {})
    if test.y is None or len(test) < 2:
        message = "there are too few labelled test rows" if test.y is not None else "the test rows have no labels"
        return _nothing(trial, len(test), "too-few-samples", message)
    test = test.take(one_row_per_id(test, trial.rng))
    try:
        said = np.concatenate(
            [to_numpy(target.predict(target.encode(test.x[i : i + BATCH]))) for i in range(0, len(test), BATCH)]
        )
    except BudgetSpent:
        return _nothing(trial, len(test), "budget-spent", "the budget did not allow an answer to every test row")
    declared = stated.get("claims") or ()
    task, y = target.info.task, np.asarray(test.y)
    counted = [_stated.counted(claim, task, test, y, said) for claim in declared] or [
        _stated.implied(task, test, y, said)
    ]
    rulings = method.rule(counted, alpha)
    datings = method.dates(stated, trial.context.get("overdue") or ())
    told = [d for d in datings if d.held is not None]
    failed = sum(r.state != "backed" for r in rulings) + sum(not d.held for d in told)
    value = failed / (len(rulings) + len(told))
    tally = {name: sum(r.state == name for r in rulings) for name in ("contradicted", "open", "untested")}
    figures = [
        Figure(
            name="contradicted", value=tally["contradicted"], n=len(rulings), note="claims that the rows speak against"
        ),
        Figure(name="too_few_rows", value=tally["open"], n=len(rulings), note="claims that the rows cannot settle"),
        Figure(name="untested", value=tally["untested"], n=len(rulings), note="claims that no test row speaks of"),
        Figure(name="stale", value=sum(not d.held for d in told), n=len(told), note="statements about dates not held"),
        Figure(name="limits_out_of_reach", value=len(_out_of_reach(trial)), note="tests whose limit needs more rows"),
        *(
            Figure(name=f"found[{r.claim.name}]", value=r.claim.found, ci=r.claim.interval, n=r.claim.n)
            for r in rulings
            if r.claim.found is not None
        ),
    ]
    caveats = [Caveat(code="dated", message=d.message, blocks="none") for d in told if not d.held]
    caveats += [
        Caveat(code="limit-out-of-reach", message=f"{gap['probe']}: {gap['detail']}", blocks="none")
        for gap in _out_of_reach(trial)
    ]
    if not declared:
        message = "the card claims nothing (tests.claims): only that the model beats one answer for all was tested"
        caveats.append(Caveat(code="nothing-claimed", message=message, blocks="pass"))
    scope = {"claims": len(declared), "dates": len(told)}
    return trial.measurement(
        value,
        Interval.exact(value),
        len(test),
        scope=scope,
        figures=figures,
        evidence=_stated.evidence(rulings, datings, alpha),
        caveats=caveats,
    )


def _out_of_reach(trial: Trial) -> list[Mapping[str, Any]]:
    """Planned tests that so few rows could never pass."""
    return [g for g in trial.context.get("gaps") or () if g.get("why") == "power"]


def _nothing(trial: Trial, n: int, code: str, message: str) -> Measurement:
    caveat = Caveat(code=code, message=message, blocks="both")
    return trial.measurement(0.0, Interval(low=0.0, high=1.0), n, caveats=[caveat])
