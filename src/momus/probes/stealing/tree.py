"""A decision tree, read leaf by leaf: the answer is the leaf's name."""

from __future__ import annotations

import numpy as np

from momus.core.capabilities import Predicts
from momus.core.probe import Trial, probe
from momus.core.records import Caveat, Figure, Knowledge, Measurement
from momus.methods import tree_build
from momus.methods.theft_defences import View, view_of
from momus.methods.theft_report import Stage
from momus.probes.stealing import _report, _tree
from momus.probes.stealing._service import Service, under_other_views, whole

WEAKER = (View(3), View(2), View(top=1), View(labels=True))


@probe(
    knowledge=Knowledge.BLACK_BOX,
    data=("test",),
    optional_data=("train",),
    metric="copy_agreement",
    worse="higher",
    source="arXiv:1609.02943",
    cost="about 25 to 40 a leaf, 2 rows and 12 after to examine the copy",
    tasks=("classifier", "regressor"),
    modalities=("table",),
)
def tree(
    target: Predicts,
    trial: Trial,
    *,
    queries: int = 20000,
    rows: int = 1000,
    precision: float = 1e-6,
    incomplete: bool = True,
    decimals: int = -1,
    labels: bool = False,
    defences: bool = True,
    after: int = 100,
) -> Measurement:
    """Read a decision tree from its answers, threshold by threshold.

    Measures
        How often the tree that was read answers as the original does, on test rows that were never asked and on rows
        drawn from the declared ranges, and how many queries, how much money and how many minutes that took.
    Why it matters
        A leaf of a tree answers one probability with many digits, which names the leaf. Whoever can tell leaves apart
        can walk along their walls and draw the whole tree: who gets credit, and by which rule.
    Options
        queries: most queries the thief makes. rows: test rows, and rows from the declared ranges, for the examination.
        precision: how exactly thresholds of real numbers are searched, as a share of the range; whole numbers are
        searched exactly. incomplete: ask rows with missing values where the card says that the service answers them
        (input.missing). decimals: digits of an answer, -1 for what the card's service says. labels: the class alone is
        answered. defences: whether the attack is run again against less telling answers. after: rows for what the copy
        is good for, 0 for none.
    Returns
        copy_agreement on test rows with a Wilson interval; figures uniform_agreement, copy_accuracy, leaves_found,
        queries_per_leaf, queries_to_90pct to 99pct with cost and minutes; the stolen rules as a table; transfer_rate
        (inputs found on the copy that turn the original) beside noise_rate, membership_auc_copy and _original.
    Raises
        ProbeError for texts; TargetError when answers are not finite.
    Cost
        Group tests find a leaf's fields, a binary search each threshold; known thresholds are tried first.
    A pass means little when
        The model is no single tree: an ensemble has more leaves than can be read, a smooth model none, and both are
        said to be so and passed nobody. A thief may still learn a copy (see stealing.active).
    Source
        Tramèr et al. 2016 (arXiv:1609.02943), path finding and its top-down form with incomplete queries.
    """
    rng, samples = trial.rng, trial.samples("test")
    view = View(labels=True) if labels else view_of(trial.service)
    view = View(decimals, view.top, view.labels) if decimals >= 0 else view
    with trial.keeping(_report.exam_rows(trial, rows, after), 0.6):
        service = Service(target, samples, view, queries)
        stolen = _tree.take(service, rng, precision, incomplete)
        trial.progress(0.6, f"{len(stolen.leaves)} leaves read")
        weaker: list[tuple[View, Stage]] = []
        if defences and service.view == View() and stolen.tree is not None:
            quota = max(500, 4 * service.queries)

            def again(other: Service) -> Stage:
                return whole(other, _tree.take(other, np.random.default_rng([trial.seed, 7]), precision, incomplete))

            views = [v for v in WEAKER if not (service.regressor and v.labels)]
            weaker = under_other_views(target, samples, again, views, quota)
    asked, said = service.stream()
    theft = _report.Theft(
        stolen.stages,
        asked,
        said,
        service.view,
        weaker,
        figures=_figures(stolen, service.queries),
        evidence=[
            tree_build.rules(
                stolen.axes, stolen.leaves, stolen.finder.ask.table(), samples.columns, target.info.classes
            )
        ]
        if stolen.tree is not None
        else [],
        caveats=_caveats(stolen, service.queries),
        scope={"method": stolen.method, "labels": None, "decimals": None, "incomplete": None},
        graded=_tree.shares(stolen.tree) if stolen.tree is not None else None,
    )
    return _report.measured(target, trial, theft, rows=rows, after=after)


def _figures(stolen: _tree.Stolen, asked: int) -> list[Figure]:
    found = [Figure(name="leaves_found", value=float(len(stolen.leaves)))]
    if stolen.leaves and stolen.tree is not None:
        found.append(Figure(name="queries_per_leaf", value=asked / len(stolen.leaves)))
    if stolen.finder.shared:
        note = "answers that more than one leaf gives, so that they name none"
        found.append(Figure(name="shared_answers", value=float(len(stolen.finder.shared)), note=note))
    if stolen.blur:
        found.append(Figure(name="blur", value=stolen.blur, note="jump of an answer where the row hardly moves"))
    return found


def _caveats(stolen: _tree.Stolen, asked: int) -> list[Caveat]:
    found = []
    if stolen.leafless:
        message = "answers change with every change of a row, so no answer names a leaf: this is no single tree"
        found.append(Caveat(code="no-leaves", message=message, blocks="pass"))
    elif stolen.spent:
        message = (
            f"the queries ended with {len(stolen.leaves)} leaves read of a model that has more ({asked} asked): "
            "a larger tree, or an ensemble of trees, which cannot be read leaf by leaf"
        )
        found.append(Caveat(code="budget-spent", message=message, blocks="pass"))
    elif stolen.mismatches:
        message = f"{stolen.mismatches} checks contradict the tree that was read: the model is more than one tree"
        found.append(Caveat(code="not-a-tree", message=message, blocks="pass"))
    return found
