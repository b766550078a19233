"""Cases for perturbation.fab."""

from __future__ import annotations

from momus.zoo import Case, torch_digits
from momus.zoo.perturbation import _systems as systems


def cases(seed: int = 0) -> tuple[Case, ...]:
    """Plain models have small distances, hardened ones and a wide margin larger ones than the epsilon given."""
    test = {"test": torch_digits.samples(60, systems.SIDE)}
    wide = {"test": systems.halves(seed, n=60)}
    decided, by_income = systems.table_network(seed, systems.applicants(seed, "income"))
    fixed, by_age = systems.table_network(seed, systems.applicants(seed, "age"))
    short = {"steps": 20, "targets": 4, "n": 60}
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
        Case("table-by-age", False, fixed, by_age, {"epsilon": 0.5, **short}, held_out=True),
    )
