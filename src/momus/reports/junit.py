"""JUnit XML, as GitLab and Jenkins read it: a suite for each mode, a case for each finding and each gap.

What could not be decided is skipped and says why; a reader that counts green cases counts only what was tried and held.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree as Xml

from momus.core.records import Finding, Gap, Status
from momus.reports import wording
from momus.reports.baseline import identity
from momus.reports.places import elsewhere
from momus.reports.regression import Change
from momus.reports.text import Out, clean, opened
from momus.reports.view import ModeView, ReportView

_NAME, _MESSAGE = 160, 400


def render(view: ReportView, out: Out, *, change: Change | None = None) -> None:
    """Write the report. ``change``: what a baseline knew; it is told with a failure and hides none."""
    suites = [_suite(view, m, change) for m in view.modes]
    total = {k: str(sum(int(s.get(k, "0")) for s in suites)) for k in ("tests", "failures", "errors")}
    root = Xml.Element("testsuites", {"name": f"momus: {clean(view.run.system, _NAME)}", **total})
    root.extend(suites)
    Xml.indent(root, " ")
    with opened(out) as stream:
        stream.write('<?xml version="1.0" encoding="UTF-8"?>\n')
        stream.write(Xml.tostring(root, encoding="unicode") + "\n")


def _suite(view: ReportView, m: ModeView, change: Change | None) -> Xml.Element:
    cases = list(_cases(view, m, change))
    counts = {word: str(sum(c.find(tag) is not None for c in cases)) for word, tag in _COUNTS.items()}
    seconds = sum(float(c.get("time", "0")) for c in cases)
    named = {"name": f"{m.id} {clean(m.name, _NAME)}", "tests": str(len(cases)), **counts}
    when = {"time": f"{seconds:.3f}", "timestamp": f"{view.run.created:%Y-%m-%dT%H:%M:%S}"}
    suite = Xml.Element("testsuite", named | when)
    told = {"status": wording.WORDS[m.status], "run": clean(view.run.id, 80), "seed": str(view.run.seed)}
    if m.status == "fail" and m.severity is not None:
        told["severity"] = m.severity.value
    properties = Xml.SubElement(suite, "properties")
    for name, value in told.items():
        Xml.SubElement(properties, "property", name=name, value=value)
    suite.extend(cases)
    return suite


_COUNTS = {"failures": "failure", "errors": "error", "skipped": "skipped"}


def _cases(view: ReportView, m: ModeView, change: Change | None) -> Iterator[Xml.Element]:
    """One case each. Readers take cases of one name for one, so every name is used once."""
    taken: set[str] = set()

    def case(name: str, seconds: float) -> Xml.Element:
        unique, n = name, 1
        while unique in taken:
            n += 1
            unique = f"{name} ({n})"
        taken.add(unique)
        return Xml.Element("testcase", classname=f"momus.{m.id}.{m.slug}", name=unique, time=f"{seconds:.3f}")

    for f in m.findings:
        cost = f.measurement.cost if f.measurement else f.failure.cost if f.failure else None
        found = case(_named(f.probe, f.target), cost.seconds if cost else 0.0)
        _outcome(view, m, f, found, change)
        yield found
    for g in m.gaps:
        found = case(_named(g.probe, g.target), 0.0)
        _skip(found, _gap(m, g))
        yield found
    if not taken:
        found = case(m.slug, 0.0)
        _skip(found, f"{wording.WORDS[m.status]}: {wording.why(m)}")
        yield found


def _named(probe: str, target: str) -> str:
    return f"{clean(probe, _NAME)} on {clean(target, _NAME)}" if target else clean(probe, _NAME)


def _gap(m: ModeView, g: Gap) -> str:
    state = "not applicable" if m.status == "not_applicable" else "not tested"
    close = f". {clean(g.how_to_close, _MESSAGE)}" if g.how_to_close and m.status != "not_applicable" else ""
    return f"{state} ({g.why}): {clean(g.detail, _MESSAGE)}{close}"


def _skip(case: Xml.Element, message: str) -> None:
    """Jenkins reads the attribute, GitLab the content."""
    _said(Xml.SubElement(case, "skipped", message=message), message)


def _said(element: Xml.Element, text: str) -> None:
    element.text = text


def _outcome(view: ReportView, m: ModeView, f: Finding, case: Xml.Element, change: Change | None) -> None:
    waived = m.waiver(f)
    if f.status is Status.PASS:
        _said(Xml.SubElement(case, "system-out"), _body(view, m, f))
    elif f.status is Status.INCONCLUSIVE:
        _skip(case, f"inconclusive: {clean(f.reason, _MESSAGE)}")
    elif f.status is Status.FAIL and waived is not None:
        until = f"{waived.until:%Y-%m-%d}"
        why = f"accepted by {clean(waived.by, 80)} until {until}: {clean(waived.reason, _MESSAGE)}"
        _skip(case, f"fails, {why}. {_reading(f)}")
    else:
        tag = "error" if f.status is Status.ERROR else "failure"
        kind = f.failure.code if f.failure else (s.value if (s := m.rated(f)) else "fail")
        known = _known(view, m, f, change)
        message = _reading(f) if f.measurement else clean(f.reason, _MESSAGE)
        element = Xml.SubElement(case, tag, type=clean(kind, 80), message=f"{message}{known}")
        _said(element, f"{message}{known}\n{_body(view, m, f)}")


def _known(view: ReportView, m: ModeView, f: Finding, change: Change | None) -> str:
    """What a baseline says of it, in brackets."""
    step = None if change is None else change.step(identity(view.run.system, m.slug, f.probe, f.target))
    if step is None:
        return ""
    note = f": {clean(step.note, _MESSAGE)}" if step.note else ""
    known = step.before is not None and step.kind in ("known", "better")
    since = f" since {step.before.since}" if known and step.before else ""
    return f" [{step.kind}{since}{note}]"


def _reading(f: Finding) -> str:
    x = f.measurement
    if x is None:
        return clean(f.reason, _MESSAGE)
    return f"{wording.metric(x.metric)} {wording.reading(x)} {wording.against(f)}".strip()


def _body(view: ReportView, m: ModeView, f: Finding) -> str:
    """What somebody reads who opened the case: what was tried, what to do, how to measure it again."""
    lines = []
    if f.measurement is not None:
        lines.append(wording.passed(f) if f.status is Status.PASS else f"Tried: {wording.scope(f.measurement)}")
        lines += [f"Note: {clean(c.message, _MESSAGE)}" for c in f.measurement.caveats]
    if f.limit is not None:
        lines.append(f"Limit {wording.number(f.limit.value)}, {wording.limit_source(f.limit)}")
    if f.failure is not None:
        at = f" at {clean(f.failure.place, _MESSAGE)}" if f.failure.place else ""
        lines.append(f"{clean(f.failure.code, 80)}{at}. {clean(f.failure.hint, _MESSAGE)}".rstrip())
    if f.status is Status.FAIL:
        lines += [f"Do: {clean(x.text, _MESSAGE)}{f' ({clean(x.id)})' if x.id else ''}" for x in m.remedies[:3]]
    lines.append(f"Again: {wording.reproduce(elsewhere(view.run), f)}")
    return "\n".join(lines)
