"""summarise: the 17 rows of a run as small numbers, kept so that trends over many runs need no measurement read."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from momus.assess.assessment import Assessment
from momus.core import digest
from momus.core.decisions import RowSummary, Summary, system_id
from momus.core.errors import StoreError
from momus.core.records import Status
from momus.judge import Row
from momus.store import Store

# What a verdict depends on besides the numbers: rules, limits, bug bar and the code that applies them.
_JUDGES = ("momus.judge", "momus.taxonomy", "momus.threats")


@cache
def judge_digest() -> str:
    """Digest of everything that judges: the release, and code and data of the rooms that give verdicts."""
    from momus import __version__

    found = {room: _content(files(room)) for room in _JUDGES}
    return digest.of_value([__version__, found])[:32]


def _content(room: Traversable) -> list[tuple[str, str]]:
    listed: list[tuple[str, str]] = []
    for entry in sorted(room.iterdir(), key=lambda e: e.name):
        if entry.is_dir() and entry.name != "__pycache__":
            listed += [(f"{entry.name}/{name}", sha) for name, sha in _content(entry)]
        elif entry.name.endswith((".py", ".toml")):
            listed.append((entry.name, digest.of_bytes(entry.read_bytes())))
    return listed


def summarise(assessment: Assessment) -> Summary:
    """The rows as this release judges them, without waivers: those depend on the day."""
    return Summary(
        run=assessment.run.id,
        system=system_id(assessment.run.system),
        judged_by=judge_digest(),
        rows=tuple(map(_row, assessment.rows)),
    )


def remember(store: Store, summary: Summary) -> None:
    """Keep a summary. It is derived: a store that does not take it costs judging again, and nothing else."""
    with suppress(StoreError):
        store.append(summary.run, summary)


def _row(row: Row) -> RowSummary:
    head = row.headline
    m = head.measurement if head is not None else None
    severities = [r.severity for r in row.ratings]
    counted = RowSummary(
        mode=row.mode,
        status=row.status,
        severity=max(severities, key=lambda s: s.rank) if severities else None,
        findings=len(row.findings),
        failing=sum(f.status is Status.FAIL for f in row.findings),
    )
    if head is None:
        return counted
    told: dict[str, object] = {"probe": head.probe, "target": head.target}
    if m is not None:
        told |= {"metric": m.metric, "value": m.value, "low": m.ci.low, "high": m.ci.high, "n": m.n, "worse": m.worse}
        told["limit"] = head.limit.value if head.limit is not None else None
    return counted.model_copy(update=told)
