"""kill -9 at random moments: every reading as without it, nothing lost, nothing counted twice."""

from __future__ import annotations

import json
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from watched_traffic import Heard, event, lines, watch

from momus.core.seeds import rng
from momus.monitor.spool import MAGIC, Segments

HERE = Path(__file__).resolve().parent


def child(*words: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(HERE / "watching_child.py"), *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def watched(folder: Path, source: str, which: str, wait: float | None) -> dict[str, Any] | None:
    """Run a watch; killed after so many seconds from when it is ready. What it said at its end, if it got there."""
    with child("watch", str(folder), source, which) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        if wait is not None:
            select.select([process.stdout], [], [], wait)
            process.kill()
        end = process.stdout.readline()
        process.wait()
    return json.loads(end) if end.endswith("}\n") else None


def heard(folder: Path) -> list[dict[str, Any]]:
    """The windows in order. One that came twice came with the same content."""
    path = folder / "heard.jsonl"
    windows: dict[int, dict[str, Any]] = {}
    for line in path.read_bytes().split(b"\n")[:-1] if path.exists() else ():
        window = json.loads(line)
        assert windows.setdefault(window["number"], window) == window
        assert window["number"] == max(windows)  # the last one, if any
    assert list(windows) == list(range(1, len(windows) + 1))
    return list(windows.values())


def killed_often(tmp_path: Path, source: str, fill: Any, which: str, kills: int, span: float) -> int:
    """Kill, again and again, until so many kills hit a watch that was not done. How often that was."""
    fill(tmp_path / "plain")
    expected_end = watched(tmp_path / "plain", source, which, None)
    expected = heard(tmp_path / "plain")
    assert expected_end is not None and len(expected) > 10
    draw = rng(9, "kill", kills)
    hits, round_ = 0, 0
    while hits < kills:
        folder = tmp_path / f"killed {round_}"
        round_ += 1
        fill(folder)
        end = None
        while end is None:
            wait = float(draw.uniform(0, span)) if hits < kills else None
            end = watched(folder, source, which, wait)
            hits += end is None
        assert heard(folder) == expected
        assert end == expected_end
        shutil.rmtree(folder)
    return hits


def write_log(folder: Path, n: int) -> None:
    folder.mkdir()
    (folder / "log.jsonl").write_bytes(lines(0, n // 2) + b"{broken\n" + lines(n // 2, n))


def write_spool(folder: Path, n: int) -> None:
    folder.mkdir()
    segments = Segments(folder / "spool", segment=100_000)
    for low in range(0, n, 100):
        segments.append([(1.0, 0, json.dumps(event(i)).encode()) for i in range(low, low + 100)])
    segments.close()


def test_a_watch_that_is_killed_three_times(tmp_path: Path) -> None:
    assert killed_often(tmp_path, "log.jsonl", lambda f: write_log(f, 12_000), "sums", 3, 0.15) == 3


@pytest.mark.soak
def test_a_watch_that_is_killed_fifty_times_with_every_detector(tmp_path: Path) -> None:
    assert killed_often(tmp_path, "log.jsonl", lambda f: write_log(f, 60_000), "all", 50, 1.5) == 50


@pytest.mark.soak
def test_a_watch_of_a_spool_that_is_killed_fifty_times(tmp_path: Path) -> None:
    """Segments are removed meanwhile."""
    fill = lambda folder: write_spool(folder, 20_000)  # noqa: E731
    assert killed_often(tmp_path, "spool:spool", fill, "sums", 50, 0.4) == 50


def written_until_killed(spool: Path, wait: float) -> list[int]:
    """The numbers of the events that a service was told are on disk before it was killed."""
    with child("write", str(spool)) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(wait)
        process.kill()
        said = (first + process.stdout.read()).split("\n")[:-1]
    assert "lost" not in said
    return [int(line) for line in said]


def read_all(folder: Path, spool: str) -> tuple[list[int], dict[str, int]]:
    numbers: list[int] = []

    class Numbers(Heard):
        def window(self, closed: Any) -> None:
            super().window(closed)

    sink = Numbers()
    made = watch(folder, f"spool:{spool}", sinks=[sink])
    take = made.detectors["test.sums"].take

    def taking(batch: Any) -> None:
        numbers.extend(int(v) for v in np.rint((batch.time - 1_700_000_000) / 0.5))
        take(batch)

    made.detectors["test.sums"].take = taking  # type: ignore[method-assign]
    made.run(once=True)
    counts: dict[str, int] = dict(made.window.counts)
    for window in sink.windows:
        for kind, many in window.counts.items():
            counts[kind] = counts.get(kind, 0) + many
    return numbers, counts


@pytest.mark.parametrize("kills", [1, pytest.param(50, marks=pytest.mark.soak)])
def test_a_service_that_is_killed_lost_nothing_that_was_acknowledged(tmp_path: Path, kills: int) -> None:
    draw = rng(9, "service", kills)
    for number in range(kills):
        folder = tmp_path / str(number)
        said = written_until_killed(folder / "spool", float(draw.uniform(0, 0.3)))
        found, counts = read_all(folder, "spool")
        assert found == sorted(set(found))
        assert set(said) <= set(found)
        assert set(counts) <= {"torn record"}
        assert counts.get("torn record", 0) <= 1
        assert list((folder / "spool").glob("[!.]*.spool")) == []  # read, counted, removed
        begun = list((folder / "spool").glob(".*.spool"))  # killed before it had its name; swept up later
        assert len(begun) <= 1 and all(path.stat().st_size <= len(MAGIC) for path in begun)
