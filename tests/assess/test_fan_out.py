"""One job over several cores, and over several nodes that share a cache: the same numbers, and the work done once."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier

from momus.assess.fan_out import DIVIDES
from momus.core import divide
from momus.core.cache import Cache
from momus.core.capabilities import TargetInfo
from momus.core.errors import BudgetSpent
from momus.core.meter import Budget, Meter
from momus.core.probe import Trial
from momus.core.registry import get_probe, probe_ids
from momus.core.samples import Samples
from momus.core.spread import Slots
from momus.methods import retraining
from momus.targets import Target


class Asked:
    """A model that counts the rows it is asked in this process, and trains trees."""

    def __init__(self, bare: object) -> None:
        self.bare, self.rows, self.trained = bare, 0, 0
        self.info: TargetInfo = bare.info  # type: ignore[attr-defined]

    def encode(self, x):
        return self.bare.encode(x)

    def decode(self, a):
        return self.bare.decode(a)

    def predict(self, x):
        self.rows += len(x)
        return self.bare.predict(x)

    def retrain(self, x, y, /, *, seed):
        self.trained += 1
        return self.bare.retrain(x, y, seed=seed)


@pytest.fixture
def table() -> tuple[Asked, Samples]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    rows = Samples(x, (x[:, 0] > x[:, 1]).astype(int), classes=("no", "yes"))
    model = DecisionTreeClassifier(max_depth=4, random_state=0).fit(rows.x, rows.y)
    return Asked(Target.from_sklearn(model, name="m", samples=rows)), rows


def measured(asked: Asked, rows: Samples, **how):
    """corruption.table with a trial of its own; the number, its figures, what it says that it asked."""
    trial = Trial(seed=7, data={"test": rows}, budget=how.pop("budget", Budget()), identity="job", **how)
    m = get_probe("corruption.table")(asked, trial, n=200)
    return m.value, m.ci, m.figures, m.cost.queries, m.cost.calls


def test_rows_are_answered_alike_and_counted_alike_by_any_number_of_cores_and_nodes(table, tmp_path):
    asked, rows = table
    alone = measured(asked, rows)
    by_itself = asked.rows
    assert by_itself == alone[3] > 2000
    for cores in (1, 2):
        asked.rows = 0
        assert measured(asked, rows, slots=Slots(tmp_path / f"{cores}", cores)) == alone
    # Nodes: the first finds nothing kept and does all; the second finds all but what every node asks by itself.
    cache = Cache(tmp_path / "arrays")
    for mate, least in ((0, by_itself), (1, 0)):
        asked.rows = 0
        assert measured(asked, rows, cache=cache, mate=mate) == alone
        assert asked.rows == by_itself if least else asked.rows < by_itself / 5
    # A bound on queries cuts the work itself, in order: then nothing else does.
    bounded = [measured(asked, rows, budget=Budget(queries=3000), **how) for how in ({}, {"cache": cache, "mate": 2})]
    assert bounded[0] == bounded[1] and bounded[0][3] <= 3000 and bounded[0] != alone


def test_mates_begin_apart_and_do_each_training_once(table, tmp_path):
    asked, rows = table
    asked.bare.retrain = lambda x, y, /, *, seed: Target.from_sklearn(  # type: ignore[attr-defined]
        DecisionTreeClassifier(max_depth=2, random_state=seed).fit(x, y), name="s", samples=rows
    )
    runs = [retraining.Run(rows.x, np.asarray(rows.y), seed) for seed in range(12)]
    cache, order = Cache(tmp_path / "arrays"), []
    both = threading.Barrier(2, timeout=30)
    train = asked.retrain

    def told(x, y, /, *, seed):
        order.append((threading.current_thread().name, seed))
        if len(order) <= 2:
            both.wait()  # both are at work before either goes on
        return train(x, y, seed=seed)

    asked.retrain = told  # type: ignore[method-assign]
    found: dict[str, list[np.ndarray]] = {}

    def work(mate: int) -> None:
        said = retraining.answers(asked, Trial(cache=cache, mate=mate), runs, {"test": rows.x})  # type: ignore[arg-type]
        found[str(mate)] = [s["test"] for s in said]

    threads = [threading.Thread(target=work, args=(mate,), name=str(mate)) for mate in (0, 1)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(seed for _, seed in order) == list(range(12)), "each model is trained once"
    firsts = {who: next(seed for w, seed in order if w == who) for who in ("0", "1")}
    assert firsts == {"0": 0, "1": 6}
    alone = retraining.answers(asked, Trial(), runs, {"test": rows.x})  # type: ignore[arg-type]
    for who in found:
        assert all(np.array_equal(a, b["test"]) for a, b in zip(found[who], alone, strict=True))


def test_what_cannot_be_cut_is_not(table):
    asked, _ = table
    assert divide.may(Meter(asked))
    assert not divide.may(None) and not divide.may(Meter(asked, Budget(queries=10)))
    for change in ({"randomised": True}, {"adapter": "http"}):
        other = Asked(asked.bare)
        other.info = replace(asked.info, **change)
        assert not divide.may(Meter(other))


def test_mates_are_as_far_apart_as_may_be():
    assert [divide._apart(m) for m in range(6)] == [0, 1 / 2, 1 / 4, 3 / 4, 1 / 8, 5 / 8]


def test_a_mate_passes_over_what_others_did_or_are_doing():
    class Known:
        holds, busy = frozenset({"a"}).__contains__, frozenset({"c"}).__contains__

    done: list[str] = []
    jobs = [lambda key=key: done.append(key) for key in "abcd"]
    divide.ahead(jobs, [[key] for key in "abcd"], Known, 1)  # type: ignore[arg-type]
    assert done == ["d", "b"], "it begins in the middle and waits for nobody"


def test_a_part_that_time_did_not_suffice_for_is_not_kept(tmp_path):
    cache = Cache(tmp_path / "arrays")
    assert divide._kept(cache, "0" * 64, dict) == {} and not cache.holds("0" * 64)
    assert divide._kept(cache, "0" * 64, lambda: {"x": np.ones(2)})["x"].sum() == 2


def test_the_probes_that_divide_are_those_whose_code_does():
    assert set(probe_ids()) >= DIVIDES
    root = Path(divide.__file__).parents[1] / "probes"
    words = ("retraining.answers", "in_turn", "_sweep.run", "trial.ahead")
    rooms = {p.parent.name for p in root.rglob("*.py") if any(word in p.read_text() for word in words)}
    assert rooms == {name.split(".")[0] for name in DIVIDES}


def test_a_number_that_time_had_a_part_in_says_so(table, tmp_path):
    """However many cores help, a job that time cut short is never silently another number."""
    asked, rows = table
    for slots in (None, Slots(tmp_path / "cores", 1)):
        trial = Trial(seed=7, data={"test": rows}, budget=Budget(None, 3600.0), slots=slots)
        ends = _Ends(asked, 40, trial)
        m = get_probe("corruption.table")(ends, trial, n=200)
        assert "budget-spent" in [c.code for c in m.caveats]
    # A probe that says nothing of it is spoken for; one that was in time is left as it is.
    meter = Meter(asked, Budget(None, 0.0))
    silent = m.model_copy(update={"caveats": ()})
    assert meter.timely(silent) is silent
    with pytest.raises(BudgetSpent):
        meter.check_time()
    assert [(c.code, c.blocks) for c in meter.timely(silent).caveats] == [("budget-spent", "none")]
    assert meter.timely(m) is m


class _Ends(Asked):
    """Time is up after so many calls."""

    def __init__(self, of: Asked, calls: int, trial: Trial) -> None:
        super().__init__(of.bare)
        self.calls, self.trial = calls, trial

    def predict(self, x):
        self.calls -= 1
        if self.calls < 0:
            self.trial.meter.started -= 7200
        return super().predict(x)
