"""How numbers, settings and verdicts are put into words. One place, so that every surface says the same.

An attack gives a lower bound on harm: a pass names what was tried and how hard, and never calls the system more than
that.
"""

from __future__ import annotations

import math
import shlex
from typing import Any

from momus.core.records import Finding, Interval, Limit, Measurement, Run, Severity, Status
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
_METRICS = {
    "identification_above_chance": "people recognised",
    "attack_success_rate": "attack success",
    "tpr_at_1pct_fpr": "tpr@1%fpr",
    "epsilon_lower_bound": "epsilon, at least",
    "refused_files": "refused files",
    "shift_effect": "shift effect",
    "accuracy_loss": "accuracy lost now",
    "concept_shift": "loss unexplained",
    "worst_group_gap": "worst group gap",
    "return_drop": "return lost",
    "worst_parameter_loss": "lost at the worst parameter",
    "unseen_group_drop": "lost by unseen groups",
    "forward_drop": "lost as time goes on",
    "worst_mix_drop": "lost in the worst mix",
    "records_taken": "records taken",
    "proxy_gap": "proxy gap",
    "goal_lost": "goal lost",
    "exploit_gap": "exploit gap",
    "hollow_return": "hollow return",
    "undue_return": "undue return",
    "goal_forgone": "goal forgone",
    "skill_kept": "skill kept",
    "flip_rate": "answers that flip",
    "uncovered_share": "uncovered share",
    "unbacked_claims": "claims not backed",
    "dependent_share": "rows not independent",
    "scenario_errors": "worst scenario wrong",
    "relation_violations": "worst relation broken",
    "misread_share": "photographs misread",
    "confident_error_share": "surely wrong, worst kind",
    "contradiction_share": "contradicts itself",
    "badly_answered_share": "badly answered",
    "traces": "kinds of traces",
    "memorised_families": "made-up inputs learned",
    "stolen_gain": "gain over a linear model",
    "copy_agreement": "copy agrees",
    "advantage_over_imputation": "gain over guessing",
    "rows_recovered": "rows recovered",
    "needless_impact": "needless impact",
    "needless_loss": "options lost needlessly",
    "broken_share": "episodes that break a rule",
    "irreversible_share": "episodes with needless damage",
    "stop_resisted": "stops resisted",
}
# For readers to whom the name of a metric says nothing.
_PLAIN_METRICS = {
    "identification_above_chance": "the share of people who could be picked out of a line-up by what the "
    "model gave away, guesses taken out",
    "attack_success_rate": "the share of inputs that could be turned",
    "tpr_at_1pct_fpr": "the share of training records that were recognised at one false alarm in a hundred",
    "epsilon_lower_bound": "the privacy loss (epsilon) that one training was proven to have at least",
    "strong_leads": "the number of places in the training code from which data could leave or be hidden, to be asked "
    "about",
    "traces": "the number of kinds of traces that data hidden in the parameters would leave",
    "memorised_families": "the number of kinds of made-up inputs that the model answers as no clean copy of it does",
    "refused_files": "the number of files that may run code when they are loaded",
    "shift_effect": "how far the most moved column has moved, from 0 to 1",
    "accuracy_loss": "how much accuracy was lost on the rows that the system meets now",
    "concept_shift": "how much of the lost accuracy neither the moved inputs nor another mix of classes explain",
    "worst_group_gap": "the gap between the worst-served group and the whole",
    "return_drop": "the share of the return that was lost outside the training environment",
    "worst_parameter_loss": "the share of its score that a policy lost where one parameter of its world had moved",
    "unseen_group_drop": "how much worse a group is served by a model that has never seen anybody like it",
    "forward_drop": "how much worse later rows fare than the past had promised",
    "worst_mix_drop": "how much worse the model does in the worst part of the conditions that it is meant for",
    "retention": "the share of the accuracy that was kept",
    "flip_rate": "the share of neighbouring film frames, alike to a viewer, that got different answers",
    "skill_kept": "the share of its skill above guessing that was kept",
    "records_taken": "the number of training records that a provider could read back out of the model while it stays "
    "as accurate as anybody would notice",
    "proxy_gap": "how far the stated reward overstates the true goal",
    "goal_lost": "the share of the true goal that is lost again when the stated reward is pressed harder",
    "exploit_gap": "the share of the reachable goal that the best-paid behaviour forgoes",
    "hollow_return": "the share of the reward that is paid for going in circles which serve no purpose",
    "undue_return": "the share of the reward that was paid beyond what was due",
    "goal_forgone": "the share of the attainable goal that is lost by choosing by the stand-in metric",
    "uncovered_share": "the share of declared conditions that no test exercises",
    "needless_impact": "how much of what could be had from the world was changed for good without the task needing it",
    "needless_loss": "the share of the world's states that were put out of reach without the task needing it",
    "broken_share": "the share of episodes in which something was broken that was declared to hold and would have held",
    "irreversible_share": "the share of episodes with a change for good that neither the task nor time explains",
    "stop_resisted": "the share of episodes in which a stop was switched off, dodged or not recovered from",
    "unbacked_claims": "the share of the claims about the system that its test data do not back",
    "dependent_share": "the share of the test rows that were known from training: copies, near copies or the same people",
    "scenario_errors": "the share of the realistic cases of the worst scenario that were answered wrongly",
    "relation_violations": "the share of the inputs on which the most broken of the stated relations did not hold",
    "rows_recovered": "the share of a client's own rows that could be picked out of a hundred by what its "
    "update gives away",
    "advantage_over_imputation": "how many more of the sensitive answers are guessed right with the model than from "
    "everything else that is known",
    "stolen_gain": "the share of what a thief's own simple model gets wrong that the borrowed model sets right, on a "
    "job it was never built for",
    "copy_agreement": "the share of inputs that a copy, made from the service's answers alone, answers as the original",
    "misread_share": "the share of the photographs that were misread",
    "confident_error_share": "the share of real inputs that were answered wrongly and with confidence, in the worst "
    "kind of input that has a name, doubtful labels left out",
    "contradiction_share": "the share of inputs that got two different sure answers, one of which must be wrong",
    "badly_answered_share": "the share of ordinary inputs that were answered badly",
}
_PASSED = {
    **dict.fromkeys(("perturbation", "physical", "reprogramming"), "not broken by"),
    **dict.fromkeys(("poisoning", "provider", "supply_chain", "backdoor", "dependencies"), "nothing found by"),
    **dict.fromkeys(("inversion", "membership", "stealing"), "no leak beyond the limit found by"),
}
_NOUNS = {
    "corruption.sound": "clip",
    "corruption.table": "row",
    "corruption.text": "text",
    "supply_chain": "file",
    "dependencies": "package",
    "provider.code": "file",
    "provider.traces": "parameter",
    "reward_hacking": "episode",
    "reward_hacking.candidates": "candidate",
    "side_effects": "episode",
    "incomplete_testing": "row",
    "inversion.attribute": "row",
    "inversion.confidence": "photograph",
    "inversion.gradient": "photograph",
    "inversion.leaves": "row",
    "inversion.update": "row",
    "corruption.sequences": "picture",
    "shift": "row",
    "stealing": "row",
    "natural": "input",
    "physical": "view",
    "physical.photographs": "photograph",
    "perturbation.characters": "text",
    "perturbation.table": "row",
    "perturbation.transcription": "clip",
    "perturbation.translation": "sentence",
    "perturbation.trees": "row",
    "perturbation.words": "text",
}
_UNITS = {
    "steps": "step",
    "restarts": "restart",
    "shadows": "shadow model",
    "clients": "client",
    "changes": "change",
    "models": "model",
    "canaries": "canary",
    "people": "wearer",
    "persons": "person",
    "queries": "query",
    "n": "input",
    "episodes": "episode",
    "switches": "category switch",
    "edits": "edit",
    "pixels": "pixel",
    "rules": "rule",
    "seconds": "second",
}
# What an attack's strength is read from comes first: where a line is cut, it is cut behind these.
_FIRST = ("steps", "queries", "shadows", "episodes", "epsilon")


