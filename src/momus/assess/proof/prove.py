"""Load a file in a locked child and tell what it did: the parent's side.

One child per natural loader, bare, with an empty home and working folder, no secrets in its environment and a record
that only grows. The parent listens to three voices: the kernel (witness.py), the child's interpreter (sealed lines),
and what it sees for itself: how the child ended and what lies in the folder. It bounds all three, and time.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from momus.assess.proof.account import Account
from momus.assess.proof.loaders import LOADERS, WELL_KNOWN, natural
from momus.assess.proof.records import Proof, Try
from momus.assess.proof.witness import Witness
from momus.core.errors import MomusError
from momus.core.lockdown import python_places

_BOOT = "import sys; sys.path[:] = {path!r}; from momus.assess.proof import child; child.main()"
_START = 180.0  # seconds for the imports of a framework, before the file is touched
_GRACE = 5.0  # seconds of the clock beyond twice the processor time
_FOLDER_MB = 512
_POLL = 0.2


def prove(
    path: Path,
    form: str,
    *,
    names: Sequence[str] = (),
    loaders: Sequence[str] = (),
    seconds: int = 20,
    memory_mb: int | None = None,
) -> Proof:
    """Load ``path`` with each natural loader of its format (or those named) and tell what it did.

    ``form`` and ``names`` are the scan's: its format, and the importable names in it, whose well-known packages are
    imported before the file is opened, so that their import is not counted as the file's doing.

    Raises MomusError where the child cannot be locked: then nothing has been loaded.
    """
    path = path.resolve()
    chosen = tuple(loaders) or natural(form, path.suffix)
    room_for = memory_mb or 1024 + 4 * (path.stat().st_size >> 20)
    packages = tuple(sorted({n.split(".")[0] for n in names} & WELL_KNOWN))
    tries, missing = [], []
    for name in chosen:
        found = _Attempt(path, name, seconds + (path.stat().st_size >> 24), room_for, packages).run()
        if isinstance(found, str):
            missing.append(f"{name} ({found} is not installed)")
        else:
            tries.append(found)
    return Proof(tuple(tries), tuple(missing))


def proof_as_plain(proof: Proof, static: str) -> dict[str, Any]:
    """For JSON: everything, with the verdict that scan and proof make together."""
    return {"verdict": proof.verdict(static), **asdict(proof)}


class _Attempt:
    """One child, from its start to its end."""

    def __init__(self, path: Path, loader: str, seconds: int, memory_mb: int, packages: tuple[str, ...]) -> None:
        self.path, self.loader, self.seconds, self.memory_mb = path, loader, seconds, memory_mb
        self.packages = packages
        self.account = Account()

    def run(self) -> Try | str:
        """The try; the name of a package where the loader is not installed."""
        heard = self.account
        with tempfile.TemporaryDirectory(prefix="momus-proof-", ignore_cleanup_errors=True) as folder:
            room = Path(folder).resolve()
            for part in ("home", "work", "tmp"):
                (room / part).mkdir()
            printed = self._attend(room)
            left = _left(room)
        if heard.missing:
            return heard.missing
        if heard.lacking:
            raise MomusError(
                f"nothing was loaded, because the child process could not be locked: {'; '.join(heard.lacking)}",
                code="prove/no-lock",
                place=str(self.path),
                hint="Run it on Linux 6.2 or later with Landlock and seccomp; the scan without --prove needs neither",
            )
        if not heard.loading:
            raise MomusError(
                f"the child process ended before it loaded anything: {printed[-300:].strip() or heard.outcome}",
                code="prove/not-started",
                place=str(self.path),
                hint=f"Check that {self.loader} can be imported here",
            )
        return Try(
            self.loader,
            heard.outcome,
            heard.error,
            tuple(heard.acts),
            tuple(heard.notes),
            heard.uncounted,
            left,
            printed,
            heard.layers,
        )

    def _attend(self, room: Path) -> str:
        ours, theirs = socket.socketpair()
        report, report_to = os.pipe()
        with tempfile.TemporaryFile() as noise, ours:
            child = self._start(room, report_to, theirs, noise.fileno())
            os.close(report_to)
            theirs.close()
            witness: Witness | None = None
            try:
                witness = self._listen(child, ours, report, room)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)
                child.kill()
                status = child.wait()
                self.account.hear(report)
                os.close(report)
                if witness is not None:
                    os.close(witness.listener)
            self.account.settle(status)
            noise.seek(0)
            return noise.read(4000).decode("utf-8", "replace")

    def _start(self, room: Path, report_to: int, theirs: socket.socket, noise: int) -> subprocess.Popen[bytes]:
        here = str(Path.cwd())
        paths = [p for p in sys.path if p and (p != here or (Path(p) / "momus").is_dir()) and os.path.exists(p)]  # noqa: PTH110
        arguments = [sys.executable, "-I", "-B", "-c", _BOOT.format(path=paths), str(report_to), str(theirs.fileno())]
        request = {
            "loader": self.loader,
            "file": str(self.path),
            "path": str(self._named(room)),
            "room": str(room),
            "key": self.account.key.hex(),
            "seconds": self.seconds,
            "packages": self.packages,
            "memory_mb": self.memory_mb,
        }
        child = subprocess.Popen(
            arguments,
            cwd=room / "work",
            env=_environment(room),
            stdin=subprocess.PIPE,
            stdout=noise,
            stderr=noise,
            pass_fds=(report_to, theirs.fileno()),
            start_new_session=True,
        )
        assert child.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            child.stdin.write(json.dumps(request).encode())
            child.stdin.close()
        return child

    def _named(self, room: Path) -> Path:
        """The file under a name that its loader takes: a link beside, where the own name does not do."""
        suffix = LOADERS[self.loader].suffix
        if not suffix or self.path.suffix == suffix:
            return self.path
        link = room / f"file{suffix}"
        link.symlink_to(self.path)
        return link

    def _listen(self, child: subprocess.Popen[bytes], ours: socket.socket, report: int, room: Path) -> Witness | None:
        """Until the child is gone or one of its bounds is reached."""
        os.set_blocking(report, False)
        witness: Witness | None = None
        heard, began, looked = self.account, time.monotonic(), 0.0
        watched = [report, ours.fileno()]
        while child.poll() is None:
            ready = select.select(watched, [], [], _POLL)[0]
            # Lines first: they were written before the call that the kernel now asks about.
            if report in ready and not heard.hear(report):
                watched.remove(report)
            if witness is None and ours.fileno() in ready:
                witness = self._take_listener(ours, room)
                watched.remove(ours.fileno())
                watched += [witness.listener] if witness else []
            elif witness is not None and witness.listener in ready:
                self._answer(witness, report, room)
            now = time.monotonic()
            if now - (heard.loading or began) > (2 * self.seconds + _GRACE if heard.loading else _START):
                heard.outcome = "too slow"
                break
            if now > looked + _POLL:  # by the clock: a child that keeps its parent busy is looked after too
                looked = now
                if _size(room) > _FOLDER_MB << 20:
                    heard.outcome = "too large"
                    break
        return witness

    def _answer(self, witness: Witness, report: int, room: Path) -> None:
        heard = self.account
        heard.hear(report)
        witness.empty_network = heard.layers.get("network namespace", "").startswith("on")
        told = witness.answer()
        if told is not None and heard.loading:
            act, proves = told
            imported = act.detail.startswith("scratch/tmp/") and str(room / act.detail[8:]) in heard.excused
            heard.keep(act, proves and not imported)

    def _take_listener(self, ours: socket.socket, room: Path) -> Witness | None:
        try:
            word, listeners, _flags, _from = socket.recv_fds(ours, 1, 1)
        except OSError:
            return None
        if not word or not listeners:
            return None
        ours.send(b"a")
        loader = LOADERS[self.loader]
        # Whether its network is empty is told a moment later, by a child that has not met the file yet.
        places = [*python_places(), self.path]
        return Witness(listeners[0], room, places, empty_network=False, temporary=loader.temporary)


def _environment(room: Path) -> dict[str, str]:
    """Nothing of the user's: no tokens, no paths, no agents."""
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
    return {
        **dict.fromkeys(threads, "1"),
        **dict.fromkeys(
            ("TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "MPLCONFIGDIR", "NUMBA_CACHE_DIR"), str(room / "tmp")
        ),
        "HOME": str(room / "home"),
        "USER": "user",
        "LOGNAME": "user",
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "KERAS_BACKEND": os.environ.get("KERAS_BACKEND", "torch"),
        "CUDA_VISIBLE_DEVICES": "",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "JOBLIB_MULTIPROCESSING": "0",
    }


def _left(room: Path) -> tuple[str, ...]:
    """Files that appeared, by name and size; the first fifty. Links are named, not followed."""
    found: list[str] = []
    for folder, _folders, files in os.walk(room):
        for file in files:
            full = Path(folder) / file
            if len(found) < 50 and not (full.parent == room and full.is_symlink()):
                with contextlib.suppress(OSError):
                    found.append(f"{full.relative_to(room)} ({full.lstat().st_size} bytes)")
    return tuple(sorted(found))


def _size(room: Path) -> int:
    total = 0
    for folder, _folders, files in os.walk(room):
        for file in files:
            with contextlib.suppress(OSError):
                total += (Path(folder) / file).lstat().st_blocks * 512
    return total


__all__ = ["proof_as_plain", "prove"]
