"""Attribute inference from the tree itself: what the training rows counted in its leaves give away."""

from __future__ import annotations

from momus.core.capabilities import HasTrees
from momus.core.errors import ProbeError
from momus.core.probe import Trial, probe
from momus.core.records import Caveat, Figure, Knowledge, Measurement
from momus.core.samples import NumpyArray
from momus.methods import leaf_counts
from momus.methods.attribute import Secret
from momus.methods.attribute_attacks import confusion
from momus.probes.inversion._columns import Asked, measure


@probe(
    knowledge=Knowledge.WHITE_BOX,
    data=("train", "test"),
    optional_data=("pool",),
    metric="advantage_over_imputation",
    worse="higher",
    source="Fredrikson et al. 2015 (CCS), arXiv:2209.01292",
    cost="none: the trees are read",
    tasks=("classifier",),
    modalities=("table",),
    sensitive=True,
)
def leaves(target: HasTrees, trial: Trial, *, column: str = "", rows: int = 1500, bins: int = 4) -> Measurement:
    """Guess a sensitive column of training rows from a tree's splits and the number of training rows in each leaf.

    Measures
        As inversion.attribute: how much more is guessed right than by the strongest guess without the model, each
        value weighing the same. The attacker holds the model file, which says how many training rows lie in each leaf.
    Why it matters
        Trees are shipped, published and sold as files, and the libraries write those counts into them. A leaf of one
        row is one person, with no question asked that a log could show.
    Options
        column, rows, bins: as inversion.attribute.
    Returns
        advantage_over_imputation with an interval (paired, by value); the figures of inversion.attribute and
        smallest_leaf, the training rows in the emptiest leaf.
    Raises
        ProbeError for a column that is not there, for rows without labels; TargetError for trees that cannot be read.
    Cost
        No query.
    A pass means little when
        The library keeps no counts (XGBoost): then only the splits were used and nothing can pass.
    Source
        Fredrikson, Jha, Ristenpart 2015 (CCS), the white-box estimator with counts; Jayaraman and Evans 2022
        (arXiv:2209.01292) for the baseline.
    """
    if rows < 1 or bins < 2:
        raise ProbeError(f"rows {rows} and bins {bins} leave nothing to guess", hint="rows: 1 and up, bins: 2 and up")
    ensemble = target.trees()
    held = leaf_counts.sizes(ensemble.trees)
    caveats = []
    if not leaf_counts.counted(ensemble):
        message = "the trees do not say how many training rows lie in their leaves; only their splits were used"
        caveats.append(Caveat(code="no-counts", message=message, blocks="pass"))

    def ask(secret: Secret, x: NumpyArray, y: NumpyArray, codes: NumpyArray, known: NumpyArray) -> Asked:
        y = y.astype(int)
        told = leaf_counts.said(ensemble, x[known])
        classes = max(ensemble.outputs, int(max(y.max(initial=0), told.max(initial=0))) + 1)
        mixed = confusion(told, y[known], classes)
        return Asked(len(x), leaf_counts.clues(ensemble, secret, x, y, mixed), ("counts", "leaf", "confusion"))

    found = measure(trial, ask, column, rows, bins, caveats)
    least = Figure(name="smallest_leaf", value=float(held.min()), note="training rows") if len(held) else None
    return found.model_copy(update={"figures": (*found.figures, *([least] if least else []))})
