"""Copies of a model learned from its answers: which kinds a thief tries, and which of them does best.

Everything here sees rows and answers and no target. ``x`` are canonical inputs: tables (n, d), pictures (n, c, h, w)
in [0, 1], or texts (n,). ``answers`` (n, k) are what the service said: probabilities as rounded by it, or ones and
zeros where it gives labels alone.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from momus.core.samples import NumpyArray
from momus.methods import copying_network

FLOOR = 0.01  # what a lower probability counts as where trees are fitted to logarithms: far tails decide nothing
LEAST = 1e-9  # the same for a line, which is straight in the tails too
OF_LABELS = " of labels"  # ending of kinds that forget the probabilities
AND = " and "  # between the kinds of a committee
TREES = 30  # of a forest
HOPELESS = 0.08  # kinds this far behind the best after one fold are not tried on the others
CLOSE = 0.02  # kinds this near to the best may join it
TABLE_KINDS = ("line", "tree", "forest", "boosting", "network", "boosting of labels")


class Copy(Protocol):
    """What a thief holds in the end."""

    def scores(self, x: NumpyArray, /) -> NumpyArray:
        """(n, k), greater meaning likelier; log-probabilities up to a constant a row."""
        ...


@dataclass(frozen=True)
class Learner:
    """How copies of one target are fitted. ``codes`` are a table's columns of category codes."""

    classes: int
    codes: Mapping[int, Sequence[float]]
    modality: str

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of copy that fit these inputs."""
        return TABLE_KINDS if self.modality == "table" else ("words",) if self.modality == "text" else ("network",)

    def fit(self, kind: str, x: NumpyArray, answers: NumpyArray, seed: int) -> Copy:
        """One copy of that kind."""
        if AND in kind:
            return _Committee([self.fit(k, x, answers, seed) for k in kind.split(AND)])
        if kind.endswith(OF_LABELS):
            kind, answers = kind.removesuffix(OF_LABELS), hard(answers)
        if kind == "network":
            rng = np.random.default_rng(seed)
            return copying_network.fit(x, answers, rng=rng, codes=self.codes)
        if kind == "words":
            return _Words(x, answers, seed)
        return _Table(kind, x, answers, self.codes, seed)

    def choose(
        self,
        x: NumpyArray,
        answers: NumpyArray,
        judged: NumpyArray,
        seed: int,
        kinds: Sequence[str] = (),
        folds: int = 3,
    ) -> Choice:
        """The kind that agrees most on answers it was not fitted on, by cross-validation, with its agreement.

        ``judged`` marks the rows whose held-out answers count: those drawn at random, not those chosen because the
        copy was unsure of them. Up to three kinds about as good as the best are also tried as a committee.
        """
        kinds = tuple(kinds) or self.kinds
        if is_hard(answers):
            kinds = tuple(k for k in kinds if not k.endswith(OF_LABELS))
        counted = judged if judged.sum() >= 30 else np.ones(len(x), dtype=bool)
        if len(x) < 2 * folds or (len(kinds) == 1 and self.modality != "table"):
            return Choice(kinds[0], {}, int(counted.sum()))
        fold = np.random.default_rng(seed).permutation(len(x)) % folds
        says = answers.argmax(1)
        held = {kind: np.zeros(answers.shape) for kind in kinds}
        running = list(kinds)
        for f in range(folds):
            rest = fold != f
            for kind in running:
                held[kind][~rest] = _soft(self.fit(kind, x[rest], answers[rest], seed).scores(x[~rest]))
            seen = counted & (fold <= f)
            so_far = {k: float((held[k].argmax(1) == says)[seen].mean()) if seen.any() else 0.0 for k in running}
            if seen.sum() >= 30:  # a kind that is far behind after a third of the rows does not catch up
                running = [k for k in running if so_far[k] >= max(so_far.values()) - HOPELESS]
        held = {kind: held[kind] for kind in running}
        found = {kind: float((p.argmax(1) == says)[counted].mean()) for kind, p in held.items()}
        best = max(found.values())
        good = [k for k in sorted(running, key=lambda k: -found[k]) if found[k] >= best - CLOSE][:3]
        if len(good) > 1:
            together = sum(held[k] for k in good)
            found[AND.join(good)] = float((np.asarray(together).argmax(1) == says)[counted].mean())
        # Of equals the first: single kinds stand before the committee, and simple ones before others.
        best = max(found.values())
        kind = next(k for k in found if found[k] >= best)
        return Choice(kind, found, int(counted.sum()))


@dataclass(frozen=True)
class Choice:
    """Which kind of copy, and the cross-validated agreement of every kind tried on ``n`` answers."""

    kind: str
    agreement: Mapping[str, float]
    n: int


def log_odds(answers: NumpyArray, floor: float) -> NumpyArray:
    """(n, k) log-probabilities, centred in each row: what a linear or boosted copy is fitted to."""
    z = np.log(np.clip(answers, floor, None))
    out: NumpyArray = z - z.mean(1, keepdims=True)
    return out


def hard(answers: NumpyArray) -> NumpyArray:
    """The same answers as ones and zeros: labels alone."""
    return np.asarray(np.eye(answers.shape[1])[answers.argmax(1)])


def is_hard(answers: NumpyArray) -> bool:
    """Whether every answer is all or nothing, so that probabilities tell no more than labels."""
    return bool(((answers == 0) | (answers == 1)).all())


def spread_codes(x: NumpyArray, codes: Mapping[int, Sequence[float]]) -> NumpyArray:
    """Columns of category codes as one column for each code, at the end; missing values at the column's mean."""
    plain = [i for i in range(x.shape[1]) if i not in codes]
    parts = [x[:, plain], *((x[:, [c]] == np.asarray(values)[None, :]).astype(float) for c, values in codes.items())]
    return np.concatenate(parts, axis=1)


