# ruff: noqa: PTH110, PTH112, PTH116, PTH119, PTH120 -- pathlib takes as long to import as a folder of pickles to scan
"""Files and folders through the artifact scan: which files, how many at a time, one line each, the exit code.

``quick`` is the short way from the command line to here: two hundred small pickles take less time than click, pydantic
or pathlib take to import, so none of them is. What it does not recognise goes the long way round.
"""

from __future__ import annotations

import os
import stat
import sys

from momus.methods.artifacts.report import COLOURS, FileReport, Mark
from momus.methods.artifacts.scan import WHOLE, scan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_CODES = {"red": 31, "green": 32, "yellow": 33, "magenta": 35}
_SHOWN = 3
_STORE = ("runs.sqlite", "runs.sqlite-wal", "runs.sqlite-shm", "runs.sqlite-journal")
_MUCH_BYTES, _MANY_FILES = 64 << 20, 400  # from here on several processes are worth their start


class Wish:
    """What the command line asks for."""

    def __init__(
        self,
        paths: tuple[str, ...],
        allow: tuple[str, ...] = (),
        everything: bool = False,
        strict: bool = False,
        jobs: int | None = None,
        as_json: bool = False,
        prove: Callable[[FileReport], tuple[FileReport, list[str]]] | None = None,
    ) -> None:
        self.paths, self.allow, self.everything = paths, allow, everything
        self.strict, self.jobs, self.as_json = strict, jobs, as_json
        self.prove = prove  # loads what was scanned: the report in that light, and what to print below it


def quick(arguments: list[str]) -> int | None:
    """The exit code of `momus scan ARGUMENTS`; None where click has to look at them: help, mistakes, rare spellings."""
    wish, paths, allow, i = Wish(()), [], [], 0
    while i < len(arguments):
        word, value = arguments[i], arguments[i + 1] if i + 1 < len(arguments) else ""
        if word == "--json":
            wish.as_json = True
        elif word == "--all":
            wish.everything = True
        elif word == "--strict":
            wish.strict = True
        elif word == "--allow" and value:
            allow.append(value)
            i += 1
        elif word == "--jobs" and value.isdecimal() and 1 <= int(value) <= 256:
            wish.jobs = int(value)
            i += 1
        elif word[:1] == "-" or not word:
            return None
        else:
            paths.append(word)
        i += 1
    if not paths:
        return None
    wish.paths, wish.allow = tuple(paths), tuple(allow)
    return run(wish)


def run(wish: Wish) -> int:
    """Scan, print, and the exit code: 1 dangerous, 2 a path that is not there, 4 not understood, 0 otherwise."""
    there = [p for p in wish.paths if os.path.lexists(p)]
    for path in wish.paths:
        if path not in there:
            print(f"scan/missing: {_plain(path)}: this file does not exist", file=sys.stderr)
    reports = []
    for scanned in _reports(list(_files(there)), wish):
        report, below = wish.prove(scanned) if wish.prove else (scanned, [])
        reports.append(report)
        if not wish.as_json:
            _show(report, wish.everything)
            for line in below:
                print(f"{'':16}{line}")
    if wish.as_json:
        import json

        print(json.dumps([r.told() for r in reports], indent=1))
    elif there:
        count = {v: sum(r.verdict == v for r in reports) for v in COLOURS}
        print(", ".join(f"{n:,} {v}" for v, n in count.items() if n) or "no file there")
    verdicts = {r.verdict for r in reports}
    if "dangerous" in verdicts or (wish.strict and "suspicious" in verdicts):
        return 1
    if len(there) < len(wish.paths):
        return 2
    return 0 if all(r.complete for r in reports) else 4


# -- which files -----------------------------------------------------------------------------------------------------
def _files(paths: list[str]) -> Iterator[str | FileReport]:
    """Each file once, in order; a report at once for what is not to be opened. Links in folders are not followed."""
    roots = [os.path.realpath(p) for p in paths if os.path.isdir(p)]
    seen: set[str] = set()
    for path in paths:
        for found in _below(path, roots) if os.path.isdir(path) else (path,):
            name = found if isinstance(found, str) else found.name
            if name not in seen:
                seen.add(name)
                yield found


def _below(folder: str, roots: list[str]) -> Iterator[str | FileReport]:
    """Everything under a folder in the order of names, depth first, without recursion."""
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        try:
            with os.scandir(here) as listed:
                entries = sorted(listed, key=lambda e: e.name)
        except OSError as error:
            yield _left(here, "folder", f"cannot be listed: {error.strerror}")
            continue
        folders = []
        for entry in entries:
            if entry.is_symlink():
                yield _link(entry.path, roots)
            elif entry.is_dir(follow_symlinks=False):
                folders.append(entry.path)
            else:
                yield entry.path
        waiting += reversed(folders)


