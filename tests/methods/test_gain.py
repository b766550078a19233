from __future__ import annotations

import numpy as np
import pytest

from momus.methods.leak_report import coarser_figures, gain_figures
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


def test_what_rounding_and_labels_leave() -> None:
    """Members differ in the third decimal alone: rounding hides them, and so does the label."""
    rng = np.random.default_rng(1)
    low = 0.9 + 0.004 * rng.random(400)
    p = [np.column_stack([v, 1 - v]) for v in (low[:200] + 0.0005, low[200:])]
    p[0][:, 0] = np.maximum(p[0][:, 0], 0.9035 + 0.0005 * rng.random(200))
    p[0][:, 1] = 1 - p[0][:, 0]
    y = np.zeros(200, int)
    areas = {f.name: f.value for f in coarser_figures(p[0], y, p[1], y)}
    assert areas["auc_if[all digits]"] > 0.8
    assert areas["auc_if[2 decimals]"] == areas["auc_if[1 decimal]"] == areas["auc_if[label alone]"] == 0.5