@dataclass(frozen=True)
class _Committee:
    """Copies of several kinds, whose probabilities are averaged."""

    members: Sequence[Copy]

    def scores(self, x: NumpyArray, /) -> NumpyArray:
        mean = np.mean([_soft(m.scores(x)) for m in self.members], axis=0)
        return np.asarray(np.log(np.clip(mean, 1e-12, None)))


def _soft(scores: NumpyArray) -> NumpyArray:
    out: NumpyArray = copying_network.softmax(scores) if len(scores) else scores
    return out


class _Table:
    """A scikit-learn model on a table: fitted to log-odds where the service gives scores, to labels elsewhere."""

    def __init__(
        self, kind: str, x: NumpyArray, answers: NumpyArray, codes: Mapping[int, Sequence[float]], seed: int
    ) -> None:
        self.k, self.codes = answers.shape[1], codes
        design = spread_codes(x, codes)
        seen = np.where(np.isfinite(design), design, np.nan)
        self.fill = np.array([np.nanmean(c) if np.isfinite(c).any() else 0.0 for c in seen.T])
        self.hard = is_hard(answers)
        design = self._filled(design)
        with warnings.catch_warnings():  # a line that has not converged is a worse copy, which the number shows
            warnings.simplefilter("ignore")
            if self.hard:
                says = answers.argmax(1)
                self.seen = np.unique(says)
                self.model = None if len(self.seen) < 2 else _classifier(kind, len(x), seed).fit(design, says)
            else:
                self.model = _scored(kind, design, answers, seed)

    def _filled(self, design: NumpyArray) -> NumpyArray:
        return np.where(np.isfinite(design), design, self.fill)

    def scores(self, x: NumpyArray, /) -> NumpyArray:
        design = self._filled(spread_codes(x, self.codes))
        if not len(x):
            return np.zeros((0, self.k))
        if not self.hard:
            assert self.model is not None
            return np.asarray(self.model.predict(design)).reshape(len(x), self.k)
        out = np.full((len(x), self.k), np.log(FLOOR))
        out[:, self.seen] = (
            0.0 if self.model is None else np.log(np.clip(self.model.predict_proba(design), FLOOR, None))
        )
        return out


