"""The rules and taxonomies of a SARIF log: a rule for each probe, the 17 modes as taxa, and their names elsewhere.

The words of a probe and the crosswalk are read as they are today; everything measured comes from the report.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

from momus.core.errors import MomusError
from momus.core.probe import Probe
from momus.core.records import Severity, Status
from momus.reports import wording
from momus.reports.text import clean, markdown
from momus.reports.view import ControlView, ModeView, ReportView
from momus.stats.intervals import wilson
from momus.taxonomy import load

# What hosted pages read at most.
NAME, TEXT, TAGS = 255, 1024, 10
SCORES = {Severity.CRITICAL: "9.5", Severity.IMPORTANT: "8.0", Severity.MODERATE: "5.5", Severity.LOW: "2.5"}
_PROBLEM = {Severity.CRITICAL: "error", Severity.IMPORTANT: "error", Severity.MODERATE: "warning"}
# Up to which share of clean systems a probe may cry wolf, at the unkind end of the interval.
_PRECISION = ((0.15, "very-high"), (0.35, "high"), (0.6, "medium"))
# The frameworks whose ids are made to be referred to by tools.
FRAMEWORKS = ("MITRE ATLAS", "CWE", "NIST AI 100-2", "OWASP ML Security Top 10")
# How an outside object stands to a mode, in SARIF's words, which describe the target of the relationship.
_KINDS = {"exact": "equal", "broader": "superset", "narrower": "subset", "related": "relevant"}
_ARXIV = re.compile(r"(?:arXiv:)?(\d{4}\.\d{4,5})(?:v\d+)?\b", re.IGNORECASE)
_SEMVER = re.compile(r"\d+\.\d+\.\d+(?:[-+][0-9A-Za-z.+-]+)?")
MODES = "Momus failure modes"


def said(text: object, most: int = 400) -> str:
    """A string from elsewhere as plain text of SARIF, where braces are placeholders and ``](`` makes a link."""
    return clean(text, most).replace("](", "] (").replace("{", "{{").replace("}", "}}")


def _described(text: str, most: int = TEXT) -> dict[str, str]:
    return {"text": said(text, most - 24)[:most] or "No description."}


class Rules:
    """The rules of one log and where each stands, so that results can refer to them."""

    def __init__(self, view: ReportView) -> None:
        self.of: dict[str, ModeView] = {}
        for m in view.modes:
            for f in m.findings:
                self.of.setdefault(f.probe, m)
        for m in view.modes:
            if not m.findings:
                self.of.setdefault(m.slug, m)
        self._index = {rule: i for i, rule in enumerate(self.of)}
        self._modes = {m.slug: i for i, m in enumerate(view.modes)}

    def knows(self, rule: str) -> bool:
        """Whether the log has that rule."""
        return rule in self._index

    def refer(self, rule: str) -> dict[str, Any]:
        """A result's reference to its rule."""
        return {"ruleId": said(rule), "ruleIndex": self._index[rule]}

    def descriptor(self, rule: str) -> dict[str, Any]:
        """A notification's reference to a rule."""
        return {"id": said(rule), "index": self._index[rule]}

    def taxon(self, m: ModeView) -> dict[str, Any]:
        """A reference to a mode's taxon."""
        return {"id": m.id, "index": self._modes[m.slug], "toolComponent": _component(MODES, 0)}


def _component(name: str, index: int) -> dict[str, Any]:
    return {"name": name, "index": index, "guid": _guid(name)}


def _guid(name: str) -> str:
    """The same for ever, so that logs of different runs speak of the same taxonomy."""
    return str(uuid5(NAMESPACE_URL, f"momus/taxonomy/{name}"))


def driver(view: ReportView, rules: Rules) -> dict[str, Any]:
    """The tool: its version, its rules, the taxonomies it speaks of."""
    version = clean(view.run.versions.get("momus", ""), 60)
    names = [t["name"] for t in taxonomies(view, rules)]
    found: dict[str, Any] = {
        "name": "Momus",
        "fullName": "Momus, tests of machine-learning systems against 17 failure modes",
        "rules": [_rule(view, m, rule, rules) for rule, m in rules.of.items()],
        "supportedTaxonomies": [_component(name, i) for i, name in enumerate(names)],
    }
    if version:
        found["version"] = version
    if _SEMVER.fullmatch(version):
        found["semanticVersion"] = version
    return found


def _rule(view: ReportView, m: ModeView, rule: str, rules: Rules) -> dict[str, Any]:
    probe = None if rule == m.slug else _probe(rule)
    words = m.facts.summary or m.facts.definition or m.name
    short = probe.summary if probe is not None and probe.summary else f"{m.id} {m.name}"
    found: dict[str, Any] = {
        "id": said(rule),
        "name": "".join(w[:1].upper() + w[1:] for w in re.split(r"[^A-Za-z0-9]+", clean(rule)))[:NAME] or m.slug,
        "shortDescription": _described(short),
        "fullDescription": _described(f"{m.id} {m.name}. {words}"),
        "help": _help(view, m, rule, probe),
        "defaultConfiguration": {"level": "warning"},
        "relationships": [{"target": rules.taxon(m), "kinds": ["superset"]}],
        "properties": _properties(view, m, rule),
    }
    paper = _ARXIV.search(probe.source) if probe is not None else None
    if paper is not None:
        found["helpUri"] = f"https://arxiv.org/abs/{paper[1]}"
    return found


def _probe(rule: str) -> Probe | None:
    """The probe behind a rule, for its words; None where this installation lacks it."""
    from momus.core.registry import get_probe

    try:
        return get_probe(rule)
    except (MomusError, ImportError):
        return None


def _help(view: ReportView, m: ModeView, rule: str, probe: Probe | None) -> dict[str, str]:
    """What it means, what to do and how far the test can be trusted, as text and as Markdown."""
    what = " ".join(probe.doc.split("\n\n", 1)[0].split()) if probe is not None else ""
    remedies = [f"{x.text}{f' ({x.id})' if x.id else ''}" for x in m.remedies[:5]]
    trust = wording.control(view.control(rule)) if rule != m.slug else ""
    source = f"After {probe.source}." if probe is not None and probe.source else ""
    parts = [f"{m.id} {m.name}. {m.facts.definition or m.facts.summary}", what, source]
    plain = [p for p in parts if p] + ([f"What to do: {'; '.join(remedies)}."] if remedies else [])
    plain += [f"How far to trust it: {trust}."] if trust else []
    written = [f"**{markdown(f'{m.id} {m.name}')}**", *(markdown(p, 1500) for p in parts if p)]
    written += ["**What to do**\n\n" + "\n".join(f"- {markdown(r)}" for r in remedies)] if remedies else []
    written += [f"**How far to trust it:** {markdown(trust)}"] if trust else []
    return {"text": said(" ".join(plain), 4000), "markdown": "\n\n".join(written).replace("{", "{{").replace("}", "}}")}


def _properties(view: ReportView, m: ModeView, rule: str) -> dict[str, Any]:
    """What pages sort and filter by. Only deliberate attacks are security; the rest are faults without an enemy."""
    failing = [f for f in m.findings if f.probe == rule and f.status is Status.FAIL]
    severities = [s for f in failing if (s := m.rated(f)) is not None]
    worst = max(severities, key=lambda s: s.rank, default=None)
    found: dict[str, Any] = {"tags": _tags(m), "mode": m.id}
    precision = _precision(view.control(rule))
    if precision:
        found["precision"] = precision
    if m.facts.intentional:
        found |= {"security-severity": SCORES[worst]} if worst in SCORES else {}
    else:
        found["problem.severity"] = _PROBLEM.get(worst, "recommendation") if worst else "warning"
    return found


def _tags(m: ModeView) -> list[str]:
    weaknesses = [f"external/cwe/{x.object_id.lower()}" for x in _links(m) if x.framework == "CWE"]
    return ["security" if m.facts.intentional else "reliability", "machine-learning", m.id, m.slug, *weaknesses][:TAGS]


def _precision(c: ControlView | None) -> str:
    """From the clean systems on which the probe cried wolf; empty where nobody has measured that."""
    if c is None or not c.clean:
        return ""
    unkind = wilson(c.false_alarms, c.clean).high
    return next((word for bound, word in _PRECISION if unkind <= bound), "low")


def _links(m: ModeView) -> list[Any]:
    return [x for x in load().crosswalk if x.mode_id == m.id and x.framework in FRAMEWORKS and x.relation in _KINDS]


def taxonomies(view: ReportView, rules: Rules) -> list[dict[str, Any]]:
    """The 17 modes, then the outside frameworks that they are linked to."""
    sources = {f.name: f for f in load().frameworks}
    links = {name: [x for m in view.modes for x in _links(m) if x.framework == name] for name in FRAMEWORKS}
    present = [name for name in FRAMEWORKS if links[name]]
    places = {(n, o): i for n in present for i, o in enumerate(dict.fromkeys(x.object_id for x in links[n]))}
    outside = []
    for name in present:
        labels = {x.object_id: x.object_label for x in reversed(links[name])}
        ids = dict.fromkeys(x.object_id for x in links[name])
        outside.append({
            "name": name, "guid": _guid(name), "version": sources[name].version, "isComprehensive": False,
            "informationUri": quote(sources[name].url, safe=":/#"), "shortDescription": {"text": f"Ids of {name}."},
            "taxa": [{"id": o, "shortDescription": _described(labels[o])} for o in ids],
        })  # fmt: skip
    return [
        {
            "name": MODES, "guid": _guid(MODES), "isComprehensive": True,
            "shortDescription": {"text": "The 17 ways in which a machine-learning system fails."},
            "taxa": [_taxon(m, present, places) for m in view.modes],
        },
        *outside,
    ]  # fmt: skip


def _taxon(m: ModeView, present: list[str], places: dict[tuple[str, str], int]) -> dict[str, Any]:
    relations: dict[tuple[str, str], list[str]] = {}
    for x in _links(m):
        relations.setdefault((x.framework, x.object_id), []).append(_KINDS[x.relation])
    found: dict[str, Any] = {
        "id": m.id,
        "name": m.slug,
        "shortDescription": _described(m.facts.summary or m.name),
        "properties": {"status": m.status, "verdict": said(m.verdict)},
    }
    if m.facts.definition:
        found["fullDescription"] = _described(m.facts.definition)
    if relations:
        found["relationships"] = [
            {
                "target": {
                    "id": o, "index": places[n, o], "toolComponent": _component(n, 1 + present.index(n)),
                },
                "kinds": list(dict.fromkeys(kinds)),
            }
            for (n, o), kinds in relations.items()
        ]  # fmt: skip
    return found
