"""supply_chain.formats: files in a format that can run code on load although a data-only format would hold the same."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from momus.core.capabilities import HasFiles
from momus.core.evidence import Table
from momus.core.probe import Trial, probe
from momus.core.records import Caveat, Figure, Interval, Knowledge, Measurement
from momus.methods.artifacts import FileReport
from momus.methods.conversion import Remedy, remedy
from momus.probes.supply_chain._scanned import scanned

_ROWS = 500


@probe(
    knowledge=Knowledge.NONE,
    metric="risky_formats",
    worse="higher",
    unit="files",
    source="CWE-502; MITRE ATLAS AML.T0010",
    cost="no queries; reads each file once, and the headers of tensors",
    version=1,
)
def formats(target: HasFiles, trial: Trial, *, seconds: float = 60.0) -> Measurement:
    """Files in a format that can run code when they are loaded, although a format for data alone would hold the same.

    Measures: how many artifact files are pickles, joblib files, checkpoints or archives of code whose content (tensors,
    arrays, a scikit-learn estimator, trees, plain values) fits into safetensors, npz, skops, ONNX, JSON or a library's
    own text. That such a file is harmless today is not enough: the next one under its name may not be. Only a file in
    which nothing was found *and* whose sha256 somebody approved, on the card or in its lock, is set aside, since no
    other file is loaded in its place.

    Why it matters: a scan judges one file at one time. A format that cannot run code needs no judgement, whoever
    publishes, mirrors or replaces the file tomorrow.

    Options: ``seconds`` most time for one file.

    Returns: figures ``convertible`` (files that `momus convert` turns into the other format, with proof of equal
    outputs), ``pinned`` (set aside), ``without_remedy`` (can run code, and no data-only format is known for it),
    ``data_only`` (cannot run code) and ``not_understood`` (nobody can say). Evidence: a table with the
    remedy for each file.

    Cost: as for ``supply_chain.artifacts``: about 0.6 s a GB, 0.1 s a million pickle instructions.

    A pass means little when: your service unpickles something that is no file of the target, or takes a data-only
    format through a loader that accepts pickles as well.

    Source: CWE-502; MITRE ATLAS AML.T0010 (ML supply chain compromise).
    """
    approved = _approved(trial.context)
    reports, skipped = scanned(target, trial, seconds, digest=bool(approved))
    pinned = frozenset(r.path for r in reports if r.loadable and r.sha256 in approved)
    return _measured(trial, [(r, remedy(r)) for r in reports], skipped, pinned)


def _approved(context: Mapping[str, Any]) -> frozenset[str]:
    """Every sha256 that somebody approved: under ``digests`` on the card, or in its lock."""
    found = {str(v).lower() for v in (context.get("digests") or {}).values()}
    lock = (context.get("supply") or {}).get("lock")
    listed = lock.get("files") if isinstance(lock, Mapping) else None
    entries = listed if isinstance(listed, list) else []
    return frozenset(found | {str(e["sha256"]).lower() for e in entries if isinstance(e, Mapping) and e.get("sha256")})


def _measured(
    trial: Trial, judged: list[tuple[FileReport, Remedy]], skipped: list[Path], pinned: frozenset[Path]
) -> Measurement:
    n = len(judged)
    dark = [r for r, m in judged if r.verdict == "not understood" and not m.risky]
    found = [(r, m) for r, m in judged if m.risky and m.to and r.path not in pinned]
    unknown = len(dark) + len(skipped)
    caveats = []
    if not judged:
        caveats.append(Caveat(code="too-few-samples", message="there was no file to look at", blocks="both"))
    bare = sum(m.risky and not m.to and r.path not in pinned for r, m in judged)
    if bare:
        said = f"{bare} files can run code when they are loaded, and no data-only format is known for them"
        caveats.append(Caveat(code="without-remedy", message=said, blocks="pass"))
    if dark:
        caveats.append(Caveat(code="not-understood", message=f"{len(dark)} files were not read in full", blocks="pass"))
    if skipped:
        caveats.append(Caveat(code="budget-spent", message=f"{len(skipped)} files were not reached", blocks="pass"))
    figures = [
        Figure(name="convertible", value=float(sum(m.converts for _, m in found)), n=n),
        Figure(name="pinned", value=float(len(pinned)), n=n, note="nothing was found, and its sha256 is approved"),
        Figure(name="without_remedy", value=float(bare), n=n),
        Figure(name="data_only", value=float(sum(not m.risky for _, m in judged) - len(dark)), n=n),
        Figure(name="not_understood", value=float(len(dark)), n=n),
    ]
    interval = Interval(low=float(len(found)), high=float(len(found) + unknown), level=1.0, method="exact")
    return trial.measurement(
        len(found), interval, n, figures=figures, evidence=[_table(judged, skipped, pinned)], caveats=caveats
    )


def _table(judged: list[tuple[FileReport, Remedy]], skipped: list[Path], pinned: frozenset[Path]) -> Table:
    """One row a file, those with a remedy first."""
    rows: list[tuple[Any, ...]] = []
    for report, found in sorted(judged, key=lambda pair: (not pair[1].risky, not pair[1].to)):
        risk = (
            "can run code" + ", pinned" * (report.path in pinned)
            if found.risky
            else "not understood"
            if not report.complete
            else "data only"
        )
        rows.append((report.path.name, report.format, risk, found.to, found.how, "yes" if found.converts else ""))
    rows += [(p.name, "", "not reached", "", "the time budget was spent", "") for p in skipped]
    columns = ("file", "format", "on load", "would fit into", "remedy", "momus convert does it")
    note = f"{len(rows) - _ROWS} more files are not listed" if len(rows) > _ROWS else ""
    return Table(title="Formats of the files", columns=columns, rows=tuple(rows[:_ROWS]), note=note)
