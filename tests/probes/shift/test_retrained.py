"""shift.left_out, shift.forward and shift.mix: known answers, sabotages of the data, and what cannot be measured."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from momus.core.capabilities import TargetInfo
from momus.core.errors import ProbeError
from momus.core.meter import Budget
from momus.core.records import Measurement, Status
from momus.core.samples import Samples
from momus.judge import decide, default_limits
from momus.methods.worst_mix import worst_mixes
from momus.probes.shift.forward import forward
from momus.probes.shift.groups import groups
from momus.probes.shift.left_out import left_out
from momus.probes.shift.mix import mix
from momus.zoo.tables import people


class Memory:
    """Answers with the commonest label (or the mean) it has seen for a row's first number; what it never saw, with 0.

    Nothing is learnt beyond the table, so every expected number can be worked out by hand.
    """

    def __init__(self, task: str = "classifier", x: Any = (), y: Any = ()) -> None:
        self.info = TargetInfo("memory", task, "zoo", f"{task}{len(x)}", classes=("a", "b"))  # type: ignore[arg-type]
        keys = np.asarray(x)[:, 0] if len(x) else np.zeros(0)
        self.table = {k: float(np.asarray(y)[keys == k].mean()) for k in np.unique(keys)}

    def encode(self, x: Any) -> Any:
        return x

    def decode(self, x: Any) -> Any:
        return x

    def predict(self, x: Any) -> Any:
        said = np.array([self.table.get(k, 0.0) for k in x[:, 0]])
        return said if self.info.task == "regressor" else (said > 0.5).astype(np.int64)

    def retrain(self, x: Any, y: Any, *, seed: int) -> Memory:
        return Memory(self.info.task, x, y)


def rows(keys: Any, labels: Any, **more: Any) -> Samples:
    return Samples(np.asarray(keys, dtype=float)[:, None], np.asarray(labels), classes=("a", "b"), **more)


def codes(m: Measurement) -> set[str]:
    return {c.code for c in m.caveats}


def value_of(m: Measurement, name: str) -> float:
    return next(f.value for f in m.figures if f.name == name)


class Says(Memory):
    """Answers with one rule of a row's first number, however it is trained."""

    def __init__(self, rule: Any, task: str = "classifier") -> None:
        super().__init__(task)
        self.rule = rule

    def predict(self, x: Any) -> Any:
        return self.rule(x[:, 0])

    def retrain(self, x: Any, y: Any, *, seed: int) -> Says:
        return self


@pytest.mark.parametrize("task", ["classifier", "regressor"])
@pytest.mark.parametrize("rule", ["knows", "guesses", "inverts", "silent"])
def test_who_knows_nothing_has_nothing_to_lose(rule: str, task: str) -> None:
    """No group, block or part of the range is served worse by a model that is wrong everywhere: that is no pass."""
    key = np.tile([0.0, 1.0], 600)
    test = rows(key, key.astype(int) if task == "classifier" else 10 * key,
                groups={"half": np.repeat(["a", "b"], 600)}, time=np.arange(1200.0))  # fmt: skip
    if task == "regressor":
        test = replace(test, classes=())
    unit = 1 if task == "classifier" else 10
    said = {"knows": lambda k: unit * k, "guesses": np.zeros_like, "inverts": lambda k: unit * (1 - k),
            "silent": lambda k: np.full(len(k), np.nan)}  # fmt: skip
    model = Says(lambda k: said[rule](k) if rule == "silent" else said[rule](k).astype(int), task)
    if rule == "silent" and task == "regressor":
        pytest.skip("an adapter does not let such values through")
    range_ = {"domain": {"columns": {"half": ["a", "b"]}}}
    for m in (groups(model, test=test), left_out(model, train=test), forward(model, train=test),
              mix(model, test=test, context=range_)):  # fmt: skip
        assert ("chance-level" in codes(m)) == (rule != "knows"), m.probe
        assert (decide(m, default_limits()[m.probe]).status is Status.PASS) <= (rule == "knows"), m.probe


@pytest.fixture
def towns() -> Samples:
    """Three towns of 200; town 2 alone has label 1, which nobody else could tell."""
    town = np.repeat([0, 1, 2], 200)
    return rows(town, (town == 2).astype(int), groups={"town": town.astype(str)})