def _link(path: str, roots: list[str]) -> FileReport:
    """A link is mentioned, never followed. One to a file that this scan meets anyway hides nothing."""
    target = os.path.realpath(path)
    if not os.path.exists(target):
        return _left(path, "link", "a link to nothing")
    if any(target == r or target.startswith(r.rstrip(os.sep) + os.sep) for r in roots):
        note = Mark(f"a link to {_plain(target)}, which is scanned where it lies", "note", opcode="link")
        return FileReport(path, "", 0, "link", "nothing found", (note,))
    return _left(path, "link", f"a link to {_plain(target)}, which was not followed")


def _left(path: str, kind: str, why: str) -> FileReport:
    return FileReport(path, "", 0, kind, "not understood", (Mark(why, "not understood"),), complete=False)


# -- how many at a time ----------------------------------------------------------------------------------------------
def _reports(files: list[str | FileReport], wish: Wish) -> Iterable[FileReport]:
    jobs = wish.jobs or (_free_cores() if _much(files) else 1)
    if jobs > 1 and len(files) > 1:
        from momus.cli.scan_parallel import in_processes

        return in_processes(files, wish.allow, jobs)
    return (_apart(f, wish.allow) if _large(f) else one(f, wish.allow) for f in files)


def _large(file: str | FileReport) -> bool:
    """Whether a file is mapped to be read: somebody who cuts it short meanwhile ends the process that reads it."""
    try:
        return isinstance(file, str) and os.stat(file).st_size > WHOLE
    except (OSError, ValueError):
        return False


def _apart(file: str | FileReport, allow: tuple[str, ...]) -> FileReport:
    """The report of a large file from a process of its own."""
    if not hasattr(os, "fork"):
        return one(file, allow)
    from momus.cli.scan_parallel import forked

    return forked(file, allow)


def one(file: str | FileReport, allow: tuple[str, ...]) -> FileReport:
    """The report of one file, whatever happens on the way."""
    if isinstance(file, FileReport):
        return file
    try:
        report = scan(file, allow=allow)
        return _own(report) if os.path.basename(file) in _STORE else report
    except Exception as error:  # one file never keeps the others from being looked at
        return _left(file, "none", f"the scan failed with {type(error).__name__}: {error}")


def _own(report: FileReport) -> FileReport:
    """Momus's own record of runs: no reader knows that format, and where nothing else is found in it, that is fine."""
    kept = os.path.basename(os.path.dirname(report.name)) == ".momus"
    if not kept or report.format not in ("sqlite", "unknown", "empty") or report.verdict != "not understood":
        return report
    note = Mark("Momus's own record of runs", "note")
    return FileReport(report.name, report.sha256, report.size, "runs of Momus", "nothing found", (note,))


def _much(files: list[str | FileReport]) -> bool:
    if len(files) > _MANY_FILES:
        return True
    total = 0
    for file in files if len(files) > 1 else ():
        try:
            found = os.stat(file) if isinstance(file, str) else None
        except (OSError, ValueError):
            continue
        total += found.st_size if found is not None and stat.S_ISREG(found.st_mode) else 0
    return total > _MUCH_BYTES


def _free_cores() -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    busy = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return max(1, min(16, round(cores - busy)))


# -- what is printed -------------------------------------------------------------------------------------------------
def _show(report: FileReport, everything: bool) -> None:
    """One line a file: verdict, path, format, gravest reason. Below it each finding with its place, call and reason."""
    worst = report.worst
    gravest = f": {worst.what}" if worst else ""
    head = _colour(f"{report.verdict:14}", COLOURS[report.verdict])
    print(f"{head}  {_plain(report.name)}  {_plain(report.format)}{gravest}")
    if report.verdict == "nothing found" and not everything:
        return
    marks = report.marks if everything else report.marks[:_SHOWN]
    for mark in marks:
        if mark is not worst or mark.opcode or mark.offset is not None:
            print(f"{'':16}{_finding(mark)}")
    if len(report.marks) > len(marks):
        print(f"{'':16}and {len(report.marks) - len(marks):,} more (--all)")


def _finding(mark: Mark) -> str:
    """byte 46  REDUCE  posix.system('id')  runs commands  in model/data.pkl"""
    parts = [f"byte {mark.offset:,}" if mark.offset is not None else "", mark.opcode, mark.call or mark.what]
    if mark.reason and mark.reason not in parts[-1]:
        parts.append(mark.reason)
    if mark.where:
        parts.append(f"in {_plain(mark.where)}")
    return "  ".join(p for p in parts if p)


def _plain(text: str) -> str:
    """A path or word that may come from a stranger, without control characters and not without end."""
    safe = text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return safe if len(safe) <= 300 else safe[:120] + "…" + safe[-179:]


def _colour(text: str, colour: str) -> str:
    if not sys.stdout.isatty() or "NO_COLOR" in os.environ:
        return text
    return f"\x1b[1;{_CODES[colour]}m{text}\x1b[0m"
