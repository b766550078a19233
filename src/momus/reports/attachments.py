"""The files that belong to the results, written beside a report: print sheets, sounds, textures."""

from __future__ import annotations

from pathlib import Path

from momus.core.evidence import Attachment
from momus.reports.view import ReportView


def save(view: ReportView, folder: Path) -> list[Path]:
    """Writes every attachment of every finding as ``probe-target-name`` and returns the paths in the order written.

    Nothing is overwritten: a file that is there with other bytes makes the new one carry a number.
    """
    written: list[Path] = []
    for mode in view.modes:
        for finding in mode.findings:
            for item in finding.measurement.evidence if finding.measurement else ():
                if isinstance(item, Attachment):
                    folder.mkdir(parents=True, exist_ok=True)
                    written.append(
                        _free(folder / f"{_plain(finding.probe)}-{_plain(finding.target)}-{item.name}", item)
                    )
    return written


def _plain(text: str) -> str:
    """A name of a probe or target as a part of a file name: letters, digits, dot, dash and underscore only."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in text)[:60].lstrip(".-") or "x"


def _free(path: Path, item: Attachment) -> Path:
    candidate, number = path, 1
    while candidate.is_symlink() or (candidate.exists() and candidate.read_bytes() != item.data):
        number += 1
        candidate = path.with_stem(f"{path.stem}-{number}")
    candidate.write_bytes(item.data)
    return candidate