def test_a_group_that_nobody_else_explains_loses_everything(towns: Samples) -> None:
    m = left_out(Memory(), train=towns, test=towns)
    assert m.value == 1.0
    assert m.ci.low > 0.9
    assert m.scope["worst_group"] == "town=2"
    assert value_of(m, "drop[town=0]") == 0.0
    assert value_of(m, "seen[town=2]") == 1.0


def test_both_trainings_have_equally_many_rows(towns: Samples) -> None:
    """Otherwise a group would be charged for what fewer rows cost."""
    sizes: list[int] = []

    class Counts(Memory):
        def retrain(self, x: Any, y: Any, *, seed: int) -> Memory:
            sizes.append(len(x))
            return super().retrain(x, y, seed=seed)

    left_out(Counts(), train=towns, test=towns)
    assert sizes == [400] * 6


def test_a_regressor_loses_in_units_of_its_own_spread(towns: Samples) -> None:
    far = replace(towns, y=np.asarray(towns.y) * 30.0, classes=())
    m = left_out(Memory("regressor"), train=far, test=far)
    assert m.value == pytest.approx(30.0 / 10.0)  # error 30, mean deviation 10


def test_without_a_test_set_rows_are_kept_back(towns: Samples) -> None:
    m = left_out(Memory(), train=towns)
    assert m.value == 1.0
    assert 100 < m.n < 260


def test_a_group_of_one_row_stays_untested(towns: Samples) -> None:
    town = towns.groups["town"].copy()
    town[0] = "alone"
    m = left_out(Memory(), train=replace(towns, groups={"town": town}))
    assert "groups-untested" in codes(m)
    assert "alone" in next(c.message for c in m.caveats if c.code == "groups-untested")


def test_only_one_group_is_no_answer() -> None:
    m = left_out(Memory(), train=rows(np.zeros(300), np.zeros(300, int), groups={"town": np.zeros(300).astype(str)}))
    assert "too-few-samples" in codes(m)
    assert next(c for c in m.caveats if c.code == "too-few-samples").blocks == "both"


def test_a_spent_budget_is_said(towns: Samples) -> None:
    m = left_out(Memory(), train=towns, budget=Budget(seconds=0.0))
    assert m.caveats[-1].code == "budget-spent"
    assert m.caveats[-1].blocks == "both"


def moving(n: int = 1200) -> Samples:
    """From half time on the label is 1; the first number counts sixths of the time line."""
    time = np.arange(n)
    return rows(np.zeros(n), (time >= n / 2).astype(int), time=time[::-1].astype(float))


def test_the_block_after_the_change_is_the_worst() -> None:
    world = moving()
    m = forward(Memory(), train=world, blocks=6, first=2)
    # Time runs against the order of the rows: the first half of time has label 1, and all is 1 until block 4.
    assert m.scope["worst_block"] == 4
    assert m.value == 1.0
    assert value_of(m, "drop[block 3]") == 0.0


def test_the_order_of_the_rows_in_the_file_does_not_matter() -> None:
    n = 1200
    world = rows(np.zeros(n), (np.arange(n) >= 900).astype(int), time=np.arange(float(n)))
    mixed = world.take(np.random.default_rng(0).permutation(n))
    for given in (world, mixed):
        m = forward(Memory(), train=given, blocks=8)
        assert (m.value, m.scope["worst_block"]) == (1.0, 7)


def test_a_world_that_stays_promises_what_it_holds() -> None:
    m = forward(Memory(), train=rows(np.arange(1200) % 2, np.arange(1200) % 2, time=np.arange(1200.0)))
    assert m.value == 0.0
    assert m.ci.high < 0.1


def test_one_persons_rows_do_not_make_the_promise() -> None:
    """Everybody is known by a number of their own and lives for a moment: knowing people is not knowing the future."""
    n = 1200
    who = np.arange(n) // 10
    fate = np.random.default_rng(0).integers(0, 2, n)[who]
    people_ = rows(who, fate, time=np.arange(float(n)))
    together = forward(Memory(), train=people_)
    apart = forward(Memory(), train=replace(people_, ids=who))
    assert value_of(together, "promised") > 0.9  # a leak makes the promise
    assert value_of(apart, "promised") < 0.7


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"time": None}, "no-time"),
        ({"time": np.full(1200, np.nan)}, "no-time"),
        ({"time": np.zeros(1200)}, "too-few-samples"),
    ],
)
def test_times_that_order_nothing(change: dict[str, Any], code: str) -> None:
    m = forward(Memory(), train=replace(moving(), **change))
    assert codes(m) == {code}
    assert m.caveats[0].blocks == "both"


