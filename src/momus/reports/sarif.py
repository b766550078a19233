"""SARIF 2.1.0, for code-scanning pages. The default profile holds what somebody must act on: fails and errors.

Those pages list every result as an alert and show a rule's severity whatever the result's ``kind`` says. So passes,
rows that do not apply and what could not be decided are left to the full profile (``FILE.all.sarif``), except what a
baseline knew to fail: an alert must not close because a test could no longer decide.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import Any
from urllib.parse import quote

from momus.core.decisions import system_id
from momus.core.records import Finding, Gap, Severity, Status
from momus.reports import sarif_rules, wording
from momus.reports.baseline import identity
from momus.reports.json_ import quiet
from momus.reports.places import Place, card_uri, elsewhere, others, place
from momus.reports.regression import Change, Step
from momus.reports.sarif_rules import Rules, said
from momus.reports.text import Out, clean, opened
from momus.reports.view import ModeView, ReportView

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
LEVELS = {
    Severity.CRITICAL: "error",
    Severity.IMPORTANT: "error",
    Severity.MODERATE: "warning",
    Severity.LOW: "note",
    Severity.NONE: "note",
}
# What hosted pages take at most; a file beyond it is refused as a whole.
MOST_RESULTS = 25_000
MOST_NOTES = 5_000
LONG = 3000  # of a message
_BASE = "%SRCROOT%"


def render(
    view: ReportView, out: Out, *, change: Change | None = None, exit_code: int | None = None, whole: bool = False
) -> None:
    """Write the report. ``whole``: all 17 rows, passes included. ``change``: what a baseline knew."""
    with opened(out) as stream:
        # ASCII only, and no text that a build log would take for a command.
        stream.write(quiet(json.dumps(log(view, change=change, exit_code=exit_code, whole=whole), indent=1)) + "\n")


render_all = partial(render, whole=True)


def log(
    view: ReportView, *, change: Change | None = None, exit_code: int | None = None, whole: bool = False
) -> dict[str, Any]:
    """The report as a SARIF log, decoded."""
    rules = Rules(view)
    uri = quote(card_uri(view.run).encode("utf-8", "surrogatepass"), safe="/")
    results = [_result(view, m, f, rules, uri, change) for m, f in _chosen(view, change, whole)]
    if whole:
        results += [_row(view, m, rules, uri) for m in view.modes if not m.findings]
    run: dict[str, Any] = {
        "tool": {"driver": sarif_rules.driver(view, rules)},
        "invocations": [_invocation(view, rules, exit_code)],
        "automationDetails": {"id": f"momus/{system_id(view.run.system)}/{quote(clean(view.run.id, 80), safe='')}"},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {_BASE: {"description": {"text": "The root of the repository that holds the card."}}},
        "artifacts": [{"location": _artifact(uri), "roles": ["analysisTarget"]}] if uri else [],
        "results": results[:MOST_RESULTS],
        "taxonomies": sarif_rules.taxonomies(view, rules),
        "properties": {
            "system": said(view.run.system),
            "seed": view.run.seed,
            "headline": said(wording.headline(view), 1000),
            **({"baseline": said(change.against)} if change is not None else {}),
        },
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _chosen(view: ReportView, change: Change | None, whole: bool) -> Iterator[tuple[ModeView, Finding]]:
    """The findings to show, worst first, as pages keep the first of too many. Each identity once."""
    order = {Status.FAIL: 0, Status.ERROR: 1, Status.INCONCLUSIVE: 2, Status.PASS: 3}
    seen: set[tuple[str, str, str]] = set()
    found = [(m, f) for m in view.modes for f in m.findings]
    for m, f in sorted(found, key=lambda x: (order[x[1].status], -(x[0].rated(x[1]) or Severity.NONE).rank)):
        step = _step(view, m, f, change)
        missed = f.status is Status.INCONCLUSIVE and step is not None and step.kind == "undecided"
        if (whole or f.status in (Status.FAIL, Status.ERROR) or missed) and (m.slug, f.probe, f.target) not in seen:
            seen.add((m.slug, f.probe, f.target))
            yield m, f


def _step(view: ReportView, m: ModeView, f: Finding, change: Change | None) -> Step | None:
    return None if change is None else change.step(identity(view.run.system, m.slug, f.probe, f.target))


def kind(f: Finding) -> str:
    """SARIF's word for a verdict. ``review``: the number is there and a caveat forbids to trust it."""
    if f.status is Status.INCONCLUSIVE:
        barred = f.measurement is not None and any(c.blocks != "none" for c in f.measurement.caveats)
        return "review" if barred else "open"
    return "pass" if f.status is Status.PASS else "fail"


