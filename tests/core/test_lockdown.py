"""Each layer of the lock is tested by trying to break it, by system calls without Python in between."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from momus.core import landlock, seccomp
from momus.core.lockdown import lacking

pytestmark = pytest.mark.skipif(
    seccomp.machine() is None or landlock.version() < 3, reason="this machine has no Landlock 3 or no filter"
)

_BEGIN = """
import ctypes, errno, json, mmap, os, resource, signal, socket, subprocess, sys, threading, time
from pathlib import Path
from momus.core import landlock, seccomp
from momus.core.lockdown import lock_down, python_places
libc = ctypes.CDLL(None, use_errno=True)
numbers = {n: i for calls in seccomp.call_numbers().values() for n, i in calls.items()}
def call(name, *args):
    "The raw call: the error's name, or 'done'."
    return "done" if libc.syscall(numbers[name], *args) >= 0 else errno.errorcode[ctypes.get_errno()]
def tried(act):
    try:
        act()
    except BaseException as error:
        return type(error).__name__
    return "done"
room = Path(sys.argv[1])
if sys.argv[2] == "ordinary" and os.getuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
layers = {}
def lock(**settings):
    layers.update(lock_down(**{"readable": [*python_places(), room], "writable": [room], **settings}))
out = {}
"""
_END = "\nprint(json.dumps({'layers': layers, **out}))\n"

Locked = Callable[..., dict[str, Any]]


@pytest.fixture
def outside() -> Iterator[Path]:
    """A folder that every user could write in; the lock is what keeps them out."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        yield Path(name)


@pytest.fixture(params=["as we are", "ordinary"])
def locked(request: pytest.FixtureRequest, outside: Path) -> Locked:
    """Runs code that locks itself and then tries things, as the present user and as one without any rights."""
    room = outside / "room"
    room.mkdir()
    room.chmod(0o777)

    def run(code: str, status: int = 0) -> dict[str, Any]:
        command = [sys.executable, "-c", _BEGIN + code + _END, str(room), request.param]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == status, done.stderr
        return json.loads(done.stdout) if status == 0 else {}

    return run


def test_every_needed_layer_takes_hold_and_is_told(locked: Locked) -> None:
    out = locked("lock(memory_mb=200, seconds=9)")
    assert lacking(out["layers"]) == []
    told = {name: str(text).split(":")[0] for name, text in out["layers"].items()}
    for name in ("capabilities", "single thread", "memory", "processor time", "core dumps", "dies with its parent"):
        assert told[name] == "on"


