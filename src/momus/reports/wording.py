"""How numbers, settings and verdicts are put into words. One place, so that every surface says the same.

An attack gives a lower bound on harm: a pass names what was tried and how hard, and never calls the system more than
that.
"""

from __future__ import annotations

import math
import shlex
from typing import Any

from momus.core.decisions import Waived
from momus.core.records import Finding, Interval, Limit, Measurement, Run, Severity, Status
from momus.core.text import counts
from momus.reports.names import METRICS, NOUNS, PLAIN_METRICS, SETTINGS, UNITS
from momus.reports.text import clean
from momus.reports.view import ControlView, ModeStatus, ModeView, ReportView

LABELS: dict[ModeStatus, str] = {
    "fail": "FAIL",
    "error": "ERROR",
    "inconclusive": "INCONCLUSIVE",
    "not_tested": "NOT TESTED",
    "pass": "PASS",
    "not_applicable": "N/A",
}
WORDS: dict[ModeStatus, str] = {
    "fail": "fail",
    "error": "error",
    "inconclusive": "inconclusive",
    "not_tested": "not tested",
    "pass": "pass",
    "not_applicable": "not applicable",
}
VERDICTS = {
    "applies": "applies",
    "raised": "applies, raised",
    "unlikely": "unlikely",
    "not_applicable": "declared not applicable",
    "undetermined": "undetermined",
}
_PASSED = {
    **dict.fromkeys(("perturbation", "physical", "reprogramming"), "not broken by"),
    **dict.fromkeys(("poisoning", "provider", "supply_chain", "backdoor", "dependencies"), "nothing found by"),
    **dict.fromkeys(("inversion", "membership", "stealing"), "no leak beyond the limit found by"),
}
# Probes of `momus monitor`: detectors in the traffic of a served model.
WATCHED = "monitor/"
# What an attack's strength is read from comes first: where a line is cut, it is cut behind these.
_FIRST = ("steps", "queries", "shadows", "episodes", "epsilon")


def metric(name: str) -> str:
    """A metric's name as a person would say it."""
    return METRICS.get(name, clean(name, 40).replace("_", " "))


def number(value: float, width: float = 0.0) -> str:
    """A value with as many decimals as its interval's ``width`` supports; thousands apart, no exponent from 1e-4 up."""
    if value == 0 or (float(value).is_integer() and abs(value) < 1e15 and width == 0):
        return f"{value:,.0f}"
    if width <= 0:
        return f"{value:,.4g}" if 1e-4 <= abs(value) < 1e6 else f"{value:.3g}"
    if width < 1e-5:
        return f"{value:.4g}"
    decimals = min(5, max(0, math.ceil(-math.log10(width / 2)))) if width < 20 else 0
    return f"{value:z,.{max(2, decimals) if abs(value) < 10 else decimals}f}"


def interval(ci: Interval) -> str:
    """``[0.29, 0.33]``; ``exact`` where nothing was sampled and nothing was left open."""
    if settled(ci):
        return "exact"
    width = breadth(ci)
    return f"[{number(ci.low, width)}, {number(ci.high, width)}]"


def settled(ci: Interval) -> bool:
    """Counted, and everything could be looked at. A count with something left open has a width."""
    return ci.method == "exact" and ci.low == ci.high


def breadth(ci: Interval) -> float:
    """The width that says how many decimals are meant: none for counts, whose ends are whole numbers."""
    whole = ci.method in ("exact", "counted") and float(ci.low).is_integer() and float(ci.high).is_integer()
    return 0.0 if whole else ci.high - ci.low


def reading(m: Measurement) -> str:
    """Value and interval: ``0.31 [0.29, 0.33]``; the value alone where it was counted and not sampled."""
    span = "" if settled(m.ci) else f" {interval(m.ci)}"
    return f"{number(m.value, breadth(m.ci))}{unit(m)}{span}"


