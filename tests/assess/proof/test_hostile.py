"""Files that fight the child that loads them: each does what it can to hide, to hurt, or never to end."""

from __future__ import annotations

import importlib
import os
import pickle
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from momus.assess.proof import Try, prove
from momus.core import landlock, seccomp

pytestmark = pytest.mark.skipif(
    seccomp.machine() is None or landlock.version() < 3, reason="this machine has no Landlock 3 or no filter"
)

Tried = Callable[..., Try]


class _Runs:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.way = (function, arguments)

    def __reduce__(self) -> Any:
        return self.way


@pytest.fixture
def tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tried:
    """Loads a pickle that runs this source, or is these bytes, by one loader."""
    monkeypatch.setattr(importlib.import_module("momus.assess.proof.prove"), "_GRACE", 0.5)

    def run(source: str | bytes, *, seconds: int = 2, loader: str = "pickle", memory_mb: int = 256) -> Try:
        path = tmp_path / "file.pkl"
        data = source if isinstance(source, bytes) else pickle.dumps(_Runs(exec, source, {}))
        path.write_bytes(data)
        before = sorted(tmp_path.iterdir())
        proof = prove(path, "pickle", loaders=[loader], seconds=seconds, memory_mb=memory_mb)
        assert path.read_bytes() == data, "the file itself is never changed"
        assert sorted(tmp_path.iterdir()) == before, "nothing appears outside the scratch folder"
        return proof.tries[0]

    return run


def _what(found: Try, by: str = "") -> list[str]:
    return [a.what for a in found.acts if not by or a.by == by]


def _seen(found: Try, text: str) -> bool:
    return any(text in a.detail for a in found.acts)


def test_the_first_act_stands_first(tried: Tried) -> None:
    found = tried(pickle.dumps(_Runs(os.system, "touch momus-marker")))
    assert [(a.what, a.detail, a.refused) for a in found.acts] == [("ran a command", "touch momus-marker", True)]
    assert found.outcome == "failed"
    assert found.left == ()


def test_acts_stand_in_the_order_in_which_they_happened(tried: Tried) -> None:
    found = tried(
        "import os, socket\n"
        "def quiet(f, *a):\n"
        "    try: f(*a)\n"
        "    except BaseException: pass\n"
        "quiet(os.system, 'id')\n"
        "open('first', 'w').write('x')\n"
        "quiet(socket.create_connection, ('192.0.2.7', 4444))\n"
        "quiet(open, '/tmp/momus-second', 'w')\n"
        "quiet(os.remove, '/etc/hostname')\n"
    )
    assert _what(found) == [
        "ran code of its own", "ran a command", "opened for writing", "reached for the network", "opened for writing",
        "removed",
    ]  # fmt: skip
    assert [a.detail for a in found.acts[2:]] == [
        "scratch/work/first", "192.0.2.7, 4444, 0, 1, 0", "/tmp/momus-second", "/etc/hostname"
    ]  # fmt: skip
    assert found.left == ("work/first (1 bytes)",)
    assert found.outcome == "loaded"


def test_an_honest_file_does_nothing(tried: Tried) -> None:
    found = tried(pickle.dumps({"weights": [1.0, 2.0], "name": "honest"}))
    assert (found.outcome, found.acts, found.left) == ("loaded", (), ())


def test_every_pickle_behind_the_first_is_loaded_too(tried: Tried) -> None:
    found = tried(pickle.dumps([1]) + pickle.dumps(_Runs(os.system, "second")))
    assert _seen(found, "second")


def test_native_code_is_seen_by_the_kernel_where_no_hook_sees_it(tried: Tried) -> None:
    """Builtins that end in system calls without an audit event stand for code in other languages."""
    found = tried(
        "import _posixsubprocess, os\n"
        "r, w = os.pipe()\n"
        "rest = (r, w, False, False, -1, None, None, None, -1, None, False)\n"
        "true = [b'/bin/true']\n"
        "try: _posixsubprocess.fork_exec(true, true, True, (w,), None, None, -1, -1, -1, -1, -1, -1, *rest)\n"
        "except BaseException: pass\n"
    )
    assert "started a process" in _what(found, "kernel")


