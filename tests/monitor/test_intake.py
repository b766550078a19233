"""Logs that grow, rotate, are compressed, are cut off: every line once, from any place on."""

from __future__ import annotations

import gzip
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from watched_traffic import event, lines, reference

from momus.card.monitor import FieldsCard
from momus.core.errors import CardError
from momus.monitor import log_files
from momus.monitor.decode import Decoder
from momus.monitor.source import Position, Source, open_source


class Reading:
    """Reads on with a new source each time, as after a restart, or with one that stays open."""

    def __init__(self, folder: Path, pattern: str, *, anew: bool) -> None:
        self.folder, self.pattern, self.anew = folder, pattern, anew
        self.at: Position = {}
        self.source = self.open()
        self.odd: dict[str, int] = {}

    def open(self) -> Source:
        return open_source(self.pattern, Decoder(FieldsCard(), reference()), self.folder)

    def more(self, most: int = 7) -> list[int]:
        """Numbers of the events that are there now."""
        found: list[int] = []
        while True:
            if self.anew:
                self.source.close()
                self.source = self.open()
            taken = self.source.read(self.at, most)
            self.at = json.loads(json.dumps(taken.position))
            found += numbers(taken.batch.time)
            for kind, many in taken.aside.upto(1 << 40).items():
                self.odd[kind] = self.odd.get(kind, 0) + many
            if not taken.records:
                return found


def numbers(times: Any) -> list[int]:
    return [int(v) for v in np.rint((times - 1_700_000_000) / 0.5)]


