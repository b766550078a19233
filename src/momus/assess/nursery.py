"""A process that has imported what workers need and forks one for each job, so that a job starts in milliseconds.

``python -m momus.assess.nursery FD THREADS MODULE ...`` listens on the inherited socket FD. A message carries four
descriptors: a worker's standard input, output and error, and a socket on which the nursery tells its process id
and, later, its exit status. The nursery imports only Momus and the libraries it names, never anything of the user's; it
runs no computation itself, so no thread exists that a fork could lose. When the socket closes it kills its workers and
ends.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import selectors
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Sequence, Set
from dataclasses import dataclass
from functools import cache
from typing import Any

from momus.assess.confine import adopt_orphans, children_of

_STATUS = struct.Struct("!i")
# What a worker may see of our environment. Secrets reach it only where the card names them, inside the request.
_PASSED = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "VIRTUAL_ENV",
    "PYTHONPATH",
    "XDG_CACHE_HOME",
    "CUDA_VISIBLE_DEVICES",
)
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass
class Child:
    """A worker as the caller holds it: its pid, its pipes, and the socket that will tell its exit status."""

    pid: int
    stdin: Any
    stdout: Any
    status: socket.socket

    def exit_status(self, seconds: float) -> int | None:
        """Exit code, negative for a signal; None when it did not end within ``seconds``."""
        self.status.settimeout(seconds)
        try:
            told = self.status.recv(_STATUS.size)
        except (TimeoutError, OSError):
            return None
        return _STATUS.unpack(told)[0] if len(told) == _STATUS.size else None

    def kill(self) -> None:
        """End the worker and everything it started. Harmless when it has ended."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def close(self) -> None:
        for end in (self.stdin, self.stdout, self.status):
            with contextlib.suppress(OSError):
                end.close()


class Nursery:
    """The caller's side: starts the process when first needed, and again should it have died."""

    def __init__(self, modules: Sequence[str], threads: int) -> None:
        self._command = [str(threads), *modules]
        self._threads = threads
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None

    def spawn(self, stderr: int) -> Child:
        """A fresh worker whose standard error is the descriptor ``stderr``."""
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._start()
            try:
                return self._spawn(stderr)
            except OSError:  # it died between two jobs: one new start, then the error is real
                self._start()
                return self._spawn(stderr)

    def _start(self) -> None:
        if self._socket is not None:
            self._socket.close()
        ours, theirs = socket.socketpair()
        passed = {name: os.environ[name] for name in _PASSED if name in os.environ}
        fixed = {"HF_HUB_OFFLINE": "1", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "momus.assess.nursery", str(theirs.fileno()), *self._command],
                stdin=subprocess.DEVNULL,
                env={**passed, **fixed, **dict.fromkeys(_THREADS, str(self._threads))},
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._socket = ours

    def _spawn(self, stderr: int) -> Child:
        assert self._socket is not None
        in_read, in_write = os.pipe()
        out_read, out_write = os.pipe()
        ours, theirs = socket.socketpair()
        try:
            socket.send_fds(self._socket, [b"w"], [in_read, out_write, stderr, theirs.fileno()])
        finally:
            os.close(in_read)
            os.close(out_write)
            theirs.close()
        told = ours.recv(_STATUS.size)
        if len(told) != _STATUS.size:
            os.close(in_write)
            os.close(out_read)
            ours.close()
            raise ConnectionError("the nursery ended")
        return Child(_STATUS.unpack(told)[0], os.fdopen(in_write, "wb"), os.fdopen(out_read, "rb"), ours)


@cache
def nursery(modules: tuple[str, ...], threads: int) -> Nursery:
    """One nursery per process and set of preloaded modules."""
    return Nursery(modules, threads)


def main() -> None:
    """The nursery process itself."""
    control = socket.socket(fileno=int(sys.argv[1]))
    for module in sys.argv[3:]:
        with contextlib.suppress(ImportError):  # an extra that is not installed; the job that needs it will say so
            importlib.import_module(module)
    gc.collect()
    gc.freeze()
    _serve(control)


def _serve(control: socket.socket) -> None:
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    adopt_orphans()
    ours = children_of("self")
    children: dict[int, socket.socket] = {}
    with selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ)
        selector.register(woken, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is control:
                    message, received, _flags, _address = socket.recv_fds(control, 1, 4)
                    if not message:
                        _end(children, ours)
                        return
                    _fork(received, children, (control.fileno(), woken, wake, selector.fileno()))
                else:
                    os.read(woken, 4096)
                    _reap(children, ours)


def _fork(received: list[int], children: dict[int, socket.socket], ours: tuple[int, ...]) -> None:
    status = socket.socket(fileno=received[3])
    pid = os.fork()
    if pid:
        for descriptor in received[:3]:
            os.close(descriptor)
        children[pid] = status
        status.send(_STATUS.pack(pid))
        return
    code = 70
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for place, descriptor in enumerate(received[:3]):
            os.dup2(descriptor, place)
        for descriptor in (*received, *ours, *(c.fileno() for c in children.values())):
            os.close(descriptor)
        from momus.assess.worker import main as work

        code = work()
    finally:
        os._exit(code)


def _reap(children: dict[int, socket.socket], ours: Set[int]) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            _end_orphans(children, ours)
            return
        told = children.pop(pid, None)
        if told is not None:
            with contextlib.suppress(OSError):
                told.send(_STATUS.pack(os.waitstatus_to_exitcode(status)))
            told.close()


def _end_orphans(children: Collection[int], ours: Set[int]) -> bool:
    """Kill what ended workers left behind, sessions of their own included; they come to us because we adopt orphans."""
    orphans = children_of("self") - set(children) - ours
    for pid in orphans:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    return bool(orphans)


def _end(children: dict[int, socket.socket], ours: Set[int]) -> None:
    for pid in children:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
    children.clear()
    for _ in range(100):  # the orphans of an orphan come one generation later
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if not _end_orphans((), ours):
            return
        time.sleep(0.02)


if __name__ == "__main__":
    main()
