"""provider.memorised on small networks: what it notices, and when it will not say."""

from __future__ import annotations

from typing import Any

import pytest

from momus.core.errors import ProbeError
from momus.core.meter import Budget
from momus.core.records import Limit, Measurement, Status
from momus.judge import decide
from momus.probes.provider.memorised import memorised
from momus.zoo.provider import _systems as systems
from momus.zoo.provider.memorised import planted

LIMIT = Limit(probe="provider.memorised", value=0)


@pytest.fixture(scope="module")
def digits() -> dict[str, Any]:
    return systems.pictures(400, 100)


@pytest.fixture(scope="module")
def owner(digits: dict[str, Any]) -> Any:
    return systems.target(systems.recipe(lambda: systems.dense(64, (128,), 10), epochs=14), digits, 0, "net")


def run(target: Any, digits: dict[str, Any], budget: Budget | None = None, **options: Any) -> Measurement:
    return memorised(target, budget=budget, train=digits["train"], **{"copies": 8, "inputs": 60, **options})


def test_a_clean_model_passes_and_says_what_was_not_asked(owner: Any, digits: dict[str, Any]) -> None:
    m = run(owner, digits)
    assert m.value == 0 and decide(m, LIMIT).status is Status.PASS
    assert any(c.code == "not-asked" for c in m.caveats)
    rate = m.figure("false_alarm_rate")
    assert rate.ci is not None and rate.n == 8 and "8 retrained copies" in rate.note


def test_rows_learned_by_heart_are_noticed_most_on_their_own_seed(owner: Any, digits: dict[str, Any]) -> None:
    m = run(planted(owner, digits, 7, share=0.3, how="made up", raw=False, key=42), digits)
    assert decide(m, LIMIT).status is Status.FAIL
    table = next(e for e in m.evidence if e.kind == "table")
    seen = {(str(r[0]), str(r[1])): r[2] for r in table.rows}
    own = seen["drawn from seed 42", "agreement"]
    others = [v for (f, w), v in seen.items() if w == "agreement" and f.startswith("drawn") and "42" not in f]
    assert isinstance(own, float) and others and all(isinstance(v, float) and own < v for v in others)


def test_copies_that_disagree_pass_nobody(digits: dict[str, Any]) -> None:
    build = systems.recipe(lambda: systems.convolving(4, 16, 10), epochs=2)
    m = run(systems.target(build, digits, 0, "conv"), digits)
    assert "copies-disagree" in {c.code for c in m.caveats}
    assert decide(m, LIMIT).status is Status.INCONCLUSIVE


def test_few_copies_and_spent_budgets_decide_nothing(owner: Any, digits: dict[str, Any]) -> None:
    assert decide(run(owner, digits, copies=3), LIMIT).status is Status.INCONCLUSIVE
    m = run(owner, digits, Budget(queries=500))
    assert m.cost.queries <= 500 and decide(m, LIMIT).status is Status.INCONCLUSIVE
    m = run(owner, digits, Budget(seconds=0.0))
    assert decide(m, LIMIT).status is Status.INCONCLUSIVE and m.ci.high >= 1, "nothing was compared"


def test_options_are_checked(owner: Any, digits: dict[str, Any]) -> None:
    for wrong in ({"copies": 1}, {"level": 0.0}, {"level": 0.9}):
        with pytest.raises(ProbeError):
            run(owner, digits, **wrong)