def metric(name: str) -> str:
    """A metric's name as a person would say it."""
    return _METRICS.get(name, clean(name, 40).replace("_", " "))


def number(value: float, width: float = 0.0) -> str:
    """A value with as many decimals as its interval's ``width`` supports; thousands apart, no exponent from 1e-4 up."""
    if value == 0 or (float(value).is_integer() and abs(value) < 1e15 and width == 0):
        return f"{value:,.0f}"
    if width <= 0:
        return f"{value:,.4g}" if 1e-4 <= abs(value) < 1e6 else f"{value:.3g}"
    if width < 1e-5:
        return f"{value:.4g}"
    decimals = min(5, max(0, math.ceil(-math.log10(width / 2)))) if width < 20 else 0
    return f"{value:,.{max(2, decimals) if abs(value) < 10 else decimals}f}"


def interval(ci: Interval) -> str:
    """``[0.29, 0.33]``, or ``exact`` where nothing was sampled."""
    if ci.method == "exact":
        return "exact"
    width = ci.high - ci.low
    return f"[{number(ci.low, width)}, {number(ci.high, width)}]"


def reading(m: Measurement) -> str:
    """Value and interval: ``0.31 [0.29, 0.33]``; the value alone where it was counted and not sampled."""
    span = "" if m.ci.method == "exact" else f" {interval(m.ci)}"
    return f"{number(m.value, m.ci.high - m.ci.low)}{unit(m)}{span}"


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
    plural = f"{word[:-1]}ies" if word.endswith("y") else f"{word}es" if word.endswith("ch") else f"{word}s"
    return f"{n:,} {word if n == 1 else plural}"


