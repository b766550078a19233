"""What the search found, as evidence and caveats of ``dependencies.fuzzing``."""

from __future__ import annotations

from collections.abc import Sequence

from momus.core.capabilities import Serving
from momus.core.errors import BudgetSpent
from momus.core.evidence import Attachment, Cell, Evidence, Table
from momus.core.meter import Meter
from momus.core.records import Caveat, Figure
from momus.methods.fuzz.beside import Beside
from momus.methods.fuzz.failures import Failure
from momus.methods.fuzz.search import Found
from momus.probes.dependencies._serving import attached, file_name, reproducer
from momus.stats.intervals import clopper_pearson

ENOUGH = 1_000  # mutated inputs below which a clean run passes nobody
_KEPT, _KEPT_BYTES, _ROWS = 20, 8 << 20, 60
_WORDS = {
    "crashed": "the process ended", "hung": "no answer in time", "memory": "too much memory",
    "nonfinite": "NaN or infinity in the answer", "raised": "an exception that the card does not name as a refusal",
}  # fmt: skip


def affordable(meter: Meter, queries: int) -> bool:
    """Pay for comparing answers where the budget still holds it."""
    try:
        meter.spend(queries)
    except BudgetSpent:
        return False
    return True


def figures(found: Found, compared: Beside | None = None) -> list[Figure]:
    """Counts of inputs and of ways to fail; the bound on the share of mutated inputs that hurt is exact."""
    tried = found.inputs
    share = clopper_pearson(min(found.failing, tried), tried)
    ways = [
        ("crashes", "crashed"),
        ("hangs", "hung"),
        ("memory_blow_ups", "memory"),
        ("nonfinite_answers", "nonfinite"),
    ]
    made = [Figure(name=name, value=float(sum(f.kind == kind for f in found.failures))) for name, kind in ways]
    if compared is not None:
        name, note = "answers_for_one_content", "most answers seen for files that decode alike"
        made.append(Figure(name=name, value=float(max(1, compared.answers)), n=compared.tried, note=note))
    listed = {(f.kind, f.place) for f in (*found.raised, *found.failures) if f.kind == "raised"}
    made.append(Figure(name="exceptions", value=float(len(listed)), note="distinct classes and places"))
    if tried:
        made.append(Figure(name="failing_share", value=found.failing / tried, ci=share, n=tried))
        kinds = ("answered", "refused", "raised")
        made += [Figure(name=f"{kind}_share", value=found.kinds[kind] / tried, n=tried) for kind in kinds]
    made.append(
        Figure(name="behaviours", value=float(found.signs), note="outcomes that differ in kind, place or looks")
    )
    if found.covered is not None:
        made.append(Figure(name="covered_branches", value=float(found.covered), note="of the instrumented Python code"))
    return made


def caveats(found: Found, *, refuses: Sequence[str], wanted_coverage: bool) -> list[Caveat]:
    """Why a clean run may mean little."""
    out = []
    if found.mutated < ENOUGH:
        what = "the budget was spent" if found.spent else "too few were asked for"
        message = f"{found.mutated} mutated inputs were tried, of {ENOUGH} that a pass needs: {what}"
        out.append(Caveat(code="too-few-samples", message=message, blocks="pass"))
    if found.examples and not found.understood:
        message = f"none of {found.examples} valid files was answered: the search never got behind the door"
        out.append(Caveat(code="never-decoded", message=message, blocks="pass"))
    elif found.inputs and found.kinds["answered"] < 0.02 * found.inputs:
        message = f"{found.kinds['answered']} of {found.inputs} inputs were answered: hardly any got behind the door"
        out.append(Caveat(code="hardly-decoded", message=message, blocks="pass"))
    crashes = sum(f.kind == "crashed" for f in found.chance)
    if crashes:
        message = f"{crashes} crashes did not come back when their input was tried alone; they are not counted"
        out.append(Caveat(code="not-repeated", message=message, blocks="pass"))
    if found.unlooked:
        message = f"{found.unlooked} further ways to fail were not tried again and are not counted"
        out.append(Caveat(code="not-looked-into", message=message, blocks="none"))
    if wanted_coverage and found.covered is None:
        message = "not guided by coverage (extra 'fuzz'): new behaviour was seen by outcomes alone"
        out.append(Caveat(code="no-coverage", message=message, blocks="none"))
    if found.raised and not refuses:
        message = f"{len(found.raised)} kinds of exceptions are listed and not judged: the card names no refusals"
        out.append(Caveat(code="no-refusals-named", message=message, blocks="none"))
    return out


