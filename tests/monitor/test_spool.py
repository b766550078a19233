"""The spool keeps what it acknowledged through torn writes, full disks and several writers."""

from __future__ import annotations

import errno
import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from watched_traffic import event, reference, watch

from momus.card.monitor import FieldsCard
from momus.monitor import spool, spool_read, spooler
from momus.monitor.decode import Decoder
from momus.monitor.source import Position
from momus.monitor.spool import Segments, frame
from momus.monitor.spool_read import SpoolFolder
from momus.monitor.spooler import Spooler
from momus.monitor.watch import Pace


def records(low: int, high: int, moment: float = 1.0) -> list[tuple[float, int, bytes]]:
    return [(moment + i, 0, json.dumps(event(i)).encode()) for i in range(low, high)]


def read(folder: Path, at: Position | None = None, most: int = 1000) -> tuple[list[int], dict[str, int], Position]:
    """All that is there, with a reader that begins anew each time."""
    position = at or {}
    numbers: list[int] = []
    odd: dict[str, int] = {}
    while True:
        taken = SpoolFolder(folder, Decoder(FieldsCard(), reference())).read(position, most)
        position = json.loads(json.dumps(taken.position))
        numbers += [int(v) for v in np.rint((taken.batch.time - 1_700_000_000) / 0.5)]
        for kind, many in taken.aside.upto(1 << 40).items():
            odd[kind] = odd.get(kind, 0) + many
        if not taken.records:
            return numbers, odd, position


def segment(folder: Path) -> Path:
    return sorted(folder.glob("*.spool"))[-1]


@pytest.mark.parametrize("most", [3, 1000])
def test_segments_are_read_in_order_and_removed_when_two_checkpoints_passed(tmp_path: Path, most: int) -> None:
    written = Segments(tmp_path, segment=2000)
    for low in range(0, 60, 5):
        written.append(records(low, low + 5))
    assert len(list(tmp_path.glob("*.spool"))) > 4
    numbers, odd, position = read(tmp_path, most=most)
    assert numbers == list(range(60))
    assert odd == {}
    source = SpoolFolder(tmp_path, Decoder(FieldsCard(), reference()))
    assert source.waiting(position) == 0
    assert 20 < source.waiting({}) < 90
    source.passed(position)
    assert len(list(tmp_path.glob("*.spool"))) == 1  # the one that is being written
    written.append(records(60, 62))
    written.close()
    numbers, _, position = read(tmp_path, position)
    assert numbers == [60, 61]
    source.passed(position)
    assert list(tmp_path.glob("*.spool")) == []
    assert read(tmp_path, position)[2] == {"writers": {}}


def test_what_a_writer_began_and_never_named_is_swept_up_later(tmp_path: Path) -> None:
    """Killed between making a file and naming it: no record is in it, and it must not stay for good."""
    dead, young = (tmp_path / f".1700000000000-{n}-00000000-00000001.spool" for n in (7, 8))
    other = tmp_path / ".profile.spool"
    for path in (dead, young, other):
        path.write_bytes(b"")
    for path in (dead, other):
        os.utime(path, (1_700_000_000, 1_700_000_000))
    SpoolFolder(tmp_path, Decoder(FieldsCard(), reference())).passed({})
    assert sorted(tmp_path.iterdir()) == sorted([young, other])


def test_a_watch_leaves_a_segment_until_a_second_checkpoint_is_past_it(tmp_path: Path) -> None:
    """The newest checkpoint may turn out damaged: what it counted is read again from the one before."""
    written = Segments(tmp_path / "spool", segment=2000)
    for low in range(0, 60, 5):
        written.append(records(low, low + 5))
    written.close()
    made = watch(tmp_path, "spool:spool", pace=Pace(seconds=1e9))
    while made.step():
        pass
    for left in (len(list((tmp_path / "spool").glob("*.spool"))), 0):
        assert made.save() and len(list((tmp_path / "spool").glob("*.spool"))) == left
    made.close()


