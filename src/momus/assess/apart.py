"""A piece of work in a forked and locked process of its own: what reads a stranger's bytes never does so in the parent.

For work that is done once and answers with text. Where the kernel refuses a layer of the lock the others hold, and the
process is another one all the same: it can crash, hang or outgrow its memory without hurting who asked.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import time
from collections.abc import Callable

from momus.core.errors import MomusError
from momus.core.lockdown import lock_down

_MOST = 64 << 20  # bytes of an answer


def apart(work: Callable[[], str], *, place: str, seconds: int = 120, memory_mb: int = 4096) -> str:
    """The text that ``work`` gives, computed elsewhere. A MomusError in there is raised here, as is the child's end.

    The child reads what this process could read, writes nothing, reaches no network and starts no program.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _answer(work, writing, seconds, memory_mb)
    os.close(writing)
    try:
        told, late = _hear(reading, 2 * seconds + 5)
    finally:
        os.close(reading)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        status = os.waitpid(child, 0)[1]
    try:
        kind, *values = json.loads(told)
    except ValueError:
        raise MomusError(
            _why(status, late), code="data/not-read", place=place, hint="Look at the file with care"
        ) from None
    if kind == "error":
        message, code, where, hint = values
        raise MomusError(message, code=code, place=where, hint=hint)
    return str(values[0])


def _answer(work: Callable[[], str], writing: int, seconds: int, memory_mb: int) -> None:
    """In the child: never returns, and runs nothing of what the parent meant to do at its own end."""
    said: list[str] = ["error", "ended early", "data/not-read", "", ""]
    try:
        lock_down(memory_mb=memory_mb, seconds=seconds)
        said = ["text", work()]
    except MomusError as error:
        said = ["error", error.message, error.code, error.place, error.hint]
    except MemoryError:
        said = [
            "error",
            f"needs more than the {memory_mb} MB it may use",
            "data/too-large",
            "",
            "Set limit: in its section of the card",
        ]
    except BaseException as error:
        said = ["error", f"{type(error).__name__}: {error}"[:300], "data/not-read", "", "Look at the file with care"]
    finally:
        with contextlib.suppress(OSError):
            line = json.dumps(said).encode()
            while line:
                line = line[os.write(writing, line) :]
        os._exit(0)


def _hear(reading: int, seconds: float) -> tuple[bytes, bool]:
    """All that the child says, and whether it took too long."""
    told, end = bytearray(), time.monotonic() + seconds
    while len(told) < _MOST:
        left = end - time.monotonic()
        if left <= 0 or not select.select([reading], [], [], left)[0]:
            return bytes(told), True
        piece = os.read(reading, 1 << 16)
        if not piece:
            break
        told += piece
    return bytes(told), False


def _why(status: int, late: bool) -> str:
    if late or (os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGKILL, signal.SIGXCPU)):
        return "reading it took too long"
    name = signal.strsignal(os.WTERMSIG(status)) if os.WIFSIGNALED(status) else f"exit status {status}"
    return f"the process that read it died ({name})"
