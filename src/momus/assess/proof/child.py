"""The child that loads a file: imports the loader, locks itself, records, loads, and tells the parent what it saw.

It is started bare (``python -I``) with a request on standard input. After the imports it forks once, because a lock
binds one thread and libraries have started others; what lives on has one thread and no way out. From the moment the
file runs code of its own, this process belongs to the file: what is told from here is a witness statement, and the
parent trusts the kernel's account above it.
"""

from __future__ import annotations

import array  # noqa: F401  (socket.send_fds imports it; inside the lock nobody answers yet)
import atexit
import contextlib
import gc
import hashlib
import importlib
import json
import os
import signal
import socket
import sys
import tempfile
import threading
import types
from pathlib import Path
from typing import Any, NoReturn

from momus.assess.proof.events import AUDIT, Event
from momus.assess.proof.loaders import LOADERS
from momus.core.lockdown import lacking, lock_down, python_places

NEEDED = (
    "single thread", "no new privileges", "file system", "system calls", "memory", "processor time",
    "dies with its parent",
)  # fmt: skip
_LONGEST = 300
# What the import of an installed module does all day.
_IMPORTS_DO = frozenset({
    "exec", "marshal.loads", "code.__new__", "import", "os.putenv", "os.unsetenv", "glob.glob", "sys._current_frames",
    "ctypes.dlopen", "ctypes.dlsym", "ctypes.cdata",
})  # fmt: skip
_MAKES_FILES = frozenset({"open", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.link", "os.symlink"})


class Report:
    """Lines to the parent, each sealed with a key that is not on any path a file would find by accident."""

    def __init__(self, descriptor: int, key: bytes) -> None:
        self._descriptor, self._key, self._count = descriptor, key, 0
        self._lock = threading.RLock()

    def tell(self, kind: str, *values: Any) -> None:
        with self._lock:
            body = json.dumps([self._count, kind, *values]).encode()
            self._count += 1
            seal = hashlib.blake2b(body, key=self._key, digest_size=16).hexdigest().encode()
            line = seal + body + b"\n"
            while line:
                line = line[os.write(self._descriptor, line) :]


def main() -> None:
    """Entry: ``child.py REPORT HANDOVER``, two descriptors."""
    report_to, hand_to = int(sys.argv[1]), int(sys.argv[2])
    request = json.loads(sys.stdin.buffer.read())
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    report = Report(report_to, bytes.fromhex(request["key"]))
    loader = LOADERS[request["loader"]]
    for module in loader.imports:
        try:
            importlib.import_module(module)
        except ImportError:
            report.tell("missing", module)
            return
    for package in request["packages"]:
        with contextlib.suppress(ImportError):
            importlib.import_module(package)
    tempfile.gettempdir()  # which writes a file to see whether it can
    gc.collect()
    child = os.fork()
    if child:
        for descriptor in (report_to, hand_to):
            os.close(descriptor)
        _end_as(os.waitpid(child, 0)[1])
    _locked(request, report, socket.socket(fileno=hand_to))


def _end_as(status: int) -> NoReturn:
    if os.WIFSIGNALED(status):
        if os.WTERMSIG(status) != signal.SIGKILL:
            signal.signal(os.WTERMSIG(status), signal.SIG_DFL)
        os.kill(os.getpid(), os.WTERMSIG(status))
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def _locked(request: dict[str, Any], report: Report, channel: socket.socket) -> None:
    room = Path(request["room"])

    def hand_over(listener: int) -> None:
        socket.send_fds(channel, [b"l"], [listener])
        channel.recv(1)

    layers = lock_down(
        readable=[*python_places(), Path(request["file"]), room],
        writable=[room],
        memory_mb=request["memory_mb"],
        seconds=request["seconds"],
        witness=hand_over,
    )
    channel.close()
    report.tell("locked", layers, lacking(layers, NEEDED))
    if lacking(layers, NEEDED):
        return
    _load(request, report)


def _load(request: dict[str, Any], report: Report) -> None:
    load, path = LOADERS[request["loader"]].load, request["path"]
    sys.addaudithook(_hook(report, str(Path(request["room"], "tmp")) + "/"))
    report.tell("loading")
    try:
        found = load(path)
        report.tell("loaded", type.__dict__["__name__"].__get__(type(found)))
        del found
    except BaseException as error:  # the file may raise anything, SystemExit included
        report.tell("failed", type.__dict__["__name__"].__get__(type(error)), _plain(error.args))
        del error
    gc.collect()
    # What the file left to be done at the end is done here. The rest of the interpreter's end is not waited for: native
    # libraries wait there for threads that a fork does not carry over.
    atexit._run_exitfuncs()
    report.tell("over")
    os._exit(0)


def _hook(report: Report, temporary: str) -> Any:
    """The recorder. It runs inside the act that it records, so it calls nothing of the file's: no repr, no ==."""
    busy = threading.local()

    def excuse(path: str) -> None:
        """The kernel will tell of this file; that the import of a package asked for it, only this process knows."""
        busy.on = True
        try:
            if path.startswith(temporary) and _importing():
                report.tell("import", path[:1000])
        finally:
            busy.on = False

    def hook(event: str, args: tuple[Any, ...]) -> None:
        known = AUDIT.get(event)
        if getattr(busy, "on", False):
            return
        if known is None:
            if event in _MAKES_FILES and args and type(args[0]) is str:
                excuse(args[0])
            return
        busy.on = True
        try:
            told = _told(event, args, known)
        finally:
            busy.on = False
        if told is None:
            return
        refuse = known.refuse
        busy.on = True
        try:
            report.tell("event", event, told, refuse)
        finally:
            busy.on = False
        if refuse:
            raise PermissionError(f"{event} is refused while this file is being examined")

    return hook


def _told(event: str, args: tuple[Any, ...], known: Event) -> str | None:
    """The arguments as text; None for what libraries do on their own account."""
    if event in _IMPORTS_DO and _importing():
        return None
    if event == "exec":
        return _code(args[0])
    if event == "pickle.find_class":
        return ".".join(_plain(a) for a in args)
    if event == "import":
        return _plain(args[:1])
    if event.startswith("ctypes.dlsym") and not event.endswith("handle") and _known_library(args[0]):
        return None
    if event in ("ctypes.dlsym", "ctypes.dlsym/handle"):
        return _plain(args[1:2])
    if event == "socket.__new__":
        return _plain(args[1:4])
    if event.startswith("socket.") and args and isinstance(args[0], socket.socket):
        return _plain(args[1:])
    return _plain(args)


def _code(code: Any) -> str | None:
    """The names and texts that a piece of code is made of; None for a module's file, run by what loads modules."""
    if type(code) is not types.CodeType:
        return _plain(code)
    if code.co_filename.startswith("/"):
        return None
    texts = [c for c in code.co_consts if type(c) in (str, bytes)]
    return f"uses {_plain(list(code.co_names))}" + (f"; says {_plain(texts)}" if texts else "")


def _known_library(library: Any) -> bool:
    """A native library that an installed package has opened for itself; not the C library, not the interpreter."""
    name = getattr(library, "_name", None)
    return type(name) is str and name.startswith((f"{sys.prefix}/", f"{sys.base_prefix}/"))


def _importing() -> bool:
    """Whether a module is being imported further up: what it runs is its own affair."""
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        if code.co_filename == "<frozen importlib._bootstrap>" and code.co_name == "_load_unlocked":
            return True
        frame = frame.f_back
    return False


def _plain(value: Any, depth: int = 0) -> str:
    """Text of plain values, cut; of anything else its type's name. Nothing of the value's own is called."""
    kind: type[Any] = type(value)
    if issubclass(kind, bytes):
        value, kind = bytes.decode(bytes.__getitem__(value, slice(0, _LONGEST)), "utf-8", "replace"), str
    if issubclass(kind, str):
        cut = str.__getitem__(value, slice(0, _LONGEST))
        return cut if depth < 2 else str.__repr__(cut)
    if kind in (int, float, bool, type(None)):
        return repr(value) if kind is not int or value.bit_length() < 200 else "a large number"
    if kind in (tuple, list) and depth < 3:
        return ", ".join([_plain(v, depth + 1) for v in value[:8]])[: 2 * _LONGEST]
    return f"<{type.__dict__['__name__'].__get__(kind)}>"


if __name__ == "__main__":
    main()