def unit(m: Measurement) -> str:
    """The unit with a space before it; nothing for shares, nor where the metric's name says it already."""
    said = not m.unit or m.unit in ("share", "rate", "fraction", "1") or m.unit in metric(m.metric)
    return "" if said else f" {clean(m.unit, 24)}"


def against(f: Finding) -> str:
    """How the reading stands to its limit: ``> 0.05``, ``≤ 0.05``, ``≈ 0.05`` where it could not be decided."""
    if f.limit is None or f.measurement is None:
        return ""
    lower = f.measurement.worse == "lower"
    beyond, within = ("<", "≥") if lower else (">", "≤")
    sign = {Status.FAIL: beyond, Status.PASS: within}.get(f.status, "vs")
    return f"{sign} {number(f.limit.value)}"


def count(n: int, word: str) -> str:
    """``1 input``, ``1,000 inputs``, ``40 queries``."""
    ies = word.endswith("y") and word[-2] not in "aeiou"
    plural = f"{word[:-1]}ies" if ies else f"{word}es" if word.endswith("ch") else f"{word}s"
    return f"{n:,} {word if n == 1 else plural}"


def setting(name: str, value: Any) -> str:
    """One setting in words: ``40 steps``, ``8/255``, ``norm linf``; empty for one that says nothing of the result."""
    if name in SETTINGS:
        told = f"{value:,}" if isinstance(value, int) else f"{value:.4g}" if isinstance(value, float) else clean(value)
        return SETTINGS[name].format(told)
    if name in UNITS and isinstance(value, int) and not isinstance(value, bool):
        return count(value, UNITS[name])
    if name.startswith("eps") and isinstance(value, float) and value:
        k = value * 255
        levels = abs(k - round(k)) < 1e-3 and round(k) and value != round(value, 2)  # 0.2 is 51/255, said shorter
        return f"{round(k)}/255" if levels else f"{clean(name)} {value:.4g}"
    if isinstance(value, int) and not isinstance(value, bool) and name.endswith("s"):
        return f"{value:,} {clean(name, 40).replace('_', ' ')}"
    if isinstance(value, bool):
        return clean(name) if value else f"no {clean(name)}"
    return (
        f"{clean(name).replace('_', ' ')} {value:.4g}" if isinstance(value, float) else f"{clean(name)} {clean(value)}"
    )


def scope(m: Measurement) -> str:
    """The effective settings of a measurement, the words a pass must be read with."""
    # A switch that is off and a count of nothing say nothing; a threshold of 0.0 is a setting.
    told = {k: v for k, v in m.scope.items() if k != "n" and not (v == "" or (isinstance(v, int) and not v))}
    ordered = sorted(told, key=lambda k: _FIRST.index(k) if k in _FIRST else len(_FIRST))
    parts = [said for k in ordered if (said := setting(k, told[k]))]
    probe = m.probe.split("/")[-1]
    noun = NOUNS.get(probe) or NOUNS.get(probe.partition(".")[0], "input")
    noun = "event" if m.probe.startswith(WATCHED) else noun
    return ", ".join([*parts] if "episodes" in m.scope else [*parts, count(m.n, noun)])


def passed(f: Finding) -> str:
    """What a pass means: ``not broken by pgd, 40 steps, 8/255, 1,000 inputs``."""
    probe = f.probe.split("/")[-1]
    mode, _, technique = probe.partition(".")
    lead = _PASSED.get(f.mode or mode, "within the limit under")
    lead = "no alarm by" if f.probe.startswith(WATCHED) else lead
    tail = f", {scope(f.measurement)}" if f.measurement else ""
    return f"{lead} {clean(technique or probe)}{tail}"


def why(m: ModeView) -> str:
    """Why the row has its status, in one line."""
    if m.headline is not None:
        f = m.headline
        if m.status == "pass":
            return passed(f)
        if f.failure is not None:
            return f"{clean(f.failure.message)}" + (f" (at {clean(f.failure.place)})" if f.failure.place else "")
        return clean(f.reason)
    if m.status == "not_tested":
        return clean(m.gaps[0].detail) if m.gaps else "no probe was run"
    return clean(m.reason or m.verdict_reason)


