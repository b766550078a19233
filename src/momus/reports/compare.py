"""Two reports held side by side: what changed, and whether the change is more than noise."""

from __future__ import annotations

import io
from html import escape
from pathlib import Path
from typing import Any, Literal

from momus.core.errors import MomusError
from momus.core.records import Interval, Measurement, Record, Severity
from momus.reports.text import Out
from momus.reports.view import ModeStatus, ModeView, ReportView

Change = Literal[
    "worse", "better", "unchanged", "no clear change", "not comparable", "newly tested", "no longer tested"
]


class Reading(Record):
    """One measured value as it stood in one run."""

    metric: str
    value: float
    ci: Interval
    n: int
    unit: str = ""
    worse: Literal["lower", "higher"] = "higher"


class ProbeChange(Record):
    """One probe on one target in both runs."""

    mode: str
    probe: str
    target: str
    change: Change
    before: Reading | None = None
    after: Reading | None = None
    note: str = ""


class LimitChange(Record):
    """A pass mark that is not what it was: a status may have changed though the model did not."""

    probe: str
    before: float
    after: float
    before_source: str = ""
    after_source: str = ""


class ModeChange(Record):
    """One of the 17 rows in both runs."""

    id: str
    slug: str
    name: str
    before: ModeStatus
    after: ModeStatus
    severity_before: Severity | None = None
    severity_after: Severity | None = None
    direction: Literal["worse", "better", "same", "changed"]
    probes: tuple[ProbeChange, ...] = ()


class CompareView(Record):
    """Everything that changed from run ``before`` to run ``after``; always 17 rows."""

    kind: Literal["comparison"] = "comparison"
    schema_version: int = 1
    system: str
    system_after: str
    before: str
    after: str
    before_created: str
    after_created: str
    same_card: bool
    same_seed: bool
    modes: tuple[ModeChange, ...]
    limits: tuple[LimitChange, ...] = ()

    @property
    def worse(self) -> tuple[ModeChange, ...]:
        return tuple(m for m in self.modes if m.direction == "worse")

    @property
    def better(self) -> tuple[ModeChange, ...]:
        return tuple(m for m in self.modes if m.direction == "better")

    def __rich__(self) -> Any:
        from rich.text import Text

        page = io.StringIO()
        render_terminal(self, page, width=100, color=True)
        return Text.from_ansi(page.getvalue())

    def _repr_html_(self) -> str:
        from momus.reports import html

        page = io.StringIO()
        html.render_compare(self, page)
        return f'<iframe style="width:100%;height:560px;border:0" sandbox srcdoc="{escape(page.getvalue())}"></iframe>'


# How good a status is. Not tested, inconclusive and error know nothing, so a step to or from them is a change of
# knowledge, neither better nor worse for the system; only pass and fail can be ranked against each other.
_KNOWN = {"fail": 0, "pass": 1}


def compare_view(a: ReportView, b: ReportView) -> CompareView:
    """The changes from run ``a`` (before) to run ``b`` (after).

    A value counts as changed only when its two intervals do not overlap: conservative, so that a difference which
    sampling alone could explain is never reported as one. Values of different metrics or settings are not compared.
    """
    limits_a, limits_b = a.limits(), b.limits()
    return CompareView(
        system=a.run.system,
        system_after=b.run.system,
        before=a.run.id,
        after=b.run.id,
        before_created=a.run.created.isoformat(timespec="seconds"),
        after_created=b.run.created.isoformat(timespec="seconds"),
        same_card=a.run.card_digest == b.run.card_digest,
        same_seed=a.run.seed == b.run.seed,
        modes=tuple(_mode(m, b.mode(m.slug)) for m in a.modes),
        limits=tuple(
            LimitChange(
                probe=p,
                before=limits_a[p].value,
                after=limits_b[p].value,
                before_source=limits_a[p].source,
                after_source=limits_b[p].source,
            )
            for p in sorted(limits_a.keys() & limits_b.keys())
            if limits_a[p].value != limits_b[p].value
        ),
    )