def _scored(kind: str, design: NumpyArray, answers: NumpyArray, seed: int) -> Any:
    """A regression on log-odds. A line weighs each row by how much a rounded answer still says about it."""
    model = _regressor(kind, seed)
    if kind != "line":
        return model.fit(design, log_odds(answers, FLOOR))
    top = answers.max(1)
    weight = np.maximum(top * (1 - top), 1e-6) ** 2
    return model.fit(design, log_odds(answers, LEAST), ridge__sample_weight=weight)


def _rounds(n: int) -> int:
    """Boosting rounds for ``n`` answers."""
    return 60 if n < 1000 else 120


class _Boosted:
    """One boosted regression for each class, or one in all where there are two."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.models: list[Any] = []

    def fit(self, x: NumpyArray, y: NumpyArray) -> _Boosted:
        from sklearn.ensemble import HistGradientBoostingRegressor

        columns = 1 if y.shape[1] == 2 else y.shape[1]
        self.two = y.shape[1] == 2
        settings = {
            "max_iter": _rounds(len(x)) if self.two else 60,
            "learning_rate": 0.12,
            "min_samples_leaf": max(3, min(20, len(x) // 100)),
            "random_state": self.seed,
            "early_stopping": False,
        }
        for j in range(columns):
            model = HistGradientBoostingRegressor(**settings)
            self.models.append(model.fit(x, y[:, j]))
        return self

    def predict(self, x: NumpyArray) -> NumpyArray:
        out = np.column_stack([m.predict(x) for m in self.models])
        return np.concatenate([out, -out], axis=1) if self.two else out


def _regressor(kind: str, seed: int) -> Any:
    from sklearn.ensemble import ExtraTreesRegressor
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.tree import DecisionTreeRegressor

    makers: dict[str, Callable[[], Any]] = {
        "line": lambda: make_pipeline(StandardScaler(), Ridge(1e-6)),
        "tree": lambda: DecisionTreeRegressor(random_state=seed),
        "forest": lambda: ExtraTreesRegressor(TREES, random_state=seed),
        "boosting": lambda: _Boosted(seed),
    }
    return makers[kind]()


def _classifier(kind: str, n: int, seed: int) -> Any:
    from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.tree import DecisionTreeClassifier

    makers: dict[str, Callable[[], Any]] = {
        "line": lambda: make_pipeline(StandardScaler(), LogisticRegression(C=100.0, max_iter=300)),
        "tree": lambda: DecisionTreeClassifier(random_state=seed),
        "forest": lambda: ExtraTreesClassifier(TREES, random_state=seed),
        "boosting": lambda: HistGradientBoostingClassifier(
            max_iter=_rounds(n), learning_rate=0.12, min_samples_leaf=max(3, min(20, n // 100)), random_state=seed,
            early_stopping=False,
        ),
    }  # fmt: skip
    return makers[kind]()


class _Words:
    """Texts as words and pieces of words, and a line through them."""

    def __init__(self, x: NumpyArray, answers: NumpyArray, seed: int) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_union

        texts = [str(t) for t in x]
        self.k, says = answers.shape[1], answers.argmax(1)
        self.seen = np.unique(says)
        self.model: Any = None
        if len(self.seen) < 2:
            return
        self.read = make_union(
            TfidfVectorizer(sublinear_tf=True, token_pattern=r"(?u)\b\w+\b"),  # noqa: S106 - a pattern
            TfidfVectorizer(sublinear_tf=True, analyzer="char_wb", ngram_range=(2, 4), max_features=50_000),
        )
        design = self.read.fit_transform(texts)
        # A soft answer counts as one row for each class, weighted by its probability.
        rows, columns = np.nonzero(answers > 0.01)
        self.model = LogisticRegression(C=30.0, max_iter=200)
        self.model.fit(design[rows], columns, sample_weight=answers[rows, columns])
        self.seen = self.model.classes_

    def scores(self, x: NumpyArray, /) -> NumpyArray:
        out = np.full((len(x), self.k), np.log(FLOOR))
        if not len(x):
            return out
        if self.model is None:
            out[:, self.seen] = 0.0
            return out
        p = self.model.predict_proba(self.read.transform([str(t) for t in x]))
        out[:, self.seen] = np.log(np.clip(p, FLOOR, None))
        return out