def level(m: ModeView, f: Finding) -> str:
    """By the bug bar; a test that broke down is a warning, for it says nothing of the system."""
    if f.status is Status.ERROR:
        return "warning"
    severity = m.rated(f)
    return ("warning" if severity is None else LEVELS[severity]) if f.status is Status.FAIL else "none"


def _result(view: ReportView, m: ModeView, f: Finding, rules: Rules, uri: str, change: Change | None) -> dict[str, Any]:
    print_ = identity(view.run.system, m.slug, f.probe, f.target)
    step, waived = _step(view, m, f, change), m.waiver(f)
    found: dict[str, Any] = {
        **rules.refer(f.probe),
        "kind": kind(f),
        "level": level(m, f),
        "message": {"text": _message(m, f)},
        "locations": [_location(uri, place(view.run, f), f.target)],
        # Hosted pages match alerts by the first of these and read no other.
        "partialFingerprints": {"primaryLocationLineHash": f"{print_}:1", "momusFinding/v1": print_},
        "taxa": [rules.taxon(m)],
        "properties": _properties(view, m, f, step),
    }
    further = [{"id": i, **_location(uri, p, "", p.what)} for i, p in enumerate(others(view.run, f), 1)] if uri else []
    if further:
        found["relatedLocations"] = further
    if change is not None:
        found["baselineState"] = _state(step)
    if waived is not None:
        why = f"{waived.reason} (accepted by {waived.by} until {waived.until:%Y-%m-%d})"
        found["suppressions"] = [{"kind": "external", "status": "accepted", "justification": said(why, 2400)}]
    return found


def _state(step: Step | None) -> str:
    """``updated``: known before, and not the same now."""
    if step is None or step.before is None or step.kind == "new":
        return "new"
    return "unchanged" if step.kind == "known" else "updated"


def _message(m: ModeView, f: Finding) -> str:
    """The first sentence stands for the whole where there is little room."""
    name, target, mode = clean(f.probe, 80), clean(f.target, 80), f"{m.id} {m.name}"
    if f.status is Status.ERROR:
        at = f" (at {clean(f.failure.place, 160)})" if f.failure and f.failure.place else ""
        hint = f" {clean(f.failure.hint, 300)}." if f.failure and f.failure.hint else ""
        return said(
            f"{mode}: the test {name} on {target} broke down. {clean(f.reason, 400)}{at}.{hint} Not a pass.", LONG
        )
    x = f.measurement
    if x is None:
        return said(f"{mode}: {name} on {target}. {clean(f.reason, 600)}.", LONG)
    value = f"{wording.metric(x.metric)} {wording.reading(x)} {wording.against(f)}".strip()
    verdict = {Status.FAIL: "fails", Status.PASS: "passes"}.get(f.status, "could not be decided")
    tried = {Status.FAIL: wording.scope(x), Status.PASS: wording.passed(f)}.get(f.status, f.reason)
    return said(f"{mode}: {target} {verdict} {name}, {value}. {clean(tried, 600)}.", LONG)


def _properties(view: ReportView, m: ModeView, f: Finding, step: Step | None) -> dict[str, Any]:
    severity, x = m.rated(f), f.measurement
    found: dict[str, Any] = {
        "mode": m.id,
        "status": f.status.value,
        "again": said(wording.reproduce(elsewhere(view.run), f), 600),
    }
    if severity is not None:
        found["severity"] = severity.value
    if x is not None:
        found |= {"metric": said(x.metric), "value": x.value, "low": x.ci.low, "high": x.ci.high, "n": x.n}
        found["scope"] = said(wording.scope(x), 600)
    if f.limit is not None:
        found |= {"limit": f.limit.value, "limitSource": said(wording.limit_source(f.limit))}
    if step is not None:
        found["baseline"] = step.kind
        found |= {"baselineNote": said(step.note)} if step.note else {}
    return found


