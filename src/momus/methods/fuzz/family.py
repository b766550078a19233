"""Processes that an input left behind: found, and ended with the child that let them go."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER, _PR_GET_CHILD_SUBREAPER = 36, 37


def die_with(parent: int) -> None:
    """End this process when its parent ends, however that comes about."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(70)


class Adopting:
    """While it lasts, what descendants leave behind comes to this process, so that it can be ended."""

    def __init__(self) -> None:
        self._before = ctypes.c_int(1)

    def start(self) -> None:
        if sys.platform == "linux":
            libc = ctypes.CDLL(None)
            libc.prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(self._before))
            libc.prctl(_PR_SET_CHILD_SUBREAPER, 1)

    def stop(self) -> None:
        if sys.platform == "linux" and not self._before.value:
            ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 0)

    def sweep(self) -> None:
        """End orphans that came here. They sit in a session of a child's or their own, never in this process's."""
        own = os.getsid(0)
        for pid in children_of(os.getpid()):
            with contextlib.suppress(OSError):
                if os.getsid(pid) != own and pid not in STARTED:
                    kill(pid)
                    os.waitpid(pid, 0)


STARTED: set[int] = set()  # children of harnesses in this process that are still wanted


def children_of(pid: int) -> set[int]:
    """Direct children; empty where the system does not tell."""
    found: set[int] = set()
    for listing in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found.update(map(int, listing.read_text().split()))
    return found


def kill(pid: int) -> None:
    """End a process, all that descends from it, and its group where it leads one."""
    seen, new = {pid}, {pid}
    while new:
        new = set().union(*(children_of(p) for p in new)) - seen
        seen |= new
    for each in seen:
        with contextlib.suppress(OSError):
            os.kill(each, signal.SIGKILL)
    with contextlib.suppress(OSError):
        os.killpg(pid, signal.SIGKILL)


def state_of(pid: int) -> tuple[str, float]:
    """The letter of its state (R: it wants the processor) and the processor time it has used, in seconds."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return words[0], (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError):
        return "?", 0.0
