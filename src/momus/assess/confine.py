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
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

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
    _guard_network(network)
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


class _Allowed:
    """The hosts that the card names, and the addresses that their names were resolved to in this process.

    A connection is made to an address, never to a name, so a name alone would let nothing through. An address counts
    only where the system's own resolver gave it for a name of the card.
    """

    def __init__(self, named: Sequence[str]) -> None:
        self._named = frozenset(_plain(n) for n in named)
        self._resolved: set[str] = set()
        self._mine = threading.local()
        self._resolve = socket.getaddrinfo

    def refuses(self, host: str) -> bool:
        return host not in self._named and host not in self._resolved

    def names(self, host: str) -> bool:
        return host in self._named

    def look_up(self, host: str) -> None:
        """Learn the addresses of a name before anybody else asks for them."""
        if getattr(self._mine, "busy", False):
            return  # it is our own question that is being audited
        self._mine.busy = True
        try:
            self._learn(self._resolve(host, None))
        except OSError:
            pass  # whoever asks gets the same error
        finally:
            self._mine.busy = False

    def getaddrinfo(self, host: Any, *more: Any, **named: Any) -> Any:
        """In place of ``socket.getaddrinfo``: one question instead of two, whose answers may differ."""
        self._mine.busy = True
        try:
            found = self._resolve(host, *more, **named)
        finally:
            self._mine.busy = False
        if host is not None and _plain(host) in self._named:
            self._learn(found)
        return found

    def _learn(self, found: Any) -> None:
        self._resolved |= {_plain(entry[4][0]) for entry in found}


def _plain(host: object) -> str:
    """A host as it is compared: no case, no final dot, no zone of an address; other alphabets as DNS writes them."""
    text = host.decode("latin-1") if isinstance(host, bytes | bytearray) else str(host)
    text = text.strip("[]").partition("%")[0].rstrip(".").lower()
    try:
        return text if text.isascii() else text.encode("idna").decode("ascii")
    except UnicodeError:
        return text


def _guard_network(named: Sequence[str]) -> None:
    """From now on this process's Python code connects to nothing but the hosts that are named."""
    allowed = _Allowed(named)
    sys.addaudithook(_network_hook(allowed))
    if named:
        socket.getaddrinfo = allowed.getaddrinfo


def _network_hook(allowed: _Allowed) -> Callable[[str, tuple[Any, ...]], None]:
    connects = {"socket.connect": 1, "socket.sendto": 1, "socket.sendmsg": 1}
    resolves = {"socket.getaddrinfo": 0, "socket.gethostbyname": 0}

    def hook(event: str, args: tuple[Any, ...]) -> None:
        at = connects.get(event)
        if at is None:
            at = resolves.get(event)
        if at is None:
            return
        where = args[at]
        if isinstance(where, str | bytes) and event in connects:
            return  # a UNIX socket path: local by nature
        host = where[0] if isinstance(where, tuple) and where else where
        if host is None:
            return
        name = _plain(host)
        if allowed.refuses(name):
            raise PermissionError(f"this worker may not reach '{name}': the card's network list does not name it")
        if event in resolves and allowed.names(name):
            allowed.look_up(name)

    return hook