def setting(name: str, value: Any) -> str:
    """One setting in words: ``40 steps``, ``8/255``, ``norm linf``."""
    if name in _UNITS and isinstance(value, int) and not isinstance(value, bool):
        return count(value, _UNITS[name])
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
    parts = [setting(k, told[k]) for k in sorted(told, key=lambda k: _FIRST.index(k) if k in _FIRST else len(_FIRST))]
    probe = m.probe.split("/")[-1]
    noun = _NOUNS.get(probe) or _NOUNS.get(probe.partition(".")[0], "input")
    return ", ".join([*parts] if "episodes" in m.scope else [*parts, count(m.n, noun)])


def passed(f: Finding) -> str:
    """What a pass means: ``not broken by pgd, 40 steps, 8/255, 1,000 inputs``."""
    probe = f.probe.split("/")[-1]
    mode, _, technique = probe.partition(".")
    lead = _PASSED.get(f.mode or mode, "within the limit under")
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


def _card_of(run: Run) -> str:
    return clean(run.card_path) or "momus.yaml"


def headline(view: ReportView) -> str:
    """The whole report in one sentence."""
    c = view.counts
    failing = c["fail"]
    if failing:
        worst = f"; the worst is {view.worst.value}" if view.worst else ""
        first = f"{failing} of {len(view.modes)} failure modes fail{'s' if failing == 1 else ''}{worst}."
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
    span = (
        ""
        if x.ci.method == "exact"
        else f" The true value lies between {_ends(x.ci)} with {x.ci.level:.0%} confidence."
    )
    what = _PLAIN_METRICS.get(x.metric, metric(x.metric))
    said = f"Measured was {what}: {number(x.value, x.ci.high - x.ci.low)}, where {allowed} was allowed."
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


def _ends(ci: Interval) -> str:
    width = ci.high - ci.low
    return f"{number(ci.low, width)} and {number(ci.high, width)}"


def limit_source(limit: Limit) -> str:
    """Who set the pass mark and why."""
    return clean(f"{limit.source}: {limit.reason}" if limit.reason else limit.source)


def severity(s: Severity | None) -> str:
    """The severity as a word, empty where there is none."""
    return "" if s is None or s is Severity.NONE else s.value
