"""A baseline: what a team knows to fail today, in a small file beside the card, so that CI stops only for what is new.

It hides nothing: every report shows all findings as they are. It decides one thing, the exit code.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any, Literal

from pydantic import FiniteFloat, ValidationError, model_validator

from momus.core import digest
from momus.core.errors import MomusError
from momus.core.records import Finding, Interval, Measurement, Record, Severity, Status
from momus.reports.text import clean, opened
from momus.reports.view import ModeView, ReportView

SCHEMA_VERSION = 1
MAX_BYTES = 8 << 20


def identity(system: str, mode: str, probe: str, target: str) -> str:
    """What makes a finding the same one in another run: not its seed, its value, its machine or the place of its card.

    A finding whose test breaks down keeps it, so that a crash never reads as a repair.
    """
    return digest.of_value(["momus/finding/1", system, mode, probe, target])[:32]


def settings_of(m: Measurement) -> str:
    """The settings that two values must share to be compared; the number of samples is not one of them."""
    return digest.of_value(sorted((k, v) for k, v in m.scope.items() if k != "n"))[:16]


class Known(Record):
    """One finding as it stood when the baseline was written. ``bar`` is the mode's level before any test.

    ``until`` and ``why`` are written by hand: after that day the entry no longer counts.
    """

    fingerprint: str
    mode: str
    probe: str
    target: str
    status: Status
    severity: Severity | None = None
    row: str = ""
    bar: Severity | None = None
    code: str = ""
    metric: str = ""
    unit: str = ""
    worse: Literal["lower", "higher"] = "higher"
    value: FiniteFloat | None = None
    low: FiniteFloat | None = None
    high: FiniteFloat | None = None
    n: int = 0
    limit: FiniteFloat | None = None
    settings: str = ""
    since: date
    by: str = ""
    until: date | None = None
    why: str = ""

    @model_validator(mode="after")
    def _whole(self) -> Known:
        if (self.low is None) != (self.high is None):
            raise ValueError("an interval needs low and high")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"the interval is upside down: {self.low} > {self.high}")
        return self

    @property
    def interval(self) -> Interval | None:
        """The interval of its value, where it came to one."""
        return None if self.low is None or self.high is None else Interval(low=self.low, high=self.high)


class Baseline(Record):
    """What was accepted, by whom and when; sorted, one key a line, so that a review reads it as a diff."""

    kind: Literal["baseline"] = "baseline"
    schema_version: int = SCHEMA_VERSION
    system: str
    entries: tuple[Known, ...] = ()


def known(view: ReportView, m: ModeView, f: Finding, *, since: date, by: str = "") -> Known:
    """A finding of a report as an entry."""
    x = f.measurement
    rating = next((r for r in m.ratings if r.probe == f.probe and r.target in ("", f.target)), None)
    measured: dict[str, Any] = {} if x is None else {
        "metric": x.metric, "unit": x.unit, "worse": x.worse, "value": x.value, "low": x.ci.low, "high": x.ci.high,
        "n": x.n, "settings": settings_of(x),
    }  # fmt: skip
    return Known(
        fingerprint=identity(view.run.system, m.slug, f.probe, f.target),
        mode=m.slug,
        probe=f.probe,
        target=f.target,
        status=f.status,
        severity=m.rated(f),
        row=rating.row if rating else "",
        bar=m.bar.severity,
        code=f.failure.code if f.failure else "",
        limit=f.limit.value if f.limit else None,
        since=since,
        by=by,
        **measured,
    )


def everything(view: ReportView) -> tuple[Known, ...]:
    """All findings of a report, whatever their verdict: what another report is compared with."""
    day = view.run.created.date()
    return tuple(known(view, m, f, since=day) for m in view.modes for f in m.findings)


def of_view(view: ReportView, *, today: date, by: str = "", before: Baseline | None = None) -> Baseline:
    """A baseline of what fails or breaks down in ``view``.

    What somebody accepted in the store is left out: it has an end of its own. Of entries that were in ``before`` and
    still fail, who and when stay, as do the words somebody wrote.
    """
    old = {} if before is None else {k.fingerprint: k for k in before.entries}
    found = []
    for m in view.modes:
        for f in m.findings:
            if f.status not in (Status.FAIL, Status.ERROR) or (f.status is Status.FAIL and m.waiver(f) is not None):
                continue
            entry = known(view, m, f, since=today, by=by)
            kept = old.get(entry.fingerprint)
            if kept is not None and kept.status is entry.status and (kept.until is None or kept.until >= today):
                entry = entry.model_copy(update={k: getattr(kept, k) for k in ("since", "by", "until", "why")})
            found.append(entry)
    return Baseline(system=view.run.system, entries=_sorted(found))


def _sorted(entries: Iterable[Known]) -> tuple[Known, ...]:
    """Each finding once, in an order that no run changes."""
    once = {k.fingerprint: k for k in entries}
    return tuple(sorted(once.values(), key=lambda k: (k.mode, k.probe, k.target, k.fingerprint)))


def write(baseline: Baseline, path: Path | str) -> Path:
    """The written file: ASCII, one key a line, empty keys left out."""
    content = baseline.model_dump(mode="json")
    content["entries"] = [
        {k: v for k, v in e.items() if v not in (None, "")} for e in baseline.model_dump(mode="json")["entries"]
    ]
    with opened(path) as stream:
        stream.write(json.dumps(content, indent=2, ensure_ascii=True) + "\n")
    return Path(path)


def read(path: Path | str) -> Baseline:
    """The baseline in a file. MomusError where there is none, or it is no baseline, or of a newer Momus."""
    place = str(path)
    hint = "Write one with: momus report --write-baseline FILE"
    try:
        with Path(path).open("rb") as stream:
            text = stream.read(MAX_BYTES + 1)
    except OSError as error:
        said = error.strerror or str(error)
        raise MomusError(
            f"the baseline cannot be read: {said}", code="baseline/unreadable", place=place, hint=hint
        ) from None
    if len(text) > MAX_BYTES:
        raise MomusError("the baseline is larger than 8 MiB", code="baseline/too-large", place=place, hint=hint)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        said = clean(str(error), 120)
        raise MomusError(f"this is not JSON: {said}", code="baseline/unreadable", place=place, hint=hint) from None
    if not isinstance(content, dict) or content.get("kind") != "baseline":
        raise MomusError("this JSON is not a baseline", code="baseline/invalid", place=place, hint=hint)
    version = content.get("schema_version", SCHEMA_VERSION)
    if not isinstance(version, int) or version > SCHEMA_VERSION:
        raise MomusError(
            f"this baseline has schema version {clean(version, 20)}; this Momus reads up to {SCHEMA_VERSION}",
            code="baseline/too-new", place=place, hint="Upgrade Momus",
        )  # fmt: skip
    try:
        found = Baseline.model_validate_json(json.dumps(content))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(clean(p, 40) for p in first["loc"])
        raise MomusError(
            f"{where}: {clean(first['msg'], 200)}", code="baseline/invalid", place=place, hint=hint
        ) from None
    return found.model_copy(update={"entries": _sorted(found.entries)})


def matching(path: Path | str, system: str) -> Baseline:
    """The baseline in a file; one that was written for another system is refused."""
    found = read(path)
    if found.system != system:
        raise MomusError(
            f"this baseline is of the system '{clean(found.system, 60)}', not of '{clean(system, 60)}'",
            code="baseline/other-system", place=str(path), hint="Write one of its own with --write-baseline",
        )  # fmt: skip
    return found
