"""Costly work of one probe over the cores that nobody else is using: forked processes that share one list of jobs.

A slot is a locked file in a folder that all workers share; each worker holds one while it lives, so that several probes
together start no more processes than the machine has cores. Nothing waits for a slot: the caller works through the list
itself, and whatever core falls free meanwhile helps. A job that fails or hangs in a forked process is done again by the
caller, where its error, or a spent budget, shows as it would have without any of this. Caller and helpers are one
thread wide alike, so that no number depends on who did which job.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import signal
import struct
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from momus.core.samples import NumpyArray

Job = Callable[[], Mapping[str, NumpyArray]]
_PLACE = struct.Struct("<q")
PATIENCE = 60.0  # seconds without a moment of processor time after which a helper counts as hung
SMALLEST_MB = 64  # that a helper needs at least
_TOGETHER = 256  # jobs at a time: each has an open file for its answer


@dataclass(frozen=True, slots=True)
class Slots:
    """``count`` processes may work at a time, counted over everybody who names the same folder.

    ``memory_mb`` is what a caller and its helpers may use together; None is no bound.
    """

    folder: Path
    count: int
    memory_mb: int | None = None

    def take(self) -> IO[bytes] | None:
        """A slot that is free now, held until it is closed; None where all are taken."""
        for number in range(self.count):
            with contextlib.suppress(OSError):
                self.folder.mkdir(parents=True, exist_ok=True)
                stream = open(self.folder / f"slot-{number}", "wb")  # noqa: SIM115 - it is held by whoever took it
                try:
                    fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    stream.close()
                    continue
                return stream
        return None


def run(jobs: Sequence[Job], slots: Slots | None) -> list[Mapping[str, NumpyArray]]:
    """What each job returns, in order. With ``slots``, forked processes help as long as slots are free.

    Jobs must not share state that they change. Raises what a job raises, the first in order that the caller met.
    """
    if slots is None or len(jobs) < 2 or not _may_fork():
        return [dict(job()) for job in jobs]
    found: list[Mapping[str, NumpyArray]] = []
    for start in range(0, len(jobs), _TOGETHER):
        found += _shared(jobs[start : start + _TOGETHER], slots)
    return found


def _may_fork() -> bool:
    """Not where a GPU is in use: a forked process cannot speak to it."""
    torch = sys.modules.get("torch")
    return hasattr(os, "fork") and not (torch is not None and torch.cuda.is_initialized())


def _shared(jobs: Sequence[Job], slots: Slots) -> list[Mapping[str, NumpyArray]]:
    """Answers come back in files without a name, so that nothing is left of them whoever is killed."""
    found: dict[int, Mapping[str, NumpyArray]] = {}
    helpers: list[int] = []
    most = _most(slots)
    with contextlib.ExitStack() as held:
        place = held.enter_context(mmap.mmap(-1, _PLACE.size + len(jobs)))
        door, *papers = (held.enter_context(tempfile.TemporaryFile()) for _ in range(1 + len(jobs)))
        held.enter_context(one_thread())
        try:
            for i in _taken(place, door, len(jobs)):
                while len(helpers) < most and _left(place, len(jobs)) and (slot := slots.take()) is not None:
                    helpers.append(_helper(jobs, place, door, papers, slot))
                    slot.close()  # the helper holds its copy of the lock
                found[i] = dict(jobs[i]())
            _await(helpers)
        finally:
            for pid in helpers:  # after an error, and where one hangs
                with contextlib.suppress(ProcessLookupError, ChildProcessError):
                    os.kill(pid, signal.SIGKILL)
                    os.waitpid(pid, 0)
        for i, job in enumerate(jobs):
            if i not in found:
                done = place[_PLACE.size + i] == 1
                found[i] = (_read(papers[i]) if done else None) or dict(job())
    return [found[i] for i in range(len(jobs))]


def _most(slots: Slots) -> int:
    """How many helpers the memory holds, each with as much of its own as this process has come to have."""
    if slots.memory_mb is None:
        return slots.count
    try:
        status, rollup = (_kilobytes(f"/proc/self/{name}") for name in ("status", "smaps_rollup"))
    except OSError:
        return slots.count
    own = sum(rollup.get(name, 0) for name in ("Private_Clean", "Private_Dirty"))
    peak = status.get("VmHWM", 0)
    need = max(SMALLEST_MB, (own + peak - status.get("VmRSS", peak)) >> 10)
    return max(0, (slots.memory_mb - (peak >> 10)) // need)


def _kilobytes(path: str) -> dict[str, int]:
    lines = (line.split() for line in Path(path).read_text().splitlines())
    return {words[0].rstrip(":"): int(words[1]) for words in lines if words[-1:] == ["kB"]}


def _await(helpers: list[int]) -> None:
    """Take those that end off the list; return when none is left, or when all that are left hang."""
    used: dict[int, tuple[float, float]] = {}  # processor time, and when it last grew
    while helpers:
        now = time.monotonic()
        for pid in tuple(helpers):
            try:
                ended = os.waitpid(pid, os.WNOHANG)[0] != 0
            except ChildProcessError:
                ended = True
            if ended:
                helpers.remove(pid)
                continue
            spent = _processor_time(pid)
            if pid not in used or spent != used[pid][0]:
                used[pid] = spent, now
        if helpers and all(now - used[pid][1] > PATIENCE for pid in helpers):
            return
        time.sleep(0.01)


def _processor_time(pid: int) -> float:
    """Clock ticks of a process; the time itself, which always grows, where it waits for children or nobody can tell."""
    try:
        if any(listing.read_text().split() for listing in Path(f"/proc/{pid}/task").glob("*/children")):
            return time.monotonic()
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return float(int(words[11]) + int(words[12]))
    except (OSError, IndexError):
        return time.monotonic()


def _taken(place: mmap.mmap, door: IO[bytes], count: int) -> Iterator[int]:
    """Numbers of jobs that nobody else has taken, until there are none."""
    while True:
        fcntl.lockf(door, fcntl.LOCK_EX)
        try:
            (i,) = _PLACE.unpack_from(place)
            _PLACE.pack_into(place, 0, i + 1)
        finally:
            fcntl.lockf(door, fcntl.LOCK_UN)
        if i >= count:
            return
        yield i


def _left(place: mmap.mmap, count: int) -> bool:
    return bool(_PLACE.unpack_from(place)[0] < count)


def _helper(
    jobs: Sequence[Job], place: mmap.mmap, door: IO[bytes], papers: Sequence[IO[bytes]], slot: IO[bytes]
) -> int:
    """A forked process that works through what is left of the list and ends."""
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        # The door is locked by lockf, which belongs to the process, not by flock, which whoever inherits it shares.
        with slot:
            for i in _taken(place, door, len(jobs)):
                np.savez(papers[i], **dict(jobs[i]()))  # type: ignore[arg-type]
                papers[i].flush()
                place[_PLACE.size + i] = 1
        code = 0
    except BaseException:  # noqa: S110 - the caller does the job again and meets the error where it can be told
        pass
    finally:
        os._exit(code)


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Pools of threads do not live on in a forked process, and one that is asked for work would wait for ever."""
    torch = sys.modules.get("torch")
    with contextlib.ExitStack() as held:
        if torch is not None:
            held.callback(torch.set_num_threads, torch.get_num_threads())
            torch.set_num_threads(1)
        with contextlib.suppress(ImportError):
            from threadpoolctl import threadpool_limits

            held.enter_context(threadpool_limits(1))
        yield


def _read(paper: IO[bytes]) -> Mapping[str, NumpyArray] | None:
    try:
        paper.seek(0)
        with np.load(paper, allow_pickle=False) as held:
            return {name: held[name] for name in held.files}
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile):
        return None
