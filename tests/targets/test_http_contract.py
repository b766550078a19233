"""Every protocol under the public contract of targets, and beside the same model in this process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression, Ridge

from momus.card.http import HttpCard
from momus.core.samples import Column, Samples
from momus.targets import Target
from momus.targets.http_ import http_target
from momus.testing import TargetContract
from momus.testing.asgi import serving
from momus.testing.served_models import ServedModels

X, Y = load_digits(return_X_y=True)
CLASSES = tuple("0123456789")
TABLE = Samples(X[:40] / 16, Y[:40], classes=CLASSES)
IMAGES = Samples((X[:40].reshape(-1, 8, 8, 1) * 15.9).astype(np.uint8), Y[:40], classes=CLASSES)
TEXTS = Samples(np.array([f"the {w} of {n}" for w in ("end", "start") for n in "abcdef"], dtype=object), None)
NAMES = tuple(f"p{i}" for i in range(64))
NAMED = Samples(TABLE.x, TABLE.y, classes=CLASSES, columns=tuple(Column(n) for n in NAMES))
MODEL = LogisticRegression(max_iter=30, C=0.1).fit(X[:200] / 16, Y[:200])
LINE = Ridge().fit(X / 16, Y)


def of_rows(given: Any) -> np.ndarray:
    return np.array([list(r.values()) if isinstance(r, dict) else r for r in given], dtype=float)


def by_class(given: Any) -> list[dict[str, float]]:
    return [dict(zip(CLASSES, row, strict=True)) for row in MODEL.predict_proba(of_rows(given)).tolist()]


def pixels(given: np.ndarray) -> np.ndarray:
    return np.asarray(MODEL.predict_proba(given.reshape(len(given), -1) / 255 * 16 / 15.9))


APP = ServedModels(
    answers={
        "digits": MODEL.predict_proba,
        "labels": MODEL.predict,
        "line": LINE.predict,
        "images": lambda x: MODEL.decision_function(x.reshape(len(x), -1).astype(float)),
        "one": MODEL.predict_proba,
        "four": MODEL.predict_proba,
        "several": lambda given: MODEL.predict_proba(np.stack([given[n] for n in NAMES], axis=1)),
        "both": lambda x: {"label": MODEL.predict(x), "probabilities": MODEL.predict_proba(x)},
        "": lambda rows: MODEL.predict_proba(of_rows(rows)).tolist(),
        "dicts": by_class,
        "line_flow": lambda rows: LINE.predict(of_rows(rows)).tolist(),
        "upper": lambda given: [{"generated_text": str(t).upper()} for t in given],
        "picture": lambda x: [dict(zip(CLASSES, row, strict=True)) for row in pixels(x).tolist()],
        "rows": lambda given: [int(c) for c in MODEL.predict(of_rows(given))],
    },
    tensors={
        "digits": ("FP64", [-1, 64]), "labels": ("FP64", [-1, 64]), "line": ("FP64", [-1, 64]),
        "images": ("FP32", [-1, 1, 8, 8]), "one": ("FP64", [1, 64]), "four": ("FP64", [4, 64]),
        "several": {n: ("FP64", [-1]) for n in NAMES}, "both": ("FP64", [-1, 64]),
    },
    outputs={"both": ("label", "probabilities")},
    columns={"dicts": NAMES},
    files=frozenset({"picture"}),
)  # fmt: skip


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving(APP) as address:
        yield address


def opened(url: str, samples: Samples, *, path: str = "", task: Any = "classifier", **card: Any) -> Any:
    """A target on the server; keys that are none of the section's are those of ``http_target``."""
    mine = {k: card.pop(k) for k in ("shape", "range", "output_kind", "classes") if k in card}
    more = {"output": mine.pop("output_kind")} if "output_kind" in mine else {}
    section = HttpCard(url=url + path, **card)
    return http_target(section, name="served", samples=samples, columns=samples.columns, task=task, **mine, **more)


class OnTable(TargetContract):
    @pytest.fixture
    def samples(self) -> Samples:
        return TABLE


class TestInference(OnTable):
    @pytest.fixture(scope="class")
    def target(self, url: str) -> Any:
        return opened(url, TABLE, model="digits", rows=16)


class TestLabels(OnTable):
    @pytest.fixture(scope="class")
    def target(self, url: str) -> Any:
        return opened(url, TABLE, model="labels", version="1")


