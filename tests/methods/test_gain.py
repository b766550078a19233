from __future__ import annotations

import numpy as np
import pytest

from momus.methods.leak_report import gain_figures
from momus.stats import roc


def test_the_gain_is_the_ratio_of_members_found() -> None:
    rng = np.random.default_rng(0)
    n = 5000
    member = np.arange(2 * n) < n
    strong, plain = rng.normal(2.0 * member), rng.normal(0.5 * member)
    figures = {f.name: f for f in gain_figures(strong, plain, n)}
    best, base = (roc.tpr_at_fpr(s[:n], s[n:], 0.01)[0] for s in (strong, plain))
    gain = figures["gain_at_1pct"]
    assert gain.value == pytest.approx(best / base) and figures["tpr_loss_at_1pct_fpr"].value == base
    assert gain.ci is not None and gain.ci.low < best / base < gain.ci.high
    assert "gain_at_0.1pct" in figures


def test_an_attack_that_finds_nobody_leaves_a_finite_gain_and_few_rows_none() -> None:
    n = 500
    strong, plain = (np.concatenate([np.full(n, v), np.zeros(n)]) for v in (1.0, -1.0))
    figures = {f.name: f for f in gain_figures(strong, plain, n)}
    assert figures["gain_at_1pct"].value == n and "gain_at_0.1pct" not in figures
    assert gain_figures(strong[:600], plain[:600], 300) == []
