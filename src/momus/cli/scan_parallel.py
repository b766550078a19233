"""Files through the scan in several processes, in order. A process that dies takes one file with it, not the rest."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from momus.cli.scan_files import one
from momus.methods.artifacts.report import FileReport, Mark


def in_processes(files: Sequence[str | FileReport], allow: tuple[str, ...], jobs: int) -> Iterator[FileReport]:
    """The reports in the order of ``files``."""
    start = multiprocessing.get_context("fork" if "fork" in multiprocessing.get_all_start_methods() else None)
    at = 0
    with ProcessPoolExecutor(min(jobs, len(files)), mp_context=start) as pool:
        handed: list[Future[FileReport]] = [pool.submit(one, f, allow) for f in files]
        for future in handed:
            try:
                report = future.result()
            except BrokenProcessPool:
                break
            yield report
            at += 1
    for file in files[at:]:  # whichever file it was: each of the rest has a process of its own
        yield _alone(file, allow)


def forked(file: str | FileReport, allow: tuple[str, ...]) -> FileReport:
    """The report from a child that costs no more than a fork; a pool's start would be felt with every file."""
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe(duplex=False)
    child = context.Process(target=_tell, args=(there, file, allow), daemon=True)
    child.start()
    there.close()
    try:
        report = here.recv()
    except EOFError:
        report = None
    here.close()
    child.join()
    return report if isinstance(report, FileReport) else _died(str(file))


def _tell(there: Any, file: str | FileReport, allow: tuple[str, ...]) -> None:
    there.send(one(file, allow))


def _died(file: str) -> FileReport:
    why = Mark("the process that read it died", "not understood")
    return FileReport(file, "", 0, "none", "not understood", (why,), complete=False)


def _alone(file: str | FileReport, allow: tuple[str, ...]) -> FileReport:
    if isinstance(file, FileReport):
        return file
    with ProcessPoolExecutor(1) as pool:
        try:
            return pool.submit(one, file, allow).result()
        except BrokenProcessPool:
            return _died(file)