_ATTEMPTS = {
    "a process": "call('clone', signal.SIGCHLD, 0, 0, 0, 0)",
    "a thread in a namespace": "call('clone', 0x10000 | 0x100 | 0x800 | 0x40000000, 0, 0, 0, 0)",
    "a program": "call('execve', b'/bin/true', 0, 0)",
    "a program by descriptor": "call('execveat', -100, b'/bin/true', 0, 0, 0)",
    "a TCP socket": "call('socket', 2, 1, 0)",
    "a UDP socket": "call('socket', 2, 2, 0)",
    "an IPv6 socket": "call('socket', 10, 1, 0)",
    "a local socket": "call('socket', 1, 1, 0)",
    "a netlink socket": "call('socket', 16, 3, 0)",
    "a VSOCK socket": "call('socket', 40, 1, 0)",
    "a datagram pair": "call('socketpair', 1, 2, 0, ctypes.create_string_buffer(8))",
    "a message with an address": "call('sendto', 1, b'x', ctypes.c_size_t(1), 0, b'12345678', 8)",
    "a message with descriptors": "call('sendmsg', 1, 0, 0)",
    "a connection": "call('connect', 1, b'12345678', 8)",
    "a hold on the parent": "call('ptrace', 16, os.getppid(), 0, 0)",
    "the parent's memory": "call('process_vm_writev', os.getppid(), 0, 0, 0, 0, 0)",
    "a handle on the parent": "call('pidfd_open', os.getppid(), 0)",
    "the parent's death": "call('kill', os.getppid(), 9)",
    "the death of a group": "call('kill', -os.getppid(), 9)",
    "everybody's death": "call('kill', -1, 0)",
    "a thread of the parent": "call('tgkill', os.getppid(), os.getppid(), 0)",
    "a signal with a value": "call('rt_sigqueueinfo', os.getppid(), 10, 0)",
    "signals by a descriptor": "call('fcntl', 0, 8, os.getppid())",
    "which signal that is": "call('fcntl', 0, 10, 9)",
    "life after the parent": "call('prctl', 1, 0, 0, 0, 0)",
    "another session": "call('setsid')",
    "rights": "call('setuid', 0)",
    "new capabilities": "call('capset', 0, 0)",
    "a user namespace": "call('unshare', 0x10000000)",
    "a mount": "call('mount', b'none', b'/mnt', b'tmpfs', 0, 0)",
    "another root": "call('chroot', b'/')",
    "a kernel program": "call('bpf', 5, 0, 0)",
    "another kernel": "call('kexec_load', 0, 0, 0, 0)",
    "a kernel module": "call('init_module', 0, 0, b'')",
    "the key ring": "call('keyctl', 0, 0)",
    "counters of others": "call('perf_event_open', 0, 0, -1, -1, 0)",
    "page faults": "call('userfaultfd', 0)",
    "uncounted memory": "call('memfd_create', b'x', 0)",
    "shared memory": "call('shmget', 0, ctypes.c_size_t(4096), 0o1600)",
    "calls by a ring": "call('io_uring_setup', 1, ctypes.create_string_buffer(120))",
    "typing into a terminal": "call('ioctl', 0, 0x5412, b'x')",
    "another's limits": "call('prlimit64', os.getppid(), 0, 0, ctypes.create_string_buffer(16))",
    "another's processor": "call('sched_setaffinity', os.getppid(), ctypes.c_size_t(8), b'\\x01' * 8)",
    "rights of a file": "call('fchmodat', -100, str(room).encode(), 0o700)",
    "owner of a file": "call('fchownat', -100, str(room).encode(), 0, 0, 0)",
    "times of a file": "call('utimensat', -100, str(room).encode(), 0, 0)",
    "marks of a file": "call('setxattr', str(room).encode(), b'user.x', b'1', ctypes.c_size_t(1), 0)",
}


def test_native_code_gets_none_of_what_the_filter_refuses(locked: Locked) -> None:
    lines = "\n".join(f"out[{name!r}] = {code}" for name, code in _ATTEMPTS.items())
    out = locked(f"lock()\n{lines}")
    assert {name: out[name] for name in _ATTEMPTS if out[name] not in ("EPERM", "EACCES")} == {}


def test_the_same_attempts_get_further_without_the_lock(locked: Locked) -> None:
    """Else the test above would hold for any reason at all."""
    names = ["a TCP socket", "a local socket", "uncounted memory", "a handle on the parent", "another session"]
    out = locked("\n".join(f"out[{name!r}] = {_ATTEMPTS[name]}" for name in [*names, "page faults"]))
    assert [out[name] for name in names] == ["done"] * len(names)


def test_what_the_filter_has_never_heard_of_is_not_implemented(locked: Locked) -> None:
    out = locked(
        "lock()\nout['r'] = [libc.syscall(n) < 0 and errno.errorcode[ctypes.get_errno()] for n in (435, 437, 999)]"
    )
    assert out["r"] == ["ENOSYS"] * 3


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="second numbers exist on x86_64 only")
def test_second_numbers_of_calls_end_the_process(locked: Locked) -> None:
    locked("lock()\nlibc.syscall(0x40000000 | 39)", status=-31)


def test_files_outside_are_not_read_written_cut_renamed_or_removed(locked: Locked, outside: Path) -> None:
    kept = outside / "kept.txt"
    kept.write_text("kept")
    kept.chmod(0o666)
    out = locked(f"""
lock()
kept = {str(kept).encode()!r}
inside = str(room / 'x').encode()
out['read'] = call('openat', -100, kept, 0)
out['write'] = call('openat', -100, kept, 1)
out['cut'] = call('truncate', kept, 0)
out['remove'] = call('unlinkat', -100, kept, 0)
out['rename'] = call('renameat', -100, kept, -100, inside)
out['link'] = call('linkat', -100, kept, -100, inside, 0)
out['make'] = call('openat', -100, kept + b'2', 0o101, 0o600)
out['folder'] = call('mkdirat', -100, kept + b'3', 0o700)
os.symlink(kept, room / 'link')
out['by a link'] = tried(lambda: open(room / 'link', 'w'))
out['own memory'] = tried(lambda: open('/proc/self/mem', 'r+b'))
out['parent'] = tried(lambda: open('/proc/' + str(os.getppid()) + '/environ'))
out['inside'] = tried(lambda: (room / 'made').write_text('mine'))
out['sink'] = tried(lambda: open('/dev/null', 'w').write('x'))
""")
    assert [out[k] for k in ("inside", "sink")] == ["done"] * 2
    refused = {k: v for k, v in out.items() if k not in ("inside", "sink", "layers")}
    assert set(map(str, refused.values())) <= {"EACCES", "EPERM", "EXDEV", "PermissionError", "FileNotFoundError"}
    assert kept.read_text() == "kept"
    assert {p.name for p in outside.iterdir()} == {"kept.txt", "room"}