def test_few_rows_are_no_time_line() -> None:
    assert codes(forward(Memory(), train=moving(60))) == {"too-few-samples"}


def test_rows_of_one_moment_stay_together() -> None:
    world = rows(np.zeros(600), np.zeros(600, int), time=np.repeat([0.0, 1.0, 2.0], 200))
    for blocks in (3, 4, 6):  # three moments are three blocks, however many are asked for
        m = forward(Memory(), train=world, blocks=blocks, first=1)
        assert (m.scope["blocks"], m.n) == (3, 400)


def declared(**columns: Any) -> dict[str, Any]:
    return {"domain": {"columns": columns}}


class Line:
    """The rule that made the labels."""

    info = TargetInfo("line", "classifier", "zoo", "line", classes=("class 0", "class 1"))

    def encode(self, x: Any) -> Any:
        return x

    def decode(self, x: Any) -> Any:
        return x

    def predict(self, x: Any) -> Any:
        return (x[:, 0] - 0.8 * x[:, 1] + 0.5 * x[:, 2] + 0.6 * x[:, 4] + 0.3 * x[:, 5] > 0).astype(int)


@pytest.fixture
def crowd() -> Samples:
    return people(4000, np.random.default_rng(3), noise=0.0)


def spoiled(crowd: Samples, mask: Any) -> Samples:
    return replace(crowd, y=np.where(mask, 1 - np.asarray(crowd.y), np.asarray(crowd.y)))


def test_the_worst_part_of_the_range_is_found(crowd: Samples) -> None:
    visits = crowd.x[:, 3]
    m = mix(Line(), test=spoiled(crowd, visits > 1), context=declared(visits=[[-4, 0], [0, 4]]))
    wrong = float((visits > 1).mean())
    assert m.value == pytest.approx((1 - wrong) - (1 - wrong / 0.25), abs=0.03)  # the worst quarter holds all errors
    assert "bins-untested" not in codes(m)


def test_errors_by_chance_make_no_worst_part() -> None:
    """The part is chosen by a model that has not seen its rows: what it learnt by heart must not count."""
    rng = np.random.default_rng(0)
    z, score = rng.normal(size=(600, 6)), (rng.random(600) < 0.7).astype(float)
    (found,) = worst_mixes(z, score, (0.25,), rng)
    assert found.gap.ci.low <= 0 <= found.gap.ci.high and abs(found.gap.gap) < 0.1


def test_errors_outside_the_range_do_not_count(crowd: Samples) -> None:
    visits = crowd.x[:, 3]
    m = mix(Line(), test=spoiled(crowd, visits > 1), context=declared(visits=[[-4, 0], [0, 1]]))
    assert m.value == pytest.approx(0.0, abs=0.01)
    assert value_of(m, "outside") == pytest.approx(float(((visits > 1) | (visits < -4)).mean()), abs=0.01)


def test_what_may_not_move_is_not_held_against_it(crowd: Samples) -> None:
    """The errors lie at one end of a column, but only another column may change its mix."""
    m = mix(Line(), test=spoiled(crowd, crowd.x[:, 3] > 1), context=declared(site=["harbour", "hill", "market"]))
    assert m.value < 0.05


@pytest.mark.parametrize(
    ("columns", "code"),
    [({}, "no-range"), ({"height": [[0, 1]]}, "no-range"), ({"visits": [[-4, 4], [40, 50]]}, "bins-untested")],
)
def test_a_range_that_the_data_do_not_have(crowd: Samples, columns: dict[str, Any], code: str) -> None:
    assert code in codes(mix(Line(), test=crowd, context=declared(**columns)))


def test_a_share_beyond_all_is_refused(crowd: Samples) -> None:
    with pytest.raises(ProbeError, match="share is 2"):
        mix(Line(), test=crowd, share=2.0, context=declared(visits=[[-4, 4]]))


def test_a_spent_budget_leaves_what_was_answered(crowd: Samples) -> None:
    big = replace(crowd, x=np.tile(crowd.x, (3, 1)), y=np.tile(np.asarray(crowd.y), 3), groups={})
    m = mix(Line(), test=big, budget=Budget(queries=5000), context=declared(visits=[[-4, 4]]))
    assert "budget-spent" in codes(m)
    assert m.n == 4096