def next_step(m: ModeView) -> str:
    """What closes the hole, in one line; empty where there is none."""
    if m.headline is not None and m.headline.failure is not None:
        return clean(m.headline.failure.hint)
    if m.status == "inconclusive" and m.measurement is not None:
        # A gap of the row is another probe's; what would settle this number is more of it, or what its caveats name.
        blocked = any(c.blocks != "none" for c in m.measurement.caveats)
        return "" if blocked else "Raise its number of samples or the budget, then run again"
    return clean(m.gaps[0].how_to_close) if m.gaps and m.status != "not_applicable" else ""


def reproduce(run: Run, finding: Finding | None) -> str:
    """The command that measures one row again: same card, same probe, same seed, same budget.

    A run whose options came from an example's expectations, not from the card, is repeated by its own command.
    """
    if run.settings.get("watch"):  # traffic is past; a log that is still there can be read again from its beginning
        return shlex.join(["momus", "monitor", _card_of(run), "--once", "--fresh", "--seed", str(run.seed)])
    given = run.settings.get("reproduces")
    words = ["momus", "reproduce", clean(str(given))] if given else ["momus", "assess", _card_of(run)]
    if finding is not None:
        words += ["--only", clean(finding.probe)]
    if not given:
        words += ["--seed", str(run.seed)]
        budget = run.settings.get("budget") or {}
        for name, option in (("queries", "--queries"), ("seconds", "--seconds"), ("memory_mb", "--memory")):
            if budget.get(name):
                words += [option, f"{budget[name]:g}" if isinstance(budget[name], float) else str(budget[name])]
        words += ["--allow-unsafe"] if run.settings.get("allow_unsafe") else []
    return shlex.join([*words, "--fresh"])  # without it the store would answer with the number it holds


def save(run: Run) -> str:
    """The command that writes the files of a run into a folder."""
    return shlex.join(["momus", "report", clean(run.id), "--attachments", "files"])


def show_whole(run: Run) -> str:
    """The command that writes the page with everything in it."""
    return shlex.join(["momus", "report", clean(run.id), "-o", "report.full.html"])


def _card_of(run: Run) -> str:
    return clean(run.card_path) or "momus.yaml"


def headline(view: ReportView) -> str:
    """The whole report in one sentence."""
    c = view.counts
    failing = c["fail"]
    if failing:
        worst = f"; the worst is {view.worst.value}" if view.worst else ""
        first = f"{failing} of {len(view.modes)} failure modes fail{'s' if failing == 1 else ''}{worst}."
        if view.accepted:
            first = f"{failing} of {len(view.modes)} failure modes fail{'s' if failing == 1 else ''}, of which "
            first += f"{len(view.accepted)} {'is' if len(view.accepted) == 1 else 'are'} accepted for a time"
            first += f"; the worst that counts is {view.worst.value}." if view.worst else "."
    else:
        first = f"No failure mode failed among the {c['pass'] + c['inconclusive']} that were measured."
    rest = []
    if c["not_tested"]:
        rest.append(f"{c['not_tested']} {'was' if c['not_tested'] == 1 else 'were'} not tested")
    if c["inconclusive"]:
        rest.append(f"{c['inconclusive']} could not be decided")
    if c["error"]:
        rest.append(f"{c['error']} ended in an error")
    return " ".join([first, f"{_listed(rest)}." if rest else ""]).strip()


def asked(run: Run) -> tuple[str, ...]:
    """``asked scorer 12,400 rows in 61 requests, 4 repeated (503 x 3, late x 1), 2.10 USD``, one line a model."""
    return tuple(_asked(given) for given in run.settings.get("asked") or () if isinstance(given, dict))


