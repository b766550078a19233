"""What goes over the wire and what is read from it, protocol by protocol, without a server."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError
from scipy.io import wavfile

from momus.card.http import HttpCard
from momus.core.errors import TargetError
from momus.core.samples import Column, ColumnKind
from momus.targets import http_json
from momus.targets.http_protocols import address_of, protocol_of
from momus.targets.http_rows import Sheet
from momus.targets.http_v2 import Inference

PEOPLE = Sheet(
    "table",
    (
        Column("age", ColumnKind.INTEGER),
        Column("income"),
        Column("job", ColumnKind.CATEGORICAL, categories=("nurse", "smith")),
        Column("owner", ColumnKind.BINARY, categories=("false", "true")),
        Column("rate", ColumnKind.ORDINAL),
    ),
)
TWO = np.array([[31.0, 1.5, 1.0, 1.0, 3.0], [40.0, np.nan, 0.0, 0.0, 2.0]])
PLAIN = Sheet("table")


def made(protocol: Any, sheet: Sheet = PLAIN, classes: tuple[str, ...] = ("no", "yes"), **card: Any) -> Any:
    found = protocol_of(HttpCard(url="http://h.test/x", protocol=protocol, **card), "t")
    found.settle(sheet, classes)
    return found


def sent(protocol: Any, fed: Any) -> Any:
    return json.loads(protocol.encode(np.asarray(fed)))


def inference(inputs: Any, outputs: Any = (), server: str = "x", sheet: Sheet = PLAIN, **card: Any) -> Inference:
    told = {"/v2/models/m": {"name": "m", "inputs": inputs, "outputs": outputs}, "/v2": {"name": server}}
    protocol = Inference(HttpCard(url="http://h.test", model="m", **card), "t")
    protocol.learn(SimpleNamespace(get=lambda path: SimpleNamespace(body=json.dumps(told[path]).encode())))
    protocol.settle(sheet, ())
    return protocol


@pytest.mark.parametrize("fast", [True, False], ids=["orjson", "json"])
def test_columns_travel_as_their_author_wrote_them(fast: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not fast:
        monkeypatch.setattr(http_json, "_fast", lambda: None)
    body = sent(made("mlflow", PEOPLE), TWO)
    assert body == {
        "dataframe_split": {
            "columns": ["age", "income", "job", "owner", "rate"],
            "data": [[31, 1.5, "smith", True, 3], [40, None, "nurse", False, 2]],
        }
    }
    assert type(body["dataframe_split"]["data"][0][0]) is int
    records = sent(made("mlflow", PEOPLE, input="dataframe_records"), TWO)["dataframe_records"]
    assert records[1] == {"age": 40, "income": None, "job": "nurse", "owner": False, "rate": 2}


def test_a_whole_column_that_an_attack_broke_travels_as_it_is() -> None:
    body = sent(made("mlflow", PEOPLE), [[31.5, 1.0, 0.0, 1.0, np.nan]])
    assert body["dataframe_split"]["data"] == [[31.5, 1.0, "nurse", True, None]]


@pytest.mark.parametrize("fast", [True, False], ids=["orjson", "json"])
def test_arrays_become_json_either_way(fast: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not fast:
        monkeypatch.setattr(http_json, "_fast", lambda: None)
    a = np.array([[1.5, np.nan], [np.inf, -0.25]])
    value = {
        "a": a,
        "b": np.arange(3),
        "c": np.asfortranarray(a),
        "d": np.array(["x", None], dtype=object),
        "e": a.astype(np.float32),
        "f": a.astype(">f8"),
        "g": np.float64(2.5),
    }
    back = json.loads(http_json.written(value))
    grid = [[1.5, None], [None, -0.25]]
    assert back == {"a": grid, "b": [0, 1, 2], "c": grid, "d": ["x", None], "e": grid, "f": grid, "g": 2.5}
    assert np.isnan(http_json.read("t", b"[NaN]")[0])  # as Python's own servers write it
    for broken in (b"<html>", b"", b"\xff\xfe", b"[" * 100_000):
        with pytest.raises(TargetError, match="no JSON"):
            http_json.read("t", broken)


@pytest.mark.parametrize(
    ("predictions", "rows"),
    [
        ([0, 1], [0, 1]),
        (["no", "yes"], ["no", "yes"]),
        ([[0.2, 0.8], [0.5, 0.5]], [[0.2, 0.8], [0.5, 0.5]]),
        ([{"yes": 0.8, "no": 0.2}] * 2, [[0.2, 0.8]] * 2),
        ({"yes": [0.8, 0.5], "no": [0.2, 0.5]}, [[0.2, 0.8], [0.5, 0.5]]),
        ([{"label": "no", "score": 0.9}] * 2, ["no", "no"]),
        ([{"prediction": 1.0}] * 2, [1.0, 1.0]),
        ([[{"label": "yes", "score": 0.9}, {"label": "no", "score": 0.1}]] * 2, [[0.1, 0.9]] * 2),
        ([{"yes": 0.7}, {"no": 0.6}], ["yes", "no"]),
        ([[1], [0]], [[1], [0]]),
    ],
    ids=["labels", "names", "rows", "objects", "columns", "best", "one-key", "ranked", "some", "nested"],
)
def test_mlflow_answers_in_many_forms(predictions: Any, rows: Any) -> None:
    found = made("mlflow").decode(json.dumps({"predictions": predictions}).encode(), 2)
    assert np.asarray(found).tolist() == rows


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"error": "x"}, "no 'predictions'"),
        ({"predictions": [{"a": 1, "b": 2}] * 2}, "several values: 'a', 'b'"),
        ({"predictions": 1}, "one answer for 2 rows"),
        ({"predictions": [{"a": 1}, 2]}, "others not"),
        ({"predictions": [[{"x": 1}]] * 2}, "a row is answered by"),
        ({"predictions": [{"a": 1}, {"b": 2}]}, "row 1 has no 'a'"),
    ],
    ids=["absent", "several", "one", "mixed", "strange", "other-key"],
)
def test_what_cannot_be_read_is_said(answer: Any, said: str) -> None:
    with pytest.raises(TargetError, match=said) as caught:
        made("mlflow").decode(json.dumps(answer).encode(), 2)
    assert caught.value.code == "target/http-answer"
    assert "\x1b" not in str(caught.value)


def test_the_cards_key_picks_among_several_values() -> None:
    picked = made("mlflow", output="risk").decode(b'{"predictions": [{"risk": 0.5, "label": "a"}]}', 1)
    np.testing.assert_array_equal(picked, [0.5])
    with pytest.raises(TargetError, match="no 'risk' in the answer"):
        made("mlflow", output="risk").decode(b'{"predictions": [{"a": 0.5, "label": "a"}]}', 1)


def test_a_missing_number_is_told_as_one() -> None:
    assert np.isnan(made("mlflow").decode(b'{"predictions": [0.5, null]}', 2)[1])


def test_inference_sends_one_tensor_or_one_a_column() -> None:
    one = inference([{"name": "x", "datatype": "FP32", "shape": [-1, 2]}])
    assert sent(one, [[1.0, 2.5]]) == {
        "inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1.0, 2.5]}]
    }
    assert one.shape == (2,)
    kinds = {"age": "INT64", "income": "FP64", "job": "BYTES", "owner": "BOOL", "rate": "FP32"}
    by_column = inference([{"name": k, "datatype": d, "shape": [-1, 1]} for k, d in kinds.items()], sheet=PEOPLE)
    tensors = {t["name"]: t for t in sent(by_column, [[31.4, 1.5, 1.0, 1.0, 3.0]])["inputs"]}
    assert {k: t["data"] for k, t in tensors.items()} == {
        "age": [31],
        "income": [1.5],
        "job": ["smith"],
        "owner": [True],
        "rate": [3.0],
    }
    assert tensors["job"]["shape"] == [1, 1]


def test_a_fixed_batch_is_filled_and_the_filling_cut_off() -> None:
    four = inference([{"name": "x", "datatype": "FP32", "shape": [4, 2]}])
    assert four.rows == 4
    assert sent(four, np.ones((3, 2)))["inputs"][0]["shape"] == [4, 2]
    answer = {"outputs": [{"name": "y", "datatype": "FP32", "shape": [4], "data": [1, 2, 3, 4]}]}
    np.testing.assert_array_equal(four.decode(json.dumps(answer).encode(), 3), [1, 2, 3])


def test_a_model_without_an_axis_for_the_batch_gets_one_row() -> None:
    single = inference([{"name": "x", "datatype": "FP32", "shape": [3]}])
    assert single.rows == 1
    assert sent(single, [[1.0, 2.0, 3.0]])["inputs"][0]["shape"] == [3]
    answer = {"outputs": [{"name": "y", "datatype": "FP32", "shape": [2], "data": [0.5, 0.5]}]}
    assert single.decode(json.dumps(answer).encode(), 1).shape == (1, 2)


def test_texts_are_bytes_and_mlserver_is_told_so() -> None:
    told = [{"name": "t", "datatype": "BYTES", "shape": [-1]}]
    plain = sent(inference(told, sheet=Sheet("text")), np.array(["ä"], dtype=object))["inputs"][0]
    assert plain == {"name": "t", "shape": [1], "datatype": "BYTES", "data": ["ä"]}
    assert sent(inference(told, server="mlserver", sheet=Sheet("text")), ["a"])["inputs"][0]["parameters"] == {
        "content_type": "str"
    }


def test_several_inputs_or_outputs_must_be_named() -> None:
    two = [{"name": n, "datatype": "FP32", "shape": [-1, 2]} for n in ("a", "b")]
    with pytest.raises(TargetError, match="2 inputs: 'a', 'b'"):
        inference(two)
    assert sent(inference(two, input="b"), [[1.0, 2.0]])["inputs"][0]["name"] == "b"
    with pytest.raises(TargetError, match="no input 'c'"):
        inference(two, input="c")
    with pytest.raises(TargetError, match="2 outputs"):
        inference(two[:1], two)
    with pytest.raises(TargetError, match="no output 'c'"):
        inference(two[:1], two, output="c")
    assert sent(inference(two[:1], two, output="b"), [[1.0, 2.0]])["outputs"] == [{"name": "b"}]
    with pytest.raises(TargetError, match="also wants 'shoe'"):
        inference([{"name": n} for n in (*PEOPLE.names, "shoe")], sheet=PEOPLE)


@pytest.mark.parametrize(
    "outputs",
    [
        None,
        [],
        [1],
        [{"name": "y"}],
        [{"name": "y", "datatype": "FP32", "shape": [3], "data": [1]}],
        [{"name": "y", "datatype": "FP32", "shape": [1], "data": ["x"]}],
        [{"name": "y", "datatype": "FP32", "shape": [1], "data": ["0.5"]}],
        [{"name": "y", "datatype": "FP32", "shape": [1], "data": [True]}],
        [{"name": "y", "datatype": "FP32", "shape": [1, 2], "data": [["0.5", 0.5]]}],
        [{"name": "y", "datatype": "INT64", "shape": [1], "data": [1.7]}],
        [{"name": "y", "datatype": "BOOL", "shape": [1], "data": ["False"]}],
        [{"name": "y", "datatype": "??", "shape": [1], "data": [1]}],
        [{"name": "y", "datatype": "INT8", "shape": [1], "data": [2**70]}],
        [{"name": "y", "datatype": "FP32", "shape": [-1], "data": [1]}],
        [{"name": "y", "datatype": "FP32", "shape": [10**12], "data": [1]}],
    ],
)
def test_broken_tensors_are_refused(outputs: Any) -> None:
    protocol = inference([{"name": "x", "datatype": "FP32", "shape": [-1, 2]}])
    with pytest.raises(TargetError) as caught:
        protocol.decode(json.dumps({"outputs": outputs}).encode(), 1)
    assert caught.value.code == "target/http-answer"


def test_torchserve_takes_a_file_a_request() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (5, 4, 3)).astype(np.uint8)
    protocol = made("torchserve", Sheet("image"), model="m", version="2.0")
    assert (protocol.path, protocol.rows, protocol.content_type) == ("/predictions/m/2.0", 1, "image/png")
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(protocol.encode(picture[None])))), picture)
    clip = np.linspace(-1, 1, 50, dtype=np.float32)
    rate, back = wavfile.read(io.BytesIO(made("torchserve", Sheet("audio", rate=8000), model="m").encode(clip[None])))
    assert rate == 8000
    np.testing.assert_array_equal(back, clip)
    assert made("torchserve", Sheet("text"), model="m").encode(np.array(["ä"], dtype=object)) == "ä".encode()
    assert json.loads(made("torchserve", PEOPLE, model="m", input="columns").encode(TWO[:1]))["job"] == "smith"
    many = made("torchserve", model="m", input="instances")
    assert sent(many, [[1.0], [2.0]]) == {"instances": [[1.0], [2.0]]}
    assert many.rows == 256


@pytest.mark.parametrize(
    ("body", "row"),
    [
        (b"1", [1]),
        (b'"yes"', ["yes"]),
        (b"yes\n", ["yes"]),
        (b"[0.2, 0.8]", [[0.2, 0.8]]),
        (b"[[0.2, 0.8]]", [[0.2, 0.8]]),
        (b'{"yes": 0.75, "no": 0.25}', [[0.25, 0.75]]),
        (b'{"yes": 0.75}', ["yes"]),
        (b"[0.5]", [0.5]),
    ],
)
def test_torchserve_answers_one_row(body: bytes, row: Any) -> None:
    assert np.asarray(made("torchserve", model="m").decode(body, 1)).tolist() == row


@pytest.mark.parametrize(
    ("request_", "body"),
    [
        ({"x": "{rows}"}, {"x": [[1.0, 2.0], [3.0, 4.0]]}),
        ({"a": ["{row}", "k"]}, {"a": [[1.0, 2.0], "k"]}),
        ({"c": "{columns}", "d": {"r": "{rows}"}}, {"c": ["a", "b"], "d": {"r": [[1.0, 2.0], [3.0, 4.0]]}}),
        ({"people": "{records}"}, {"people": [{"a": 1.0, "b": 2.0}, {"a": 3.0, "b": 4.0}]}),
        ("{record}", {"a": 1.0, "b": 2.0}),
    ],
    ids=["rows", "row", "columns", "records", "record"],
)
def test_a_template_is_filled(request_: Any, body: Any) -> None:
    sheet = Sheet("table", (Column("a"), Column("b")))
    protocol = made("template", sheet, template={"request": request_, "response": "p"})
    assert sent(protocol, [[1.0, 2.0], [3.0, 4.0]]) == body
    assert protocol.rows == (1 if "{row}" in str(request_) or "{record}" in str(request_) else 256)


def test_a_text_may_stand_within_another_and_cannot_break_out() -> None:
    template = {"request": {"prompt": "Is this kind? {row} Say so."}, "response": "choices[0].text"}
    protocol = made("template", Sheet("text"), template=template)
    nasty = 'no", "x": 1, "y": "\n{row}'
    assert sent(protocol, np.array([nasty], dtype=object)) == {"prompt": f"Is this kind? {nasty} Say so."}
    assert protocol.decode(b'{"choices": [{"text": "yes"}]}', 1).tolist() == ["yes"]


def test_pictures_stand_in_a_template_as_base64() -> None:
    import base64

    protocol = made("template", Sheet("image"), template={"request": {"image": "{base64}"}, "response": "label"})
    picture = np.zeros((1, 2, 2, 3), np.uint8)
    content = base64.b64decode(sent(protocol, picture)["image"])
    assert np.asarray(Image.open(io.BytesIO(content))).shape == (2, 2, 3)


@pytest.mark.parametrize(
    ("path", "answer", "rows"),
    [
        ("predictions[*].score", {"predictions": [{"score": 0.1}, {"score": 0.9}]}, [0.1, 0.9]),
        ("$.a[1][*]", {"a": [0, [1, 2]]}, [1, 2]),
        ("[*]", [0.5, 1.5], [0.5, 1.5]),
        ("out", {"out": {"no": [0.1, 0.2], "yes": [0.9, 0.8]}}, [[0.1, 0.9], [0.2, 0.8]]),
    ],
)
def test_answers_are_found_by_their_path(path: str, answer: Any, rows: Any) -> None:
    protocol = made("template", template={"request": "{rows}", "response": path})
    assert np.asarray(protocol.decode(json.dumps(answer).encode(), 2)).tolist() == rows
    with pytest.raises(TargetError, match="template's response"):
        protocol.decode(b'"something else"', 2)


@pytest.mark.parametrize(
    ("request_", "path", "said"),
    [({}, "a", "names no input"), ("{rows}{row}", "a", "names row and rows"), ("{rows}", "a[b]", "has '.b.'")],
    ids=["none", "two", "step"],
)
def test_a_template_that_cannot_work_is_refused(request_: Any, path: str, said: str) -> None:
    with pytest.raises(TargetError, match=said):
        made("template", template={"request": request_, "response": path})


def test_what_tells_models_apart_holds_no_secret() -> None:
    card = HttpCard(
        url="https://H.test:8443/score?key=s3cret&version=2",
        protocol="mlflow",
        token="t0ken",
        headers={"X-Key": "h3ader"},
    )
    told = str(address_of(card))
    assert "h.test:8443/score" in told
    assert "version" in told
    for secret in ("s3cret", "t0ken", "h3ader"):
        assert secret not in told
    # What may choose the model tells it apart; a secret that was renewed does not.
    same = {"url": "https://H.test:8443/score?key=other&version=2", "headers": {"x-key": "new"}, "token": "newer"}
    assert address_of(card.model_copy(update=same)) == address_of(card)
    for more in ({"url": "https://H.test:8443/score?key=s3cret&version=3"}, {"headers": {"Host": "b.models.test"}}):
        assert address_of(card.model_copy(update=more)) != address_of(card)


@pytest.mark.parametrize(
    "url",
    ["http://h:99999/", "http://h:0/", "http://[::1/", "http://:80/", "http://h\uff0fx/", "http://u:p@h/", "ftp://h"],
)
def test_an_address_that_is_none_is_refused_with_the_card(url: str) -> None:
    with pytest.raises(ValidationError):
        HttpCard(url=url, model="m")
