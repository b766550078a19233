from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from momus.core.samples import Column, ColumnKind, Samples
from momus.methods import hygiene
from momus.methods.coverage import conditions, cover, declared

TOWNS = ("north", "south", "west")


def draw(n: int, seed: int) -> Samples:
    rng = np.random.default_rng(seed)
    town = rng.integers(0, 3, n)
    x = np.column_stack([rng.normal(size=n), town, rng.integers(0, 2, n)]).astype(float)
    columns = (
        Column("age"),
        Column("town", ColumnKind.CATEGORICAL, categories=TOWNS),
        Column("sex", ColumnKind.BINARY, categories=("f", "m")),
    )
    return Samples(x, rng.integers(0, 2, n), columns=columns, classes=("no", "yes"))


def test_the_share_is_the_training_mass_of_what_is_missing() -> None:
    train, test = draw(3000, 0), draw(2000, 1)
    whole = cover(conditions(train, test))
    assert not whole.uncovered.any() and whole.share(1) == whole.share(2) == 1.0
    partial = cover(conditions(train, test.take(test.x[:, 1] != 2)))
    assert partial.uncovered.tolist() == (train.x[:, 1] == 2).tolist()
    assert len(partial.untested) == 1  # pairs with the missing town are not listed again
    assert partial.untested[0].mass == pytest.approx(np.mean(train.x[:, 1] == 2))


def test_a_missing_pair_shows_only_two_ways() -> None:
    train, test = draw(3000, 2), draw(2000, 3)
    c = conditions(train, test.take(~((test.x[:, 1] == 1) & (test.x[:, 2] == 1))))
    assert not cover(c, ways=1).uncovered.any()
    pair = cover(c, ways=2)
    assert pair.uncovered.tolist() == ((train.x[:, 1] == 1) & (train.x[:, 2] == 1)).tolist()
    assert c.name(pair.untested[0].columns, pair.untested[0].codes) == "town = south and sex = m"


def test_a_missing_triple_shows_only_three_ways() -> None:
    train, test = draw(4000, 4), draw(4000, 5)
    hole = (test.x[:, 1] == 1) & (test.x[:, 2] == 1) & (np.asarray(test.y) == 1)
    c = conditions(train, test.take(~hole))
    assert not cover(c, ways=2).uncovered.any()
    three = cover(c, ways=3)
    assert three.uncovered.any() and len(three.untested) == 1 and three.untested[0].columns == (1, 2, 3)


def test_rare_conditions_and_thin_ones() -> None:
    train, test = draw(3000, 6), draw(2000, 7)
    rare = replace(
        train, x=np.where(np.arange(3000)[:, None] < 20, np.array([0.0, 2, 1]), np.minimum(train.x, [9, 1, 1]))
    )
    none_west = test.take(test.x[:, 1] != 2)
    assert not cover(conditions(rare, none_west)).uncovered.any()  # under 1 % of the training rows
    west = np.flatnonzero(test.x[:, 1] == 2)
    thin = test.take(np.sort(np.concatenate([np.flatnonzero(test.x[:, 1] != 2), west[:10]])))
    assert cover(conditions(train, thin)).untested[0].tested == 10  # ten rows where a third was due


def test_missing_values_are_a_condition() -> None:
    train, test = draw(1000, 8), draw(1000, 9)
    x = train.x.copy()
    x[:200, 0] = np.nan
    c = conditions(replace(train, x=x), test)
    assert c.labels[0][-1] == "missing"
    assert cover(c, ways=1).uncovered.sum() == 200


def test_the_declared_domain() -> None:
    test = replace(draw(500, 10), groups={"region": np.repeat(["a", "b"], 250)})
    domain = {
        "domain": {
            "columns": {"age": [[-1, 0], [0, 1], [5, 9]], "town": ["north", "east"], "region": ["a"], "hat": ["on"]},
            "conditions": [
                {"name": "night", "tested": False, "data": []},
                {"name": "rain", "tested": False, "data": ["rain"]},
                {"name": "fog", "tested": False, "accepted_by": "K. Lee"},
            ],
        },
        "min_rows": 20,
    }
    found = {d.name: d for d in declared(domain, test)}
    assert {k for k, d in found.items() if not d.covered} == {"age = 5 to 9", "town = east", "hat = on", "night", "fog"}
    assert found["fog"].accepted == "K. Lee" and found["region = a"].tested == 250
    assert found["age = -1 to 0"].tested == int(((test.x[:, 0] >= -1) & (test.x[:, 0] < 0)).sum())
    assert declared({}, test) == ()


def test_the_last_bin_includes_its_end() -> None:
    s = Samples(np.array([[1.0], [2.0], [2.0]]), columns=(Column("a"),))
    found = declared({"columns": {"a": [[0, 1], [1, 2]]}, "min_rows": 1}, s)
    assert [d.tested for d in found] == [0, 3]


def test_hygiene_tells_leaks_from_coarse_tables() -> None:
    train, test = draw(1000, 11), draw(400, 12)
    figures, caveats = hygiene.check(train, test)
    assert caveats == [] and figures[0].value == 0
    leaked = replace(test, x=np.concatenate([train.x[:60], test.x[60:]]), y=np.concatenate([train.y[:60], test.y[60:]]))
    figures, caveats = hygiene.check(train, leaked)
    assert figures[0].value == pytest.approx(0.15) and [c.code for c in caveats] == ["leakage"]
    coarse = [Samples(np.round(s.x[:, 1:]), s.y) for s in (train, test)]
    figures, caveats = hygiene.check(*coarse)
    assert figures[0].value == 1.0 and caveats == []


def test_hygiene_of_people_time_and_range() -> None:
    train, test = draw(100, 13), draw(50, 14)
    train = replace(train, ids=np.arange(100), time=np.arange(100.0))
    test = replace(test, ids=np.arange(98, 148), time=np.arange(60.0, 110.0), x=test.x + np.array([50.0, 0, 0]))
    figures, caveats = hygiene.check(train, test)
    by_name = {f.name: f.value for f in figures}
    assert [c.code for c in caveats] == ["shared-people"]
    assert by_name["shared_ids"] == pytest.approx(0.04) and by_name["time_ordered"] == pytest.approx(0.2)
    assert by_name["out_of_range"] == 1.0
