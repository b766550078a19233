"""A first card from files: it shows what can be seen, loads nothing, and always reads back."""

from __future__ import annotations

import json
import os
import pickle
import struct
import zipfile
from pathlib import Path

import joblib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from momus.card import SystemCard
from momus.card.read import card_of_text
from momus.core.errors import CardError
from momus.threats.draft import _text, draft
from momus.threats.onnx_graph import read_graph
from momus.threats.seen import look


def card_for(*paths: Path) -> SystemCard:
    return card_of_text(draft(paths, paths[0].parent), path=paths[0].parent / "momus.yaml")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    file = tmp_path / "my test set.csv"
    file.write_text("age,sex: #1,approved\n3,m,1\n")
    return file


@pytest.mark.parametrize(("model", "task"), [(LogisticRegression(), "classifier"), (LinearRegression(), "regressor")])
def test_sklearn_models(tmp_path: Path, table: Path, model: object, task: str) -> None:
    x = np.arange(12.0).reshape(6, 2)
    fitted = make_pipeline(StandardScaler(), model).fit(x, np.array([0, 1, 0, 1, 0, 1]))
    joblib.dump(fitted, tmp_path / "scorer.joblib")
    card = card_for(tmp_path / "scorer.joblib", table)
    assert card.system == "scorer"
    assert card.targets[0].adapter == "sklearn"
    assert card.targets[0].task == task
    assert card.data["test"].path == "my test set.csv"
    assert card.data["test"].label == "approved"
    assert card.facts.get("model.modality") == ("table",)
    assert "LogisticRegression" in card.text or "LinearRegression" in card.text


def test_every_fact_is_asked_for(tmp_path: Path, table: Path) -> None:
    card = card_for(table)
    assert card.targets == ()
    assert card.text.count("unknown  # TODO") == len(card.facts.unknown)
    assert len(card.facts) == 1  # the kind of input, which a header shows


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (os.environ["MOMUS_TRAP"],)


def test_a_poisoned_pickle_is_named_and_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOMUS_TRAP", str(tmp_path / "sprung"))
    file = tmp_path / "m.pkl"
    file.write_bytes(pickle.dumps(Evil()))
    card = card_for(file)
    assert not (tmp_path / "sprung").exists()
    assert card.targets[0].adapter == "files"
    assert "the scan refuses this file" in card.text
    pickle.loads(file.read_bytes())
    assert (tmp_path / "sprung").exists()  # the trap was armed


def safetensors(path: Path, shapes: dict[str, list[int]]) -> Path:
    header, at = {}, 0
    for name, shape in shapes.items():
        size = 4 * int(np.prod(shape))
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(at))
    return path


def test_safetensors_header(tmp_path: Path) -> None:
    seen = look(
        safetensors(tmp_path / "w.safetensors", {"a.weight": [4, 3, 3, 3], "z.weight": [10, 36], "z.bias": [10]})
    )
    assert (seen.adapter, seen.modality, seen.classes, seen.gradient_trained) == ("torch", "image", 10, True)
    card = card_for(seen.path)
    assert card.facts.get("model.gradient_trained") is True
    assert "# TODO factory: model.py:build" in card.text


def test_onnx_inputs_and_outputs(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper

    graph = helper.make_graph(
        [helper.make_node("Flatten", ["x"], ["f"]), helper.make_node("Gemm", ["f", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 4, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 7])],
        [helper.make_tensor("w", TensorProto.FLOAT, [48, 7], [0.0] * 336)],
    )
    onnx.save(helper.make_model(graph), tmp_path / "n.onnx")
    card = card_for(tmp_path / "n.onnx")
    assert card.targets[0].input.shape == (3, 4, 4)
    assert card.targets[0].input.channels == "first"
    assert "# 7 names" in card.text
    assert card.facts.get("model.modality") == ("image",)


@given(st.binary(max_size=40), st.integers(0, 60))
@settings(max_examples=60, deadline=None)
def test_broken_graphs_are_told_apart_from_empty_ones(
    tmp_path_factory: pytest.TempPathFactory, inner: bytes, length: int
) -> None:
    file = tmp_path_factory.mktemp("g") / "n.onnx"
    file.write_bytes(bytes([7 << 3 | 2, length]) + inner)
    try:
        read_graph(file)
    except ValueError as error:
        assert str(error)


@pytest.mark.parametrize(
    ("members", "adapter"),
    [(["m/archive_format", "m/models/model.json"], "torch"), (["schema.json"], "sklearn"), (["readme"], "files")],
)
def test_archives(tmp_path: Path, members: list[str], adapter: str) -> None:
    file = tmp_path / "a.bin"
    with zipfile.ZipFile(file, "w") as archive:
        for name in members:
            archive.writestr(name, "x")
    assert card_for(file).targets[0].adapter == adapter


def test_xgboost_json(tmp_path: Path) -> None:
    file = tmp_path / "b.json"
    learner = {"learner_model_param": {"num_class": "3", "num_feature": "5"}, "objective": {"name": "multi:softprob"}}
    file.write_text(json.dumps({"learner": learner}, separators=(",", ":")))
    seen = look(file)
    assert (seen.adapter, seen.task, seen.classes) == ("sklearn", "classifier", 3)
    assert card_for(file).targets[0].adapter == "sklearn"


SUFFIXES = [".onnx", ".safetensors", ".pt", ".pkl", ".json", ".csv", ".npz", ".bin"]
HEADS = [b'{"learner"', b"PK\x03\x04", b"\x80\x04.", b"{L\x00", b"\xff" * 9]


@pytest.mark.parametrize("suffix", SUFFIXES)
@given(content=st.binary(max_size=60) | st.sampled_from(HEADS))
@settings(max_examples=12, deadline=None)
def test_damaged_files_still_give_a_card(tmp_path_factory: pytest.TempPathFactory, suffix: str, content: bytes) -> None:
    file = tmp_path_factory.mktemp("d") / f"m{suffix}"
    file.write_bytes(content)
    assert card_for(file).system


@given(st.text(min_size=1, max_size=20))
@settings(max_examples=120)
def test_any_name_survives_yaml(name: str) -> None:
    card = card_of_text(f"system: {_text(name)}\n")
    assert card.system == name.encode("utf-8", "replace").decode()


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(CardError, match="card/unreadable"):
        draft([tmp_path / "none.pkl"], tmp_path)


def test_folders_of_pictures_and_other_delimiters(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / "photos" / name).mkdir(parents=True)
    (tmp_path / "train.csv").write_text('"town; or village";age;y\n"a,b";3;1\n', encoding="utf-8-sig")
    assert "a folder a class, 2 of them: cat, dog" in draft([tmp_path / "photos"], tmp_path)
    assert card_for(tmp_path / "photos").data["test"].path == "photos"
    card = card_for(tmp_path / "photos", tmp_path / "train.csv")
    assert card.data["train"].label == "y"
    assert "# columns: town; or village, age, y" in draft([tmp_path / "train.csv"], tmp_path)
