"""reprogramming.gradient and .zeroth_order: known answers, what the numbers mean, and every trap."""

from __future__ import annotations

import numpy as np
import pytest

from momus.core.errors import DataError, ProbeError
from momus.core.meter import Budget
from momus.core.probe import Trial
from momus.core.records import Status
from momus.core.registry import get_probe
from momus.core.samples import Samples
from momus.judge import decide, default_limits

PROBES = ("gradient", "zeroth_order")
pytestmark = pytest.mark.parametrize("technique", PROBES)


def measure(technique, target, fast, **more):
    return get_probe(f"reprogramming.{technique}")(target, **{**getattr(fast, technique), **more})


def status(m):
    return decide(m, default_limits()[m.probe]).status


def codes(m):
    return {c.code for c in m.caveats}


def pictures(n=120, side=20, seed=0, labels=4):
    rng = np.random.default_rng(seed)
    x = np.clip(128 + 30 * rng.standard_normal((n, side, side, 1)), 0, 255).astype(np.uint8)
    return Samples(x=x, y=np.arange(n) % labels, classes=tuple(f"c{i}" for i in range(labels)))


def test_a_model_that_measures_contrast_is_made_to_count(technique, make, fast):
    """A known program exists: a frame of the right contrast shifts the bumps onto the counts."""
    target = make()
    m = measure(technique, target, fast, price=2.0)
    assert status(m) is Status.FAIL
    assert m.value > 0.7 and m.figure("linear_accuracy").value < 0.45
    got = m.figure("stolen_accuracy").value - max(m.figure("linear_accuracy").value, m.figure("chance").value)
    assert m.figure("points_above_own").value == pytest.approx(got)
    assert m.cost.queries == target.asked, "every row asked is counted"
    learned = m.figure("queries_to_learn").value
    assert m.figure("price_to_learn").value == pytest.approx(learned * 2 / 1000)
    assert m.scope["task"] == "mixed" and m.n == 200
    assert {e.title for e in m.evidence} >= {"The program and requests made with it", "Learning the program"}


def test_a_linear_model_adds_nothing(technique, make, fast):
    """No program can exist: whatever the frame, scores stay linear in the picture."""
    m = measure(technique, make(kind="lines"), fast)
    assert status(m) is Status.PASS and m.value < 0.1


def test_an_easy_task_decides_nothing(technique, make, fast):
    """White squares are counted by any linear model, so failing to gain on it says nothing for the target."""
    m = measure(technique, make(kind="lines"), fast, task="squares")
    assert m.figure("linear_accuracy").value > 0.9
    assert "task-too-easy" in codes(m) and status(m) is Status.INCONCLUSIVE


def test_broken_attack_is_noticed(technique, make, fast):
    """Sabotage: with nothing learned the same model keeps its secret, and the verdict is no pass of a real attack."""
    m = measure(technique, make(), fast, rate=1e-9, offsets=False)
    assert m.value < 0.4


def test_constant_model(technique, make, fast):
    m = measure(technique, make(kind="still"), fast)
    assert {"constant-output", "zero-gradients"} <= codes(m) and status(m) is Status.INCONCLUSIVE


@pytest.mark.parametrize("shape", [(1, 2, 2), (1, 8, 8), (1, 5, 40), (3, 11, 11)])
def test_no_room_for_a_picture(technique, make, fast, shape):
    m = measure(technique, make(shape=shape), fast)
    assert m.n == 0 and codes(m) == {"no-room"} and status(m) is Status.INCONCLUSIVE
    assert "data.task" in m.caveats[0].message


@pytest.mark.parametrize("shape", [(1, 14, 31), (3, 20, 16), (4, 16, 16)])
def test_other_shapes_and_channels(technique, make, fast, shape):
    m = measure(technique, make(shape=shape), fast, steps=3)
    assert m.n == 200 and 0 <= m.value <= 1


def test_fewer_classes_than_the_task_has(technique, make, fast):
    m = measure(technique, make(k=2), fast, steps=5)
    assert "task-cut-down" in codes(m) and "2 labels" in m.figure("stolen_accuracy").note
    own = Trial(data={"task": pictures(side=6, labels=4)})
    with pytest.raises(ProbeError, match="4 labels"):
        get_probe(f"reprogramming.{technique}")(make(k=2), own)


