"""The findings as a spreadsheet: a line each, and a line for every row of the 17 that has none."""

from __future__ import annotations

from collections.abc import Iterator

from momus.core.records import Finding
from momus.core.sheets import Value, written
from momus.reports import wording
from momus.reports.text import Out, clean, opened
from momus.reports.view import ModeView, ReportView

COLUMNS = (
    "mode", "name", "probe", "target", "status", "severity", "metric", "value", "low", "high", "limit", "worse", "n",
    "reason", "waived until", "waived by",
)  # fmt: skip
_TEXT = 500
# Without it a spreadsheet reads UTF-8 as its own country's code page; what reads for machines is the JSON report.
_MARK = "\ufeff"


def render(view: ReportView, out: Out) -> None:
    """Write the table: UTF-8 with a byte order mark, commas, lines that end as RFC 4180 says."""
    with opened(out) as stream:
        stream.write(_MARK + written([COLUMNS, *_lines(view)], end="\r\n"))


def _lines(view: ReportView) -> Iterator[list[Value]]:
    for m in view.modes:
        for f in m.findings:
            yield _line(m, f)
        if not m.findings:
            named = [clean(m.id), clean(m.name, _TEXT)]
            blank: list[Value] = [""] * (len(COLUMNS) - 6)
            yield [*named, "", "", wording.WORDS[m.status], *blank[:-2], clean(wording.why(m), _TEXT), "", ""]


def _line(m: ModeView, f: Finding) -> list[Value]:
    x, waived = f.measurement, m.waiver(f)
    numbers: list[Value] = [x.value, x.ci.low, x.ci.high] if x else ["", "", ""]
    reason = f"{f.failure.code}: {f.failure.message}" if f.failure is not None else f.reason
    return [
        clean(m.id),
        clean(m.name, _TEXT),
        clean(f.probe, _TEXT),
        clean(f.target, _TEXT),
        wording.WORDS[f.status.value],
        wording.severity(m.rated(f)) if f.status.value == "fail" else "",
        clean(x.metric, _TEXT) if x else "",
        *numbers,
        f.limit.value if f.limit is not None else "",
        x.worse if x else "",
        x.n if x else "",
        clean(reason, _TEXT),
        waived.until.isoformat() if waived is not None else "",
        clean(waived.by, _TEXT) if waived is not None else "",
    ]