class TestFixedBatch(OnTable):
    """A graph that takes four rows, no more and no fewer."""

    @pytest.fixture(scope="class")
    def target(self, url: str) -> Any:
        return opened(url, TABLE, model="four")


class TestValues(OnTable):
    @pytest.fixture(scope="class")
    def target(self, url: str) -> Any:
        return opened(url, TABLE, model="line", task="regressor")


class TestInferenceOnImages(TargetContract):
    @pytest.fixture
    def samples(self) -> Samples:
        return IMAGES

    @pytest.fixture(scope="class")
    def target(self, url: str) -> Any:
        return opened(url, IMAGES, model="images")


class TestMlflow(OnTable):
    @pytest.fixture(scope="class")
    def target(self, url: str) -> Any:
        return opened(url, TABLE, path="/invocations", protocol="mlflow")


class TestMlflowColumns(OnTable):
    @pytest.fixture
    def samples(self) -> Samples:
        return NAMED

    @pytest.fixture(scope="class")
    def target(self, url: str) -> Any:
        return opened(url, NAMED, path="/dicts/invocations", protocol="mlflow")


class TestMlflowTexts(TargetContract):
    @pytest.fixture
    def samples(self) -> Samples:
        return TEXTS

    @pytest.fixture(scope="class")
    def target(self, url: str) -> Any:
        return opened(url, TEXTS, path="/upper/invocations", protocol="mlflow", task="generator")


class TestTorchserve(TargetContract):
    @pytest.fixture
    def samples(self) -> Samples:
        return IMAGES

    @pytest.fixture(scope="class")
    def target(self, url: str) -> Any:
        return opened(url, IMAGES, model="picture", protocol="torchserve", at_once=2)


class TestTemplate(OnTable):
    @pytest.fixture(scope="class")
    def target(self, url: str) -> Any:
        template = {"request": {"instances": "{rows}"}, "response": "predictions[*]"}
        return opened(url, TABLE, path="/predictions/rows", protocol="template", template=template)


def test_answers_are_those_of_the_model_itself(url: str) -> None:
    here = Target.from_sklearn(MODEL, samples=TABLE)
    for card in (
        {"model": "digits", "rows": 7},
        {"model": "one", "at_once": 3},
        {"model": "both"},
        {"path": "/invocations", "protocol": "mlflow"},
        {"path": "/invocations", "protocol": "mlflow", "input": "instances"},
    ):
        there = opened(url, TABLE, **card)
        a = there.encode(TABLE.x)
        np.testing.assert_allclose(there.probabilities(a), here.probabilities(here.encode(TABLE.x)), atol=1e-12)
        np.testing.assert_array_equal(there.predict(a), here.predict(TABLE.x))
        assert there.info.adapter == "http"
        assert there.info.files == ()
        assert there.info.output == "probabilities"


def test_columns_go_by_name(url: str) -> None:
    there = opened(url, NAMED, model="several")
    np.testing.assert_allclose(there.probabilities(there.encode(TABLE.x)), MODEL.predict_proba(TABLE.x), atol=1e-12)


def test_pictures_as_files_lose_nothing(url: str) -> None:
    there = opened(url, IMAGES, model="picture", protocol="torchserve")
    np.testing.assert_allclose(there.probabilities(there.encode(IMAGES.x)), pixels(IMAGES.x), atol=1e-12)


def test_of_two_outputs_the_probabilities_are_read_and_said(url: str) -> None:
    assert any("'probabilities' is read" in n for n in opened(url, TABLE, model="both").info.notes)
    labels = opened(url, TABLE, model="both", output="label")
    assert labels.info.output == "labels"
    np.testing.assert_array_equal(labels.predict(labels.encode(TABLE.x)), MODEL.predict(TABLE.x))


def test_a_hook_trains_models_of_the_same_kind_here(url: str) -> None:
    there = http_target(
        HttpCard(url=url, model="digits"), samples=TABLE,
        train=lambda x, y, seed: LogisticRegression(max_iter=30).fit(x, y).predict_proba,
    )  # fmt: skip
    before = APP.rows
    again = there.retrain(X[:200] / 16, Y[:200], seed=1)
    assert again.probabilities(TABLE.x).shape == (40, 10)
    assert APP.rows == before
