"""The files of a target, scanned one after another as far as the time goes. Shared by probes that look into files."""

from __future__ import annotations

from pathlib import Path

from momus.core.capabilities import HasFiles
from momus.core.errors import BudgetSpent
from momus.core.probe import Trial
from momus.methods.artifacts import FileReport, Limits, scan


def scanned(
    target: HasFiles, trial: Trial, seconds: float, *, allow: tuple[str, ...] = (), digest: bool = True
) -> tuple[list[FileReport], list[Path]]:
    """(a report a file, the files that the time did not reach); ``seconds`` is the most for one file."""
    reports: list[FileReport] = []
    paths = list(target.files())
    for i, path in enumerate(paths):
        try:
            if trial.meter is not None:
                trial.meter.check_time()
        except BudgetSpent:
            return reports, paths[i:]
        trial.progress(i / len(paths), path.name)
        reports.append(scan(path, allow=allow, limits=Limits(seconds=seconds), digest=digest))
    return reports, []
