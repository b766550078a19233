"""Honest files of scikit-learn, boosting, tables, arrays and the standard library; sizes and values by seed."""

# ruff: noqa: E501   a row a line reads better than a row in five

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import pickle
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from corpus.hostile_clothes import dumped
from corpus.items import Item

Made = tuple[str, str, bytes]


def items(seed: int) -> list[Item]:
    """Everything the installed libraries make."""
    rng = np.random.default_rng(seed)
    rows: list[Made] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for make in (_sklearn, _boosting, _pandas, _arrays, _scipy, _standard):
            rows += make(rng)
    return [Item(f"benign: {n}", "benign", n.split(":")[0], f, d, kind="benign") for n, f, d in rows]


def saved(write: Callable[[str], object], name: str) -> bytes:
    """What a library writes when it is given a path."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        write(str(path))
        return path.read_bytes()


def _models(rng: np.random.Generator) -> Iterator[tuple[str, Any]]:
    from sklearn import (
        calibration,
        cluster,
        compose,
        decomposition,
        dummy,
        ensemble,
        feature_extraction,
        feature_selection,
        gaussian_process,
        impute,
        isotonic,
        linear_model,
        mixture,
        model_selection,
        multiclass,
        naive_bayes,
        neighbors,
        neural_network,
        pipeline,
        preprocessing,
        random_projection,
        svm,
        tree,
    )

    n = int(rng.integers(60, 120))
    x = np.abs(rng.normal(size=(n, 5)))
    y = (x[:, 0] > x[:, 1]).astype(int)
    words = ["good film", "bad film", "fine acting", "poor plot"] * 10
    labels = [1, 0, 1, 0] * 10
    k = int(rng.integers(2, 6))
    yield "logistic regression", linear_model.LogisticRegression().fit(x, y)
    yield "ridge", linear_model.RidgeCV().fit(x, x[:, 0])
    yield "lasso", linear_model.LassoCV(cv=2).fit(x, x[:, 0])
    yield "SGD", linear_model.SGDClassifier().fit(x, y)
    yield "perceptron", linear_model.Perceptron().fit(x, y)
    yield "forest", ensemble.RandomForestClassifier(k).fit(x, y)
    yield "extra trees", ensemble.ExtraTreesRegressor(k).fit(x, x[:, 0])
    yield "gradient boosting", ensemble.GradientBoostingClassifier(n_estimators=k).fit(x, y)
    yield "histogram boosting", ensemble.HistGradientBoostingRegressor(max_iter=k).fit(x, x[:, 0])
    yield "AdaBoost", ensemble.AdaBoostClassifier(n_estimators=k).fit(x, y)
    yield "isolation forest", ensemble.IsolationForest(n_estimators=k).fit(x)
    yield "bagging", ensemble.BaggingClassifier(n_estimators=k).fit(x, y)
    yield "voting", ensemble.VotingClassifier([("a", svm.SVC()), ("b", naive_bayes.GaussianNB())]).fit(x, y)
    yield "stacking", ensemble.StackingClassifier([("a", tree.DecisionTreeClassifier())], cv=2).fit(x, y)
    yield "tree", tree.DecisionTreeClassifier(max_depth=k).fit(x, y)
    yield "SVC", svm.SVC(probability=False).fit(x, y)
    yield "one-class SVM", svm.OneClassSVM().fit(x)
    yield "neighbours, ball tree", neighbors.KNeighborsClassifier(algorithm="ball_tree").fit(x, y)
    yield "density", neighbors.KernelDensity().fit(x)
    yield "naive Bayes", naive_bayes.MultinomialNB().fit(x, y)
    yield "network", neural_network.MLPClassifier((k,), max_iter=5).fit(x, y)
    yield "Gaussian process", gaussian_process.GaussianProcessRegressor().fit(x[:20], y[:20])
    yield "k-means", cluster.KMeans(k, n_init=1).fit(x)
    yield "DBSCAN", cluster.DBSCAN().fit(x)
    yield "mixture", mixture.GaussianMixture(k).fit(x)
    yield "PCA", decomposition.PCA(k).fit(x)
    yield "NMF", decomposition.NMF(2, max_iter=20).fit(x)
    yield "isotonic", isotonic.IsotonicRegression().fit(x[:, 0], y)
    yield "dummy", dummy.DummyClassifier().fit(x, y)
    yield "multi-class", multiclass.OneVsRestClassifier(svm.LinearSVC()).fit(x, y)
    yield "projection", random_projection.GaussianRandomProjection(2).fit(x)
    yield "selection", feature_selection.SelectKBest(k=2).fit(x, y)
    yield "imputer", impute.KNNImputer().fit(x)
    yield "calibrated", calibration.CalibratedClassifierCV(svm.LinearSVC(), cv=2).fit(x, y)
    yield "grid search", model_selection.GridSearchCV(svm.SVC(), {"C": [1, 2]}, cv=2).fit(x, y)
    encoder = compose.ColumnTransformer([("s", preprocessing.StandardScaler(), [0, 1]),
                                         ("q", preprocessing.QuantileTransformer(n_quantiles=9), [2])])  # fmt: skip
    yield "column pipeline", pipeline.make_pipeline(encoder, linear_model.LogisticRegression()).fit(x, y)
    text = feature_extraction.text.TfidfVectorizer(stop_words="english")
    yield "text pipeline", pipeline.make_pipeline(text, naive_bayes.MultinomialNB()).fit(words, labels)
    hashed = feature_extraction.text.HashingVectorizer(n_features=64)
    yield "hashed text", pipeline.make_pipeline(hashed, linear_model.SGDClassifier()).fit(words, labels)
    union = pipeline.make_union(preprocessing.MinMaxScaler(), preprocessing.PolynomialFeatures())
    yield "union", union.fit(x)
    yield "one-hot", preprocessing.OneHotEncoder().fit([["a", 1], ["b", 2]])
    yield "NumPy function", preprocessing.FunctionTransformer(np.log1p).fit(x)


def _sklearn(rng: np.random.Generator) -> list[Made]:
    out: list[Made] = []
    ways: list[tuple[str, Callable[[Any], bytes]]] = [
        *[(f"protocol {p}", lambda m, p=p: pickle.dumps(m, p)) for p in (5, 4, 2, 0)],  # type: ignore[misc]
        ("joblib", dumped),
        *[(f"joblib {c}", lambda m, c=c: dumped(m, (c, 3))) for c in ("zlib", "gzip", "bz2", "xz", "lzma")],  # type: ignore[misc]
        ("pickle in gzip", lambda m: gzip.compress(pickle.dumps(m), mtime=0)),
    ]
    for i, (name, model) in enumerate(_models(rng)):
        way, dump = ways[i % len(ways)]
        out.append((f"sklearn: {name}, {way}", f"sk{i}.{'joblib' if 'joblib' in way else 'pkl'}", dump(model)))
    try:
        out.append(("sklearn: forest, joblib lz4", "rf.lz4", dumped(model, "lz4")))
    except ValueError:
        return out  # lz4 is not installed
    return out


def _boosting(rng: np.random.Generator) -> list[Made]:
    out: list[Made] = []
    x = rng.normal(size=(80, 4))
    y = (x[:, 0] > 0).astype(int)
    try:
        import xgboost
    except ImportError:
        pass
    else:
        for kind, target in ((xgboost.XGBClassifier, y), (xgboost.XGBRegressor, x[:, 1]), (xgboost.XGBRFClassifier, y)):
            model = kind(n_estimators=int(rng.integers(2, 6)), max_depth=2, n_jobs=1).fit(x, target)
            out.append((f"xgboost: {kind.__name__}", f"{kind.__name__}.pkl", pickle.dumps(model)))
        booster = model.get_booster()
        out.append(("xgboost: booster", "booster.joblib", dumped(booster, 3)))
        out += [(f"xgboost: {e}", f"m.{e}", saved(booster.save_model, f"m.{e}")) for e in ("json", "ubj")]
    try:
        import lightgbm
    except ImportError:
        return out
    light = lightgbm.LGBMRegressor(n_estimators=3, verbose=-1, n_jobs=1, min_child_samples=2).fit(x, x[:, 1])
    out.append(("lightgbm: regressor", "lgb.joblib", dumped(light)))
    out.append(("lightgbm: text", "lgb.txt", light.booster_.model_to_string().encode()))
    out.append(("lightgbm: booster", "booster.pkl", pickle.dumps(light.booster_)))
    return out


def _pandas(rng: np.random.Generator) -> list[Made]:
    try:
        import pandas as pd
    except ImportError:
        return []
    n = int(rng.integers(5, 30))
    table = pd.DataFrame({"a": rng.normal(size=n), "b": pd.Categorical(["x"] * n), "c": [f"r{i}" for i in range(n)],
                          "d": pd.date_range("2024", periods=n), "e": rng.integers(0, 2, n).astype(bool)})  # fmt: skip
    out = [(f"pandas: table, protocol {p}", f"t{p}.pkl", pickle.dumps(table, p)) for p in range(6)]
    for end, dumper in (("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)):
        out.append((f"pandas: table in {end}", f"t.pkl.{end}", dumper(pickle.dumps(table))))
    out.append(("pandas: table in a zip", "t.pkl.zip", saved(lambda p: table.to_pickle(p), "t.pkl.zip")))
    out.append(("pandas: series", "s.pkl", pickle.dumps(table.set_index(["c", "d"])["a"])))
    out.append(("pandas: csv", "t.csv", table.to_csv().encode()))
    try:
        out.append(("pandas: parquet", "t.parquet", saved(lambda p: table.to_parquet(p), "t.parquet")))
    except ImportError:
        return out
    return out


def _arrays(rng: np.random.Generator) -> list[Made]:
    def npy(array: Any, **how: Any) -> bytes:
        out = io.BytesIO()
        np.save(out, array, **how)
        return out.getvalue()

    def npz(save: Callable[..., None], **arrays: Any) -> bytes:
        out = io.BytesIO()
        save(out, **arrays)
        return out.getvalue()

    n = int(rng.integers(3, 40))
    record = np.zeros(n, dtype=[("a", "<f4"), ("b", "U5"), ("c", [("d", "i8", (2,))])])
    kinds = {
        "float16": rng.normal(size=(n, 2)).astype("f2"), "big endian": np.arange(n, dtype=">i4"), "bool": np.ones(n, bool),
        "complex": np.ones(n, "c16"), "text": np.array(["a", "bcd"]), "bytes": np.array([b"a", b"bcd"]), "record": record,
        "date": np.array(["2024-01-01"], "M8[D]"), "scalar": np.float64(2.0), "empty": np.zeros((0, 3)),
        "Fortran": np.asfortranarray(rng.normal(size=(n, 3))),
    }  # fmt: skip
    out = [(f"numpy: {k}", f"{k}.npy", npy(v)) for k, v in kinds.items()]
    out += [(f"numpy: {k}, pickled", f"{k}.pkl", pickle.dumps(v, 2 + i % 4)) for i, (k, v) in enumerate(kinds.items())]
    out += [("numpy: objects of plain values", "obj.npy", npy(np.array([1, "a", None, (2, 3)], object), allow_pickle=True)),
            ("numpy: npz", "w.npz", npz(np.savez, **{k.replace(" ", ""): v for k, v in kinds.items()})),
            ("numpy: npz, compressed", "wc.npz", npz(np.savez_compressed, a=rng.normal(size=(n, n)), b=np.arange(n))),
            ("numpy: masked", "ma.pkl", pickle.dumps(np.ma.masked_less(rng.normal(size=n), 0))),
            ("numpy: generators", "rng.pkl", pickle.dumps([np.random.default_rng(n), np.random.RandomState(n)])),
            ("joblib: arrays and text", "a.joblib", dumped({"w": rng.normal(size=(n, 3)), "n": ["a"], "d": np.dtype("f4")})),
            ("joblib: Fortran array", "f.joblib", dumped(kinds["Fortran"], ("xz", 1)))]  # fmt: skip
    return out


def _scipy(rng: np.random.Generator) -> list[Made]:
    from scipy import interpolate, sparse, spatial, stats

    matrix = sparse.random(20, 12, 0.2, rng=rng)
    out = [(f"scipy: {f}", f"{f}.pkl", pickle.dumps(matrix.asformat(f))) for f in ("csr", "csc", "coo", "lil", "dok")]
    out.append(("scipy: npz", "sparse.npz", saved(lambda p: sparse.save_npz(p, matrix), "sparse.npz")))
    out.append(("scipy: KD tree", "kd.pkl", pickle.dumps(spatial.cKDTree(rng.normal(size=(20, 3))))))
    out.append(("scipy: spline", "spline.pkl", pickle.dumps(interpolate.CubicSpline(range(9), rng.normal(size=9)))))
    out.append(("scipy: distribution", "norm.pkl", pickle.dumps(stats.norm(1, 2))))
    return out


def _standard(rng: np.random.Generator) -> list[Made]:
    import datetime
    import decimal
    import fractions
    import uuid
    from collections import Counter, OrderedDict, defaultdict, deque

    things = {
        "numbers": [0, -1, 2**70, 1.5, 2j, True, None, decimal.Decimal("1.5"), fractions.Fraction(1, 3)],
        "collections": [Counter("abc"), OrderedDict(a=1), defaultdict(list, a=[1]), deque([1], 3), {1}, frozenset([2])],
        "dates": [datetime.datetime(2024, 1, 2, tzinfo=datetime.UTC), datetime.timedelta(1), datetime.date(2024, 1, 2)],
        "texts": ["", "ü" * 300, "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"), b"\0" * 300, bytearray(b"x")],
        "records": [{"id": i, "name": f"n{i}", "score": float(rng.normal())} for i in range(500)],
        "identifiers": [uuid.UUID(int=7), range(3), slice(1, 2), Path("a/b").as_posix()],
    }  # fmt: skip
    out = [
        (f"stdlib: {k}, protocol {p}", f"{k}{p}.pkl", pickle.dumps(v, p)) for k, v in things.items() for p in (0, 2, 5)
    ]
    out.append(("stdlib: json", "records.json", json.dumps(things["records"]).encode()))
    shared = [1.0] * 50
    out.append(("stdlib: shared list", "shared.pkl", pickle.dumps([shared] * 2000)))
    try:
        import dill
    except ImportError:
        return out
    out.append(("dill: plain data", "plain.dill", dill.dumps(things["records"])))
    out.append(("dill: array", "array.dill", dill.dumps(rng.normal(size=(4, 4)))))
    return out
