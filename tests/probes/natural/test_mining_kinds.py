"""Slices are found on one half of a pool and measured on the other: what chance put into the first does not count."""

from __future__ import annotations

import numpy as np

from momus.core.probe import Trial
from momus.methods import mining
from momus.methods.label_errors_witness import LABEL, MODEL
from momus.probes.natural._mining import Study, kinds
from momus.probes.natural._models import Said
from momus.stats.intervals import wilson
from momus.zoo.tables import people


def _study(wrong: np.ndarray, verdict: int = MODEL) -> Study:
    samples = people(len(wrong), np.random.default_rng(0))
    y = np.asarray(samples.y)
    said = np.where(wrong, 1 - y, y)
    p = np.full((len(y), 2), 0.03)
    p[np.arange(len(y)), said] = 0.97
    found = mining.mine(p, y, least=0.8, capacity=len(y))
    return Study(samples, y, Said(said, p), 0.8, found, np.full(len(y), verdict), evidence=p)


def _halves(n: int, seed: int) -> np.ndarray:
    first = np.zeros(n, dtype=bool)
    first[np.random.default_rng(seed + 1).permutation(n)[: n // 2]] = True
    return first


def test_errors_of_the_searched_half_alone_do_not_count() -> None:
    site = people(2000, np.random.default_rng(0)).groups["site"] == "hill"
    first = _halves(2000, seed=7)
    searched = kinds(_study(site & first), Trial(seed=7), 30)
    assert searched[1].name == "site = hill" and searched[1].rate == 0 and searched[1].share.disputed == 0
    both = kinds(_study(site), Trial(seed=7), 30)
    assert both[1].name == "site = hill" and both[1].rate == 1
    assert both[1].share.n == int((site & ~first).sum())


def test_doubtful_labels_make_no_slice() -> None:
    site = people(2000, np.random.default_rng(0)).groups["site"] == "hill"
    (whole,) = kinds(_study(site, LABEL), Trial(seed=7), 30)
    assert whole.rate == 0 and whole.share.doubtful == int(site.sum()) and whole.ci.high < 0.01


def test_intervals_hold_for_all_kinds_at_once() -> None:
    site = people(2000, np.random.default_rng(0)).groups["site"] == "hill"
    alone, held = (
        kinds(_study(np.zeros(2000, dtype=bool)), Trial(seed=7), 30)[0],
        kinds(_study(site), Trial(seed=7), 30),
    )

    assert alone.ci.high == wilson(0, 2000).high
    share = held[1].share
    assert held[1].ci.low < wilson(share.model, share.n).low  # wider than one interval by itself
