"""Work in a locked process of its own: text and errors come back, and nothing that happens in there happens here."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from momus.assess.apart import apart
from momus.core import landlock, seccomp
from momus.core.errors import DataError, MomusError


def test_text_comes_back_whatever_its_length() -> None:
    assert apart(lambda: "ä" * 300_000, place="x") == "ä" * 300_000


def test_an_error_comes_back_as_it_was() -> None:
    def work() -> str:
        raise DataError("no rows", place="data.csv", hint="Add some")

    with pytest.raises(MomusError, match="no rows") as caught:
        apart(work, place="x")
    assert (caught.value.code, caught.value.place, caught.value.hint) == ("data/invalid", "data.csv", "Add some")


def _spin() -> str:
    while True:
        pass


def _crash() -> str:
    os.kill(os.getpid(), signal.SIGSEGV)
    return ""


def _sleep() -> str:
    time.sleep(999)
    return ""


def _children() -> set[str]:
    """Processes that this one started and that are still there; other tests may have left a tracker running."""
    return {pid for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()}


@pytest.mark.parametrize(
    ("work", "words"),
    [
        (lambda: str(ctypes.string_at(0)), "died"),
        (lambda: str(os._exit(0)), "died"),
        (_crash, "died"),
        (_spin, "too long"),
        (_sleep, "too long"),
        (lambda: str(len(bytearray(900 << 20))), "more than the 200 MB"),
        (lambda: "x" * (1 // 0), "ZeroDivisionError"),
    ],
)
def test_its_end_is_an_error_in_one_line(work: Callable[[], str], words: str) -> None:
    before = _children()
    with pytest.raises(MomusError, match=words):
        apart(work, place="data.test", seconds=1, memory_mb=200)
    assert _children() <= before


@pytest.mark.skipif(seccomp.machine() is None or landlock.version() < 3, reason="no Landlock 3 or no filter here")
def test_it_writes_nothing_reaches_no_network_and_starts_no_program(tmp_path: Path) -> None:
    tries: list[Callable[[], object]] = [
        lambda: (tmp_path / "made").write_text("x"),
        lambda: socket.create_connection(("127.0.0.1", 9)),
        lambda: os.posix_spawn("/bin/true", ["true"], {}),
    ]
    for act in tries:
        with pytest.raises(MomusError, match="PermissionError"):
            apart(lambda act=act: str(act()), place="x")  # type: ignore[misc]
    assert not list(tmp_path.iterdir())
