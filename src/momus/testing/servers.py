"""Real servers for tests, each in an environment of its own: their pins and ours cannot live together.

``python -m momus.testing.servers tests/servers/mlserver.txt`` makes the environment that a requirements file describes,
below ``.servers`` of the current folder, and lets the scripts that are named after it make what the server is to serve.
Both happen once: a second process that wants the same waits for the first.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO

PATIENCE = 180.0  # seconds until a server must answer: a slow machine is no failure
_PR_SET_PDEATHSIG = 1


class Missing(Exception):
    """There is no such environment here and none could be made; the words say why."""


@dataclass(frozen=True)
class Environment:
    """A virtual environment with exactly the packages of a requirements file. Made by :func:`environment`."""

    folder: Path

    @property
    def programs(self) -> Path:
        return self.folder / "bin"

    @property
    def python(self) -> Path:
        return self.programs / "python"

    def variables(self, more: Mapping[str, str] = {}) -> dict[str, str]:
        """What a program of this environment is started with: nothing of the caller's Python, one thread."""
        kept = {k: os.environ[k] for k in ("HOME", "LANG", "LC_ALL", "TMPDIR") if k in os.environ}
        path = f"{self.programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        return {**kept, "PATH": path, "OMP_NUM_THREADS": "1", "NO_PROXY": "127.0.0.1", **more}

    def made(self, script: Path) -> Path:
        """The folder that a script of this environment filled, run once for each content it has had.

        The script is started with the folder as its only argument. RuntimeError with its last words where it fails.
        """
        digest = hashlib.sha256(script.read_bytes()).hexdigest()[:16]
        place = self.folder / "made" / f"{script.stem}-{digest}"
        with _alone(place):
            if not (place / ".whole").exists():
                shutil.rmtree(place, ignore_errors=True)
                place.mkdir(parents=True)
                _said([self.python, script.resolve(), place], self.variables(), place)
                (place / ".whole").touch()
        return place


def environment(requirements: Path, root: Path = Path(".servers")) -> Environment:
    """The environment of a requirements file, made where it is not there or the file has changed.

    Every package stands in the file with its version, and none is added. Missing where they cannot be installed.
    """
    folder = root.resolve() / requirements.stem
    wanted = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()
    marker = folder / "requirements.sha256"
    with _alone(folder):
        if not marker.exists() or marker.read_text() != wanted:
            shutil.rmtree(folder, ignore_errors=True)
            _install(folder, requirements)
            marker.write_text(wanted)
    return Environment(folder)


def _install(folder: Path, requirements: Path) -> None:
    # pip of this interpreter installs into the other one: without a copy of itself there.
    pip: list[str | Path] = [sys.executable, "-m", "pip", "--python", folder / "bin" / "python", "install", "--quiet"]
    pip += ["--no-deps", "--no-compile", "--no-input", "--disable-pip-version-check", "-r", requirements.resolve()]
    try:
        _said([sys.executable, "-m", "venv", "--without-pip", folder], dict(os.environ), folder.parent)
        _said(pip, dict(os.environ), folder.parent)
    except (RuntimeError, OSError) as error:
        raise Missing(f"{requirements.name} cannot be installed here: {error}") from error


def _said(command: Sequence[str | Path], variables: Mapping[str, str], place: Path) -> None:
    done = subprocess.run(
        [str(c) for c in command], env=dict(variables), cwd=place, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors="replace", check=False,
    )  # fmt: skip
    if done.returncode != 0:
        lines = [line for line in done.stdout.splitlines() if line.strip() and not line.startswith("WARNING")]
        raise RuntimeError(" ".join(lines[-3:])[-500:] or f"exit status {done.returncode}")


@contextlib.contextmanager
def _alone(place: Path) -> Iterator[None]:
    """One process at a time in a folder; the others wait."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with open(place.parent / f"{place.name}.lock", "w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now, and that no other process gets here while this one lives.

    It lies below those that systems hand out by themselves, so that no connection of anybody takes it meanwhile.
    """
    folder = Path(tempfile.gettempdir()) / f"momus-ports-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    for port in range(20_000, 30_000):
        held = open(folder / str(port), "w")  # noqa: SIM115 - held until this process ends
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what is closing holds nobody up
                probe.bind(("127.0.0.1", port))
        except OSError:
            held.close()
            continue
        _HELD.append(held)
        return port
    raise RuntimeError("no free port between 20000 and 30000")


_HELD: list[IO[str]] = []


class Server:
    """A program that answers over HTTP on a port of 127.0.0.1, in a process group of its own, gone at the end.

    ``command`` gives the words of the program for a port; ``ready`` is the path that answers 2xx once it serves.
    ``with Server(...) as server: server.url``. It ends with the process that started it, however that ends.
    """

    def __init__(
        self,
        where: Environment,
        command: Callable[[int], Sequence[str | Path]],
        *,
        ready: str,
        folder: Path,
        variables: Callable[[int], Mapping[str, str]] = lambda _port: {},
    ) -> None:
        self._where, self._command, self._ready = where, command, ready
        self._folder, self._variables = folder, variables
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._log = tempfile.TemporaryFile("ab+")  # noqa: SIM115 - closed in __exit__; appends, so that reading moves nothing

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it on its port and wait until it answers; RuntimeError with the end of its log where it does not."""
        self._process = subprocess.Popen(
            [str(c) for c in self._command(self.port)], cwd=self._folder, stdin=subprocess.DEVNULL, stdout=self._log,
            stderr=subprocess.STDOUT, env=self._where.variables(self._variables(self.port)), start_new_session=True,
            preexec_fn=_die_with_parent,
        )  # fmt: skip
        end = time.monotonic() + PATIENCE
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > end:
                self.kill()
                raise RuntimeError(f"the server did not come up: {self.log()[-1500:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Ask it to end, and make it after ten seconds."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it and all it started at once, as a crash does."""
        self._end(signal.SIGKILL)

    def log(self) -> str:
        """What it has written so far."""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(self.url + self._ready, timeout=5) as reply:  # noqa: S310 - our own server
                return bool(200 <= reply.status < 300)
        except OSError:
            return False

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        with contextlib.suppress(ProcessLookupError):  # what it left behind in its group, too
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def __enter__(self) -> Server:
        try:
            self.start()
        except BaseException:
            self._log.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.stop()
        finally:
            self._log.close()


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def main(words: Sequence[str]) -> int:
    """``REQUIREMENTS.txt [SCRIPT.py ...]``, several times over: each environment with what its scripts make."""
    where: Environment | None = None
    for word in map(Path, words):
        try:
            if word.suffix == ".txt":
                where = environment(word)
            elif where is not None:
                where.made(word)
        except (Missing, RuntimeError, OSError) as error:
            print(f"{word}: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