def render_terminal(view: CompareView, out: Out, *, width: int | None = None, color: bool | None = None) -> None:
    """Print what changed; see :mod:`momus.reports.compare_text`."""
    from momus.reports import compare_text

    compare_text.render_terminal(view, out, width=width, color=color)


def render_markdown(view: CompareView, out: Out) -> None:
    """Write what changed as Markdown for a pull request."""
    from momus.reports import compare_text

    compare_text.render_markdown(view, out)


def write(view: CompareView, path: Path | str) -> Path:
    """Write the comparison in the format that the suffix names: .html, .md, .json, or plain text for .txt."""
    from momus.reports import html, json_

    path = Path(path)
    kinds = {
        ".html": html.render_compare,
        ".htm": html.render_compare,
        ".md": render_markdown,
        ".json": json_.render,
        ".txt": render_terminal,
    }
    if path.suffix.lower() not in kinds:
        raise MomusError(
            f"no comparison can be written as '{path.suffix}'",
            code="reports/unknown-format",
            place=str(path),
            hint=f"Use one of {', '.join(kinds)}",
        )
    kinds[path.suffix.lower()](view, path)
    return path


def apart(a: Interval, b: Interval) -> bool:
    """Whether two intervals share nothing. Ends that differ only by how a machine rounds count as touching."""
    slack = 1e-9 * max(1.0, abs(a.low), abs(a.high), abs(b.low), abs(b.high))
    return a.low - b.high > slack or b.low - a.high > slack


def _mode(a: ModeView, b: ModeView) -> ModeChange:
    readings_a, readings_b = _readings(a), _readings(b)
    keys = sorted({*readings_a, *readings_b})
    return ModeChange(
        id=a.id,
        slug=a.slug,
        name=a.name,
        before=a.status,
        after=b.status,
        severity_before=a.severity,
        severity_after=b.severity,
        direction=_direction(a, b),
        probes=tuple(_probe(a.slug, k, readings_a.get(k), readings_b.get(k)) for k in keys),
    )


def _direction(a: ModeView, b: ModeView) -> Literal["worse", "better", "same", "changed"]:
    rank_a, rank_b = (m.severity.rank if m.severity and m.status == "fail" else 0 for m in (a, b))
    if a.status == b.status:
        if rank_a != rank_b:
            return "worse" if rank_b > rank_a else "better"
        return "same"
    if a.status in _KNOWN and b.status in _KNOWN:
        return "worse" if _KNOWN[b.status] < _KNOWN[a.status] else "better"
    return "worse" if b.status == "fail" else "changed"


def _readings(m: ModeView) -> dict[tuple[str, str], Measurement]:
    return {(f.probe, f.target): f.measurement for f in m.findings if f.measurement is not None}


def _reading(m: Measurement | None) -> Reading | None:
    if m is None:
        return None
    return Reading(metric=m.metric, value=m.value, ci=m.ci, n=m.n, unit=m.unit, worse=m.worse)


def _probe(mode: str, key: tuple[str, str], a: Measurement | None, b: Measurement | None) -> ProbeChange:
    change, note = _change(a, b)
    return ProbeChange(
        mode=mode, probe=key[0], target=key[1], change=change, before=_reading(a), after=_reading(b), note=note
    )


def _change(a: Measurement | None, b: Measurement | None) -> tuple[Change, str]:
    if a is None or b is None:
        return ("newly tested", "") if a is None else ("no longer tested", "")
    if (a.metric, a.unit, a.worse) != (b.metric, b.unit, b.worse):
        return "not comparable", f"measured {a.metric} before and {b.metric} now"
    changed = sorted(k for k in {*a.scope, *b.scope} if k != "n" and a.scope.get(k) != b.scope.get(k))
    if changed:
        return "not comparable", f"other settings: {', '.join(changed)}"
    note = "" if a.data == b.data else "measured on other data"
    if (a.value, a.ci) == (b.value, b.ci):
        return "unchanged", note
    if not apart(a.ci, b.ci):
        return "no clear change", note
    rose = b.value > a.value
    return ("worse" if rose == (a.worse == "higher") else "better"), note
