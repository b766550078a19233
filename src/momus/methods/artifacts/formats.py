"""Which reader a file goes to: by content, never by name."""

from __future__ import annotations

from momus.methods.artifacts.pickles import looks_like_pickle, scan_pickles
from momus.methods.artifacts.report import Job, Region


def sniff_region(region: Region) -> str:
    """The kind of file, from its bytes."""
    if len(region) == 0:
        return "empty"
    if looks_like_pickle(region):
        return "pickle"
    return "unknown"


def look(job: Job, region: Region, where: str) -> str:
    """Scan a region as whatever it is; returns its format."""
    kind = sniff_region(region)
    if kind == "pickle":
        return scan_pickles(job, region, where)
    job.mark("unread", "of a kind that is not known here" if kind == "unknown" else "empty", None, where)
    return kind
