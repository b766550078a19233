"""Lines of any kind become events or are counted; nothing in them is fatal and nothing grows."""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from watched_traffic import COLUMNS, event, reference

from momus.card.monitor import FieldsCard
from momus.core.samples import Column, Samples
from momus.methods.describe import describe
from momus.monitor import decode
from momus.monitor.decode import Decoder
from momus.monitor.events import Batch
from momus.monitor.source import Aside


def decoded(*rows: Any, fields: FieldsCard | None = None, **like: Any) -> tuple[Batch, dict[str, int]]:
    aside = Aside()
    given = [r if isinstance(r, bytes) else json.dumps(r).encode() for r in rows]
    batch = Decoder(fields or FieldsCard(), reference(**like)).lines(given, aside)
    return batch, aside.upto(1 << 40)


def test_an_event_is_read_as_it_stands() -> None:
    batch, odd = decoded(event(1), event(24), event(50))
    assert odd == {}
    assert batch.time.tolist() == [1_700_000_000.5, 1_700_000_012.0, 1_700_000_025.0]
    assert batch.callers == ("caller 1", "caller 4")
    assert batch.caller.tolist() == [0, 0, 1]
    assert batch.x[0].tolist() == [21.0, -2.25, 1.0, 1.0]
    assert np.isnan(batch.x[2, 2])
    assert batch.outputs[0].tolist() == [0.963, 0.037]
    assert batch.said.tolist() == [0, 1, 1]
    assert batch.label.tolist() == [1.0, 0.0, 0.0]
    assert (batch.seconds[0], batch.size[0], batch.status[0]) == (0.01, 240.0, 200)
    assert batch.served.tolist() == [-1, -1, -1]
    assert np.isnan(batch.reward).all()


STRANGE = {
    "null": None, "empty": "", "word": "oops", "list": [], "object": {}, "nested": [[1]], "true": True,
    "endless": 10**400, "large": 1e300, "long": "9" * 100_000, "negative": -5,
    "deep": json.loads("[" * 900 + "]" * 900),
}  # fmt: skip


@pytest.mark.parametrize("value", STRANGE.values(), ids=STRANGE)
@pytest.mark.parametrize("field", ["time", "caller", "input", "output", "label", "status", "learned", "version"])
def test_a_strange_value_is_not_known_and_its_neighbours_are(field: str, value: Any) -> None:
    batch, odd = decoded(event(1), event(2, **{field: value}), event(3))
    good, _ = decoded(event(1), event(3))
    for name, whole in vars(good).items():
        if isinstance(whole, np.ndarray) and name not in ("caller", "served", "contributor"):
            assert np.array_equal(getattr(batch, name)[[0, 2]], whole, equal_nan=True), name
    named = [batch.callers[i] if i >= 0 else "" for i in batch.caller[[0, 2]].tolist()]
    assert named == ["caller 1", "caller 3"]
    assert sum(odd.values()) <= 1
    assert all(len(name) < 200 for name in (*batch.callers, *batch.version))


def test_what_is_odd_is_counted_by_its_kind() -> None:
    rows = [
        event(1, input={"age": "old", "income": 1, "debt": 1, "job": "nurse"}),
        event(2, input={"age": 30, "income": 1e300, "debt": 1, "job": "pilot"}),
        event(3, input={"age": 30, "income": 1, "debt": 1, "job": ["nurse"]}),
        event(4, input=[30, 1, 1, "nurse"]),
        event(5, input=[30, 1]),
        event(6, output=[0.2, 0.9, 1]),
        event(7, output=[4, -3]),
        event(8, time="yesterday"),
        event(9, label="maybe"),
        event(10, status=70_000),
    ]
    batch, odd = decoded(*rows)
    assert odd == {
        "input age: no number": 1, "input income: no number": 1, "input job: unseen category": 1,
        "input job: no category": 1, "input: not a row of the table": 1, "output: not 2 numbers": 1,
        "output: no probabilities": 1, "time: no moment": 1, "label: none of the classes": 1,
        "status: not a number that it can be": 1,
    }  # fmt: skip
    assert batch.x[1, 3] == -1.0
    assert np.isnan(batch.x[2, 3])
    assert batch.x[3].tolist() == [30.0, 1.0, 1.0, 2.0]
    assert batch.said[[5, 6]].tolist() == [-1, -1]


BROKEN = [
    b"{",
    b"[1, 2]",
    b"null",
    b'{"a": 1} {"a": 2}',
    b"\xff\xfe",
    b"[" * 100_000,
    b'{"time": ' + b"9" * 5000 + b"x}",
]


@pytest.mark.parametrize("plain", [False, True], ids=["orjson", "json"])
def test_broken_lines_stand_where_they_stood(plain: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if plain:
        monkeypatch.setattr(decode, "loads_of", lambda: json.loads)
    good = [json.dumps(event(i)).encode() for i in range(3)]
    aside = Aside()
    aside.before(1, "line too long")  # the source left one out before the second line
    batch = Decoder(FieldsCard(), reference()).lines([good[0], *BROKEN, b"  ", good[1], good[2]], aside)
    assert len(batch) == 3
    assert aside.upto(2) == {}
    assert aside.upto(3) == {"broken line": len(BROKEN), "line too long": 1}
    assert len(aside.shown(1 << 40)) == 5
    assert max(map(len, aside.shown(1 << 40))) < 200


@pytest.mark.parametrize("plain", [False, True], ids=["orjson", "json"])
def test_numbers_that_are_none_do_no_harm(plain: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if plain:
        monkeypatch.setattr(decode, "loads_of", lambda: json.loads)
    line = b'{"time": NaN, "input": {"age": 1e400, "income": -Infinity, "debt": NaN, "job": NaN}, "output": [NaN, 1]}'
    batch, odd = decoded(line)
    assert np.isnan(batch.x[0, :3]).all()
    assert np.isnan(batch.outputs).all()
    assert odd["input age: no number"] == odd["input income: no number"] == 1
    assert "time: no moment" not in odd


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (1_700_000_000, 1.7e9), (1_700_000_000_123, 1_700_000_000.123), (1_700_000_000_123_456, 1_700_000_000.123456),
        (1_700_000_000_123_456_789, 1_700_000_000.123456789), ("2023-11-14T22:13:20Z", 1.7e9),
        ("2023-11-14 22:13:20", 1.7e9), ("2023-11-15T00:13:20+02:00", 1.7e9),
    ],
)  # fmt: skip
def test_times_in_the_ways_logs_write_them(given: Any, seconds: float) -> None:
    batch, odd = decoded(event(1, time=given))
    assert odd == {}
    assert batch.time[0] == pytest.approx(seconds, abs=1e-6)