def test_reading_stays_where_nothing_is_named(locked: Locked) -> None:
    out = locked("lock(readable=None)\nout['r'] = tried(lambda: open('/etc/passwd').read())")
    assert out["r"] == "done"


def test_memory_time_and_files_are_bounded(locked: Locked) -> None:
    out = locked("""
lock(memory_mb=64)
out['little'] = tried(lambda: bytearray(16 << 20))
out['much'] = tried(lambda: bytearray(200 << 20))
out['shared'] = tried(lambda: mmap.mmap(-1, 8 << 30))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
out['file'] = tried(lambda: os.truncate(room / 'big', 1 << 30) if (room / 'big').write_text('') == 0 else None)
out['open'] = tried(lambda: [os.open('/dev/null', 0) for _ in range(10_000)])
out['back'] = tried(lambda: resource.setrlimit(resource.RLIMIT_AS, (-1, -1)))
""")
    assert [out[k] for k in ("little", "much", "file", "open")] == ["done", "MemoryError", "OSError", "OSError"]
    assert out["shared"] in ("OSError", "MemoryError")
    assert out["back"] in ("ValueError", "PermissionError")


def test_a_process_that_ignores_the_first_warning_still_runs_out_of_time(locked: Locked) -> None:
    locked("lock(seconds=1)\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass", status=-9)


def test_threads_and_pairs_still_work(locked: Locked) -> None:
    out = locked("""
lock()
done = []
thread = threading.Thread(target=lambda: done.append(os.getpid() == os.getpid()))
thread.start(); thread.join()
a, b = socket.socketpair()
a.send(b'x')
out['r'] = [done, b.recv(1).decode(), tried(lambda: signal.raise_signal(signal.SIGCHLD))]
""")
    assert out["r"] == [[True], "x", "done"]


def test_processes_where_allowed_stay_in_the_lock(locked: Locked) -> None:
    out = locked("""
lock(processes=4, readable=None)
script = 'echo held; echo x > ' + str(room.parent / 'y')
made = subprocess.run(['/bin/sh', '-c', script], capture_output=True, text=True)
out['r'] = [made.stdout, made.returncode != 0]
out['signal'] = tried(lambda: os.kill(os.getppid(), 0))
out['sibling'] = call('clone', signal.SIGCHLD | 0x8000, 0, 0, 0, 0)
""")
    assert out["r"] == ["held\n", True]
    assert out["signal"] == "PermissionError" if landlock.version() >= 6 else True
    assert out["sibling"] == "EPERM"


def test_a_second_thread_is_told_because_file_rules_would_not_bind_it(locked: Locked) -> None:
    out = locked("""
stop = threading.Event()
thread = threading.Thread(target=stop.wait, daemon=True); thread.start()
lock()
stop.set()
""")
    assert str(out["layers"]["single thread"]).startswith("not on: 1 other")


def test_a_layer_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landlock, "version", lambda: 0)
    told = landlock.restrict(None, ())
    assert lacking({"no new privileges": "on", "system calls": "on", **told}) == [
        "file system: not available: this kernel has no Landlock"
    ]


def test_the_filter_can_be_built_for_each_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("x86_64", "aarch64"):
        monkeypatch.setattr(platform, "machine", lambda name=name: name)
        seccomp.call_numbers.cache_clear()
        code = seccomp.program(processes=False, watched=True)
        assert len(code) % 8 == 0 and len(code) // 8 < 4096
        assert set(seccomp.call_numbers()["conditional"]) >= {"clone", "execve", "kill", "tgkill", "prctl"}
    seccomp.call_numbers.cache_clear()
