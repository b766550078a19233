"""`momus convert` on real files: equal outputs are proven and kept, anything else writes nothing."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from momus.cli.main import main
from momus.targets import convert_compare, convert_rows, converting
from momus.zoo.supply_chain.corpus import payload

pytest.importorskip("skops")
joblib = pytest.importorskip("joblib")


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stop:
        main(["convert", *map(str, arguments)])
    said = capsys.readouterr()
    return int(stop.value.code or 0), said.out, said.err


def forest(path: Path) -> Path:
    from sklearn.ensemble import RandomForestClassifier

    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 4))
    model = RandomForestClassifier(8, random_state=0).fit(x * [1, 10, 100, 0.1], x.sum(axis=1) > 0)
    joblib.dump(model, path)
    return path


def test_a_forest_becomes_skops_and_predicts_the_same(tmp_path: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    import skops.io

    code, text, errors = run(capsys, forest(tmp_path / "rf.joblib"))
    assert (code, errors) == (0, "")
    assert "answers of predict, predict_proba" in text
    proof = json.loads((tmp_path / "rf.skops.proof.json").read_text())
    assert proof["equal"] is True
    assert proof["confinement"]["system calls"].startswith("on")
    assert all(p["equal"] and p["compared"] > 0 and p["greatest_difference"] == 0 for p in proof["proofs"])
    assert len(proof["source"]["sha256"]) == len(proof["output"]["sha256"]) == 64
    path = tmp_path / "rf.skops"
    model = skops.io.load(path, trusted=skops.io.get_untrusted_types(file=path))
    x = np.random.default_rng(1).normal(size=(50, 4))
    assert np.array_equal(model.predict_proba(x), joblib.load(tmp_path / "rf.joblib").predict_proba(x))


def test_a_checkpoint_becomes_safetensors(tmp_path: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    torch = pytest.importorskip("torch")
    tied = torch.arange(6.0)
    torch.save({"a": tied, "b": tied, "epoch": 3}, tmp_path / "m.pt")
    code, text, _ = run(capsys, tmp_path / "m.pt", "-o", tmp_path / "x.safetensors", "--json")
    assert code == 0
    made = json.loads(text)
    assert [p["compared"] for p in made["proofs"]] == [2, 2]
    assert "torch.load(weights_only=True)" in made["proofs"][1]["what"]
    assert any("share their numbers" in n for n in made["notes"])


def test_arrays_lose_their_pickle(tmp_path: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"w": np.arange(5), "v": np.eye(2)}))
    assert run(capsys, tmp_path / "a.pkl")[0] == 0
    assert np.load(tmp_path / "a.npz")["w"].tolist() == [0, 1, 2, 3, 4]
    np.save(tmp_path / "b.npy", np.eye(3))
    assert run(capsys, tmp_path / "b.npy", "--to", "safetensors")[0] == 0
    assert run(capsys, tmp_path / "b.npy")[0] == 0


def test_what_is_refused_writes_nothing(tmp_path: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "evil.pkl").write_bytes(payload())
    (tmp_path / "own.pkl").write_bytes(b"\x80\x04cmypkg\nModel\n)\x81.")
    (tmp_path / "text.txt").write_text("words")
    (tmp_path / "plain.pkl").write_bytes(pickle.dumps([1, 2]))
    forest(tmp_path / "rf.joblib")
    np.save(tmp_path / "numbers.npy", np.ones(3))
    there = tmp_path / "numbers.npz"
    there.write_bytes(b"mine")
    before = sorted(tmp_path.iterdir())
    for name, said in (
        ("evil.pkl", "the scan calls it dangerous"),
        ("own.pkl", "the scan calls it suspicious"),
        ("text.txt", "is not converted"),
        ("plain.pkl", "no scikit-learn estimator"),
        ("nothing.pkl", "cannot be opened"),
        ("numbers.npy", "this file is there already"),
    ):
        code, out, errors = run(capsys, tmp_path / name)
        assert (code, out) == (2, "")
        assert said in errors
        assert errors.count("\n") == 1
    code, _, errors = run(capsys, tmp_path / "rf.joblib", "--to", "onnx")
    assert code == 2
    assert "no conversion to ONNX" in errors
    assert sorted(tmp_path.iterdir()) == before
    assert there.read_bytes() == b"mine"


def test_a_file_that_is_swapped_meanwhile_is_not_converted(tmp_path: Path, capsys, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    path, plain = tmp_path / "numbers.npy", converting._plain
    np.save(path, np.ones(3))

    def swapped(*arguments) -> None:  # type: ignore[no-untyped-def]
        plain(*arguments)
        np.save(path, np.zeros(3))

    monkeypatch.setattr(converting, "_plain", swapped)
    code, _, errors = run(capsys, path)
    assert (code, "changed while it was being converted" in errors) == (2, True)
    assert [p.name for p in tmp_path.iterdir()] == ["numbers.npy"]


def test_outputs_that_differ_are_not_kept(tmp_path: Path, capsys, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    wrong = {"what": "answers", "compared": 9, "equal": False, "greatest_difference": 0.5, "differing": ["predict"]}
    answer = {"to": "skops", "proofs": [wrong], "versions": {}, "layers": {}}
    monkeypatch.setattr(converting, "_ask", lambda *_: answer)
    code, _, errors = run(capsys, forest(tmp_path / "rf.joblib"))
    assert code == 2
    assert "the outputs differ, nothing was written: answers: predict" in errors
    assert [p.name for p in tmp_path.iterdir()] == ["rf.joblib"]


def test_a_changed_weight_or_answer_is_seen() -> None:
    from sklearn.base import clone
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 3))
    model = LogisticRegression().fit(x, x[:, 0] > 0)
    other = clone(model).fit(x, x[:, 0] > 0)
    assert convert_compare.same_parts(model, other, "")["equal"]
    other.coef_[0, 1] = np.nextafter(other.coef_[0, 1], 9)
    told = convert_compare.same_parts(model, other, "")
    assert (told["equal"], len(told["differing"])) == (False, 1)
    assert "coef_" in told["differing"][0]
    assert not convert_compare.same_outputs(model, other, 0)["equal"]
    assert convert_compare.same_outputs(model, model, 0)["methods"][:2] == ["predict", "predict_proba"]
    assert not convert_compare.same_outputs(object(), object(), 0)["equal"], "nothing compared is nothing proven"


def test_rows_cover_the_range_that_was_fitted(tmp_path: Path) -> None:
    rows, how = convert_rows.rows_for(joblib.load(forest(tmp_path / "rf.joblib")), np.random.default_rng(0))
    assert "fitted range" in how
    spread = rows.std(axis=0)
    assert spread[2] > 5 * spread[1] > 25 * spread[3]


def test_a_table_of_words_and_numbers_is_drawn_column_by_column() -> None:
    pd = pytest.importorskip("pandas")
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    rng = np.random.default_rng(0)
    table = pd.DataFrame({"pay": rng.normal(5e4, 1e4, 90), "job": rng.choice(["a", "b"], 90), "free": rng.random(90)})
    parts = [("numbers", StandardScaler(), ["pay"]), ("words", OneHotEncoder(), ["job"])]
    model = make_pipeline(ColumnTransformer(parts, remainder="passthrough"), LogisticRegression())
    model.fit(table, table.pay > 5e4)
    rows, _ = convert_rows.rows_for(model, np.random.default_rng(0))
    assert list(rows.columns) == ["pay", "job", "free"]
    assert set(rows["job"]) == {"a", "b"}
    assert 3e4 < rows["pay"].median() < 7e4
    proof = convert_compare.same_outputs(model, model, 0)
    assert (proof["equal"], "predict_proba" in proof["methods"]) == (True, True)


def test_where_nothing_answers_nothing_is_equal() -> None:
    class Mute:
        n_features_in_ = 3

    proof = convert_compare.same_outputs(Mute(), Mute(), 0)
    assert (proof["equal"], proof["compared"]) == (False, 0)


def test_rows_without_signs_are_tried_for_logarithms() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    x = np.random.default_rng(0).random((60, 2))
    model = make_pipeline(FunctionTransformer(np.log), LogisticRegression()).fit(x, x[:, 0] > 0.5)
    proof = convert_compare.same_outputs(model, model, 0)
    assert proof["equal"]
    assert "without their signs" in proof["what"]
