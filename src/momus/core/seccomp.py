"""A filter over system calls, written as kernel bytecode without any library: default-deny, x86_64 and aarch64.

``seccomp_calls.toml`` says which calls are plain work, which are refused by name and which are told apart here by their
arguments. Arguments are compared as numbers only: what a pointer leads to can change after the check, so whatever is
decided by a path or an address is refused whole here, or left to Landlock.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

ALLOW, NOTIFY, KILL = 0x7FFF0000, 0x7FC00000, 0x80000000
REFUSE = 0x00050000 | errno.EPERM
_UNKNOWN = 0x00050000 | errno.ENOSYS
_LOAD, _EQUAL, _AT_LEAST, _AND, _RETURN = 0x20, 0x15, 0x35, 0x54, 0x06
_MODE_FILTER, _TSYNC, _NEW_LISTENER, _TSYNC_ESRCH = 1, 1, 8, 16
_CLONE_THREAD = 0x10000
_CLONE_ROOMS = 0x7E020000  # every CLONE_NEW* flag that clone can take
_CLONE_SIBLING = 0x8000  # a child of our parent instead of ours
_UNIX, _STREAM, _KIND = 1, 1, 0xF
# What a C library asks of a terminal or a descriptor. Nothing here types into one (TIOCSTI) or sends signals.
_IOCTLS = (0x5401, 0x540F, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451, 0x802C542A)
# Own name, own memory's name, and questions. Not: PDEATHSIG, SECCOMP, DUMPABLE, PTRACER.
_PRCTLS = (3, 15, 16, 21, 23, 39, 41, 42, 0x53564D41)
# F_SETOWN, F_SETSIG, F_SETOWN_EX: any signal to any process of the same user. F_SETLEASE, F_NOTIFY: others' files.
_FCNTLS_OUT = (8, 10, 15, 1024, 1026)


@dataclass(frozen=True, slots=True)
class Machine:
    column: int  # in seccomp_calls.toml
    audit: int  # AUDIT_ARCH_*
    seccomp: int  # number of seccomp(2)


_MACHINES = {"x86_64": Machine(0, 0xC000003E, 317), "aarch64": Machine(1, 0xC00000B7, 277)}


@dataclass(frozen=True, slots=True)
class Test:
    """Holds where ``args[arg] & mask == value``. All 64 bits are looked at unless ``low`` says the kernel takes 32."""

    arg: int
    value: int
    mask: int = 0xFFFFFFFF
    low: bool = True


@dataclass(frozen=True, slots=True)
class Rule:
    """The first alternative whose tests all hold decides; else ``otherwise``."""

    alternatives: Sequence[tuple[Sequence[Test], int]]
    otherwise: int


def machine() -> Machine | None:
    """This machine's numbers; None where the filter has not been written for it."""
    if sys.platform != "linux" or ctypes.sizeof(ctypes.c_void_p) != 8 or sys.byteorder != "little":
        return None
    return _MACHINES.get(platform.machine())


@cache
def call_numbers() -> dict[str, dict[str, int]]:
    """Per section of the table, the calls that this machine has."""
    mine = machine()
    if mine is None:
        return {}
    table = tomllib.loads(files("momus.core").joinpath("seccomp_calls.toml").read_text())
    return {
        section: {name: n[mine.column] for calls in groups.values() for name, n in calls.items() if n[mine.column] >= 0}
        for section, groups in table.items()
    }


def call_names() -> dict[int, str]:
    return {number: name for calls in call_numbers().values() for name, number in calls.items()}


def program(*, processes: bool, watched: bool) -> bytes:
    """The filter. ``watched``: what is refused, and every look at a file by name, goes to a listener first."""
    mine, calls = machine(), call_numbers()
    assert mine is not None
    refuse = NOTIFY if watched else REFUSE
    verdicts: dict[int, int | Rule] = dict.fromkeys(calls["allowed"].values(), ALLOW)
    verdicts.update(dict.fromkeys(calls["refused"].values(), refuse))
    verdicts.update(dict.fromkeys(calls["files"].values(), NOTIFY if watched else ALLOW))
    conditions = _conditions(refuse, processes, watched)
    verdicts.update((number, conditions[name]) for name, number in calls["conditional"].items())
    code = [_load(4), _jump(_EQUAL, mine.audit, 1, 0), _return(KILL), _load(0)]
    # On x86_64 the same calls have second numbers (x32): out, or the table could be walked around.
    code += [_jump(_AT_LEAST, 0x40000000, 0, 1), _return(KILL)]
    for first, last, verdict in _ranges(verdicts):
        if isinstance(verdict, int):
            code += [_jump(_AT_LEAST, first, 0, 2), _jump(_AT_LEAST, last + 1, 1, 0), _return(verdict)]
        else:
            block = _block(verdict)
            code += [_jump(_EQUAL, first, 0, len(block)), *block]
    return b"".join([*code, _return(_UNKNOWN)])