def _asked(given: dict[str, Any]) -> str:
    rows, requests = (n if isinstance(n := given.get(key), int) else 0 for key in ("rows", "requests"))
    line = f"asked {clean(given.get('target', ''), 60)} {count(rows, 'row')} in {count(requests, 'request')}"
    repeats = {str(k): n for k, n in dict(given.get("repeats") or {}).items() if isinstance(n, int)}
    if repeats:
        line += f", {sum(repeats.values()):,} repeated ({clean(counts(repeats), 120)})"
    cost = given.get("cost")
    return line + (
        f", {cost:,.2f} {clean(given.get('currency', ''), 12)}".rstrip() if isinstance(cost, int | float) else ""
    )


def accepted(waived: Waived) -> str:
    """Who accepted something, why and until when: ``accepted until 2027-01-31 by Ann: mended in June``."""
    return f"{accepted_shortly(waived)}: {clean(waived.reason)}"


def accepted_shortly(waived: Waived) -> str:
    """The same without the reason, for one line of a table."""
    bound = f" up to severity {severity(waived.up_to)}" if waived.up_to is not None else ""
    return f"accepted{bound} until {waived.until.isoformat()} by {clean(waived.by)}"


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def control(c: ControlView | None) -> str:
    """``on 12 planted systems it noticed 12; on 12 clean ones it never cried wolf``."""
    if c is None:
        return "its rates on planted and clean systems have not been measured"
    wolf = {0: "never cried wolf", 1: "cried wolf once"}.get(c.false_alarms, f"cried wolf {c.false_alarms} times")
    return f"on {count(c.planted, 'planted system')} it noticed {c.hits}; on {count(c.clean, 'clean one')} it {wolf}"


def plain(m: ModeView) -> str:
    """The result for a reader who is no engineer: two or three plain sentences."""
    f = m.headline
    if m.status == "not_applicable":
        return "By the facts that were declared, this cannot happen here. That was declared, not tested."
    if m.status == "not_tested" or f is None:
        return "Nobody has looked. Nothing can be concluded from this row, neither good nor bad."
    if m.status == "error":
        return "The test broke before it came to a number. Nothing can be concluded from this row."
    x = f.measurement
    if x is None or f.limit is None:
        return "The test could not decide."
    allowed = f"{'at least' if x.worse == 'lower' else 'at most'} {number(f.limit.value)}"
    span = _between(x.ci)
    what = PLAIN_METRICS.get(x.metric, metric(x.metric))
    said = f"Measured was {what}: {number(x.value, breadth(x.ci))}, where {allowed} was allowed."
    if m.status == "fail":
        return f"The system fails here. {said}{span} The pass mark was fixed before the test."
    if m.status == "pass":
        return f"{said}{span} It was tried for and not found beyond the pass mark; a stronger test may still find it."
    return f"The test could not decide. {said}{span}"


def access(m: ModeView) -> str:
    """Whether the attacker breaks traditional access rights, in plain words."""
    said = {
        "yes": "Yes. Somebody must first get to where they have no right to be.",
        "no": "No. Whoever may use the system can do it; no lock is broken and no log looks unusual.",
        "n/a": "Nobody attacks, so the question does not arise.",
    }[m.facts.access_violated]
    lead = said.split(".")[0] + "."
    return f"{lead} {m.facts.access_note}" if m.facts.access_note and m.facts.access_violated != "n/a" else said


def _between(ci: Interval) -> str:
    """A sentence on what the value may truly be; nothing where it was counted to the end."""
    if settled(ci):
        return ""
    width = breadth(ci)
    ends = f"{number(ci.low, width)} and {number(ci.high, width)}"
    if ci.method == "exact":
        return f" Some could not be settled: the true value lies between {ends}."
    return f" The true value lies between {ends} with {ci.level:.0%} confidence."


def limit_source(limit: Limit) -> str:
    """Who set the pass mark and why."""
    return clean(f"{limit.source}: {limit.reason}" if limit.reason else limit.source)


def severity(s: Severity | None) -> str:
    """The severity as a word, empty where there is none."""
    return "" if s is None or s is Severity.NONE else s.value
