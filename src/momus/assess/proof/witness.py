"""The kernel's account: every call that the lock refuses, and every file opened by name, asked about from outside.

The kernel stops the caller, tells this process which call with which arguments, and waits for an answer. Nothing
inside the child can forge, silence or get ahead of that. Text that a pointer leads to is read from the child's memory
and can be changed by another thread in between, so it is good for the record only: what may be done is decided by
Landlock and by numbers.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from momus.assess.proof.events import CALLS, READ, Event
from momus.assess.proof.records import Act
from momus.core import seccomp

_RECEIVE, _SEND = 0xC0502100, 0xC0182101
_CONTINUE = 1
_FOR_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_OPENING = frozenset({"open", "openat", "creat"})
# Which argument is the path, and which (if any) the folder it starts from.
_PATHS = {
    **dict.fromkeys(
        ("open", "creat", "unlink", "rmdir", "mkdir", "truncate", "chmod", "chown", "lchown"), ((None, 0),)
    ),
    **dict.fromkeys(("mknod", "setxattr", "lsetxattr", "execve"), ((None, 0),)),
    **dict.fromkeys(("openat", "unlinkat", "mkdirat", "fchmodat", "fchownat", "mknodat", "execveat"), ((0, 1),)),
    **dict.fromkeys(("rename", "link"), ((None, 0), (None, 1))),
    **dict.fromkeys(("renameat", "renameat2", "linkat"), ((0, 1), (2, 3))),
    "symlink": ((None, 1),),
    "symlinkat": ((1, 2),),
}
# Decided by Landlock: the call goes on, whatever was read here.
_LANDLOCKED = frozenset({
    "open", "openat", "creat", "unlink", "unlinkat", "rename", "renameat", "renameat2", "mkdir", "mkdirat", "rmdir",
    "link", "linkat", "symlink", "symlinkat", "truncate",
})  # fmt: skip
_MAKING = frozenset({"mkdir", "mkdirat", "link", "linkat", "symlink", "symlinkat"})
_FAMILIES = {1: "local", 2: "IPv4", 10: "IPv6", 16: "netlink", 17: "packets", 40: "virtual machine"}
# What the C library and the interpreter read of a machine on their own account.
_FACTS = ("/proc/", "/sys/", "/etc/ssl/", "/etc/mime.types", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/resolv.conf")
_MADE = 500  # files, folders and links that a file may make before it is told that the disk is full


@dataclass(slots=True)
class Witness:
    """Answers the listener. ``room`` is where the child may write, ``places`` what it may read."""

    listener: int
    room: Path
    places: Sequence[Path]
    empty_network: bool
    temporary: bool  # the loader writes temporary files of its own
    made: int = 0
    _names: dict[int, str] = field(default_factory=seccomp.call_names)

    def answer(self) -> tuple[Act, bool] | None:
        """Answer one call; what it was and whether it proves that the file acts, if it is worth telling."""
        asked = bytearray(80)
        try:
            fcntl.ioctl(self.listener, _RECEIVE, asked)
        except OSError:
            return None  # the caller is gone
        mark, pid, _flags, number, _arch, _at, *args = struct.unpack("QIIiIQ6Q", asked)
        name = self._names.get(number, f"call {number}")
        go_on, told = self._judge(name, pid, args)
        if name in _MAKING or name == "creat" or (name in _OPENING and args[1 + (name == "openat")] & os.O_CREAT):
            self.made += 1
            go_on = go_on and self.made <= _MADE
        error = 0 if go_on else -(errno.ENOSPC if self.made > _MADE else errno.EPERM)
        with contextlib.suppress(OSError):
            fcntl.ioctl(self.listener, _SEND, struct.pack("QqiI", mark, 0, error, _CONTINUE if go_on else 0))
        return told

    def _judge(self, name: str, pid: int, args: list[int]) -> tuple[bool, tuple[Act, bool] | None]:
        event = CALLS.get(name)
        if name == "socket":
            family = _FAMILIES.get(args[0], str(args[0]))
            # In a network without interfaces a socket reaches nothing, and its next step tells where it wanted to go.
            harmless = self.empty_network and args[0] in (2, 10)
            return harmless, None if harmless else (Act("made a socket", family, "kernel"), args[0] not in (1, 16))
        if name in _PATHS:
            return self._judge_paths(name, pid, args, event)
        if event is None:
            return False, (Act("asked for", name, "kernel"), False)
        if name in ("connect", "bind", "sendto"):
            at, size = (args[1], args[2]) if name != "sendto" else (args[4], args[5])
            address = _address(self._read(pid, at, min(size, 128)))
            # A name service or a log on this machine is what C libraries look for.
            return False, (Act(event.words, f"{name} {address}", "kernel"), not address.startswith("local "))
        if name in ("kill", "tgkill", "tkill"):
            return False, (
                Act(event.words, f"signal {args[1 + (name == 'tgkill')]} to {_signed(args[0])}", "kernel"),
                True,
            )
        return False, (Act(event.words, name, "kernel"), True)

    def _judge_paths(
        self, name: str, pid: int, args: list[int], event: Event | None
    ) -> tuple[bool, tuple[Act, bool] | None]:
        paths = [self._path(pid, None if at is None else args[at], args[where]) for at, where in _PATHS[name]]
        told = " to ".join(p.replace(f"{self.room}/", "scratch/") for p in paths)
        if name in ("execve", "execveat"):
            words = self._words(pid, args[1 if name == "execve" else 2])
            return False, (Act("started a program", " ".join(words) or told, "kernel"), True)
        writes = name not in _OPENING or name == "creat" or bool(args[1 if name == "open" else 2] & _FOR_WRITING)
        if not writes:
            return True, self._reading(paths[0])
        assert event is not None
        if all(p == "/dev/null" for p in paths):
            return True, None
        inside = all(self._within(p) for p in paths)
        own = self.temporary and all(self._within(p, "tmp") for p in paths)
        return name in _LANDLOCKED, (Act(event.words, told, "kernel", refused=not inside), not own)

    def _reading(self, path: str) -> tuple[Act, bool] | None:
        if self._within(path, "work") and not os.path.lexists(path):  # by a relative name: beside the file
            return Act(READ.words, path.replace(f"{self.room}/", "scratch/"), "kernel", refused=False), True
        if self._within(path) or any(path == str(p) or path.startswith(f"{p}/") for p in self.places):
            return None
        return Act(READ.words, path, "kernel"), not path.startswith(_FACTS) and os.path.lexists(path)

    def _within(self, path: str, part: str = "") -> bool:
        room = str(self.room / part)
        return path == room or path.startswith(room + "/")

    def _path(self, pid: int, folder: int | None, at: int) -> str:
        raw = self._text(pid, at)
        if raw.startswith("/"):
            return os.path.normpath(raw)
        link = "cwd" if folder is None or folder & 0xFFFFFFFF == 0xFFFFFF9C else f"fd/{folder & 0xFFFFFFFF}"
        try:
            start = str(Path(f"/proc/{pid}/{link}").readlink())
        except OSError:
            start = "?"
        return os.path.normpath(f"{start}/{raw}")

    def _words(self, pid: int, at: int) -> list[str]:
        """The strings of an argument list."""
        pointers = self._read(pid, at, 8 * 16)
        found = []
        for i in range(0, len(pointers) - 7, 8):
            pointer = int.from_bytes(pointers[i : i + 8], "little")
            if not pointer:
                break
            found.append(self._text(pid, pointer)[:200])
        return found

    def _text(self, pid: int, at: int) -> str:
        return self._read(pid, at, 4096).split(b"\0", 1)[0].decode("utf-8", "replace")

    def _read(self, pid: int, at: int, size: int) -> bytes:
        """Of the caller's memory, page by page: a string may end just before memory that is not there."""
        out = b""
        with contextlib.suppress(OSError, OverflowError), open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
            while len(out) < size:
                memory.seek(at + len(out))
                piece = memory.read(min(size - len(out), 4096 - (at + len(out)) % 4096))
                if not piece:
                    break
                out += piece
                if b"\0" in piece and size == 4096:
                    break
        return out


def _signed(value: int) -> int:
    value &= 0xFFFFFFFF
    return value - (1 << 32) if value >= 1 << 31 else value


def _address(raw: bytes) -> str:
    family = int.from_bytes(raw[:2], "little")
    port = int.from_bytes(raw[2:4], "big")
    if family == 2 and len(raw) >= 8:
        return f"{'.'.join(map(str, raw[4:8]))}:{port}"
    if family == 10 and len(raw) >= 24:
        return f"[{':'.join(raw[i : i + 2].hex() for i in range(8, 24, 2))}]:{port}"
    return f"local {raw[2:].rstrip(bytes(1)).decode('utf-8', 'replace')}" if family == 1 else f"address family {family}"
