"""What attacks with shadow models stand on: one choice of rows and models, nobody half in, every figure there."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from momus.core.cache import Cache
from momus.core.errors import ProbeError
from momus.core.meter import Budget, Meter
from momus.core.probe import Trial
from momus.core.samples import Samples
from momus.methods import shadow_models
from momus.probes.membership import _shadows
from momus.probes.membership.lira import lira
from momus.probes.membership.loss import loss
from momus.probes.membership.rmia import rmia
from momus.probes.membership.shadow import shadow
from momus.zoo.tables import fitted, people


def ground(target, data, *, seed: int = 0, trial_seed: int = 0, **more):  # type: ignore[no-untyped-def]
    trial = Trial(seed=trial_seed, data=data, meter=Meter(target), run_seed=seed)
    return _shadows.shadows_for(trial.meter, trial, **{"records": 200, "shadows": 4, **more})


@pytest.fixture
def data() -> dict[str, Samples]:
    rng = np.random.default_rng(0)
    return {"train": people(400, rng, name="train"), "test": people(300, rng, name="test")}


def counting(target):  # type: ignore[no-untyped-def]
    """The target, and a list that grows by the rows of every training."""
    fits: list[np.ndarray] = []
    plain = type(target).retrain

    class Counting(type(target)):  # type: ignore[misc]
        def retrain(self, x, y, /, *, seed):  # type: ignore[no-untyped-def]
            fits.append(np.asarray(x))
            return plain(self, x, y, seed=seed)

    target.__class__ = Counting
    return target, fits


def test_the_choice_is_the_runs_and_not_the_probes(data) -> None:  # type: ignore[no-untyped-def]
    target = fitted(LogisticRegression(), data["train"], "line")
    one, two = ground(target, data, trial_seed=1), ground(target, data, trial_seed=2)
    assert np.array_equal(one.audit.members, two.audit.members) and np.array_equal(one.shadows.p, two.shadows.p)
    other = ground(target, data, seed=1)
    assert not np.array_equal(one.audit.members, other.audit.members)


def test_the_models_of_one_probe_serve_the_next(data, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    target, fits = counting(fitted(LogisticRegression(), data["train"], "line"))
    cache = Cache(tmp_path)
    options = {"records": 150, "shadows": 6}
    first = lira(target, **data, cache=cache, **options)
    assert len(fits) == 6
    shadow(target, **data, cache=cache, **options)
    assert len(fits) == 6
    again = lira(target, **data, cache=cache, **options)
    assert again.model_dump(exclude={"cost"}) == first.model_dump(exclude={"cost"})
    without = lira(target, **data, **options)
    assert without.value == first.value and without.figure("auc") == first.figure("auc")
    fits.clear()
    lira(target, **data, cache=cache, records=150, shadows=8)
    assert len(fits) == 2  # a longer row of models begins with the shorter one
    for changed in ({"seed": 1}, {"shadow_rows": 200}, {"records": 140}):
        fits.clear()
        lira(target, **data, cache=cache, **{**options, **changed})
        assert len(fits) == 6
    fits.clear()
    more = {**data, "train": data["train"].take(slice(1, None))}
    lira(target, **more, cache=cache, **options)
    assert len(fits) == 6


def test_probes_side_by_side_share_the_work_and_change_no_number(data, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """As two workers of one run: each model is trained once, whoever comes first, and each probe has all of them."""
    target, fits = counting(fitted(RandomForestClassifier(5, random_state=0), data["train"], "forest"))
    cache, options = Cache(tmp_path), {"records": 150, "shadows": 12}
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(probe, target, **data, cache=cache, **options) for probe in (lira, shadow)]
        side_by_side = [f.result() for f in both]
    assert len(fits) == 12
    for probe, m in zip((lira, shadow), side_by_side, strict=True):
        alone = probe(target, **data, **options)
        assert alone.value == m.value and alone.figures == m.figures


def test_a_person_is_wholly_in_a_model_or_wholly_out() -> None:
    rng = np.random.default_rng(3)
    data = {}
    for name, start in (("train", 0), ("test", 1000)):
        made = people(600, rng, name=name)
        data[name] = replace(made, ids=start + rng.integers(0, 200, 600))
    target = fitted(LogisticRegression(), data["train"], "line")
    g = ground(target, data, records=80)
    assert len(set(np.asarray(g.members.ids))) == g.n == 80
    rows = g.material.rows(shadow_models.halves(g.material.audited, range(4), 7))
    where = {tuple(r): (str(i)) for s in data.values() for r, i in zip(s.x, s.ids, strict=True)}
    person = np.array([where[tuple(r)] for r in g.material.x])
    audited = set(person[: g.material.audited])
    for one in audited:
        of_person = rows[:, person == one]
        assert (of_person == of_person[:, :1]).all() and of_person[:, 0].sum() == 2
        size = sum(int((np.asarray(s.ids).astype(str) == one).sum()) for s in data.values())
        assert of_person.shape[1] == size  # all rows of the person, not the judged one alone
    assert rows[:, [p not in audited for p in person]].all()
    assert abs(rows.sum(1).mean() - 600) < 30


def test_people_of_both_sets_are_no_non_members(data) -> None:  # type: ignore[no-untyped-def]
    train = replace(data["train"], ids=np.arange(400))
    test = replace(data["test"], ids=np.arange(300, 600))
    target = fitted(LogisticRegression(), train, "line")
    g = ground(target, {"train": train, "test": test})
    assert g.audit.dropped == 100 and np.asarray(g.others.ids).min() >= 400


def test_a_small_query_budget_judges_fewer_rows_by_the_same_models(data) -> None:  # type: ignore[no-untyped-def]
    target = fitted(LogisticRegression(), data["train"], "line")
    full = ground(target, data, records=300)
    trial = Trial(data=data, meter=Meter(target, Budget(queries=200)))
    small = _shadows.shadows_for(trial.meter, trial, records=300, shadows=4)
    assert 50 <= small.n <= 100 and small.spent and small.ready  # what is left after a block that does not fit is used
    rows = np.concatenate([np.arange(small.n), 300 + np.arange(small.n)])
    assert np.array_equal(small.p, full.p[rows]) and np.array_equal(small.shadows.p, full.shadows.p[:, rows])
    m = lira(target, **data, records=300, shadows=4, budget=Budget(queries=50))
    assert {"budget-spent", "too-few-samples"} <= {c.code for c in m.caveats}
    assert full.n == 300 and full.shadows.p.shape[:2] == (4, 600)


@pytest.mark.parametrize("probe", [loss, lira, shadow, rmia], ids=lambda p: p.id)
def test_every_attack_tells_the_same_things(probe) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(6)
    data = {}
    for name in ("train", "test"):
        made = people(6500, rng, name=name, noise=2.0)
        data[name] = replace(made, groups={"ward": np.where(rng.random(6500) < 0.4, "north", "south")})
    target = fitted(RandomForestClassifier(10, random_state=0), data["train"], "forest")
    options = {"rows": 6500} if probe is loss else {"records": 5000, "shadows": 4 if probe is rmia else 2}
    m = probe(target, **data, **options)
    names = {f.name for f in m.figures}
    assert {"auc", "balanced_accuracy", "tpr_at_0.1pct_fpr", "blind_auc"} <= names
    for what in ("auc", "tpr_at_1pct_fpr", "balanced_accuracy"):
        assert {f"{what}[ward=north]", f"{what}[ward=south]", f"{what}[class=class 0]"} <= names, what
    assert sum(n.startswith("auc[class=") for n in names) == 2
    told = next(e for e in m.evidence if e.title == "What the attack finds in each class and group")
    north = next(r for r in told.rows if r[0] == "ward=north")
    assert north[1] < 0.5 * 6500 and north[3].startswith(f"{m.figure('auc[ward=north]').value:.3f} (")
    for name in ("auc", "balanced_accuracy", "tpr_at_0.1pct_fpr", "auc[ward=north]", "blind_auc"):
        ci = m.figure(name).ci
        assert ci is not None and ci.low <= m.figure(name).value <= ci.high
    rows = next(e for e in m.evidence if "surest" in e.title)
    assert len(rows.rows) == 10 and all(0 <= r[0] < 6500 for r in rows.rows)


@pytest.mark.parametrize("probe", [loss, lira, shadow], ids=lambda p: p.id)
def test_sets_that_differ_in_kind_allow_no_verdict(probe) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(7)
    train, test = people(500, rng, name="train"), people(500, rng, name="test")
    test = replace(test, x=test.x + 1.5)
    target = fitted(LogisticRegression(), train, "line")
    m = probe(target, train=train, test=test, **({} if probe is loss else {"shadows": 2}))
    assert ("members-differ", "both") in {(c.code, c.blocks) for c in m.caveats}


def test_views_are_for_images(data) -> None:  # type: ignore[no-untyped-def]
    target = fitted(LogisticRegression(), data["train"], "line")
    with pytest.raises(ProbeError, match="views of an image"):
        lira(target, **data, queries=2)
    x = np.arange(2 * 4 * 4 * 1).reshape(2, 4, 4, 1)
    seen = _shadows.views(x, 10)
    assert len({v.tobytes() for v in seen}) == 10 and all(v.shape == x.shape for v in seen)
    assert np.array_equal(seen[1], x[:, :, ::-1]) and np.array_equal(seen[2][:, 1:], x[:, :-1])


def test_an_unknown_variance_is_refused(data) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ProbeError, match="variance"):
        lira(fitted(LogisticRegression(), data["train"], "line"), **data, variance="each")


def test_kept_answers_are_those_of_the_same_target_data_and_settings(data, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """One folder for all: whatever a shadow model depends on is in the name under which its answers are kept."""
    line = fitted(LogisticRegression(), data["train"], "t")
    flat = fitted(LogisticRegression(C=1e-4), data["train"], "t")
    turned = {**data, "train": replace(data["train"], y=1 - data["train"].y)}

    def said(target, rows, **more):  # type: ignore[no-untyped-def]
        trial = Trial(data=rows, meter=Meter(target), cache=Cache(tmp_path))
        found = _shadows.shadows_for(trial.meter, trial, **{"records": 200, "shadows": 2, **more})
        return found.shadows.p

    first = said(line, data)
    assert np.array_equal(said(line, data), first)
    for target, rows, more in ((flat, data, {}), (line, turned, {}), (line, data, {"shadow_rows": 250})):
        assert not np.allclose(said(target, rows, **more), first)