_NAMED = [
    ("import ctypes; ctypes.CDLL(None).system(b'id')", "loaded native code"),
    ("import ctypes; ctypes.pythonapi.PyRun_SimpleString(b'1')", "reached for a native function"),
    ("import subprocess; subprocess.run(['id'])", "ran a command"),
    ("import os; os.execv('/bin/true', ['true'])", "ran a command"),
    ("import os; os.posix_spawn('/bin/true', ['true'], {})", "ran a command"),
    ("import os; os.fork()", "started a process"),
    ("import pty; pty.spawn('/bin/sh')", "ran a command"),
    ("import socket; socket.getaddrinfo('momus.example', 80)", "reached for the network"),
    ("import urllib.request as u; u.urlopen('http://momus.example/x')", "reached for the network"),
    ("import os; os.kill(os.getppid(), 9)", "sent a signal"),
    ("import os; os.rename('/etc/hostname', '/etc/h')", "renamed"),
    ("import os; os.mkdir('/tmp/momus-made')", "made a folder"),
    ("import os; os.symlink('/etc/passwd', 'x')", "made a link"),
    ("import os; os.chmod('/etc/hostname', 0o777)", "changed rights of"),
    ("import os; os.truncate('/etc/hostname', 0)", "cut short"),
    ("import os; os.mkfifo('pipe')", "made a device or pipe"),
    ("import shutil; shutil.rmtree('/tmp/momus-nothing')", "removed a folder"),
    ("import sqlite3; sqlite3.connect('x.db')", "opened a database"),
    ("import gc; gc.get_objects()", "looked into the program that loads it"),
    ("import sys; sys.settrace(print)", "watched the program that loads it"),
    ("import sys; sys.addaudithook(print)", "tried to add an audit hook"),
    ("open('/etc/passwd').read()", "reached for a file that is not its own"),
    ("open('second-part.bin', 'rb').read()", "reached for a file that is not its own"),
]


def test_what_a_file_tries_is_named(tried: Tried) -> None:
    """One child for all: a file made after each attempt says which acts are its own."""
    found = tried("".join(
        f"try: exec({source!r})\nexcept BaseException: pass\nopen('mark-{i}', 'w').close()\n"
        for i, (source, _what) in enumerate(_NAMED)
    ), seconds=8)  # fmt: skip
    told: list[set[str]] = [set()]
    for act in found.acts:
        if act.detail == f"scratch/work/mark-{len(told) - 1}":
            told.append(set())
        else:
            told[-1].add(act.what)
    assert len(told) == len(_NAMED) + 1
    missed = [source for (source, what), named in zip(_NAMED, told, strict=False) if what not in named]
    assert missed == []


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("import os; os._exit(0)", "ended the process before the loader was done"),
        ("import sys; sys.exit(0)", "asked the program that loads it to end"),
        ("import atexit; atexit.register(open, 'late', 'w')", "opened for writing"),
    ],
)
def test_how_a_file_ends_the_program_is_named(tried: Tried, source: str, what: str) -> None:
    assert what in _what(tried(source))


@pytest.mark.soak
@pytest.mark.parametrize(("source", "what"), _NAMED)
def test_what_a_file_tries_alone_is_named(tried: Tried, source: str, what: str) -> None:
    assert what in _what(tried(source))


def test_the_address_of_a_native_connection_is_told(tried: Tried) -> None:
    found = tried("import _socket; s = _socket.socket(2, 1)\ntry: s.connect(('192.0.2.9', 99))\nexcept OSError: pass")
    assert _seen(found, "192.0.2.9")


def test_a_fork_bomb_starts_nothing(tried: Tried) -> None:
    found = tried(
        "import os\n"
        "def bomb(n):\n"
        "    for _ in range(n):\n"
        "        try: print('started', os.fork(), flush=True)\n"
        "        except OSError: pass\n"
        "bomb(200)\n"
    )
    assert (found.outcome, "started a process" in _what(found)) == ("loaded", True)
    assert "started" not in found.printed


@pytest.mark.soak
def test_a_fork_bomb_without_end_is_ended(tried: Tried) -> None:
    found = tried("import os\nwhile True:\n try: os.fork()\n except BaseException: pass", seconds=1)
    assert (found.outcome, "started a process" in _what(found)) == ("too slow", True)


@pytest.mark.soak
def test_threads_without_end_are_ended(tried: Tried) -> None:
    found = tried("import threading as t, time\nwhile True: t.Thread(target=time.sleep, args=(99,)).start()", seconds=2)
    assert found.outcome in ("too slow", "failed")


