"""Lock this process for good before it touches what nobody vouches for, and say honestly what took hold.

Every layer is the kernel's and binds native code as well as Python: no way to new rights, no capabilities, no network,
Landlock rules on files, a filter on system calls, limits on memory, time, files and threads, and death with the parent.
A layer that this machine refuses is reported and the others still stand; ``lacking`` tells which. What the process
holds open already stays usable: close first what it must not have. See docs/design/050.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import struct
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from momus.core import landlock, seccomp

_NEWUSER, _NEWNET, _NEWIPC = 0x10000000, 0x40000000, 0x08000000
_PDEATHSIG, _CAPBSET_DROP, _NO_NEW_PRIVS, _AMBIENT, _AMBIENT_CLEAR = 1, 24, 38, 47, 4
# Address space that libraries reserve without using it: arenas, thread stacks, mapped files.
_RESERVED = 4 << 30
_LARGEST_FILE = 256 << 20
_OPEN_FILES = 256
_THREADS = 256


def lock_down(
    *,
    readable: Sequence[Path] | None = None,
    writable: Sequence[Path] = (),
    memory_mb: int | None = None,
    seconds: int | None = None,
    processes: int = 0,
    witness: Callable[[int], None] | None = None,
) -> dict[str, str]:
    """Lock the calling process irrevocably; per layer, what took hold ("on...") or why not ("not ...").

    Parameters
    ----------
    readable : the only places it may read from now on; None: everywhere. ``python_places()`` is what Python needs.
    writable : the only folders it may write, cut, rename or delete in.
    memory_mb : what it may take beyond what it holds now.
    seconds : processor time from now.
    processes : 0: it may start none and run no program. Above: it may, and all of them stay in the same lock.
    witness : takes the descriptor of a listener that is asked about each refused call and each file opened by name.
        It runs inside the lock and must hand the descriptor to the process that answers before it returns.
    """
    layers: dict[str, str] = {"single thread": _threads()}
    layers["own session"] = _own_session()
    layers["network namespace"] = _leave_rooms(readable is not None or bool(writable))
    layers.update(_limits(memory_mb, seconds, processes))
    layers["capabilities"] = _drop_capabilities()
    libc = ctypes.CDLL(None, use_errno=True)
    layers["dies with its parent"] = _tell(libc.prctl(_PDEATHSIG, signal.SIGKILL, 0, 0, 0) if _linux() else -1)
    layers["no new privileges"] = _tell(libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0) if _linux() else -1)
    try:
        layers.update(landlock.restrict(readable, writable, execute=processes > 0))
    except OSError as error:
        layers["file system"] = f"not on: {error}"
    layers["system calls"] = _filter(processes > 0, witness)
    return layers


def lacking(
    layers: dict[str, str], needed: Sequence[str] = ("no new privileges", "file system", "system calls")
) -> list[str]:
    """Those of the needed layers that did not take hold, with the reason."""
    return [f"{name}: {layers.get(name, 'not tried')}" for name in needed if not layers.get(name, "").startswith("on")]


def python_places() -> list[Path]:
    """What a Python process reads to go on importing: its own folders, system libraries, facts about the machine."""
    own = {sys.prefix, sys.base_prefix, sys.exec_prefix, *(p for p in sys.path if p)}
    system = (
        "/usr/lib",
        "/usr/lib64",
        "/usr/local/lib",
        "/lib",
        "/lib64",
        "/usr/share",
        "/etc/ld.so.cache",
        "/etc/localtime",
    )
    facts = (
        "/proc/self",
        "/proc/cpuinfo",
        "/proc/meminfo",
        "/proc/stat",
        "/proc/sys",
        "/sys/devices",
        "/sys/fs/cgroup",
    )
    devices = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")
    return [Path(p) for p in (*sorted(own), *system, *facts, *devices) if os.path.exists(p)]  # noqa: PTH110 (never raises)


def _linux() -> bool:
    return sys.platform == "linux"


def _tell(code: int) -> str:
    return "on" if code == 0 else f"not on: {os.strerror(ctypes.get_errno())}"


def _threads() -> str:
    """Landlock and user namespaces bind the calling thread only: others that run already would stay outside."""
    try:
        count = sum(1 for _ in Path("/proc/self/task").iterdir())
    except OSError:
        return "not known: /proc is not mounted"
    return "on" if count == 1 else f"not on: {count - 1} other threads run already, and no file rules bind them"


def _own_session() -> str:
    """No terminal, and no process group shared with the parent."""
    if os.getsid(0) == os.getpid():
        return "on"
    try:
        os.setsid()
    except OSError:
        return "not on: leads a process group already"
    return "on"


def _leave_rooms(must_stay_owner: bool) -> str:
    """An empty network and an own room for shared memory; by a user namespace for those who are not root."""
    if not _linux():
        return "not available on this system"
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_NEWNET | _NEWIPC) == 0:
        return "on: empty"
    uid, gid = os.getuid(), os.getgid()
    if libc.unshare(_NEWUSER | _NEWNET | _NEWIPC):
        return f"not on: {os.strerror(ctypes.get_errno())}"
    try:
        for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
            Path(f"/proc/self/{name}").write_text(text)
    except OSError as error:
        return f"on: empty, but without its own user ({error.strerror})" if must_stay_owner else "on: empty"
    return "on: empty, in its own user namespace"


def _limits(memory_mb: int | None, seconds: int | None, processes: int) -> dict[str, str]:
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_FSIZE, _LARGEST_FILE)
    _lower(resource.RLIMIT_NOFILE, _OPEN_FILES)
    _lower(resource.RLIMIT_MEMLOCK, 1 << 20)
    told = {"file size": f"on: {_LARGEST_FILE >> 20} MB", "open files": f"on: {_OPEN_FILES}", "core dumps": "on: none"}
    if os.getuid() == 0:
        told["processes"] = "on: none" if processes == 0 else "not on: the kernel does not count root's"
    else:
        # In a user namespace of its own the count starts anew; threads count too.
        _lower(resource.RLIMIT_NPROC, processes + _THREADS)
        told["processes"] = f"on: {processes or 'none'}, and {_THREADS} threads"
    if memory_mb is not None:
        held, data = _held()
        _lower(resource.RLIMIT_DATA, data + (memory_mb << 20))
        _lower(resource.RLIMIT_AS, held + (memory_mb << 20) + _RESERVED)
        told["memory"] = f"on: {memory_mb} MB more"
    if seconds is not None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        _lower(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + 1 + seconds)
        told["processor time"] = f"on: {seconds} s more"
    return told


def _lower(kind: int, value: int) -> None:
    _soft, hard = resource.getrlimit(kind)
    ceiling = value if hard == resource.RLIM_INFINITY else min(value, hard)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(kind, (ceiling, ceiling))


def _held() -> tuple[int, int]:
    """Bytes of address space and of data that the process has now."""
    try:
        fields = Path("/proc/self/statm").read_text().split()
    except OSError:
        return 0, 0
    page = resource.getpagesize()
    return int(fields[0]) * page, int(fields[5]) * page


def _drop_capabilities() -> str:
    """Root without capabilities is a user who owns many files; Landlock sees to those."""
    if not _linux():
        return "not available on this system"
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in range(64):
        libc.prctl(_CAPBSET_DROP, capability, 0, 0, 0)  # the kernel refuses numbers it does not know
    libc.prctl(_AMBIENT, _AMBIENT_CLEAR, 0, 0, 0)
    head, none = struct.pack("Ii", 0x20080522, 0), bytes(24)
    code = libc.capset(ctypes.create_string_buffer(head, len(head)), ctypes.create_string_buffer(none, len(none)))
    return "on: none left" if code == 0 else f"not on: {os.strerror(ctypes.get_errno())}"


def _filter(processes: bool, witness: Callable[[int], None] | None) -> str:
    if seccomp.machine() is None:
        return f"not available: no filter is written for this machine ({sys.platform}, {os.uname().machine})"
    try:
        listener = seccomp.install(
            seccomp.program(processes=processes, watched=witness is not None), listener=witness is not None
        )
    except OSError as error:
        return f"not on: {error.strerror}"
    if witness is None:
        return "on"
    witness(listener)
    os.close(listener)
    seccomp.install(seccomp.refuse_only(["sendmsg", "seccomp"]))
    return "on: watched"