@pytest.fixture(params=[False, True], ids=["open", "restarted"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Reading:
    return Reading(tmp_path, "app.log", anew=request.param)


@pytest.fixture(params=[False, True], ids=["open", "restarted"])
def logs(request: pytest.FixtureRequest, tmp_path: Path) -> Reading:
    return Reading(tmp_path, "app.log*", anew=request.param)


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as stream:
        stream.write(data)


def test_a_file_that_is_not_there_yet_and_then_grows(log: Reading) -> None:
    path = log.folder / "app.log"
    assert log.more() == []
    append(path, lines(0, 20))
    assert log.more() == list(range(20))
    whole = lines(20, 21)
    append(path, whole[:30])
    assert log.more() == []  # half a line waits
    append(path, whole[30:] + lines(21, 25))
    assert log.more() == list(range(20, 25))
    assert log.odd == {}


def test_the_same_place_gives_the_same_events(tmp_path: Path) -> None:
    append(tmp_path / "app.log", lines(0, 50))
    log = Reading(tmp_path, "app.log", anew=False)
    first = log.source.read({}, 20)
    second = log.source.read(first.position, 20)
    again = log.source.read(first.position, 20)
    assert numbers(second.batch.time) == numbers(again.batch.time) == list(range(20, 40))
    assert again.position == second.position
    assert log.source.waiting({}) >= log.source.waiting(second.position) > 0


def test_at_the_end_a_last_line_needs_no_end(log: Reading) -> None:
    append(log.folder / "app.log", lines(0, 3)[:-1])
    assert log.more() == [0, 1]
    log.anew = False
    log.source.final()
    assert log.more() == [2]
    append(log.folder / "app.log", b"\n" + lines(3, 4))
    assert log.more() == [3]
    assert log.odd == {}


def test_rotation_by_renaming(log: Reading) -> None:
    path = log.folder / "app.log"
    append(path, lines(0, 10))
    assert log.more() == list(range(10))
    append(path, lines(10, 20))
    path.rename(log.folder / "app.log.1")
    append(path, lines(20, 30))
    assert log.more() == list(range(10, 30))
    append(log.folder / "app.log.1", lines(30, 32))  # a worker that has not noticed
    append(path, lines(32, 34))
    assert sorted(log.more()) == list(range(30, 34))
    assert log.odd == {}


def test_rotation_twice_between_two_looks(logs: Reading) -> None:
    path = logs.folder / "app.log"
    append(path, lines(0, 10))
    assert logs.more() == list(range(10))
    append(path, lines(10, 20))
    path.rename(logs.folder / "app.log.2")
    append(path, lines(20, 30))
    path.rename(logs.folder / "app.log.1")
    append(path, lines(30, 40))
    assert logs.more() == list(range(10, 40))


def test_rotation_by_copying_and_truncating(log: Reading) -> None:
    path = log.folder / "app.log"
    append(path, lines(0, 10))
    assert log.more() == list(range(10))
    append(path, lines(10, 20))
    shutil.copy(path, log.folder / "app.log.1")
    path.write_bytes(b"")
    assert log.more() == list(range(10, 20))
    append(path, lines(20, 60))
    assert log.more() == list(range(20, 60))
    assert log.odd == {}


def test_a_copy_is_not_read_while_its_original_is_there(logs: Reading) -> None:
    path = logs.folder / "app.log"
    append(path, lines(0, 10))
    assert logs.more() == list(range(10))
    shutil.copy(path, logs.folder / "app.log.1")
    assert logs.more() == []
    append(path, lines(10, 12))
    assert logs.more() == [10, 11]
    path.write_bytes(lines(12, 20))
    assert logs.more() == list(range(12, 20))
    assert logs.odd == {}


def test_truncated_without_a_copy_is_read_from_the_start(log: Reading) -> None:
    path = log.folder / "app.log"
    append(path, lines(0, 10))
    assert log.more() == list(range(10))
    path.write_bytes(lines(50, 90))
    assert log.more() == list(range(50, 90))


@pytest.mark.parametrize("late", [False, True])
def test_a_log_that_was_compressed_goes_on_where_it_was(logs: Reading, late: bool) -> None:
    path, old = logs.folder / "app.log", logs.folder / "app.log.1"
    append(path, lines(0, 40))
    taken = logs.source.read({}, 25)
    logs.at = taken.position
    path.rename(old)
    append(path, lines(40, 50))
    with gzip.open(logs.folder / "app.log.1.gz", "wb") as stream:
        stream.write(lines(0, 40))
    if late:  # both are there for a while
        assert logs.more() == list(range(25, 50))
        old.unlink()
        assert logs.more() == []
    else:
        old.unlink()
        assert logs.more() == list(range(25, 50))
    assert logs.odd == {}


def test_compressed_logs_and_their_order(tmp_path: Path) -> None:
    for name, low in (("app.log.10.gz", 0), ("app.log.9.gz", 10), ("app.log.1", 20), ("app.log", 30)):
        data = lines(low, low + 10)
        (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    log = Reading(tmp_path, "app.log*", anew=True)
    assert log.more() == list(range(40))
    for low, name in ((40, "2024-5-9.jsonl"), (50, "2024-5-10.jsonl"), (60, "2024-11-1.jsonl")):
        (tmp_path / name).write_bytes(lines(low, low + 10))
    assert Reading(tmp_path, "*.jsonl", anew=False).more() == list(range(40, 70))


def test_a_compressed_file_that_is_broken_gives_what_is_whole(tmp_path: Path) -> None:
    (tmp_path / "app.log.1.gz").write_bytes(gzip.compress(lines(0, 2000))[:-3000])
    (tmp_path / "app.log").write_bytes(lines(5000, 5003))
    found = Reading(tmp_path, "app.log*", anew=False).more(500)
    assert found[-3:] == [5000, 5001, 5002]
    assert found[:-3] == list(range(len(found) - 3))


def test_a_log_that_vanished_before_its_end_is_missed(logs: Reading) -> None:
    path = logs.folder / "app.log"
    append(path, lines(0, 40))
    logs.at = logs.source.read({}, 25).position
    logs.source.close()
    logs.source = logs.open()
    path.unlink()
    append(path, lines(60, 61))
    assert logs.more() == [60]
    assert logs.odd == {"lost with its file": 1}


def test_lines_without_end_are_left_out(log: Reading, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_files, "LONGEST", 2000)
    monkeypatch.setattr(log_files, "_BLOCK", 1500)
    path = log.folder / "app.log"
    append(path, lines(0, 3) + b"x" * 9000 + b"\n" + lines(3, 5) + b"[" * 3000)
    assert log.more(2) == [0, 1, 2, 3, 4]
    append(path, b"]" * 3000)
    assert log.more(2) == []
    append(path, b"\n" + lines(5, 7) + b"y" * 2500 + b"\n" + lines(7, 9))
    assert log.more(2) == [5, 6, 7, 8]
    assert log.odd == {"line too long": 3}


def test_broken_and_blank_lines_between(log: Reading) -> None:
    append(log.folder / "app.log", lines(0, 2) + b"\n{oops\n\r\n" + lines(2, 3).replace(b"\n", b"\r\n") + b"[]\n")
    assert log.more() == [0, 1, 2]
    assert log.odd == {"broken line": 2}


def test_what_is_left_out_stands_where_it_stood(tmp_path: Path) -> None:
    append(tmp_path / "app.log", lines(0, 3) + b"{oops\n" + lines(3, 8))
    source = Reading(tmp_path, "app.log", anew=False).source
    mask = np.array([True, False, True, True, False, False, True, True, False])
    taken = source.read({}, 100, lambda n: mask[:n])
    assert numbers(taken.batch.time) == [0, 2, 5, 6]
    upto = [taken.aside.upto(2 * i + 1) for i in range(5)]
    assert upto == [{}, {"shed": 1}, {"shed": 1, "broken line": 1}, {"shed": 3, "broken line": 1}][:2] + upto[2:]
    assert upto[4] == {"shed": 4, "broken line": 1}
    assert taken.records == 9


def test_parquet_files_as_they_come(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")

    def write(name: str, low: int, high: int) -> None:
        table = pa.Table.from_pylist([event(i) for i in range(low, high)])
        when = pa.array([int(1e6 * event(i)["time"]) for i in range(low, high)], pa.timestamp("us", tz="UTC"))
        table = table.set_column(table.schema.get_field_index("time"), "time", when)
        pq.write_table(table, tmp_path / ".part", row_group_size=10)
        (tmp_path / ".part").rename(tmp_path / name)

    for anew in (False, True):
        write("b.parquet", 0, 35)
        log = Reading(tmp_path, "*.parquet", anew=anew)
        assert log.more() == list(range(35))
        write("c.parquet", 35, 50)
        (tmp_path / "d.parquet").write_bytes(b"PAR1 but no more")
        assert log.source.waiting(log.at) == 16
        assert log.more() == list(range(35, 50))
        assert log.odd == {"unreadable file": 1}
        assert log.source.waiting(log.at) == 0
        for name in ("c.parquet", "d.parquet"):
            (tmp_path / name).unlink()
    taken = log.source.read({}, 1)
    assert taken.batch.x.tolist()[0][:2] == [20.0, -3.25]
    assert taken.batch.outputs.tolist() == [[1.0, 0.0]]


@pytest.mark.parametrize("text", ["s3://bucket/log", "kafka://", "kafka://u:p@host/topic"])
def test_a_source_that_nobody_can_read_is_refused(text: str) -> None:
    with pytest.raises(CardError, match="monitor/source"):
        open_source(text, Decoder(FieldsCard(), reference()))