def test_a_loop_is_ended_also_where_it_ignores_every_signal(tried: Tried) -> None:
    found = tried(
        "import signal\n"
        "for s in range(1, 65):\n"
        "    try: signal.signal(s, signal.SIG_IGN)\n"
        "    except BaseException: pass\n"
        "while True: pass",
        seconds=1,
    )
    assert found.outcome == "too slow"


def test_sleeping_past_the_limit_is_ended(tried: Tried) -> None:
    assert tried("import time; time.sleep(3600)", seconds=1).outcome == "too slow"


def test_standing_still_is_ended(tried: Tried) -> None:
    stop = "import _signal, os\ntry: _signal.raise_signal(19)\nexcept BaseException: pass\nimport time; time.sleep(99)"
    assert tried(stop, seconds=1).outcome == "too slow"


def test_memory_without_end_is_refused(tried: Tried) -> None:
    found = tried("x = []\nwhile True: x.append(bytearray(1 << 24))", memory_mb=128)
    assert found.exhausted
    assert found.error.startswith("MemoryError")


def test_memory_that_is_shared_is_bounded_too(tried: Tried) -> None:
    found = tried("import mmap\nx = []\nwhile True: x.append(mmap.mmap(-1, 1 << 30))", memory_mb=128)
    assert found.outcome in ("failed", "killed")


def test_a_flood_of_output_is_cut(tried: Tried) -> None:
    found = tried("import sys\nfor _ in range(900): sys.stderr.write('x' * 65536)", seconds=2)
    assert len(found.printed) <= 4000


def test_a_flood_of_files_is_stopped(tried: Tried) -> None:
    found = tried("i = 0\nwhile True:\n i += 1\n open(f'f{i}', 'w').close()", seconds=5)
    assert found.outcome == "failed"
    assert "No space" in found.error
    assert len(found.left) <= 50


@pytest.mark.soak
def test_folders_in_folders_are_stopped_and_cleaned_up(tried: Tried) -> None:
    found = tried("import os\nwhile True: os.mkdir('d'); os.chdir('d')", seconds=5)
    assert found.outcome == "failed"


def test_a_full_disk_is_not_waited_for(tried: Tried) -> None:
    source = (
        "i = 0\nwhile True:\n i += 1\n with open(f'f{i}', 'wb') as f:\n  for _ in range(200): f.write(bytes(1 << 20))"
    )
    assert tried(source, seconds=30).outcome in ("too large", "killed", "failed")


def test_the_record_cannot_be_written_by_the_file(tried: Tried) -> None:
    found = tried(
        "import os\n"
        "for d in range(3, 64):\n"
        "    try: os.write(d, b'0' * 32 + b'[2, \"loaded\", \"dict\"]\\n')\n"
        "    except OSError: pass\n"
    )
    assert "wrote into the record of this examination" in _what(found)
    assert found.acts[0].what == "ran code of its own"


_FINDS_THE_RECORDER = """
import sys
frame = sys._getframe()
while 'report' not in frame.f_locals: frame = frame.f_back
tell = frame.f_locals['report'].tell
"""
_FORGED = (
    "'event'", "'event', 'no such event', 'x', True", "'event', ['os.system'], 'x', True",
    "'event', 'os.system', 5, True", "'missing', 'momus'", "'missing'", "'locked', {}, ['file system: gone']",
    "'locked', 'x', []", "'loading'", "'loaded'", "'failed', {}, 3", "'import', 5", "{'a': 1}, 3", "None",
)  # fmt: skip


def test_a_file_that_has_the_seal_brings_the_parent_to_no_stop_and_takes_nothing_back(tried: Tried) -> None:
    """What it seals is told as forged where the recorder would never have said it; real acts go on being told."""
    forged = "".join(f"tell({line})\n" for line in _FORGED)
    found = tried(f"{_FINDS_THE_RECORDER}{forged}open('after', 'w')")
    assert _what(found).count("wrote into the record of this examination") == len(_FORGED)
    assert (found.acts[0].what, found.acts[-1].detail) == ("ran code of its own", "scratch/work/after")
    assert found.outcome == "loaded"


def test_a_file_that_has_the_seal_gets_no_more_time(tried: Tried) -> None:
    again = "import time\nwhile True: tell('loading'); tell('loaded', 'dict'); tell('over'); time.sleep(0.05)"
    assert tried(f"{_FINDS_THE_RECORDER}{again}", seconds=1).outcome == "too slow"


