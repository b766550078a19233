"""Runs what a page tells its reader to type, in one scratch folder, and holds what comes back against what is shown."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import re
import runpy
import shlex
import signal
import subprocess
import sys
import threading
import traceback
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

from docs.blocks import blocks, kind, steps

BIN = Path(sys.executable).parent
_SHELL = re.compile(r"[|<>;&$`*]|\\\n")
# What differs from run to run and from machine to machine.
_VOLATILE = (
    (re.compile(r"\d{8}-\d{6}-[0-9a-f]{4,8}"), "RUN"),
    (re.compile(r"\d{4}-\d\d-\d\d( \d\d:\d\d)?"), "DATE"),
    (re.compile(r"\b\d+(\.\d+)? (s|seconds|ms|min|minutes)\b"), "TIME"),
    (re.compile(r"\b\d+(\.\d+)? (kB|MB|bytes)\b"), "SIZE"),
    (re.compile(r"\b[0-9a-f]{16,64}\b"), "DIGEST"),
)
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:,\d{3})*(?:\.\d+)?")


@dataclass
class Terminal:
    """One scratch folder and the folder that `cd` has led to."""

    home: Path
    here: Path = field(init=False)

    def __post_init__(self) -> None:
        self.here = self.home

    def run(self, line: str, words: Sequence[str]) -> tuple[int, str]:
        """The exit code and everything that is printed."""
        if words[0] == "cd":
            self.here = (self.here / words[1]).resolve()
            return 0, ""
        if words[0] == "momus" and not _SHELL.search(line):
            return self._inside(lambda: _momus(words[1:]))
        if (into := re.fullmatch(r"(momus [^|<>;&$`*]*) > ([\w.-]+)", line)) and (bare := shlex.split(into[1])):
            code, out = self._inside(lambda: _momus(bare[1:]))
            (self.here / into[2]).write_text(out, "utf-8")
            return code, ""
        if words[0] == "python" and len(words) == 2 and words[1].endswith(".py") and not _SHELL.search(line):
            return self._inside(lambda: self._script(words[1]))
        if words[:2] == ["python", "-m"] and words[2].startswith("momus") and not _SHELL.search(line):
            return self._inside(lambda: _module(words[2:]))
        done = subprocess.run(
            ["/bin/sh", "-c", line], cwd=self.here, env=self._environment(), text=True, timeout=600,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout

    def serve(self, line: str) -> tuple[int, str]:
        """Starts a server on a free port, asks it for its first page, ends it as Ctrl-C does.

        In this process; tests/cli/test_serve.py has servers of their own.
        """
        said = _Captured()
        ended = threading.Event()
        asked: list[str] = []

        def ask() -> None:
            try:
                while not (address := re.search(r"http://[\d.]+:\d+(?=\s)", said.text())):
                    if ended.wait(0.05):
                        return
                with urllib.request.urlopen(address[0], timeout=60) as page:
                    asked.append("a page" if page.status == 200 and b"<html" in page.read() else "no page")
            finally:
                if not ended.is_set():
                    os.kill(os.getpid(), signal.SIGINT)

        visitor = threading.Thread(target=ask, daemon=True)
        visitor.start()
        try:
            code, out = self._inside(lambda: _momus([*shlex.split(line)[1:], "--port", "0"]), said)
        finally:
            ended.set()
            visitor.join(60)
        assert asked == ["a page"], f"`{line}` served nothing:\n{out}"
        return code, re.sub(r":\d{4,5}\b", ":8017", out)

    def _environment(self) -> dict[str, str]:
        return os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}", "COLUMNS": "100", "NO_COLOR": "1"}

    def _inside(self, work: Callable[[], object], said: _Captured | None = None) -> tuple[int, str]:
        """In this process, in the terminal's folder: a second or two saved for each command."""
        said = said or _Captured()
        before, path, loaded = os.environ.copy(), sys.path[:], set(sys.modules)
        os.environ.update(COLUMNS="100", NO_COLOR="1")
        code: object = 0
        try:
            with contextlib.chdir(self.here), contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                code = work()
        except SystemExit as ended:
            code = ended.code
        finally:
            os.environ.clear()
            os.environ.update(before)
            sys.path[:] = path
            for name in set(sys.modules) - loaded:  # what lies in the folder is another module in the next one
                if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(self.home)):
                    del sys.modules[name]
        return int(str(code or 0)), said.text()

    def _script(self, name: str) -> int:
        sys.path.insert(0, str(self.here))
        try:
            runpy.run_path(str(self.here / name), run_name="__main__")
        except Exception:  # a script that breaks ends with its traceback and 1
            traceback.print_exc()
            return 1
        return 0