@pytest.mark.parametrize(
    ("output", "said", "probabilities"),
    [
        ([0.25, 0.75], 1, [0.25, 0.75]), ([[0.25, 0.75]], 1, [0.25, 0.75]), (0.75, 1, [0.25, 0.75]), (1, 1, None),
        ("default", 1, None), ({"repaid": 0.9, "default": 0.1}, 0, [0.9, 0.1]), ("fraud", -1, None), (7, -1, None),
    ],
)  # fmt: skip
def test_answers_in_the_ways_logs_hold_them(output: Any, said: int, probabilities: list[float] | None) -> None:
    batch, _ = decoded(event(1, output=output), event(2, output="repaid"))
    assert batch.said.tolist() == [said, 0]
    assert np.array_equal(batch.outputs[0], probabilities or [np.nan, np.nan], equal_nan=True)


def test_a_regressor_answers_with_values() -> None:
    like = {"task": "regressor", "outputs": np.zeros((400, 1)), "classes": ()}
    batch, odd = decoded(event(1, output=12.5, label=13), event(2, output=[7], label="much"), **like)
    assert batch.outputs[:, 0].tolist() == [12.5, 7.0]
    assert batch.said.tolist() == [-1, -1]
    assert odd == {"label: not a number": 1}


def test_fields_are_found_by_path_by_name_and_in_the_line_itself() -> None:
    fields = FieldsCard(time="at", caller="user.id", input=".", output="answer.scores.0", label="")
    line = {"at": 5, "user": {"id": 7}, "age": 30, "income": 1, "debt": 2, "job": "smith",
            "answer": {"scores": [[0.1, 0.9]]}, "label": 1}  # fmt: skip
    flat = {**line, "user.id": "7"}
    batch, odd = decoded(line, flat, fields=fields)
    assert odd == {}
    assert batch.callers == ("7",)
    assert batch.x.tolist() == [[30, 1, 2, 3]] * 2
    assert batch.outputs[0].tolist() == [0.1, 0.9]
    assert np.isnan(batch.label).all()


def test_codes_of_categories() -> None:
    numbered = (*COLUMNS[:3], Column("job", COLUMNS[3].kind, 0, 3, ("10", "20", "30")))
    row = [30, 1, 1]
    rows = [event(1, input=[*row, v]) for v in (20, "20", 20.0, 1, None, "")]
    batch, _ = decoded(*rows, columns=numbered)
    assert np.array_equal(batch.x[:, 3], [1, 1, 1, -1, np.nan, np.nan], equal_nan=True)
    batch, _ = decoded(*[event(1, input=[*row, v]) for v in (2, 2.0, 9)])
    assert batch.x[:, 3].tolist() == [2.0, 2.0, -1.0]


def test_texts_images_and_sound_are_described_as_the_reference_is() -> None:
    texts = np.array(["Pay me now!", "all is well " * 5000], dtype=object)
    expected = describe(Samples(np.array([t[:20_000] for t in texts], dtype=object))).values
    batch, odd = decoded(
        *(event(i, input=t) for i, t in enumerate(texts)), event(2, input=5), encoder="text", x=np.zeros((9, 9))
    )
    assert np.array_equal(batch.x[:2], expected)
    assert odd == {"input: no text": 1}
    image = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    expected = describe(Samples(image[None])).values
    packed = {"shape": [4, 4, 3], "data": base64.b64encode(image.tobytes()).decode()}
    bomb = {"shape": [1 << 20, 1 << 20, 3], "data": ""}
    rows = [event(i, input=v) for i, v in enumerate([image.tolist(), packed, bomb, [[1, 999]], expected[0].tolist()])]
    batch, odd = decoded(*rows, encoder="image", x=np.zeros((9, expected.shape[1])))
    assert np.array_equal(batch.x[[0, 1, 4]], np.repeat(expected, 3, axis=0))
    assert odd == {"input: no image": 2}
    wave = np.sin(np.arange(4000) / 9).astype(np.float32)
    expected = describe(Samples(wave[None], rate=16_000)).values
    batch, _ = decoded(event(1, input=[float(v) for v in wave]), encoder="sound", x=np.zeros((9, expected.shape[1])))
    assert np.allclose(batch.x, expected)


def test_vectors() -> None:
    batch, odd = decoded(
        event(1, input=[1, 2, 3, 4]), event(2, input=[1, 2]), event(3, input=[1, "2", 3, None]), encoder="vector"
    )
    assert np.array_equal(batch.x[[0, 2]], [[1, 2, 3, 4], [1, np.nan, 3, np.nan]], equal_nan=True)
    assert odd == {"input: not 4 numbers": 1, "input: no number": 1}
