"""Is the test set one? Rows and people shared with training, order in time, values outside the training range."""

from __future__ import annotations

import numpy as np

from momus.core.records import Caveat, Figure
from momus.core.samples import Samples
from momus.methods.describe import describe, row_keys
from momus.stats import intervals, roc

LEAK_LIMIT = 0.01


def check(train: Samples, test: Samples) -> tuple[list[Figure], list[Caveat]]:
    """Figures and caveats on a pair of sets that should be independent.

    Equal rows occur by nature in coarse tables; how often is seen within the training set itself. Leakage is called
    where test rows stand in train more often than that, by at least one point even at the interval's lower end.
    """
    figures: list[Figure] = []
    caveats: list[Caveat] = []
    keys, others = row_keys(train), row_keys(test)
    leaked = int(np.isin(others, keys).sum())
    _, counts = np.unique(keys, return_counts=True)
    natural = int(counts[counts > 1].sum())
    excess, ci = roc.difference(leaked, len(test), natural, len(train))
    note = f"{natural / len(train):.1%} of the training rows have an equal in the training set"
    figures.append(
        Figure(
            name="leaked_rows", value=leaked / len(test), ci=intervals.wilson(leaked, len(test)), n=len(test), note=note
        )
    )
    if ci.low > LEAK_LIMIT:
        message = (
            f"{leaked} of {len(test)} test rows stand word for word in the training data ({excess:.1%} beyond chance)"
        )
        caveats.append(Caveat(code="leakage", message=message, blocks="pass"))
    if train.ids is not None and test.ids is not None:
        same = int(np.isin(np.asarray(test.ids).astype(str), np.asarray(train.ids).astype(str)).sum())
        figures.append(Figure(name="shared_ids", value=same / len(test), n=len(test), note="of people also in train"))
        if same:
            message = f"{same} test rows belong to people who are in the training data too"
            caveats.append(Caveat(code="shared-people", message=message, blocks="pass"))
    if train.time is not None and test.time is not None:
        last = np.max(train.time)
        later = float(np.mean(np.asarray(test.time) > last))
        note = "share of test rows later than the last training row; a random split in time tests no future"
        figures.append(Figure(name="time_ordered", value=later, n=len(test), note=note))
    figures.append(_out_of_range(train, test))
    return figures, caveats


def split_facts(train: Samples, test: Samples, site: str = "") -> tuple[list[Figure], list[Caveat]]:
    """Is the test later than training, and from other places? ``site`` names the declared group column of places.

    A test that is not later, or from no new place, forbids a pass where the data say when, or the card where: what the
    system will do tomorrow or elsewhere was not tested.
    """
    figures: list[Figure] = []
    caveats: list[Caveat] = []
    if train.time is not None and test.time is not None:
        last = float(np.quantile(np.asarray(train.time, dtype=float), 0.99))
        later = int(np.sum(np.asarray(test.time, dtype=float) >= last))
        ci = intervals.wilson(later, len(test))
        note = "share of test rows later than 99 % of the training rows"
        figures.append(Figure(name="later_than_training", value=later / len(test), ci=ci, n=len(test), note=note))
        if later < len(test) / 2:
            message = f"{1 - later / len(test):.0%} of the test rows are no later than training: no future was tested"
            caveats.append(Caveat(code="time-mixed", message=message, blocks="pass"))
    if site and site in train.groups and site in test.groups:
        known = np.unique(np.asarray(train.groups[site]).astype(str))
        new = ~np.isin(np.asarray(test.groups[site]).astype(str), known)
        note = f"share of test rows from a {site} that training has not seen"
        figures.append(Figure(name="new_sites", value=float(new.mean()), n=len(test), note=note))
        if not new.any():
            message = f"every {site} of the test rows is in the training data: no new {site} was tested"
            caveats.append(Caveat(code="sites-shared", message=message, blocks="pass"))
    elif site:
        message = f"the card names the group '{site}', which training and test data do not both have"
        caveats.append(Caveat(code="site-unknown", message=message, blocks="pass"))
    return figures, caveats


def _out_of_range(train: Samples, test: Samples) -> Figure:
    seen, tried = describe(train), describe(test)
    if seen.values.shape[1] != tried.values.shape[1] or not seen.numeric.any():
        return Figure(name="out_of_range", value=0.0, n=len(test))
    use = seen.numeric & np.isfinite(seen.values).any(axis=0)  # a column of nothing has no range
    if not use.any():
        return Figure(name="out_of_range", value=0.0, n=len(test))
    a, b = seen.values[:, use], tried.values[:, use]
    low, high = np.nanmin(a, axis=0), np.nanmax(a, axis=0)
    outside = int(((b < low) | (b > high)).any(1).sum())
    note = "test rows with a value the training data never reach"
    ci = intervals.wilson(outside, len(test))
    return Figure(name="out_of_range", value=outside / len(test), ci=ci, n=len(test), note=note)
