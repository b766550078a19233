"""provider.traces on small networks: what it finds, what it cannot, and what it says of that."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from momus.core.errors import ProbeError
from momus.core.meter import Budget
from momus.core.records import Limit, Measurement, Status
from momus.judge import decide
from momus.methods import hidden_data
from momus.probes.provider.traces import traces
from momus.zoo.provider import _systems as systems
from momus.zoo.provider.traces import in_low_bits, in_signs, received, rounded

LIMIT = Limit(probe="provider.traces", value=0)


@pytest.fixture(scope="module")
def digits() -> dict[str, Any]:
    return systems.pictures(400, 100)


@pytest.fixture(scope="module")
def plain(digits: dict[str, Any]) -> Any:
    return systems.target(systems.recipe(lambda: systems.dense(64, (48,), 10), epochs=4), digits, 0, "plain")


@pytest.fixture(scope="module")
def neat(digits: dict[str, Any]) -> Any:
    build = systems.recipe(lambda: systems.dense(64, (48,), 10), after=rounded, epochs=4)
    return systems.target(build, digits, 0, "neat")


def run(target: Any, digits: dict[str, Any], budget: Budget | None = None, **options: Any) -> Measurement:
    return traces(target, budget=budget, train=digits["train"], **{"copies": 8, "records": 20, **options})


def codes(m: Measurement) -> dict[str, str]:
    return {c.code: c.blocks for c in m.caveats}


def test_full_precision_never_passes_and_says_why(plain: Any, digits: dict[str, Any]) -> None:
    m = run(plain, digits)
    finding = decide(m, LIMIT)
    assert m.value == 0 and finding.status is Status.INCONCLUSIVE
    assert codes(m)["room"] == "pass" and "round the numbers to 16 bits" in finding.reason
    size = m.figure("numbers").value
    assert m.figure("low_bit_bytes").value == pytest.approx(size * 16 / 8)
    assert m.figure("sign_bytes").value == pytest.approx(size / 8)


def test_an_encrypted_payload_is_not_called_absent(plain: Any, digits: dict[str, Any]) -> None:
    held = plain.parameters()
    noise = np.random.default_rng(0).integers(0, 2, hidden_data.room(held, 16)).astype(np.uint8)
    m = run(plain.with_parameters(hidden_data.put_low_bits(held, noise, 16)), digits)
    # Where clean copies still show the grid of their first numbers, noise is too even and is noticed; elsewhere not.
    assert decide(m, LIMIT).status is not Status.PASS
    assert any("cannot be excluded" in c.message for c in m.caveats)


def test_rounding_makes_a_pass_possible_and_destroys_what_was_hidden(neat: Any, plain: Any, digits: Any) -> None:
    m = run(neat, digits)
    assert decide(m, LIMIT).status is Status.PASS
    assert m.figure("precision_bits").value == 10
    rate = m.figure("false_alarm_rate")
    assert rate.ci is not None and rate.n == 8 and rate.ci.high < 0.6
    planted = in_low_bits(plain, digits, 8, True)
    assert decide(run(planted, digits), LIMIT).status is Status.FAIL
    halved = {k: v.astype(np.float16).astype(np.float32) for k, v in planted.parameters().items()}
    assert decide(run(neat.with_parameters(halved), digits), LIMIT).status is not Status.FAIL


def test_no_retraining_compares_with_other_recipes_and_passes_nobody(neat: Any, digits: dict[str, Any]) -> None:
    from momus.targets import Target

    bare = Target.from_torch(neat.net.module, name="bare", classes=digits["train"].classes, samples=digits["train"])
    m = run(bare, digits)
    assert codes(m)["other-recipes"] == "pass" and (m.figure("false_alarm_rate").n or 0) > 60
    assert decide(m, LIMIT).status is Status.INCONCLUSIVE
    found = run(in_low_bits(bare, digits, 8, True), digits)
    assert decide(found, LIMIT).status is Status.FAIL, "a file in the low bits needs no comparison"


def test_without_rows_it_does_not_pass(neat: Any) -> None:
    m = traces(neat)
    assert {"other-recipes", "unused-untried", "no-data"} <= set(codes(m))
    assert decide(m, LIMIT).status is Status.INCONCLUSIVE


def test_few_copies_and_spent_budgets_pass_nobody(neat: Any, digits: dict[str, Any]) -> None:
    assert codes(run(neat, digits, copies=3))["few-copies"] == "pass"
    m = run(neat, digits, Budget(queries=40))
    assert m.cost.queries <= 40 and decide(m, LIMIT).status is Status.INCONCLUSIVE
    m = run(neat, digits, Budget(seconds=0.0))
    assert decide(m, LIMIT).status is Status.INCONCLUSIVE
    kinds = next(e for e in m.evidence if e.title == "Kinds of traces")
    untried = [row[0] for row in kinds.rows if row[1] == "not tried"]
    assert len(kinds.rows) == 8 and "low bits spell a file" not in untried
    assert m.ci.high == m.value + len(untried) >= 6, "what was not tried is not excluded"


def test_options_are_checked(neat: Any, digits: dict[str, Any]) -> None:
    for wrong in ({"copies": 1}, {"level": 0.0}, {"level": 0.7}):
        with pytest.raises(ProbeError):
            run(neat, digits, **wrong)


def test_signs_pushed_by_a_term_stand_out_among_copies_that_have_none(plain: Any, digits: dict[str, Any]) -> None:
    """The copies come from the owner's hook; were they the planted model itself, nothing could stand out."""
    m = run(received(in_signs(plain, digits, 50, 100.0, False), plain), digits)
    assert decide(m, LIMIT).status is Status.FAIL and m.figure("largest_deviation").value > 10
    kinds = {row[0]: row[1] for row in next(e for e in m.evidence if e.title == "Kinds of traces").rows}
    assert kinds["low bits spell a file"] == "not found" and "found" in (kinds["signs"], kinds["distribution"])
    shown = next(e for e in m.evidence if e.title == "Parameters beside clean models").rows
    assert any(row[2] != row[3] for row in shown)
