"""A PostgreSQL server of one's own, from the system's package: for tests and measurements, gone afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType


class Missing(Exception):
    """There is no server to start here; the words say what is missing."""


class PostgresServer:
    """A server on a free port of 127.0.0.1 with its data in a temporary folder, durable as a real one.

    ``with PostgresServer() as server: open_store(server.url)``. Raises Missing where the package, the driver or a user
    to run it as is not there: the server refuses to run as root.
    """

    def __init__(self, *settings: str) -> None:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), key=lambda p: float(p.parts[-3]))
        if not found:
            raise Missing("no PostgreSQL server is installed here (Debian: apt install postgresql)")
        self._programs = found[-1].parent
        self._user, self._own = _somebody()
        self._home = Path(tempfile.mkdtemp(prefix="momus-postgres-"))
        self._data = self._home / "data"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._flags = f"-p {self.port} -k {self._home} -c listen_addresses=127.0.0.1 " + " ".join(
            f"-c {s}" for s in ("max_connections=200", *settings)
        )
        if self._user:
            shutil.chown(self._home, self._user)

    def url(self, database: str = "postgres", user: str = "momus", password: str = "") -> str:
        """The address of a database of this server, as ``open_store`` takes it."""
        who = f"{user}:{password}" if password else user
        return f"postgresql+psycopg://{who}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start it, and make its data first where there is none."""
        if not self._data.exists():
            self._call("initdb", "-D", self._data, "-A", "trust", "-U", "momus", "-E", "UTF8", "--locale", "C")
        self._control("start", "-o", self._flags, "-l", self._home / "log")

    def restart(self, mode: str = "immediate") -> None:
        """Stop and start; ``immediate`` is what a crash of the machine does to it."""
        self.stop(mode)
        self.start()

    def stop(self, mode: str = "immediate") -> None:
        """Stop it; its data stay."""
        self._control("stop", "-m", mode)

    def sql(self, statement: str, database: str = "postgres") -> str:
        """What one statement answers, by the server's own client."""
        return self._call(
            "psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", "momus", "-d", database, "-Atc", statement
        )

    def ask_for_password(self, user: str) -> None:
        """From now on that user needs a password; everybody else still comes in without."""
        rules = self._data / "pg_hba.conf"
        rules.write_text(f"host all {user} 127.0.0.1/32 scram-sha-256\n" + rules.read_text())
        self._control("reload")

    def dump(self, database: str = "postgres") -> str:
        """A backup of a database, as ``pg_dump`` writes it."""
        return self._call("pg_dump", "-h", "127.0.0.1", "-p", str(self.port), "-U", "momus", database)

    def __enter__(self) -> PostgresServer:
        try:
            self.start()
        except BaseException:
            shutil.rmtree(self._home, ignore_errors=True)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if (self._data / "postmaster.pid").exists():
                self.stop()
        finally:
            shutil.rmtree(self._home, ignore_errors=True)

    def _control(self, what: str, *more: object) -> None:
        waiting = () if what == "reload" else ("-w", "-t", "60")
        self._call("pg_ctl", "-D", self._data, *waiting, *more, what)

    def _call(self, program: str, *arguments: object) -> str:
        command = [*self._own, str(self._programs / program), *map(str, arguments)]
        # Into files: a server that was started keeps the pipes of who started it, and would never let go of them.
        with tempfile.TemporaryFile("w+") as out:
            done = subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, cwd=self._home, check=False)
            out.seek(0)
            text = out.read()
        if done.returncode != 0:
            raise RuntimeError(f"{program} failed: {text.strip()[-500:]}")
        return text


def _somebody() -> tuple[str, list[str]]:
    """Whom to run the server as, and the words before its command; nothing where we are not root."""
    if os.getuid() != 0:
        return "", []
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        if shutil.which("setpriv"):
            return name, ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--"]
    raise Missing("the server refuses to run as root, and there is no other user to run it as")
