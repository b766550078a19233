"""provider.code: read training code that somebody else wrote, without running it, and mark what to ask about."""

from __future__ import annotations

import sys
from collections import Counter

from momus.core.capabilities import HasCode
from momus.core.errors import BudgetSpent
from momus.core.evidence import FileMark, Table
from momus.core.probe import Trial, probe
from momus.core.records import Caveat, Figure, Interval, Knowledge, Measurement
from momus.methods.code_leads import KINDS, MOST_FILES, CodeReport, scan_code

_MARKS = 200
_ROWS = 500


@probe(
    knowledge=Knowledge.NONE,
    metric="strong_leads",
    worse="higher",
    unit="leads",
    source="arXiv:1709.07886; CWE-506",
    cost="no queries; reads each file of the training code once",
    version=1,
)
def code(target: HasCode, trial: Trial) -> Measurement:
    """Places in the provider's training code where data could leave or be hidden, found without running any.

    Measures
        Strong leads: lines that send something out, write data into parameters, buffers or saved models, work on
        single bits of parameters, tie parameters to data by a term of the loss, make labels of bits of rows, build or
        hide code, change other modules, or read the machine's secrets. A lead is a place to ask about, no proof:
        nearest neighbours keep training rows too, honestly. Weak leads (downloads, other programs, files written) are
        listed and not counted. Files that were not understood count as neither: they widen the interval.
    Why it matters
        Whoever writes the training code sees the data, and the model carries out what the code hides in it, past
        every log of who read the data.
    Options
        None. Named are targets[].code (files and folders) and the file of targets[].train; what they import from
        beside them is read too.
    Returns
        strong_leads; figures weak_leads, files, not_understood, bytes. Evidence: what to ask the provider, the files,
        and each line with its reason.
    Raises
        Nothing for what a file holds.
    Cost
        No queries; some ten milliseconds a file.
    A pass means little when
        The code calls into libraries (they are named, not read), hands data from file to file, or was written by
        somebody who knows these rules: values are followed within one file, by names and simple assignments.
    Source
        Song et al. 2017 (arXiv:1709.07886), what their training code does; CWE-506 (embedded malicious code).
    """
    reports: list[CodeReport] = []
    paths = list(target.code())
    spent = False
    for i, path in enumerate(paths[:MOST_FILES]):
        try:
            if trial.meter is not None:
                trial.meter.check_time()
        except BudgetSpent:
            spent = True
            break
        trial.progress(i / len(paths), path.name)
        reports.append(scan_code(path))
    return _measured(trial, reports, len(paths) - len(reports), spent)


def _measured(trial: Trial, reports: list[CodeReport], unread: int, spent: bool) -> Measurement:
    strong = sum(r.strong for r in reports)
    dark = [r for r in reports if r.why]
    caveats = []
    if not reports:
        caveats.append(Caveat(code="too-few-samples", message="there was no code to read", blocks="both"))
    if dark:
        said = f"{dark[0].path.name}: {dark[0].why}"
        message = f"{len(dark)} of {len(reports)} files were not understood ({said})"
        caveats.append(Caveat(code="unread", message=message, blocks="pass"))
    if unread:
        why = "when the time was spent" if spent else f"since only the first {MOST_FILES:,} are"
        caveats.append(Caveat(code="budget-spent", message=f"{unread} files were not read {why}", blocks="pass"))
    if strong:
        message = "a lead is a place to ask the provider about, not a proof: honest code may do the same"
        caveats.append(Caveat(code="leads", message=message, blocks="none"))
    n = len(reports)
    figures = [
        Figure(name="weak_leads", value=float(sum(len(r.leads) - r.strong for r in reports)), n=n),
        Figure(name="files", value=float(n)),
        Figure(name="not_understood", value=float(len(dark)), n=n),
        Figure(name="bytes", value=float(sum(r.size for r in reports))),
    ]
    interval = Interval(low=float(strong), high=float(strong + len(dark) + unread), level=1.0, method="exact")
    evidence: list[Table | FileMark] = [_questions(reports), _files(reports), *_marks(reports)]
    return trial.measurement(strong, interval, n, figures=figures, evidence=evidence, caveats=caveats)


def _questions(reports: list[CodeReport]) -> Table:
    """One row a kind of lead, the strong ones first: what it could be for and what to ask."""
    strong = Counter(lead.kind for r in reports for lead in r.leads if lead.strength == "strong")
    every = Counter(lead.kind for r in reports for lead in r.leads)
    order = sorted(every, key=lambda k: (-strong[k], -every[k], k))
    rows = tuple((KINDS[k].title, strong[k], every[k] - strong[k], KINDS[k].why, KINDS[k].ask) for k in order)
    foreign = ", ".join(_not_read(reports))
    return Table(
        title="What to ask the provider",
        columns=("the code", "strong", "weak", "what it could be for", "question"),
        rows=rows,
        note=f"Libraries it calls, which were not read: {foreign}" if foreign else "",
    )


def _not_read(reports: list[CodeReport]) -> list[str]:
    """Modules that the code imports and that no file beside it answers, those of Python itself left out."""
    here = {r.path.stem for r in reports} | {r.path.parent.name for r in reports}
    named = {i.split(".")[0] for r in reports for i in r.imports if not i.startswith(".")}
    return sorted(named - here - sys.stdlib_module_names)[:40]


def _files(reports: list[CodeReport]) -> Table:
    ordered = sorted(reports, key=lambda r: (-r.strong, not r.why, -len(r.leads), str(r.path)))
    rows = tuple(
        (r.path.name, r.strong, len(r.leads) - r.strong, r.size, r.sha256[:12], r.why or "read in full")
        for r in ordered[:_ROWS]
    )
    note = f"{len(reports) - _ROWS} more files are not listed" if len(reports) > _ROWS else ""
    columns = ("file", "strong", "weak", "bytes", "sha256", "state")
    return Table(title="Training code", columns=columns, rows=rows, note=note)


def _marks(reports: list[CodeReport]) -> list[FileMark]:
    """One mark a lead, with the line as it stands, and one for each file that was not understood."""
    found = []
    for r in reports:
        if r.why:
            found.append(
                FileMark(title=r.path.name, path=str(r.path), sha256=r.sha256, what=r.why, severity="not understood")
            )
        for lead in r.leads:
            kind = KINDS[lead.kind]
            found.append(
                FileMark(
                    title=f"{r.path.name}:{lead.line}",
                    path=f"{r.path}:{lead.line}",
                    sha256=r.sha256,
                    what=f"{lead.what}: {lead.code}",
                    severity="suspicious" if lead.strength == "strong" else "note",
                    note=f"Lead: {kind.title}; {kind.why}. Ask: {kind.ask}",
                )
            )
    order = {"suspicious": 0, "not understood": 1, "note": 2}
    return sorted(found, key=lambda m: order[m.severity])[:_MARKS]
