"""supply_chain.artifacts: read the artifact files without loading them, and count those that must not be loaded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from momus.core.capabilities import HasFiles
from momus.core.digest import recorded
from momus.core.evidence import FileMark, Table
from momus.core.probe import Trial, probe
from momus.core.records import Caveat, Figure, Interval, Knowledge, Measurement
from momus.methods.artifacts import FileReport, Mark
from momus.probes.supply_chain._scanned import scanned

_MARKS = 200
_ROWS = 500
_REFUSED = ("dangerous", "suspicious")
_ORDER = {"dangerous": 0, "suspicious": 1, "not understood": 2, "nothing found": 3, "note": 4}


@probe(
    knowledge=Knowledge.NONE,
    metric="refused_files",
    worse="higher",
    unit="files",
    source="CWE-502; MITRE ATLAS AML.T0010",
    cost="no queries; reads each file once, and the headers of tensors",
    version=1,
)
def artifacts(target: HasFiles, trial: Trial, *, allow: str = "", seconds: float = 60.0) -> Measurement:
    """Files that would run code, exhaust the machine or are not what was approved, found without loading any.

    Measures: how many artifact files are refused. A file is refused when it is known to be *dangerous*, when it
    asks for something that no rule allows or readers disagree about it (*suspicious*), or when its sha256 differs from
    the one recorded for it. Files that were not read in full count as neither: they widen the interval.

    Why it matters: a model file is often a program. Whoever publishes, mirrors or replaces it runs code where it is
    opened, with all rights of the service that opens it.

    Options: ``allow`` names separated by commas that you vouch for (``mypkg.Model``, ``mypkg.*``). ``seconds`` most
    time for one file.

    Returns: figures ``dangerous``, ``suspicious``, ``not_understood``, ``changed`` (digest differs), ``without_digest``
    (none recorded; context ``digests`` maps a file's name or path to its sha256) and ``bytes`` (size of all files).
    Evidence: a table of the files and a mark for each thing found, with its offset.

    Cost: linear in the bytes read: about 0.7 s a GB for the digest, 0.2 s a million pickle instructions.

    A pass means little when: the files were made by somebody who knows these rules and attacks the native code behind
    an allowed name, or when the weights themselves were poisoned: a scan reads what runs, not what a model has learnt.

    Source: CWE-502; MITRE ATLAS AML.T0010 (ML supply chain compromise).
    """
    names = tuple(n.strip() for n in allow.split(",") if n.strip())
    digests = trial.context.get("digests") or {}
    reports, skipped = scanned(target, trial, seconds, allow=names)
    changed = [r for r in reports if _differs(r, digests)]
    return _measured(trial, reports, skipped, changed, digests)


def _measured(
    trial: Trial, reports: list[FileReport], skipped: list[Path], changed: list[FileReport], digests: Mapping[str, str]
) -> Measurement:
    counts = {v: sum(r.verdict == v for r in reports) for v in _ORDER if v not in ("note", "nothing found")}
    refused = sum(r.verdict in _REFUSED or r in changed for r in reports)
    unread = sum(r.verdict == "not understood" and r not in changed for r in reports) + len(skipped)
    without = sum(recorded(r.path, digests) is None for r in reports)
    caveats = []
    if not reports:
        caveats.append(Caveat(code="too-few-samples", message="there was no file to look at", blocks="both"))
    if unread:
        caveats.append(Caveat(code="not-understood", message=f"{unread} files were not read in full", blocks="pass"))
    if skipped:
        caveats.append(Caveat(code="budget-spent", message=f"{len(skipped)} files were not reached", blocks="pass"))
    figures = [Figure(name=k.replace(" ", "_"), value=float(v), n=len(reports)) for k, v in counts.items()]
    figures += [
        Figure(name="changed", value=float(len(changed)), n=len(reports), note="sha256 differs from the recorded one"),
        Figure(name="without_digest", value=float(without), n=len(reports), note="no sha256 is recorded"),
        Figure(name="bytes", value=float(sum(r.size for r in reports)), n=len(reports)),
    ]
    interval = Interval(low=float(refused), high=float(refused + unread), level=1.0, method="exact")
    evidence: list[Table | FileMark] = [_table(reports, changed, skipped), *_marks(reports, changed, digests)]
    return trial.measurement(refused, interval, len(reports), figures=figures, evidence=evidence, caveats=caveats)


def _differs(report: FileReport, digests: Mapping[str, str]) -> bool:
    approved = recorded(report.path, digests)
    return approved is not None and approved != report.sha256


def _table(reports: list[FileReport], changed: list[FileReport], skipped: list[Path]) -> Table:
    rows: list[tuple[Any, ...]] = []
    for r in sorted(reports, key=lambda r: _ORDER[r.verdict]):
        verdict = "changed" if r in changed and r.verdict not in _REFUSED else r.verdict
        rows.append((r.path.name, verdict, r.format, r.size, r.sha256[:12], r.worst.what if r.worst else ""))
    rows += [(p.name, "not reached", "", None, "", "the time budget was spent") for p in skipped]
    columns = ("file", "verdict", "format", "bytes", "sha256", "gravest")
    note = f"{len(rows) - _ROWS} more files are not listed" if len(rows) > _ROWS else ""
    return Table(title="Artifact files", columns=columns, rows=tuple(rows[:_ROWS]), note=note)


def _marks(reports: list[FileReport], changed: list[FileReport], digests: Mapping[str, str]) -> list[FileMark]:
    found: list[tuple[FileReport, Mark]] = [
        (r, Mark(f"sha256 is {r.sha256[:16]}…, recorded is {(recorded(r.path, digests) or '')[:16]}…", "dangerous"))
        for r in changed
    ]
    found += [(r, m) for r in reports for m in r.marks]
    found.sort(key=lambda pair: _ORDER[pair[1].severity])
    return [
        FileMark(
            title=r.path.name,
            path=str(r.path) + (f"!{m.where}" if m.where else ""),
            sha256=r.sha256,
            offset=m.offset,
            what=m.what,
            severity=m.severity,
            note=r.remedy,
        )
        for r, m in found[:_MARKS]
    ]
