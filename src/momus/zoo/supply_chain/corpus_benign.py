"""Benign files as people really save them: models trained here, tables, arrays, checkpoints."""

from __future__ import annotations

import gzip
import io
import pickle
import tempfile
from collections import Counter, OrderedDict, defaultdict, deque
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from momus.zoo.supply_chain.corpus import Artifact
from momus.zoo.supply_chain.corpus_bad_formats import onnx, safetensors


def files(seed: int, *, frameworks: bool = True) -> tuple[Artifact, ...]:
    """Everything that the installed libraries can make; scikit-learn, NumPy and the standard library always.

    ``frameworks`` = False leaves out PyTorch, boosting and pandas, whose imports take seconds.
    """
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(80, 6))
    y = (x[:, 0] + 0.3 * rng.normal(size=80) > 0).astype(int)
    made = [*_sklearn(x, y, seed), *_plain(rng)]
    if frameworks:
        made += [*_boosting(x, y, seed), *_tables(rng), *_torch(seed)]
    late = {"calibrated pipeline, xz", "torch optimiser", "random generator", "neighbours"}
    return tuple(Artifact(name, "benign", file, data, "", name in late) for name, file, data in made)


Made = tuple[str, str, bytes]


def _dumped(model: Any, compress: Any = 0) -> bytes:
    import joblib

    out = io.BytesIO()
    joblib.dump(model, out, compress=compress)
    return out.getvalue()


def _sklearn(x: Any, y: Any, seed: int) -> list[Made]:
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression, SGDClassifier
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import KBinsDiscretizer, StandardScaler

    forest = RandomForestClassifier(5, random_state=seed % 2**32).fit(x, y)
    linear = LogisticRegression().fit(x, y)
    scaled = make_pipeline(StandardScaler(), SGDClassifier(random_state=0)).fit(x, y)
    words = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(
        ["good film", "bad film", "fine", "poor"], [1, 0, 1, 0]
    )
    binned = make_pipeline(KBinsDiscretizer(3, quantile_method="averaged_inverted_cdf"), LogisticRegression()).fit(x, y)
    gradient = HistGradientBoostingClassifier(max_iter=3).fit(x, y)
    calibrated = CalibratedClassifierCV(scaled, cv=2).fit(x, y)
    return [
        ("logistic regression", "lr.pkl", pickle.dumps(linear)),
        ("logistic regression, protocol 0", "lr0.pkl", pickle.dumps(linear, 0)),
        ("forest", "rf.joblib", _dumped(forest)),
        ("forest, zlib", "rf.joblib.z", _dumped(forest, 3)),
        ("pipeline, gzip", "pipe.joblib.gz", _dumped(scaled, ("gzip", 3))),
        ("text pipeline", "text.pkl", pickle.dumps(words)),
        ("arrays of objects", "bins.joblib", _dumped(binned)),
        ("histogram boosting", "hgb.joblib", _dumped(gradient)),
        ("calibrated pipeline, xz", "cal.joblib.xz", _dumped(calibrated, ("xz", 3))),
        ("neighbours", "knn.joblib", _dumped(KNeighborsClassifier(algorithm="kd_tree").fit(x, y))),
    ]


def _plain(rng: np.random.Generator) -> list[Made]:
    archive, single = io.BytesIO(), io.BytesIO()
    np.savez_compressed(archive, w=rng.normal(size=(20, 3)), b=np.arange(3))
    np.save(single, rng.normal(size=(5, 4)).astype(np.float32))
    mixed: list[Any] = [Counter("abca"), OrderedDict(a=1), defaultdict(list, a=[1]), deque([1, 2], 5), Decimal("1.5")]
    mixed += [
        {1, 2},
        1j,
        datetime(2024, 1, 2, tzinfo=UTC),
        PurePosixPath("a/b"),
        frozenset("ab"),
        b"x",
        bytearray(b"y"),
        range(4),
    ]
    header = '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"__metadata__":{"format":"pt"}}'
    return [
        ("npz", "w.npz", archive.getvalue()),
        ("npy", "w.npy", single.getvalue()),
        ("standard library", "mixed.pkl", pickle.dumps(mixed)),
        ("array in gzip", "w.pkl.gz", gzip.compress(pickle.dumps(rng.normal(size=(30, 3)), 4), mtime=0)),
        ("random generator", "rng.pkl", pickle.dumps([np.random.default_rng(1), np.random.RandomState(1)])),
        ("safetensors", "w.safetensors", safetensors(header, bytes(8))),
        ("onnx", "w.onnx", onnx()),
    ]


def _boosting(x: Any, y: Any, seed: int) -> list[Made]:
    made: list[Made] = []
    try:
        import xgboost
    except ImportError:
        pass
    else:
        model = xgboost.XGBClassifier(n_estimators=3, max_depth=2, n_jobs=1, random_state=seed % 2**31).fit(x, y)
        made += [
            ("xgboost", "xgb.pkl", pickle.dumps(model)),
            ("xgboost json", "xgb.json", bytes(model.get_booster().save_raw("json"))),
            ("xgboost ubjson", "xgb.ubj", bytes(model.get_booster().save_raw("ubj"))),
        ]
    try:
        import lightgbm
    except ImportError:
        return made
    light = lightgbm.LGBMClassifier(n_estimators=3, verbose=-1, n_jobs=1, min_child_samples=2).fit(x, y)
    made += [
        ("lightgbm", "lgb.pkl", pickle.dumps(light)),
        ("lightgbm text", "lgb.txt", light.booster_.model_to_string().encode()),
    ]
    return made


def _tables(rng: np.random.Generator) -> list[Made]:
    try:
        import pandas
    except ImportError:
        return []
    table = pandas.DataFrame({"a": rng.normal(size=4), "b": pandas.Categorical(list("xyxy")), "c": list("pqrs"),
                              "d": pandas.date_range("2024-01-01", periods=4)})  # fmt: skip
    return [("table", "table.pkl", pickle.dumps(table))]


def _torch(seed: int) -> list[Made]:
    try:
        import torch
    except ImportError:
        return []
    generator = torch.Generator().manual_seed(seed)
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    with torch.no_grad():
        for p in net.parameters():
            p.copy_(torch.randn(p.shape, generator=generator))
    optimiser = torch.optim.Adam(net.parameters())
    net(torch.zeros(1, 1, 6, 6)).sum().backward()
    optimiser.step()

    def saved(value: Any, **how: Any) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "model.pt")
            torch.save(value, path, **how)
            return path.read_bytes()

    return [
        ("torch weights", "net.pt", saved(net.state_dict())),
        ("torch module", "module.pt", saved(net)),
        ("torch, before 1.6", "old.pth", saved(net.state_dict(), _use_new_zipfile_serialization=False)),
        ("torch in a pickle", "net.pkl", pickle.dumps(net)),
        (
            "torch optimiser",
            "optimiser.pt",
            saved({"net": net.state_dict(), "adam": optimiser.state_dict(), "epoch": 3}),
        ),
    ]
