"""Twins for incomplete_testing.coverage: test sets that leave conditions out, and random ones that do not."""

from __future__ import annotations

import numpy as np

from momus.zoo import Case
from momus.zoo.tables import fitted, people


def cases(seed: int) -> tuple[Case, ...]:
    """Planted: no market rows, no rich men on the hill, an unmet declared domain. Clean: random splits."""
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(seed)
    train, test = people(3000, rng, name="train"), people(2000, rng, name="test")
    model = fitted(LogisticRegression(), train, "line")
    site, sex = test.groups["site"], test.groups["sex"]
    no_market = test.take(site != "market")
    no_pair = test.take(~((site == "hill") & (sex == "male")))
    young = test.take(test.x[:, 2] < 0.7)
    no_women = test.take(~((test.x[:, 2] > 0.5) & (sex == "female")))
    heavy, tails = people(3000, rng, name="train", heavy=True), people(3000, rng, name="test", heavy=True)
    columns = {"site": ["harbour", "hill", "market", "airport"], "age": [[-2, 0], [0, 2], [4, 6]]}
    night = {"columns": {"site": ["harbour", "hill", "market"]}, "conditions": [{"name": "at night", "tested": True}]}
    return (
        Case("no market rows", True, model, {"train": train, "test": no_market}),
        Case("random test set", False, model, {"train": train, "test": test}),
        Case("no men on the hill", True, model, {"train": train, "test": no_pair}, held_out=True),
        Case("nobody old", True, model, {"train": train, "test": young}),
        Case("no older women", True, model, {"train": train, "test": no_women}, held_out=True),
        Case(
            "declared bins unmet",
            True,
            model,
            {"train": train, "test": test},
            context={"domain": {"domain": {"columns": columns}, "min_rows": 30}},
            held_out=True,
        ),
        Case(
            "declared domain met",
            False,
            model,
            {"train": train, "test": test},
            context={"domain": {"domain": night, "min_rows": 30}},
            held_out=True,
        ),
        Case("heavy tails, random test set", False, model, {"train": heavy, "test": tails}, held_out=True),
    )
