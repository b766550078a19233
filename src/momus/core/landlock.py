"""Landlock by raw system calls: which folders a process may read and write, no TCP, no signal to anyone outside.

The rules bind the calling thread and what it starts, for good. Older kernels know fewer of them; ``restrict`` says what
took hold and what this kernel does not have.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import stat
import struct
import sys
from collections.abc import Sequence
from pathlib import Path

_CREATE, _ADD, _RESTRICT = 444, 445, 446  # the same on every machine
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_MAKE_CHAR, _MAKE_SOCK, _MAKE_BLOCK = 1 << 6, 1 << 9, 1 << 11
_REFER, _TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
_FILE_RIGHTS = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
_BIND_OR_CONNECT, _NO_ABSTRACT_SOCKET_NO_SIGNAL = 3, 3
_SINK = Path("/dev/null")


def version() -> int:
    """Of Landlock in the running kernel; 0 where there is none."""
    if sys.platform != "linux":
        return 0
    return max(0, int(ctypes.CDLL(None, use_errno=True).syscall(_CREATE, None, ctypes.c_size_t(0), 1)))


def restrict(readable: Sequence[Path] | None, writable: Sequence[Path], *, execute: bool = False) -> dict[str, str]:
    """Bind this process to these folders. ``readable`` None: everything. Nothing is executable in what is writable."""
    known = version()
    if not known:
        gone = "not available: this kernel has no Landlock"
        return {"file system": gone, "signals and local sockets": gone, "network rules": gone}
    rights = _rights(known)
    ruleset = _create(rights, known)
    looks = (_READ_FILE | _READ_DIR) | (_EXECUTE if execute else 0)
    places = [Path("/")] if readable is None else list(readable)
    try:
        for place in places:
            _allow(ruleset, place, looks)
        for place in writable:
            _allow(ruleset, place, rights & ~(_EXECUTE | _MAKE_CHAR | _MAKE_SOCK | _MAKE_BLOCK | _IOCTL_DEV))
        _allow(ruleset, _SINK, _READ_FILE | _WRITE_FILE | (rights & _TRUNCATE))
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.syscall(_RESTRICT, ruleset, 0):
            raise OSError(ctypes.get_errno(), "the kernel refused the rules")
    finally:
        os.close(ruleset)
    reads = "reads everywhere" if readable is None else f"reads {len(places)} named places"
    told = f"{reads}, writes {len(writable)} named places"
    old = f"not available: Landlock {known} is too old"
    return {
        "file system": f"on: {told}"
        if known >= 3
        else f"not complete: {told}, but files can be cut short (old Landlock)",
        "network rules": "on: no TCP" if known >= 4 else old,
        "signals and local sockets": "on: none to the outside" if known >= 6 else old,
    }


def _rights(known: int) -> int:
    rights = (1 << 13) - 1
    for since, right in ((2, _REFER), (3, _TRUNCATE), (5, _IOCTL_DEV)):
        rights |= right if known >= since else 0
    return rights


def _create(rights: int, known: int) -> int:
    head = struct.pack("QQQ", rights, _BIND_OR_CONNECT, _NO_ABSTRACT_SOCKET_NO_SIGNAL)
    # An older kernel takes a shorter structure.
    head = head[: 24 if known >= 6 else 16 if known >= 4 else 8]
    libc = ctypes.CDLL(None, use_errno=True)
    made = int(libc.syscall(_CREATE, ctypes.create_string_buffer(head, len(head)), ctypes.c_size_t(len(head)), 0))
    if made < 0:
        raise OSError(ctypes.get_errno(), "the kernel refused a set of rules")
    return made


def _allow(ruleset: int, place: Path, rights: int) -> None:
    # What this process cannot open, or what is not there, needs no rule.
    with contextlib.suppress(FileNotFoundError, NotADirectoryError, PermissionError):
        descriptor = os.open(place, os.O_PATH | os.O_CLOEXEC)
        try:
            if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
                rights &= _FILE_RIGHTS
            rule = struct.pack("=Qi", rights, descriptor)
            libc = ctypes.CDLL(None, use_errno=True)
            if libc.syscall(_ADD, ruleset, 1, ctypes.create_string_buffer(rule, len(rule)), 0):
                raise OSError(errno.EINVAL, f"no rule for {place}: {os.strerror(ctypes.get_errno())}")
        finally:
            os.close(descriptor)
