"""What became of the findings of a baseline, or of another run: in lines for a terminal and as Markdown."""

from __future__ import annotations

from momus.core.records import Interval
from momus.reports import wording
from momus.reports.baseline import Known
from momus.reports.regression import Change, Kind, Step
from momus.reports.text import clean, markdown, markdown_code

WORDS: dict[Kind, str] = {
    "new": "new",
    "worse": "worse",
    "undecided": "could not be decided",
    "unmeasured": "not measured",
    "noise": "within the intervals",
    "known": "known",
    "better": "better, still failing",
    "waived": "accepted in the store",
    "fixed": "fixed",
    "expired": "past its day",
    "unknown": "of no use any more",
}
_SETTLED: tuple[Kind, ...] = ("fixed", "better", "expired", "unknown")
_LOUD: tuple[Kind, ...] = ("new", "worse", "undecided", "unmeasured", "fixed", "expired", "unknown")


def headline(change: Change) -> str:
    """``2 new, 1 worse; 3 known, 1 fixed``."""
    counts = {kind: len(change.of(kind)) for kind in WORDS}
    bad = [f"{counts[k]} {WORDS[k]}" for k in ("new", "worse") if counts[k]]
    rest = [f"{counts[k]} {word}" for k, word in WORDS.items() if counts[k] and k not in ("new", "worse")]
    return "; ".join([", ".join(bad) or "Nothing new, nothing worse", *([", ".join(rest)] if rest else [])])


def advice(change: Change) -> str:
    """What to do with the baseline itself; empty where it fits."""
    return "Bring it up to date: momus report --write-baseline FILE" if change.of(*_SETTLED) else ""


def line(step: Step) -> str:
    """One finding in one line: ``new: membership.loss on scorer, important: 0.31 [0.29, 0.33]``."""
    level = f", {step.severity.value}" if step.severity is not None and step.now is not None else ""
    return f"{WORDS[step.kind]}: {clean(step.probe, 80)} on {clean(step.target, 80)}{level}{_rest(step)}"


def _rest(step: Step) -> str:
    moved = _moved(step)
    since = ""
    if step.before is not None and step.kind in ("known", "better", "worse", "unmeasured", "undecided"):
        by = f" by {clean(step.before.by, 60)}" if step.before.by else ""
        since = f"known since {step.before.since}{by}"
    said = [x for x in (moved, clean(step.note, 300), since) if x]
    return f": {'; '.join(said)}" if said else ""


def _moved(step: Step) -> str:
    before, after = (_reading(k) for k in (step.before, step.after))
    if step.now is None or not after:
        return ""
    return f"{before} → {after}" if before and before != after else after


def _reading(k: Known | None) -> str:
    if k is None or k.value is None or k.interval is None:
        return ""
    ci = Interval(low=k.interval.low, high=k.interval.high, method="exact" if k.low == k.high else "wilson")
    width = wording.breadth(ci)
    return wording.number(k.value, width) + ("" if wording.settled(ci) else f" {wording.interval(ci)}")


def lines(change: Change, against: str = "the baseline") -> list[str]:
    """For a terminal or a log: the headline, what somebody must look at, and what to do with the baseline."""
    told = [f"Against {against} ({clean(change.against, 80)}): {headline(change)}"]
    told += [f"  {line(s)}" for kind in _LOUD for s in change.of(kind)]
    return told + ([advice(change)] if advice(change) else [])


def section(change: Change, most: int = 40) -> str:
    """For a pull request: what changed first, what is as it was folded away."""
    head = f"### Against {markdown_code(change.against, 80)}\n\n**{markdown(headline(change))}**"
    loud = [s for kind in _LOUD for s in change.of(kind)]
    quiet = [s for s in change.steps if s.kind not in _LOUD]
    parts = [head]
    if loud:
        parts.append("\n".join(_item(s) for s in loud[:most]))
    if len(loud) > most:
        parts.append(f"*{len(loud) - most} more.*")
    if quiet:
        inner = "\n".join(_item(s) for s in quiet[:most])
        parts.append(f"<details><summary>As it was: {len(quiet)}</summary>\n\n{inner}\n\n</details>")
    if advice(change):
        parts.append(f"Bring the baseline up to date: {markdown_code('momus report --write-baseline FILE')}")
    return "\n\n".join(parts)


def _item(s: Step) -> str:
    mark = {"new": "▲", "worse": "▲", "fixed": "▼", "better": "▼"}.get(s.kind, "•")
    level = f", {s.severity.value}" if s.severity is not None and s.now is not None else ""
    name = f"{markdown_code(s.probe, 80)} on {markdown_code(s.target, 80)}"
    return f"- {mark} **{WORDS[s.kind]}** {name}{level}{markdown(_rest(s), 500)}"