def test_own_task_from_the_card(technique, make, fast):
    """Labels of the adversary's task are not the target's, even where a name is shared."""
    own = pictures(side=8, labels=2)
    own = Samples(x=own.x, y=own.y, classes=("c1", "something else"))
    m = get_probe(f"reprogramming.{technique}")(make(), Trial(data={"task": own}), steps=3, held_out=30)
    assert m.scope["task"] == "own" and m.n == 30 and "task" in m.data


def test_own_task_that_is_missing(technique, make, fast):
    with pytest.raises(DataError, match="data set in the role"):
        measure(technique, make(), fast, task="own")


@pytest.mark.parametrize(
    ("option", "value"),
    [("steps", 0), ("batch", 0), ("held_out", 0), ("examples", 0), ("mapping", "best"), ("rate", 0.0), ("side", 19),
     ("task", "chess")],
)  # fmt: skip
def test_options_out_of_range(technique, make, fast, option, value):
    with pytest.raises(ProbeError, match=str(option)):
        measure(technique, make(), fast, **{option: value})


@pytest.mark.parametrize("queries", [0, 1, 50, 100, 203, 240, 3000])
def test_budget(technique, make, fast, queries):
    probe = get_probe(f"reprogramming.{technique}")
    m = probe(make(kind="lines"), budget=Budget(queries=queries), **getattr(fast, technique))
    assert m.cost.queries <= queries and status(m) is not Status.PASS


@pytest.mark.parametrize(("queries", "read"), [(90, 30), (240, 80), (1000, 200)])
def test_a_spent_budget_still_reads_what_was_learned(technique, make, queries, read):
    """Rows to read held-out pictures by are kept: a number with a doubt is worth more than none."""
    more = {"directions": 2} if technique == "zeroth_order" else {}
    probe = get_probe(f"reprogramming.{technique}")
    m = probe(make(), budget=Budget(queries=queries), steps=10_000, batch=8, held_out=200, **more)
    assert read <= m.n <= 200 and m.cost.queries <= queries and "budget-spent" in codes(m)
    assert m.figure("steps_made").value > 1 or queries < 1000  # a first look at the answers costs 256


def test_own_pictures_with_holes(technique, make, fast):
    own = pictures(side=8, labels=2)
    x = own.x / 255.0
    x[5, 2, 2] = np.nan
    with pytest.raises(DataError, match="NaN"):
        measure(technique, make(), fast, task=Samples(x=x, y=own.y, classes=own.classes))


@pytest.mark.parametrize("n", [1, 2])
def test_one_example(technique, make, fast, n):
    m = measure(technique, make(), fast, examples=n, held_out=n)
    assert status(m) is Status.INCONCLUSIVE


def test_counter_measures_are_measured_with_their_cost(technique, make, fast):
    m = measure(technique, make(), fast, test=pictures())
    names = {f.name for f in m.figures}
    assert {"accuracy_under.top_1", "accuracy_under.rounded_1", "accuracy_under.smoothing", "caught.frame"} <= names
    table = next(e for e in m.evidence if e.title.startswith("What would stop it"))
    assert len(table.rows) == 8 and all(isinstance(row[2], float) for row in table.rows)
    assert m.figure("caught.frame").value == 1.0


def test_a_filter_is_put_before_the_model(technique, make, fast):
    """Smoothing takes contrast away, which is all that this model measures: the answers cannot stay the same."""
    m = measure(technique, make(), fast, test=pictures())
    assert m.figure("accuracy_under.smoothing").value < m.figure("stolen_accuracy").value - 0.2


def test_same_seed_same_number(technique, make, fast):
    a, b = (measure(technique, make(), fast, steps=10, test=pictures()) for _ in range(2))
    assert a.model_copy(update={"cost": b.cost}) == b


@pytest.mark.parametrize("mapping", ["first", "matched"])
@pytest.mark.parametrize("per", [1, 2])
def test_several_outputs_a_label(technique, make, fast, mapping, per):
    m = measure(technique, make(k=20), fast, mapping=mapping, per=per, rematch=1, steps=6)
    pictures_ = next(e for e in m.evidence if e.title.startswith("The program"))
    first = pictures_.note.split(": ")[1].split(",")[0].split(" = ")[1].split()
    assert len(first) == per
