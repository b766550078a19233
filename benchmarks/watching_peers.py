"""PRADA as published (Juuti et al. 2019, arXiv:1805.02628), and the example credit-default as a served model."""

from __future__ import annotations

import importlib.util
from collections import defaultdict
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from scipy import stats

from momus.monitor.events import Batch
from momus.zoo.traffic.systems import Served

EXAMPLE = Path(__file__).parents[1] / "examples" / "credit-default"


class Prada:
    """One detector of thefts for each caller: are the distances of new queries from earlier ones still normal?

    A query's distance is that from the nearest earlier one of the same answered class; it goes into the class's growing
    set when it exceeds the set's mean less its standard deviation. Once a caller has 100 distances, those within three
    standard deviations are tested by Shapiro and Wilk: W below ``delta`` is an attack. The paper sets ``delta`` for
    each data set so that honest users do not trip it (0.87 to 0.96).
    """

    LEAST = 100

    def __init__(self, delta: float) -> None:
        self.delta = delta
        self.distances: dict[int, list[float]] = defaultdict(list)
        self.sets: dict[tuple[int, int], list[Any]] = defaultdict(list)
        self.means: dict[tuple[int, int], list[float]] = defaultdict(list)
        self.lowest: dict[int, float] = {}
        self.first: dict[int, int] = {}

    def take(self, batch: Batch, scale: Any, only: int | None = None) -> None:
        """Every event in turn; ``first`` says at which event each caller was called a thief.

        Callers do not touch each other here, so that one alone may be looked at.
        """
        z = (batch.x - scale[0]) / scale[1]
        for i, (who, said) in enumerate(zip(batch.caller.tolist(), batch.said.tolist(), strict=True)):
            if only is not None and who != only:
                continue
            known = self.sets[who, said]
            if known:
                d = float(np.sqrt(((np.array(known) - z[i]) ** 2).sum(axis=1)).min())
                self.distances[who].append(d)
                grown = self.means[who, said]
                if not grown or d > np.mean(grown) - np.std(grown):
                    grown.append(d)
                    known.append(z[i])
            else:
                known.append(z[i])
            if len(self.distances[who]) >= self.LEAST and len(self.distances[who]) % 10 == 0:
                self._test(who, i)

    def _test(self, who: int, at: int) -> None:
        d = np.array(self.distances[who])
        d = d[np.abs(d - d.mean()) <= 3 * d.std()]
        if len(d) < 3 or not d.std() > 0:
            return  # a bot that repeats one row has no distribution
        w = float(stats.shapiro(d).statistic)
        self.lowest[who] = min(w, self.lowest.get(who, 1.0))
        if w < self.delta:
            self.first.setdefault(who, at)


def _module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"credit_default_{name}", EXAMPLE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def credit() -> Served | None:
    """The example's clients, and its recipe trained on 8,000 of them: the other 22,000 are honest traffic. None where
    the table is not installed."""
    from momus.core.errors import DataError

    data, recipe = _module("data"), _module("model")
    try:
        train, test = data.train(), data.test()
    except DataError:
        return None
    from dataclasses import replace

    own = replace(train, x=train.x[:8000], y=train.y[:8000], groups={}, ids=None)
    rest = np.concatenate([train.x[8000:], test.x])
    truth = np.concatenate([train.y[8000:], test.y])
    model = recipe.fit(own.x, own.y, seed=0)

    def draw(n: int, rng: Any) -> tuple[Any, Any]:
        at = np.concatenate([rng.permutation(len(rest)) for _ in range(n // len(rest) + 1)])[:n]
        return rest[at], truth[at]

    def answers(x: Any) -> Any:
        return model.predict_proba(np.asarray(x, float)).astype(float)

    few = replace(test, x=test.x[:2000], y=test.y[:2000], groups={}, ids=None)
    return Served("credit-default", answers, draw, few, own, columns=test.columns)