def test_a_full_disk_is_seen_also_of_a_child_that_keeps_its_parent_busy(tried: Tried) -> None:
    source = (
        "import threading\n"
        "def spin():\n"
        "    while True:\n"
        "        try: open('/etc/passwd')\n"
        "        except OSError: pass\n"
        "threading.Thread(target=spin, daemon=True).start()\n"
        "for i in range(99):\n"
        "    with open(f'f{i}', 'wb') as f:\n"
        "        for _ in range(200): f.write(bytes(1 << 20))\n"
    )
    assert tried(source, seconds=9).outcome == "too large"


def test_a_record_that_is_closed_tells_what_came_before(tried: Tried) -> None:
    found = tried("import os; os.closerange(3, 64); open('after', 'w').write('x')")
    assert found.acts[0].what == "ran code of its own"
    assert "opened for writing" in _what(found, "kernel"), "the kernel goes on telling"


@pytest.mark.soak
def test_a_flood_into_the_record_does_not_bury_the_first_act(tried: Tried) -> None:
    source = (
        "import os\nwhile True:\n for d in range(3, 64):\n  try: os.write(d, b'junk' * 999)\n  except OSError: pass"
    )
    found = tried(source, seconds=2)
    assert found.acts[0].what == "ran code of its own"
    assert found.outcome == "too slow"


def test_own_memory_and_the_parents_are_out_of_reach(tried: Tried) -> None:
    found = tried(
        "import os\n"
        "for path in ('/proc/self/mem', f'/proc/{os.getppid()}/mem'):\n"
        "    try: open(path, 'r+b')\n"
        "    except OSError as error: print(error.errno, flush=True)\n"
    )
    assert found.printed.split() in (["13", "13"], ["13", "2"])
    assert _seen(found, "/mem")


def test_the_recorder_does_not_run_what_the_file_brings(tried: Tried) -> None:
    """Arguments whose repr, str or comparison acts are told by their type."""
    found = tried(
        "import sys\n"
        "def act(*a): open('done', 'w'); return 'x'\n"
        "act.__name__ = 'act'\n"
        "ways = dict.fromkeys(('__repr__', '__str__', '__format__', '__getitem__', '__eq__', '__len__'), act)\n"
        "class Named(type): __name__ = property(act)\n"
        "kinds = [Named('Evil', (base,), dict(ways)) for base in (str, bytes, list, object)]\n"
        "try: sys.audit('os.system', kinds[0]('id'), kinds[1](b'id'), kinds[2]([1]), kinds[3]())\n"
        "except PermissionError: pass\n"
    )
    assert found.outcome == "loaded"
    assert found.left == ()
    assert _seen(found, "id")


def test_a_file_that_sees_the_lock_and_keeps_still_is_not_cleared(tried: Tried, tmp_path: Path) -> None:
    """ "It did nothing here" says nothing: the static verdict stays what it was."""
    look = "'Seccomp:\\t0' in open('/proc/self/status').read() and __import__('os').system('id')"
    found = tried(look)
    assert "ran a command" not in _what(found)
    proof = prove(tmp_path / "file.pkl", "pickle", loaders=["pickle"], seconds=2)
    assert proof.verdict("dangerous") == "dangerous"


def test_the_environment_holds_no_secrets(tried: Tried, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOMUS_TEST_TOKEN", "s3cret")
    found = tried("import os; print(dict(os.environ), os.listdir('.'), os.path.expanduser('~'), flush=True)")
    assert "s3cret" not in found.printed
    assert found.printed.rstrip().endswith("/home")
    assert "[]" in found.printed


def test_deep_nesting_that_kills_the_loader_is_told(tried: Tried) -> None:
    found = tried("import sys; sys.setrecursionlimit(9**9)\nx = 0\nfor _ in range(9**6): x = [x]\nrepr(x)", seconds=60)
    assert found.outcome == "killed"


def _children() -> set[str]:
    """Processes that this one started; other tests may have left a tracker running."""
    return {pid for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()}


def test_signals_to_the_parent_do_not_arrive_and_no_process_is_left(tried: Tried) -> None:
    arrived, mine = list[int](), _children()
    before = signal.signal(signal.SIGUSR1, lambda number, _frame: arrived.append(number))
    try:
        found = tried(
            "import os, _signal\n"
            "for act in (os.kill, os.killpg):\n"
            "    for pid in (os.getppid(), 0, -1, 1):\n"
            "        try: act(pid, 10)\n"
            "        except BaseException: pass\n"
        )
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert "sent a signal" in _what(found)
    assert arrived == []
    assert _children() <= mine