def test_nobody_else_reads_a_spool(tmp_path: Path) -> None:
    Segments(tmp_path / "spool").append(records(0, 1))
    assert (tmp_path / "spool").stat().st_mode & 0o777 == 0o700
    assert segment(tmp_path / "spool").stat().st_mode & 0o777 == 0o600


def test_writers_are_merged_by_the_moment(tmp_path: Path) -> None:
    one, two = Segments(tmp_path, segment=1500), Segments(tmp_path)
    one.append(records(0, 10))
    two.append(records(10, 14, moment=-9 + 0.5))
    one.append(records(14, 16))
    assert read(tmp_path, most=4)[0] == [0, 10, 1, 11, 2, 12, 3, 13, 4, 5, 6, 7, 8, 9, 14, 15]


@pytest.mark.parametrize("cut", [1, 9, 16, 17, 40])
def test_a_torn_tail_is_cut_when_its_writer_is_gone(tmp_path: Path, cut: int) -> None:
    written = Segments(tmp_path)
    written.append(records(0, 5))
    whole = frame(records(5, 6)[0])
    with segment(tmp_path).open("ab") as stream:
        stream.write(whole[:cut])
    numbers, odd, position = read(tmp_path)
    assert (numbers, odd) == ([0, 1, 2, 3, 4], {})  # it may still be written
    with segment(tmp_path).open("ab") as stream:
        stream.write(whole[cut:] + whole[:cut])
    assert read(tmp_path, position)[:2] == ([5], {})
    written.close()
    numbers, odd, position = read(tmp_path, position)
    assert (numbers, odd) == ([5], {"torn record": 1})
    SpoolFolder(tmp_path, Decoder(FieldsCard(), reference())).passed(position)
    assert list(tmp_path.glob("*.spool")) == []


@pytest.mark.parametrize("tail", [bytes(5000), b"\xff" * 5000, b"momus spool 1\n\x00\x00" * 9])
def test_what_a_lost_power_leaves_behind_is_cut(tmp_path: Path, tail: bytes) -> None:
    written = Segments(tmp_path)
    written.append(records(0, 5))
    written.close()
    with segment(tmp_path).open("ab") as stream:
        stream.write(tail)
    numbers, odd, _ = read(tmp_path)
    assert (numbers, odd) == ([0, 1, 2, 3, 4], {"torn record": 1})


def test_a_record_that_was_changed_is_left_out_alone(tmp_path: Path) -> None:
    written = Segments(tmp_path)
    written.append(records(0, 5))
    path = segment(tmp_path)
    data = bytearray(path.read_bytes())
    at = len(spool.MAGIC) + sum(len(frame(r)) for r in records(0, 2)) + 60
    data[at] ^= 1
    path.write_bytes(data)
    assert read(tmp_path, most=2)[:2] == ([0, 1, 3, 4], {"spoiled record": 1})


def test_records_larger_than_a_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_read, "_BLOCK", 100)
    monkeypatch.setattr(spool_read, "LARGEST", 2000)
    written = Segments(tmp_path)
    written.append([(float(i), 0, json.dumps(event(i, more="x" * (i * 97 % 1500))).encode()) for i in range(200)])
    written.close()
    assert read(tmp_path)[:2] == (list(range(200)), {})


class Full(Segments):
    """A disk that takes a part of each write and then no more, while it is full."""

    full = True

    def _write(self, data: bytes) -> None:
        if Full.full:
            os.write(self._handle, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")
        super()._write(data)


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Full, "full", False)
    written = Full(tmp_path)
    written.append(records(0, 3))
    monkeypatch.setattr(Full, "full", True)
    for _ in range(3):
        with pytest.raises(OSError, match="No space"):
            written.append(records(3, 6))
    monkeypatch.setattr(Full, "full", False)
    written.append(records(6, 7))  # shorter than what was cut off
    written.close()
    assert read(tmp_path)[:2] == ([0, 1, 2, 6], {})