def _row(view: ReportView, m: ModeView, rules: Rules, uri: str) -> dict[str, Any]:
    """A row without a finding: it does not apply, or nobody tested it."""
    print_ = identity(view.run.system, m.slug, "", "")
    why = wording.why(m)
    todo = wording.next_step(m)
    text = f"{m.id} {m.name}: {wording.WORDS[m.status]}. {clean(why, 600)}.{f' {clean(todo, 400)}.' if todo else ''}"
    return {
        **rules.refer(m.slug),
        "kind": "notApplicable" if m.status == "not_applicable" else "open",
        "level": "none",
        "message": {"text": said(text, LONG)},
        "locations": [_location(uri, place(view.run, None), "")],
        "partialFingerprints": {"primaryLocationLineHash": f"{print_}:1", "momusFinding/v1": print_},
        "taxa": [rules.taxon(m)],
        "properties": {"mode": m.id, "status": m.status},
    }


def _artifact(uri: str) -> dict[str, str]:
    return {"uri": uri, "uriBaseId": _BASE}


def _location(uri: str, at: Place, target: str, text: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    if uri:
        region = {"startLine": at.line, "startColumn": at.column, "endLine": at.line, "endColumn": at.end}
        found["physicalLocation"] = {"artifactLocation": _artifact(uri), "region": region}
    if target:
        found["logicalLocations"] = [{"name": said(target), "kind": "target"}]
    if text:
        found["message"] = {"text": text}
    return found


def _invocation(view: ReportView, rules: Rules, exit_code: int | None) -> dict[str, Any]:
    """How the run went. Gaps are told here, and not as results: nothing was found there, neither good nor bad."""
    broken = [(m, f) for m in view.modes for f in m.findings if f.status is Status.ERROR]
    shut = any(g.why in ("unopened", "unsafe") for m in view.modes for g in m.gaps)
    gaps = [_gap(m, g, rules) for m in view.modes if m.status != "not_applicable" for g in m.gaps]
    found: dict[str, Any] = {
        "executionSuccessful": not broken and not shut,
        "startTimeUtc": f"{view.run.created:%Y-%m-%dT%H:%M:%S}Z",
        "toolExecutionNotifications": [_broken(m, f, rules) for m, f in broken],
        "toolConfigurationNotifications": gaps[:MOST_NOTES],
    }
    if view.run.ended is not None:
        found["endTimeUtc"] = f"{view.run.ended:%Y-%m-%dT%H:%M:%S}Z"
    if exit_code is not None:
        found |= {"exitCode": exit_code, "exitCodeDescription": EXITS.get(exit_code, "")}
    return found


EXITS = {
    0: "within the bar",
    1: "a rating reaches the bar",
    3: "a test broke down",
    4: "a mode is untested or inconclusive, and --strict was given",
    5: "nothing ran",
}


def _broken(m: ModeView, f: Finding, rules: Rules) -> dict[str, Any]:
    return {
        "level": "error",
        "message": {"text": _message(m, f)},
        "associatedRule": rules.descriptor(f.probe),
        "descriptor": {"id": "broke-down"},
    }


def _gap(m: ModeView, g: Gap, rules: Rules) -> dict[str, Any]:
    on = f" on {clean(g.target, 80)}" if g.target else ""
    text = (
        f"{m.id} {m.name}: {clean(g.probe, 80)}{on} was not run. {clean(g.detail, 400)}. {clean(g.how_to_close, 400)}"
    )
    found: dict[str, Any] = {
        "level": "note" if g.why in ("waived", "not-selected") else "warning",
        "message": {"text": said(text, LONG)},
        "descriptor": {"id": f"not-run/{g.why}"},
    }
    return found | ({"associatedRule": rules.descriptor(g.probe)} if rules.knows(g.probe) else {})
