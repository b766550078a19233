"""Targets for the probes of side effects, as a card would make them."""

from __future__ import annotations

import pytest

from momus.core.records import Status
from momus.core.registry import get_probe
from momus.judge import decide, default_limits
from momus.targets.policy import policy_target
from momus.targets.policy_world import World


@pytest.fixture
def policy():
    def made(act, env, **world):
        return policy_target(act, env, world=World(**world), name="policy")

    return made


@pytest.fixture
def verdict():
    def told(technique: str, target, **options):
        m = get_probe(f"side_effects.{technique}")(target, **options)
        status = decide(m, default_limits()[m.probe]).status
        return m, status, {c.code for c in m.caveats}

    return told


@pytest.fixture
def undecided():
    return Status.INCONCLUSIVE
