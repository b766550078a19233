"""A success that breaks a rule is not a success, and is reported."""

from __future__ import annotations

import numpy as np
import pytest

from momus.core.registry import get_probe
from momus.methods import ascent
from momus.probes.perturbation import _ascent

CHEATS = {
    "outside epsilon": lambda x: x + np.where(x < 0.5, 0.3, -0.3).astype(x.dtype),
    "not finite": lambda x: np.full_like(x, np.nan),
    "outside the data range": lambda x: np.where(x < 0.5, -0.08, 1.08).astype(x.dtype),
}


def cheat(rule):
    def attack(*args, **options):
        x = args[-2]
        n = len(x)
        return ascent.Found(CHEATS[rule](x), np.ones(n, bool), np.full(n, -1.0), np.ones(n, np.int64), True, 0.0)

    return attack


@pytest.mark.parametrize("rule", CHEATS)
@pytest.mark.parametrize("name", ["pgd", "square"])
def test_cheating_attacks_are_caught(bright, monkeypatch, name, rule):
    probe = get_probe(f"perturbation.{name}")
    if name == "pgd":
        monkeypatch.setattr(_ascent, "pgd", cheat(rule))
    else:
        monkeypatch.setitem(probe.run.__globals__, "search_image", cheat(rule))
    target, samples = bright([0.02, 0.03, 0.97, 0.98])
    m = probe(target, test=samples, epsilon=0.1)
    assert m.value == 0.0
    assert m.figure("rejected_examples").value >= 4
    (caveat,) = [c for c in m.caveats if c.code == "examples-broke-rules"]
    assert rule in caveat.message


def test_an_attack_that_claims_too_much_is_caught(bright, monkeypatch):
    probe = get_probe("perturbation.square")

    def boast(scores, x, y, **options):
        n = len(x)
        return ascent.Found(x, np.ones(n, bool), np.full(n, -1.0), np.ones(n, np.int64))

    monkeypatch.setitem(probe.run.__globals__, "search_image", boast)
    target, samples = bright([0.1, 0.9, 0.2])
    m = probe(target, test=samples, epsilon=0.1)
    assert m.value == 0.0
    assert "examples-not-confirmed" in {c.code for c in m.caveats}
