"""Kept answers: no row is asked twice, whoever asks; a broken or crowded file costs the keeping alone."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from momus.targets import http_answers
from momus.targets.http_answers import Answers, Row, packed, row_keys, unpacked


def nothing() -> None:
    return None


class Model:
    """Doubles a row, and remembers which rows it was asked."""

    def __init__(self, x: np.ndarray) -> None:
        self.x, self.asked = x, list[int]()

    def __call__(self, at: Sequence[int]) -> list[Row]:
        self.asked += at
        return packed(2 * self.x[list(at)])


@pytest.fixture
def x() -> np.ndarray:
    return np.arange(12, dtype=float).reshape(6, 2)


def test_a_row_is_asked_once_over_calls_and_openers(tmp_path: Path, x: np.ndarray) -> None:
    model = Model(x)
    first, second = Answers(tmp_path, "m"), Answers(tmp_path, "m")
    keys = row_keys(x)
    np.testing.assert_array_equal(unpacked(first.get(keys[:4], model, nothing)), 2 * x[:4])
    np.testing.assert_array_equal(unpacked(second.get(keys, model, nothing)), 2 * x)
    assert model.asked == [0, 1, 2, 3, 4, 5]
    assert len(first) == 6


def test_equal_rows_of_one_call_are_asked_once(tmp_path: Path, x: np.ndarray) -> None:
    twice = np.concatenate([x, x])
    model = Model(twice)
    np.testing.assert_array_equal(unpacked(Answers(tmp_path, "m").get(row_keys(twice), model, nothing)), 2 * twice)
    assert len(model.asked) == 6


def test_another_model_shares_nothing(tmp_path: Path, x: np.ndarray) -> None:
    one, other = Model(x), Model(-x)
    Answers(tmp_path, "a").get(row_keys(x), one, nothing)
    np.testing.assert_array_equal(unpacked(Answers(tmp_path, "b").get(row_keys(x), other, nothing)), -2 * x)


def test_forgotten_and_old_answers_are_asked_again(
    tmp_path: Path, x: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, kept = Model(x), Answers(tmp_path, "m")
    kept.get(row_keys(x), model, nothing)
    kept.forget()
    kept.get(row_keys(x), model, nothing)
    assert len(model.asked) == 12
    monkeypatch.setattr(http_answers, "HELD", -1.0)
    assert kept._known(row_keys(x)) == {}


def test_what_a_failing_model_was_asked_is_free_again(tmp_path: Path, x: np.ndarray) -> None:
    def fails(at: Sequence[int]) -> list[Row]:
        raise OSError("down")

    kept, model = Answers(tmp_path, "m"), Model(x)
    with pytest.raises(OSError, match="down"):
        kept.get(row_keys(x), fails, nothing)
    assert len(unpacked(Answers(tmp_path, "m").get(row_keys(x), model, nothing))) == 6


def _ask_slowly(folder: str, x: np.ndarray, begun: Any, go_on: Any, out: Any) -> None:
    asked = 0

    def model(at: Sequence[int]) -> list[Row]:
        nonlocal asked
        asked += len(at)
        begun.set()
        go_on.wait(60)
        return packed(2 * x[list(at)])

    Answers(Path(folder), "m").get(row_keys(x), model, nothing)
    out.put(asked)


def test_a_second_process_waits_for_the_answers_of_the_first(tmp_path: Path, x: np.ndarray) -> None:
    ways = multiprocessing.get_context("fork")
    begun, go_on, out = ways.Event(), ways.Event(), ways.Queue()
    other = ways.Process(target=_ask_slowly, args=(str(tmp_path), x, begun, go_on, out))
    other.start()
    assert begun.wait(60)
    waited = list[float]()

    def wait(seconds: float) -> None:
        waited.append(seconds)
        go_on.set()
        time.sleep(seconds)

    model = Model(x)
    rows = Answers(tmp_path, "m", wait=wait).get(row_keys(x), model, nothing)
    other.join(60)
    np.testing.assert_array_equal(unpacked(rows), 2 * x)
    assert model.asked == []
    assert out.get(timeout=60) == 6
    assert waited


def test_a_process_that_died_while_it_asked_holds_nothing_up(tmp_path: Path, x: np.ndarray) -> None:
    ways = multiprocessing.get_context("fork")
    begun = ways.Event()
    other = ways.Process(target=_ask_slowly, args=(str(tmp_path), x, begun, ways.Event(), ways.Queue()))
    other.start()
    assert begun.wait(60)
    other.kill()
    other.join(60)
    model = Model(x)
    Answers(tmp_path, "m").get(row_keys(x), model, nothing)
    assert len(model.asked) == 6


def test_who_waits_is_stopped_when_its_time_is_over(tmp_path: Path, x: np.ndarray) -> None:
    ways = multiprocessing.get_context("fork")
    begun, go_on = ways.Event(), ways.Event()
    other = ways.Process(target=_ask_slowly, args=(str(tmp_path), x, begun, go_on, ways.Queue()))
    other.start()
    assert begun.wait(60)

    def over() -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        Answers(tmp_path, "m").get(row_keys(x), Model(x), over)
    go_on.set()
    other.join(60)


def test_threads_of_one_process_may_ask_together(tmp_path: Path, x: np.ndarray) -> None:
    kept, model = Answers(tmp_path, "m"), Model(x)
    found: list[np.ndarray] = []
    threads = [
        threading.Thread(target=lambda: found.append(unpacked(kept.get(row_keys(x), model, nothing)))) for _ in range(4)
    ]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    assert len(found) == 4
    for a in found:
        np.testing.assert_array_equal(a, 2 * x)


@pytest.mark.parametrize("content", [b"", b"no database at all" * 100], ids=["empty", "noise"])
def test_a_broken_file_is_made_anew(tmp_path: Path, x: np.ndarray, content: bytes) -> None:
    (tmp_path / "m.sqlite").write_bytes(content)
    model = Model(x)
    np.testing.assert_array_equal(unpacked(Answers(tmp_path, "m").get(row_keys(x), model, nothing)), 2 * x)
    Answers(tmp_path, "m").get(row_keys(x), model, nothing)
    assert len(model.asked) == 6


def test_a_folder_that_cannot_be_written_costs_the_keeping_alone(tmp_path: Path, x: np.ndarray) -> None:
    (tmp_path / "file").write_text("in the way")
    model = Model(x)
    kept = Answers(tmp_path / "file", "m")
    np.testing.assert_array_equal(unpacked(kept.get(row_keys(x), model, nothing)), 2 * x)


def test_the_oldest_go_when_there_are_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_answers, "LARGEST", 200_000)
    x = np.arange(40_000, dtype=float).reshape(-1, 2)
    model, kept = Model(x), Answers(tmp_path, "m")
    for i in range(0, len(x), 1000):
        part = Model(x[i : i + 1000])
        kept.get(row_keys(part.x), part, nothing)
    assert 1000 <= len(kept) < 6000
    assert (tmp_path / "m.sqlite").stat().st_size < 1_000_000
    kept.get(row_keys(x[-1000:]), model, nothing)
    assert model.asked == []


def test_files_of_models_that_nobody_asks_go(tmp_path: Path, x: np.ndarray) -> None:
    for i in range(20):
        Answers(tmp_path, f"m{i}").get(row_keys(x), Model(x), nothing)
    assert len(list(tmp_path.glob("*.sqlite"))) <= http_answers.MODELS


@pytest.mark.parametrize(
    "out",
    [
        np.array([1, 2, 3]), np.array([[0.25, 0.75]] * 3), np.array([True, False, True]), np.array([[1], [2], [3]]),
        np.array(["a", "bb", "ü"]), np.array([["a", "b"]] * 3, dtype=object), np.zeros((3, 2, 2)),
    ],
    ids=["whole", "rows", "truth", "column", "texts", "pairs", "deep"],
)  # fmt: skip
def test_answers_come_back_as_they_were(out: np.ndarray) -> None:
    back = unpacked(packed(out))
    assert back.shape == out.shape
    assert (back == out).all()


def test_whole_numbers_beside_others_become_floats_and_other_shapes_do_not_join() -> None:
    joined = unpacked([*packed(np.array([1, 2])), *packed(np.array([0.5]))])
    np.testing.assert_array_equal(joined, [1.0, 2.0, 0.5])
    with pytest.raises(ValueError, match="forms"):
        unpacked([*packed(np.zeros((1, 2))), *packed(np.zeros((1, 3)))])


def test_keys_tell_rows_apart_and_know_them_again() -> None:
    a = np.random.default_rng(0).normal(size=(50, 3))
    keys = row_keys(a)
    assert len(set(keys)) == 50
    assert row_keys(a[::2]) == keys[::2]
    assert row_keys(np.asfortranarray(a)) == keys
    texts = np.array(["a", "ab", "", "\ud800"], dtype=object)
    assert len(set(row_keys(texts))) == 4
    assert row_keys(np.zeros((2, 0))) == row_keys(np.zeros((2, 0)))