class _Captured(io.TextIOWrapper):
    """What a terminal was told, readable while it is told more."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), "utf-8", write_through=True)

    def text(self) -> str:
        return self.buffer.getvalue().decode("utf-8")  # type: ignore[attr-defined,no-any-return]


def _momus(arguments: Sequence[str]) -> None:
    from momus.cli.main import main

    main(list(arguments))


def _module(words: Sequence[str]) -> None:
    found = importlib.util.find_spec(f"{words[0]}.__main__")
    assert found is not None and found.origin is not None, words[0]
    with patch.object(sys, "argv", [*words]):
        runpy.run_path(found.origin, run_name="__main__")


def play(page: str, prepare: Callable[[str], Path], *, soak: bool = False) -> Path | None:
    """Every command of a page in order; the folder it ends in. AssertionError names page and line of what differs.

    With ``soak`` the commands that take minutes are run as well, in their place among the others.
    """
    terminal: Terminal | None = None
    printed = ""
    for block in blocks(page):
        what = kind(block)
        idle = what == "commands" and all(
            s.way in ("never", "soak") and not (s.way == "soak" and soak) for s in steps(block)
        )
        if (
            "folder" in block.said
            and not (idle and "alone" in block.said)
            and (terminal is None or terminal.home.name != block.said["folder"])
        ):
            terminal = Terminal(prepare(block.said["folder"]))
        if what == "file":
            assert terminal is not None, f"{block.at}: {block.title} has no folder; say <!-- run: folder=… -->"
            path = terminal.here / block.title
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(_on_port(block.body, terminal.home), "utf-8")
        elif what == "commands":
            said = []
            for step in steps(block):
                if step.way == "never" or (step.way == "soak" and not soak):
                    said = []
                    continue
                assert terminal is not None, f"{block.at}: nothing says where to run it; say <!-- run: folder=… -->"
                serves = step.way == "serves"
                code, out = terminal.serve(step.line) if serves else terminal.run(step.line, step.words)
                assert code == step.exit, f"{step.at}: `{step.line}` ended with {code}, not {step.exit}:\n{out[-3000:]}"
                compare(step.shows, out, f"{step.at}: `{step.line}`", float(block.said.get("within", 0)))
                said.append(out)
            printed = "\n".join(said)
        elif what == "printed" and printed:
            compare(block.body.splitlines(), printed, block.at, float(block.said.get("within", 0)))
    return terminal.home if terminal else None


def _on_port(text: str, home: Path) -> str:
    """A page's port 8099 is the free one that its folder's server was given."""
    port = home / ".port"
    return text.replace("127.0.0.1:8099", f"127.0.0.1:{port.read_text()}") if port.is_file() else text


def compare(shown: Sequence[str], printed: str, at: str, within: float = 0) -> None:
    """Each shown line must be printed, in the order shown. Three points stand for anything."""
    lines = [_plain(x) for x in printed.splitlines()]
    place = 0
    for line in shown:
        want = _plain(line)
        if want in ("", "…", "..."):
            continue
        found = next((i for i in range(place, len(lines)) if fits(want, lines[i], within)), None)
        assert found is not None, (
            f"{at} shows this, and it was not printed here:\n  {line}\nPrinted:\n{printed[-4000:]}"
        )
        place = found + 1


def fits(want: str, line: str, within: float = 0) -> bool:
    """Whether a printed line is the one that is shown: the same words, numbers as near as is said."""
    parts, numbers = [], []
    for piece in want.split("…"):
        numbers += [float(n.replace(",", "")) for n in _NUMBER.findall(piece)]
        parts.append(r"(-?\d[\d.,]*)".join(re.escape(text) for text in _NUMBER.split(piece)))
    hit = re.fullmatch(".*".join(parts), line)
    if not hit:
        return False
    got = [float(n.rstrip(".,").replace(",", "")) for n in hit.groups()]
    return all(abs(a - b) <= within * max(abs(a), abs(b), 0.1) for a, b in zip(numbers, got, strict=True))


def _plain(line: str) -> str:
    for pattern, word in _VOLATILE:
        line = pattern.sub(word, line)
    return " ".join(line.split())