def refuse_only(names: Iterable[str]) -> bytes:
    """A second, smaller filter on top: these calls are out, without a listener."""
    table = {name: n for calls in call_numbers().values() for name, n in calls.items()}
    code = [_load(0)]
    for name in names:
        code += [_jump(_EQUAL, table[name], 0, 1), _return(REFUSE)]
    return b"".join([*code, _return(ALLOW)])


def install(code: bytes, *, listener: bool = False) -> int:
    """Put the filter on every thread of this process; the listener's descriptor where one was asked for, else 0."""
    mine = machine()
    assert mine is not None
    flags = _TSYNC | (_NEW_LISTENER | _TSYNC_ESRCH if listener else 0)
    body = ctypes.create_string_buffer(code, len(code))
    head = struct.pack("HxxxxxxQ", len(code) // 8, ctypes.addressof(body))
    libc = ctypes.CDLL(None, use_errno=True)
    got = int(libc.syscall(mine.seccomp, _MODE_FILTER, flags, ctypes.create_string_buffer(head, len(head))))
    if got < 0 or (got > 0 and not listener):
        raise OSError(ctypes.get_errno() or errno.ESRCH, "a thread could not take the filter")
    return got


def _conditions(refuse: int, processes: bool, watched: bool) -> dict[str, Rule]:
    pid = os.getpid()
    fork = ALLOW if processes else refuse
    return {
        "clone": Rule(
            [([Test(0, _CLONE_THREAD, _CLONE_THREAD | _CLONE_ROOMS)], ALLOW)]
            + ([([Test(0, 0, _CLONE_ROOMS | _CLONE_SIBLING)], ALLOW)] if processes else []),
            refuse,
        ),
        "fork": Rule([], fork),
        "vfork": Rule([], fork),
        "execve": Rule([], fork),
        "execveat": Rule([], fork),
        "socketpair": Rule([([Test(0, _UNIX), Test(1, _STREAM, _KIND)], ALLOW)], refuse),
        # Without an address this is what send(2) is made of.
        "sendto": Rule([([Test(4, 0, low=False)], ALLOW)], refuse),
        # While a listener is handed over, sendmsg carries it; lockdown.py shuts it right after.
        "sendmsg": Rule([], ALLOW if watched else refuse),
        "seccomp": Rule([], ALLOW if watched else refuse),
        # With processes, Landlock's scope holds signals in; a child's own number is not known here.
        "kill": Rule([([Test(0, pid)], ALLOW)], fork),
        "tgkill": Rule([([Test(0, pid)], ALLOW)], fork),
        "prctl": Rule([([Test(0, option)], ALLOW) for option in _PRCTLS], refuse),
        "ioctl": Rule([([Test(1, request)], ALLOW) for request in _IOCTLS], refuse),
        "fcntl": Rule([([Test(1, command)], refuse) for command in _FCNTLS_OUT], ALLOW),
        "prlimit64": Rule([([Test(0, 0)], ALLOW), ([Test(0, pid)], ALLOW)], refuse),
        "sched_setaffinity": Rule([([Test(0, 0)], ALLOW), ([Test(0, pid)], ALLOW)], refuse),
        "personality": Rule([([Test(0, 0xFFFFFFFF)], ALLOW)], refuse),
    }


def _ranges(verdicts: dict[int, int | Rule]) -> list[tuple[int, int, int | Rule]]:
    """Neighbouring numbers of one verdict as one range: the filter runs at every call."""
    out: list[tuple[int, int, int | Rule]] = []
    for number in sorted(verdicts):
        verdict = verdicts[number]
        if out and isinstance(verdict, int) and out[-1][1] == number - 1 and out[-1][2] == verdict:
            out[-1] = (out[-1][0], number, verdict)
        else:
            out.append((number, number, verdict))
    return out


def _block(rule: Rule) -> list[bytes]:
    code: list[bytes] = []
    for tests, action in rule.alternatives:
        pieces = [piece for test in tests for piece in _pieces(test)]
        # A test that does not hold jumps behind this alternative's return.
        sizes = [len(load) + 1 for load, _value in pieces]
        for i, (load, value) in enumerate(pieces):
            code += [*load, _jump(_EQUAL, value, 0, sum(sizes[i + 1 :]) + 1)]
        code.append(_return(action))
    return [*code, _return(rule.otherwise)]


def _pieces(test: Test) -> list[tuple[list[bytes], int]]:
    at = 16 + 8 * test.arg  # struct seccomp_data, little end first
    low = [_load(at)] + ([_pack(_AND, 0, 0, test.mask)] if test.mask != 0xFFFFFFFF else [])
    return [(low, test.value & test.mask)] + ([] if test.low else [([_load(at + 4)], test.value >> 32)])


def _load(offset: int) -> bytes:
    return _pack(_LOAD, 0, 0, offset)


def _jump(kind: int, value: int, then: int, other: int) -> bytes:
    return _pack(kind, then, other, value)


def _return(action: int) -> bytes:
    return _pack(_RETURN, 0, 0, action)


def _pack(code: int, then: int, other: int, value: int) -> bytes:
    return struct.pack("HBBI", code, then, other, value)
