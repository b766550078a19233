"""Cases for perturbation.cascade."""

from __future__ import annotations

from momus.zoo import Case, torch_digits
from momus.zoo.perturbation import _systems as systems


def cases(seed: int = 0) -> tuple[Case, ...]:
    """As for Auto-PGD, with fewer inputs and shorter attacks: what holds costs every attack its full length."""
    test = {"test": torch_digits.samples(80, systems.SIDE)}
    wide = {"test": systems.halves(seed, n=80)}
    decided, by_income = systems.table_network(seed, systems.applicants(seed, "income", n=300))
    fixed, by_age = systems.table_network(seed, systems.applicants(seed, "age", n=300))
    saturated = systems.digits(systems.PLAIN, "saturated-cnn", seed + 1, saturated=True)
    short = {"steps": 20, "targets": 3, "queries": 200}
    return (
        Case("plain-cnn", True, systems.digits(systems.PLAIN, "plain-cnn", seed), test, {"epsilon": 0.15, **short}),
        Case("wide-margin", False, systems.halves_target(), wide, {"epsilon": 0.15, **short}),
        Case(
            "hardened-mlp",
            False,
            systems.digits(systems.HARD_MLP, "hardened-mlp", seed),
            test,
            {"epsilon": 0.03, **short},
        ),
        Case("saturated-cnn", True, saturated, test, {"epsilon": 0.15, **short}, held_out=True),
        Case(
            "plain-mlp-l2",
            True,
            systems.digits(systems.PLAIN_MLP, "plain-mlp", seed),
            test,
            {"epsilon": 1.0, "norm": "l2", **short},
            held_out=True,
        ),
        Case("table-by-income", True, decided, by_income, {"epsilon": 0.5, **short}, held_out=True),
        Case(
            "hardened-cnn",
            False,
            systems.digits(systems.HARD_CNN, "hardened-cnn", seed),
            test,
            {"epsilon": 0.03, **short},
            held_out=True,
        ),
        Case("table-by-age", False, fixed, by_age, {"epsilon": 0.5, "switches": 0, **short}, held_out=True),
    )
