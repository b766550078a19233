"""Inside a worker: give up what a model has no business with, before any of the user's code runs.

Layers, outermost first: the worker dies with its parent, and what it started dies with it; it has a bound on memory
and on the size of a file it writes, and leaves no core dump; it has no network, by an empty network namespace where the
kernel allows one and by an audit hook everywhere. The hook stops Python code, not native code; only the namespace stops
both.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
# Address space that libraries reserve without using it: thread stacks, allocator arenas.
_HEADROOM = 3 << 30
_LARGEST_FILE = 2 << 30


def confine(memory_mb: int, network: Sequence[str]) -> dict[str, str]:
    """Apply all layers to this process; what came of each, for the run's record."""
    _die_with_parent()
    adopt_orphans()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _lower(resource.RLIMIT_FSIZE, _LARGEST_FILE)
    _lower(resource.RLIMIT_DATA, (memory_mb << 20) + _HEADROOM)
    namespace = "shared: the card names hosts" if network else _leave_network()
    sys.addaudithook(_network_hook(frozenset(network)))
    return {"network namespace": namespace, "network hook": "on"}


def _lower(kind: int, value: int) -> None:
    _soft, hard = resource.getrlimit(kind)
    ceiling = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (ceiling, ceiling))


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def adopt_orphans() -> None:
    """What a descendant leaves behind becomes a child of this process: no daemon slips out of the family."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def children_of(pid: int | str) -> set[int]:
    """Process ids of the direct children; empty where the system does not tell."""
    found: set[int] = set()
    for listing in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found.update(map(int, listing.read_text().split()))
    return found


def _leave_network() -> str:
    """Move into a network namespace without interfaces. Needs a single-threaded process."""
    if sys.platform != "linux":
        return "not available on this system"
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET) == 0:
        return "empty"
    uid, gid = os.getuid(), os.getgid()
    if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0:
        # Without a mapping the user's own files would belong to nobody.
        for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
            with open(f"/proc/self/{name}", "w") as stream:
                stream.write(text)
        return "empty"
    return f"refused by the kernel ({os.strerror(ctypes.get_errno())})"


def _network_hook(allowed: frozenset[str]):  # type: ignore[no-untyped-def]
    watched = {"socket.connect": 1, "socket.getaddrinfo": 0, "socket.gethostbyname": 0, "socket.sendto": 1}

    def hook(event: str, args: tuple[object, ...]) -> None:
        if event not in watched:
            return
        where = args[watched[event]]
        host = where[0] if isinstance(where, tuple) and where else where
        if isinstance(where, str | bytes) and event in ("socket.connect", "socket.sendto"):
            return  # a UNIX socket path: local by nature
        if str(host) not in allowed and host is not None:
            raise PermissionError(f"this worker may not reach '{host}': the card's network list does not name it")

    return hook