def evidence(serving: Serving, found: Found, compared: Beside | None = None) -> list[Evidence]:
    """Tables of failures, of what was not judged, of outcomes; the inputs themselves."""
    names = [file_name(f"fuzzing {i + 1} {f.kind}", f.format) for i, f in enumerate(found.failures)]
    rows: list[tuple[Cell, ...]] = []
    for failure, name in zip(found.failures, names, strict=True):
        line = reproducer(serving, failure.data, name, repeats=failure.repeats)
        told = failure.detail if failure.kind != "memory" else failure.place
        rows.append((failure.kind, told, failure.format, failure.origin, len(failure.data), failure.seen, line))
    out: list[Evidence] = []
    if rows:
        columns: tuple[str, ...] = ("kind", "what and where", "format", "found as", "bytes", "inputs", "one line")
        note = "Each failed again in fresh processes. Run a line in the card's folder; larger inputs are attached"
        out.append(Table(title="Ways to fail", columns=columns, rows=tuple(rows[:_ROWS]), note=note))
    out += _attachments(serving, found.failures, names)
    if compared is not None and compared.answers:
        out += _told_apart(serving, found, compared)
    if found.raised:
        listed: list[tuple[Cell, ...]] = [(f.detail[:200], f.format, len(f.data), f.seen) for f in found.raised[:_ROWS]]
        columns = ("exception", "format", "bytes", "inputs")
        note = "Not judged: the card does not say which exceptions are an orderly refusal (serve.refuses)"
        out.append(Table(title="Exceptions", columns=columns, rows=tuple(listed), note=note))
    if found.chance:
        lost: list[tuple[Cell, ...]] = [(f.kind, f.place, f.format, f.seen) for f in found.chance[:_ROWS]]
        title, columns = "Failures that did not come back", ("kind", "where", "format", "inputs")
        out.append(Table(title=title, columns=columns, rows=tuple(lost), note="Not counted"))
    kinds = [(k, _WORDS.get(k, ""), n) for k, n in sorted(found.kinds.items())]
    note = f"{found.examples} valid files, {found.understood} of them answered; {found.mutated} mutated"
    out.append(Table(title="Inputs by outcome", columns=("outcome", "meaning", "inputs"), rows=tuple(kinds), note=note))
    return out


def _told_apart(serving: Serving, found: Found, compared: Beside) -> list[Evidence]:
    """Two files that decode alike and are answered differently."""
    format_ = (serving.formats or ("other",))[0]
    out: list[Evidence] = []
    rows: list[tuple[Cell, ...]] = []
    for i, data in enumerate((compared.first, compared.other)):
        name = file_name(f"beside {i + 1}", format_)
        made = attached(serving, f"one of two files that decode alike: {compared.told}", data, name)
        out += [] if made is None else [made]
        rows.append((name, len(data), reproducer(serving, data, name)))
    title = "The same content, another answer"
    note = (
        f"{compared.told}; {compared.answers} answers for one content, {compared.tried} files that decode as others do"
    )
    return [Table(title=title, columns=("file", "bytes", "one line"), rows=tuple(rows), note=note), *out]


def _attachments(serving: Serving, failures: Sequence[Failure], names: Sequence[str]) -> list[Attachment]:
    out, left = [], _KEPT_BYTES
    for failure, name in list(zip(failures, names, strict=True))[:_KEPT]:
        if len(failure.data) > left:
            continue
        title = f"{failure.kind}: {failure.place}"
        made = attached(serving, title, failure.data, name, repeats=failure.repeats)
        if made is not None:
            left -= len(failure.data)
            out.append(made)
    return out