def test_a_spool_that_nobody_reads_ends_at_its_limit(tmp_path: Path) -> None:
    written = Segments(tmp_path, segment=1000, most=3000)
    with pytest.raises(OSError, match="nobody has read"):
        for low in range(0, 100, 2):
            written.append(records(low, low + 2))
    assert sum(p.stat().st_size for p in tmp_path.iterdir()) < 6000


class Told:
    """Answers of a spooler, waited for."""

    def __init__(self, n: int) -> None:
        self.answers: list[bool] = []
        self.n, self.all = n, threading.Event()

    def __call__(self, kept: bool) -> None:
        self.answers.append(kept)
        if len(self.answers) == self.n:
            self.all.set()


def build(number: int) -> list[bytes]:
    if number == 13:
        raise ValueError("an application's own mistake")
    return [json.dumps(event(number)).encode()]


def test_acknowledged_is_on_disk_and_what_is_lost_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spooler, "_PAUSE", 0.0)
    monkeypatch.setattr(Full, "full", True)
    made: Spooler[int] = Spooler(tmp_path, build, segments=Full)
    told = Told(2)
    assert made.offer(1, 100, told) and made.offer(2, 100, told)
    assert told.all.wait(60)
    assert told.answers == [False, False]
    monkeypatch.setattr(Full, "full", False)
    told = Told(3)
    for number in (12, 13, 14):
        made.offer(number, 100, told)
    assert told.all.wait(60)
    assert told.answers == [True, False, True]
    made.close()
    numbers, odd, _ = read(tmp_path)
    assert numbers == [12, 14]
    assert odd == {"refused by the middleware": 2, "unreadable by the middleware": 1}
    counts = made.counts
    assert (counts.offered, counts.written, counts.refused, counts.unreadable) == (5, 2, 2, 1)


def test_a_queue_that_is_full_drops_and_says_so(tmp_path: Path) -> None:
    go = threading.Event()

    def slowly(number: int) -> list[bytes]:
        assert go.wait(60)
        return build(number)

    made: Spooler[int] = Spooler(tmp_path, slowly, most=5, room=1000)
    kept = [made.offer(number, 100) for number in range(100, 140)]
    large = made.offer(5, 5000)
    assert 5 <= sum(kept) <= 10 and not large
    go.set()
    made.close(60)
    numbers, odd, _ = read(tmp_path)
    assert len(numbers) == sum(kept)
    assert odd == {"dropped by the middleware": 41 - sum(kept)}
    assert made.offer(150, 100)  # after a close it begins anew
    made.close(60)
    assert made.counts.offered == 42
    assert 150 in read(tmp_path)[0]


def test_a_process_that_forked_writes_segments_of_its_own(tmp_path: Path) -> None:
    made: Spooler[int] = Spooler(tmp_path, build)
    told = Told(1)
    made.offer(1, 100, told)
    assert told.all.wait(60)
    child = os.fork()
    if child == 0:
        try:
            made.offer(2, 100)
            made.close(60)
        finally:
            os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    made.offer(3, 100)
    made.close(60)
    assert sorted(read(tmp_path)[0]) == [1, 2, 3]
    assert len({p.name.rsplit("-", 1)[0] for p in tmp_path.glob("*.spool")}) == 2


def test_a_folder_that_is_no_spool(tmp_path: Path) -> None:
    for name in ("notes.txt", "0-1-2-3.spool", ".1234567890123-1-aaaaaaaa-00000001.spool"):
        (tmp_path / name).write_text("x")
    (tmp_path / "1234567890123-1-aaaaaaaa-00000001.spool").write_bytes(b"not a segment at all")
    assert read(tmp_path)[:2] == ([], {"spoiled record": 1})
    assert read(tmp_path / "none")[:2] == ([], {})
    any_: Any = read(tmp_path)[2]
    assert list(any_["writers"]) == ["1234567890123-1-aaaaaaaa"]
