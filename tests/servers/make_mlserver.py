"""Run inside the server's environment: real models for MLServer, and what they answer when they are asked directly."""

import json
import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

HOME = Path(sys.argv[1])


OUTPUTS = (("predict", "INT64"), ("predict_proba", "FP64"))
KINDS = {"f": "FP64", "i": "INT64", "b": "BOOL", "O": "BYTES", "U": "BYTES"}


def served(name: str, model: object, x: "pd.DataFrame", y: "np.ndarray", text: "pd.DataFrame") -> None:
    """A folder that MLServer serves, the rows as a table with their label, and the answers."""
    place = HOME / "models" / name
    place.mkdir(parents=True)
    joblib.dump(model, place / "model.joblib")
    settings = {
        "name": name,
        "implementation": "mlserver_sklearn.SKLearnModel",
        "parameters": {"uri": "./model.joblib", "version": "v1"},
        "outputs": [
            {"name": n, "datatype": t, "shape": [-1]} for n, t in (("predict", "INT64"), ("predict_proba", "FP64"))
        ],
    }
    if isinstance(x, pd.DataFrame):  # one tensor a column, read into a table by name
        settings["parameters"]["content_type"] = "pd"
        kinds = [(c, KINDS.get(x[c].dtype.kind, "BYTES")) for c in x]
        settings["inputs"] = [
            {"name": c, "datatype": t, "shape": [-1], "parameters": {"content_type": "str" if t == "BYTES" else "np"}}
            for c, t in kinds
        ]
    (place / "model-settings.json").write_text(json.dumps(settings))
    text.assign(label=y).to_csv(HOME / f"{name}.csv", index=False)
    np.savez(HOME / f"{name}.npz", labels=model.predict(x), probabilities=model.predict_proba(x))


def tumours() -> None:
    """30 measured numbers a row, two classes: one tensor of FP64."""
    data = load_breast_cancer()
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)).fit(data.data[::2], data.target[::2])
    rest = pd.DataFrame(data.data[1::2], columns=[c.replace(" ", "_") for c in data.feature_names])
    served("tumours", model, rest.to_numpy(), data.target[1::2], rest)


def wines() -> None:
    """Columns of several types, three classes: a column a tensor (FP64, INT64, BOOL, BYTES), read by name."""
    data = load_wine(as_frame=True)
    table = data.data[["alcohol", "ash", "hue", "flavanoids"]].copy()
    table["magnesium"] = data.data["magnesium"].astype("int64")
    table["strong"] = data.data["alcohol"] > 13
    table["colour"] = pd.cut(data.data["color_intensity"], [0, 3, 6, 99], labels=["pale", "middling", "deep"]).astype(
        str
    )
    numbers = ["alcohol", "ash", "hue", "flavanoids", "magnesium", "strong"]
    sides = make_column_transformer((StandardScaler(), numbers), (OneHotEncoder(), ["colour"]))
    model = make_pipeline(sides, LogisticRegression(max_iter=300)).fit(table[::2], data.target[::2])
    rest = table[1::2].reset_index(drop=True)
    text = rest.assign(strong=rest["strong"].astype("int64"))
    served("wines", model, rest, data.target[1::2].to_numpy(), text)


tumours()
wines()
