"""Inside a forked child: ask the user's function one input after another and write down what became of each.

Whatever the function does ends here: what it prints goes nowhere, what it starts dies with the child, what it raises is
told in a line. Only the parent decides that it hangs, since nothing in here can be trusted to be reached again.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import os
import resource
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from momus.methods.fuzz import wire
from momus.methods.fuzz.area import KINDS, Area

ASK = signal.SIGUSR1  # the parent asks where the child is before it kills it
_LARGEST_FILE = 256 << 20
_STEP_KB = 1024  # growth of the peak that is looked at
_ARENAS = 64 << 20  # that an allocator may reserve beside what is asked for
_THREADS = 8  # that may be left running before the child is replaced
_NO_MEMORY = ("out of memory", "cannot allocate memory", "can't allocate memory", "bad_alloc", "bad allocation")
_AT: dict[str, int] = {kind: i for i, kind in enumerate(KINDS)}


class Memory:
    """The most memory that one input took. A peak is looked at only when it has moved: that costs a microsecond."""

    def __init__(self) -> None:
        self._clear = self._statm = -1
        with contextlib.suppress(OSError):
            self._statm = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
            self._clear = os.open("/proc/self/clear_refs", os.O_WRONLY | os.O_CLOEXEC)
        self._page = resource.getpagesize() >> 10
        self._held = self._seen = 0
        self.first = self.again()

    def again(self) -> int:
        """Forget the peak so far; the KiB that are held now."""
        if self._clear >= 0:
            with contextlib.suppress(OSError):
                os.pwrite(self._clear, b"5", 0)
        self._seen = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        self._held = self._seen
        if self._statm >= 0:
            self._held = min(self._seen, int(os.pread(self._statm, 64, 0).split()[1]) * self._page)
        return self._held

    def peak_mb(self) -> float:
        """Beyond what was held before, since the last look; 0 where it is below 1 MB."""
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        if most - self._seen < _STEP_KB:
            return 0.0
        grown = max(0, most - self._held) / 1024
        self.again()
        return grown


def settle(errors: int, memory_mb: int, scratch: Path) -> None:
    """Give up what an input could do harm with, before the first is read. ``errors`` takes tracebacks of signals."""
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    sys.stdin = sys.__stdin__ = open(os.devnull)  # type: ignore[misc]  # noqa: SIM115
    sys.stdout = sys.__stdout__ = open(os.devnull, "w")  # type: ignore[misc]  # noqa: SIM115
    sys.stderr = sys.__stderr__ = open(os.devnull, "w")  # type: ignore[misc]  # noqa: SIM115
    faulthandler.enable(errors, all_threads=False)
    faulthandler.register(ASK, errors, all_threads=False, chain=False)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _at_most(resource.RLIMIT_FSIZE, _LARGEST_FILE)
    if sys.platform == "linux":
        _at_most(resource.RLIMIT_DATA, _data_held() + (memory_mb << 20) + _ARENAS)
    os.environ["TMPDIR"] = tempfile.tempdir = str(scratch)
    gc.freeze()  # what the parent made is not looked through again


def _at_most(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    ceiling = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (ceiling, ceiling))


def _data_held() -> int:
    """Bytes of data that the process has mapped, which its limit counts."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmData:"):
            return int(line.split()[1]) << 10
    return 0


def serve(function: Callable[[bytes], Any], area: Area, wake: int, done: int, one: Answering) -> None:
    """Work through batches until the parent closes its end, or until another child should go on."""
    memory = Memory()
    threads = threading.active_count()
    clock, peak_of, limit = time.monotonic, memory.peak_mb, one.memory_mb
    while os.read(wake, 1):
        memory.again()
        fit = True
        for i, data in enumerate(area.inputs()):
            started, processor = clock(), time.process_time()
            area.mark(i, started)
            kind, detail, answer = one.ask(function, data)
            seconds = clock() - started
            if seconds > one.seconds and time.process_time() - processor > 0.8 * one.seconds:
                kind, detail = "hung", f"too late: {seconds:.2f} s; ".encode() + detail
            peak = peak_of()
            if peak > limit:
                place = detail.partition(b": ")[0] if kind in ("raised", "refused") else b"while it worked"
                kind, detail = "memory", place + f": {peak:.0f} MB".encode()
            if not area.write(_AT[kind], seconds, peak, detail, answer):
                break
            if kind == "memory" or threading.active_count() > threads + _THREADS:
                fit = False
                break
        area.mark(-1, 0.0)
        grown = memory.again() - memory.first
        fit = fit and grown < limit << 8  # a quarter of the limit, in KiB: what was left behind adds up
        os.write(done, b"." if fit else b"!")
        if not fit:
            return


class Answering:
    """One question: what came of it in a word, in a line, and as bytes."""

    def __init__(self, seconds: float, memory_mb: int, refuses: Sequence[str], keep: bool) -> None:
        self.seconds, self.memory_mb = seconds, memory_mb
        self._refuses = frozenset(refuses)
        self._keep = keep

    def ask(self, function: Callable[[bytes], Any], data: bytes) -> tuple[str, bytes, bytes]:
        try:
            answer = function(data)
            kind, told = "answered", wire.shape(answer)
            if not wire.finite(answer):
                kind, told = "nonfinite", f"in {wire.family(answer)}: {told}"
            return kind, told.encode("utf-8", "replace"), wire.encode(answer) if self._keep else b""
        except BaseException as raised:  # whatever it is, it is an outcome
            kind, told = self._raised(raised)
            return kind, told.encode("utf-8", "replace"), b""

    def _raised(self, raised: BaseException) -> tuple[str, str]:
        kind = "raised" if isinstance(raised, Exception) else "crashed"  # sys.exit() ends a service
        if _of_memory(raised):
            kind = "memory"
        elif any(c.__name__ in self._refuses for c in type(raised).__mro__):
            kind = "refused"
        try:
            text = " ".join(str(raised).split())[:200]
        except Exception as unspeakable:
            text = f"({type(unspeakable).__name__} while it was put into words)"
        return kind, f"{type(raised).__name__} at {_place(raised)}" + (f": {text}" if text else "")


def _of_memory(raised: BaseException) -> bool:
    """Memory was short here, or earlier on the way to an error that says something else."""
    seen: BaseException | None = raised
    for _ in range(20):
        if seen is None:
            return False
        if isinstance(seen, MemoryError):
            return True
        if isinstance(seen, OSError | RuntimeError) and any(w in str(seen).lower() for w in _NO_MEMORY):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def _place(raised: BaseException) -> str:
    """The innermost line of Python, the user's or a library's."""
    trace = raised.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "?" if trace is None else f"{short(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}"


def short(path: str) -> str:
    """The end of a path: enough to find it, nothing of the machine."""
    parts = Path(path).parts
    for root in ("site-packages", "dist-packages"):
        if root in parts:
            return "/".join(parts[parts.index(root) + 1 :])
    return "/".join(parts[-2:] if parts[-1:] == ("__init__.py",) else parts[-1:])
