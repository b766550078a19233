"""Which model answers: what a run does when it is another one than before, also where the canaries cannot tell."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from momus.assess import reference_rows, worker
from momus.card.http import HttpCard
from momus.core.cache import Cache
from momus.core.records import Caveat
from momus.core.samples import Samples
from momus.targets.http_ import http_target
from momus.testing.asgi import serving
from momus.testing.served_models import ServedModels

X = np.random.default_rng(5).normal(size=(320, 3)).round(6)
DATA = Samples(X, (X[:, 0] > 0).astype(np.int64), classes=("no", "yes"))
CANARIES = np.unique(np.linspace(0, len(X) - 1, 16).astype(np.int64))
OTHERS = np.setdiff1d(np.arange(len(X)), CANARIES)


class Labels:
    """Answers with a label alone: whether a number is above a border. ``spare`` rows are answered as ever."""

    def __init__(self) -> None:
        self.border, self.spare, self.rows = 0.0, np.zeros((0, 3)), 0

    def __call__(self, x: Any) -> list[str]:
        a = np.asarray(x)
        self.rows += len(a)
        known = (a[:, None, :] == self.spare[None]).all(axis=2).any(axis=1)
        above = a[:, 0] > np.where(known, 0.0, self.border)
        return ["yes" if v else "no" for v in above]


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[str, ServedModels]]:
    app = ServedModels({}, tensors={"m": ("FP64", [-1, 3])})
    with serving(app) as url:
        yield url, app


@pytest.fixture
def model(served: tuple[str, ServedModels]) -> Labels:
    made = Labels()
    served[1].answers["m"] = made
    return made


@pytest.fixture
def opened(served: tuple[str, ServedModels], tmp_path: Path) -> Any:
    def open_(**more: Any) -> Any:
        card = HttpCard(url=served[0], model="m", rows=200)
        return http_target(card, samples=DATA, cache=Cache(tmp_path / "kept"), **more)

    return open_


def codes(target: Any) -> list[str]:
    return [c.code for c in target.afterwards()]


def another_process(target: Any) -> None:
    """What was asked so far was asked by a process that is gone."""
    with target.function.kept._work() as file:
        file.execute("UPDATE told SET who = ?", (2**30,))


def test_another_model_at_the_beginning_is_another_target(model: Labels, opened: Any) -> None:
    first = opened().info.digest
    assert opened().info.digest == first
    model.border = 5.0
    assert opened().info.digest != first


def test_a_worker_that_meets_another_model_than_the_run_began_with_says_so(model: Labels, opened: Any) -> None:
    began = opened()
    began.predict(X)
    model.border = 5.0
    late = opened(first=False, expected=began.info.digest)
    late.predict(X)
    (caveat,) = late.afterwards()
    assert caveat.code == "model-changed" and caveat.blocks == "both"
    assert len(began.function.kept) == 0


def test_a_version_that_answers_the_canaries_as_the_last_is_seen_by_kept_answers(model: Labels, opened: Any) -> None:
    first = opened()
    first.predict(X[OTHERS])
    assert codes(first) == []
    another_process(first)
    model.spare, model.border = X[CANARIES], 5.0
    second = opened()
    assert second.info.digest == first.info.digest
    assert (second.predict(X[OTHERS]) == first.predict(X[OTHERS])).all(), "kept answers, of a model that is gone"
    (caveat,) = second.afterwards()
    assert caveat.blocks == "both" and "when their answers were kept" in caveat.message
    assert len(second.function.kept) == 0
    third = opened()
    assert not third.predict(X[OTHERS]).any() and codes(third) == []


def test_looking_at_kept_answers_again_asks_few_rows(model: Labels, opened: Any) -> None:
    first = opened()
    first.predict(X[OTHERS])
    assert codes(first) == []
    another_process(first)
    second = opened()
    before = model.rows
    second.predict(X[OTHERS])
    assert model.rows == before
    assert codes(second) == [] and model.rows == before + 2 * 16


def test_answers_of_a_process_that_died_before_its_last_look_count_for_nobody(model: Labels, opened: Any) -> None:
    died = opened()
    model.border = 5.0  # another version, for a moment
    died.predict(X[OTHERS])
    model.border = 0.0
    another_process(died)
    assert (opened().predict(X[OTHERS]) == (X[OTHERS, 0] > 0)).all()


def test_what_happened_while_a_reference_was_made_is_among_its_notes(monkeypatch: pytest.MonkeyPatch) -> None:
    class Changed:
        def afterwards(self) -> Any:
            return (Caveat(code="model-changed", message="it changed", blocks="both"),)

    def answer(_request: Any, _read: Any, open_: Any, _emit: Any) -> Any:
        open_({})
        return {"notes": ["first"]}

    monkeypatch.setattr(worker, "_open", lambda _request, _sets: Changed())
    monkeypatch.setattr(reference_rows, "answer", answer)
    assert worker._reference({}, lambda _: None)["notes"] == ["first", "it changed"]
