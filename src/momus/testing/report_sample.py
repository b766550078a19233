"""Two fixed reports: one that has every status and every kind of evidence, and one whose every string is hostile."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from momus.core.evidence import Evidence
from momus.core.records import (
    Caveat,
    Cost,
    Failure,
    Figure,
    Finding,
    Gap,
    Interval,
    Limit,
    Measurement,
    Rating,
    Run,
    Severity,
    Status,
)
from momus.reports.view import (
    Attacker,
    BarRow,
    Compromise,
    ControlView,
    FlowUse,
    Mitigation,
    ModeFacts,
    ModeView,
    Question,
    ReportView,
    Rule,
)
from momus.testing.report_evidence import evidence

HOSTILE = (
    "<script>alert(1)</script>\x1b[31mred\x1b]0;title\x07\r\nnext|pipe`tick`\u202egnp.exe\u2066 "
    "[link](javascript:alert(1)) @someone http://evil.example/x \"quote' &amp; \x9b2J" + "long" * 200
)

_NAMES = {
    "perturbation": "Perturbation attack",
    "poisoning": "Poisoning attack",
    "inversion": "Model inversion",
    "membership": "Membership inference",
    "stealing": "Model stealing",
    "reprogramming": "Reprogramming the model",
    "physical": "Adversarial example in the physical domain",
    "provider": "Malicious provider recovers training data",
    "supply_chain": "Attack on the supply chain",
    "backdoor": "Backdoor",
    "dependencies": "Exploited software dependencies",
    "reward_hacking": "Reward hacking",
    "side_effects": "Side effects",
    "shift": "Distributional shift",
    "natural": "Natural adversarial examples",
    "corruption": "Common corruption",
    "incomplete_testing": "Incomplete testing in realistic conditions",
}
# Definition, lost according to Microsoft, whether access rights are broken, a sign to watch, a mitigation, a question.
_WORDS: dict[str, tuple[str, str, Any, str, tuple[str, str], str]] = {
    "perturbation": (
        "An attacker changes a query so slightly that a person sees no difference, and gets the answer they want.",
        "integrity",
        "no",
        "Bursts of near-duplicate queries from one caller",
        ("AML.M0003", "Train on adversarial inputs and measure again under the same attack"),
        "Is a query that anybody may send an attack on the system, if its pixels were chosen to mislead it?",
    ),
    "membership": (
        "An attacker who holds somebody's record learns whether it was in the training data.",
        "confidentiality",
        "no",
        "Repeated queries that differ from each other in one field only",
        ("AML.M0002", "Return labels or rounded probabilities instead of raw ones"),
        "Does a trained model count as personal data when membership can be read from it?",
    ),
    "supply_chain": (
        "A model, data set or tool that was downloaded has been swapped or altered on its way.",
        "integrity",
        "yes",
        "A digest or signature that does not match the publisher's",
        ("AML.M0014", "Verify every artifact against a signed digest before it is loaded"),
        "Who answers for a model that a repository delivered altered?",
    ),
}
_PLAIN = (
    "What this row describes, in one plain sentence, taken from the catalogue.",
    "integrity",
    "n/a",
    "A measured value that drifts away from the one in this report",
    ("ours", "Measure again before each release and keep the result"),
    "Whose duty is it to test for this before the system is used?",
)


def _finding(
    mode: str,
    technique: str,
    status: Status,
    metric: str,
    value: float,
    ci: Interval,
    n: int,
    limit: float,
    **more: Any,
) -> Finding:
    probe = f"{mode}.{technique}"
    worse = more.pop("worse", "higher")
    reason = more.pop("reason", f"[{ci.low:.4g}, {ci.high:.4g}] against the limit {limit:g}")
    return Finding(
        mode=mode,
        probe=probe,
        target="scorer",
        status=status,
        reason=reason,
        limit=Limit(probe=probe, value=limit, source="card", reason="agreed with the owner before the run"),
        fingerprint=f"{mode}-fixture",
        measurement=Measurement(
            probe=probe,
            target="scorer",
            metric=metric,
            value=value,
            ci=ci,
            n=n,
            worse=worse,
            evidence=evidence().get(mode, ()),
            cost=Cost(queries=41_000, calls=320, gradients=40_000, seconds=12.5),
            seed=7,
            data={"test": "a" * 64},
            key=f"key-{mode}",
            **more,
        ),
    )


def findings() -> dict[str, Finding]:
    """One finding for each mode of the sample that was tested."""
    exact = Interval.exact
    return {
        "perturbation": _finding(
            "perturbation",
            "pgd",
            Status.FAIL,
            "attack_success_rate",
            0.71,
            Interval(low=0.68, high=0.74),
            1000,
            0.25,
            scope={"norm": "linf", "epsilon": 8 / 255, "steps": 40, "restarts": 1, "n": 1000},
            figures=(Figure(name="clean accuracy", value=0.97, ci=Interval(low=0.96, high=0.98), n=1031),),
        ),
        "membership": _finding(
            "membership",
            "shadow",
            Status.FAIL,
            "tpr_at_1pct_fpr",
            0.31,
            Interval(low=0.29, high=0.33),
            2000,
            0.05,
            scope={"shadows": 16},
            figures=(Figure(name="auc", value=0.83, note="over all thresholds"),),
        ),
        "supply_chain": _finding(
            "supply_chain",
            "artifacts",
            Status.FAIL,
            "refused_files",
            1.0,
            exact(1.0),
            3,
            0.0,
            unit="files",
            reason="1 lies beyond the limit 0",
        ),
        "shift": _finding(
            "shift",
            "groups",
            Status.INCONCLUSIVE,
            "worst_group_gap",
            0.09,
            Interval(low=0.01, high=0.21),
            58,
            0.1,
            reason="[0.01, 0.21] straddles the limit 0.1: n=58 is too few to tell",
            caveats=(
                Caveat(
                    code="small-group",
                    message="the group 'overseas' has 58 rows; about 310 would decide",
                    blocks="both",
                ),
            ),
        ),
        "corruption": _finding(
            "corruption",
            "image",
            Status.PASS,
            "retention",
            0.82,
            Interval(low=0.80, high=0.84),
            1000,
            0.7,
            worse="lower",
            scope={"corruptions": 15, "severities": 5},
        ),
        "incomplete_testing": _finding(
            "incomplete_testing",
            "coverage",
            Status.FAIL,
            "uncovered_share",
            0.375,
            exact(0.375),
            16,
            0.1,
            reason="0.375 lies beyond the limit 0.1",
        ),
        "reward_hacking": Finding(
            mode="reward_hacking",
            probe="reward_hacking.proxy_gap",
            target="pilot",
            status=Status.ERROR,
            reason="the environment did not answer within 60 s",
            failure=Failure(
                probe="reward_hacking.proxy_gap",
                target="pilot",
                code="worker/timeout",
                place="env.py:make",
                message="the environment did not answer within 60 s",
                hint="Raise budget.seconds or make env.reset faster",
            ),
        ),
    }


_GAPS: dict[str, tuple[Any, str, str]] = {
    "poisoning": ("no-probe", "no probe for this mode yet", "Add one to src/momus/probes/poisoning"),
    "inversion": ("no-probe", "no probe for this mode yet", "Add one to src/momus/probes/inversion"),
    "stealing": ("budget", "needs 20,000 queries, the budget is 5,000", "Raise budget.queries"),
    "reprogramming": ("capability", "needs Gradients", "Add targets[0].factory"),
    "provider": ("capability", "needs Trains", "Add targets[0].train"),
    "backdoor": ("waived", "waived by a.person until 2027-06-30: trained in-house", "Remove the waiver"),
    "dependencies": ("data", "no lock file named in the card", "Add data.lock"),
    "natural": ("extra", "needs the module 'torch'", "Run: pip install 'momus[torch]'"),
}
_SEVERITIES = {
    "perturbation": (Severity.IMPORTANT, "random misclassification", "Microsoft threat modelling page"),
    "membership": (Severity.CRITICAL, "membership of persons with sensitive data", "Microsoft AI bug bar"),
    "supply_chain": (Severity.CRITICAL, "third-party model runs code when loaded", "Microsoft threat modelling page"),
    "incomplete_testing": (Severity.MODERATE, "declared conditions without a test", "our extension"),
}


def _mode(place: int, slug: str) -> ModeView:
    found, gap, rated = findings().get(slug), _GAPS.get(slug), _SEVERITIES.get(slug)
    absent = slug in ("physical", "side_effects")
    told, lost, violated, sign, cure, question = _WORDS.get(slug, _PLAIN)
    probe = found.probe if found else f"{slug}.any"
    status: Any = found.status.value if found else "not_applicable" if absent else "not_tested"
    deliberate = place <= 11
    return ModeView(
        id=f"M{place:02d}",
        slug=slug,
        name=_NAMES[slug],
        verdict="not_applicable" if absent else "applies",
        verdict_reason="no sensor between the world and the model" if absent else "anybody may query the interface",
        status=status,
        reason="no sensor between the world and the model" if absent else "anybody may query the interface",
        severity=rated[0] if rated else None,
        headline=found,
        findings=(found,) if found else (),
        ratings=(Rating(mode=slug, probe=probe, severity=rated[0], row=rated[1], source=rated[2]),) if rated else (),
        gaps=(Gap(mode=slug, probe=probe, target="scorer", why=gap[0], detail=gap[1], how_to_close=gap[2]),)
        if gap
        else (),
        facts=ModeFacts(
            definition=told,
            intentional=deliberate,
            compromised=(Compromise(source="Microsoft", lost=(lost,)),) if deliberate else (),
            knowledge="black box" if deliberate else "",
            access_violated="no" if deliberate and violated == "n/a" else violated,
            impacts=("Decisions about people rest on answers that an outsider chose.",),
            cases=("Shown on a comparable system (arXiv:1610.05820)",),
            indicators=(sign,),
            mitigations=(Mitigation(id=cure[0], source="ATLAS", text=cure[1]),),
            legal_questions=(question,),
        ),
        rules=(Rule(id="R28" if absent else "R01", because="the card says so"),),
        attackers=(Attacker(place="user", knowledge="black box", capability="query access", rule="R01"),)
        if deliberate
        else (),
        flows=(FlowUse(id="C", text="C service"),) if deliberate else (),
        bar=BarRow(severity=rated[0], row=rated[1], source=rated[2]) if rated else BarRow(),
    )


def sample_view() -> ReportView:
    """A report with every status and every kind of evidence; the same at each call."""
    return ReportView(
        run=Run(
            id="20270214-loan-7f3a",
            system="loan-approval",
            card_digest="c" * 64,
            card_path="momus.yaml",
            seed=7,
            created=datetime(2027, 2, 14, 9, 30, tzinfo=UTC),
            ended=datetime(2027, 2, 14, 9, 33, 20, tzinfo=UTC),
            versions={"momus": "0.1.0", "numpy": "2.4.0", "python": "3.12.4"},
            machine="Linux x86_64, 2 cores",
            command="momus assess momus.yaml",
        ),
        modes=tuple(_mode(i, slug) for i, slug in enumerate(_NAMES, 1)),
        questions=(
            Question(id="Q02", text="Do user inputs become training data, and are they cleaned?", modes=("poisoning",)),
            Question(
                id="Q28", text="What do false positives and false negatives cost?", modes=("perturbation", "shift")
            ),
        ),
        controls=tuple(
            ControlView(probe=probe, planted=12, hits=hits, clean=12, false_alarms=12 - hits, passed=11, held_out=8)
            for probe, hits in (("membership.shadow", 12), ("perturbation.pgd", 11))
        ),
        outside=("Unfair treatment that no declared group shows", "What people do with a right answer"),
        picture_svg=_PICTURE,
    )


_PICTURE = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 150" role="img" aria-label="Flows of the system">
<g fill="none" stroke="#667">
<rect x="20" y="45" width="120" height="56" rx="8"/><rect x="260" y="45" width="120" height="56" rx="8"/>
<rect x="500" y="45" width="120" height="56" rx="8"/><path d="M140 73H260M380 73H500"/>
<path d="M200 20V135" stroke-dasharray="4 4"/></g>
<g font-size="14" text-anchor="middle" fill="#556"><text x="80" y="78">user</text><text x="320" y="78">scorer</text>
<text x="560" y="78">training data</text><text x="200" y="14" font-size="11">trust boundary</text>
<text x="230" y="64" font-size="11">C: M01 M04</text><text x="440" y="64" font-size="11">E: M02</text></g></svg>"""


def hostile_view() -> ReportView:
    """The sample with every string that a user, a model or a file could have chosen replaced by a hostile one."""
    view = sample_view()
    modes = []
    for m in view.modes:
        content = m.model_dump()
        for f in (content["headline"], *content["findings"]):
            if f:
                _poison(f)
        for g in content["gaps"]:
            g["detail"] = g["how_to_close"] = g["target"] = HOSTILE
        content["verdict_reason"] = content["reason"] = HOSTILE
        modes.append(ModeView.model_validate(content))
    run = view.run.model_copy(
        update={
            "system": HOSTILE,
            "id": HOSTILE,
            "card_path": HOSTILE,
            "machine": HOSTILE,
            "versions": {HOSTILE: HOSTILE},
        }
    )
    questions = (Question(id=HOSTILE, text=HOSTILE, modes=("shift",)),)
    return view.model_copy(update={"modes": tuple(modes), "run": run, "questions": questions, "outside": (HOSTILE,)})


_OURS = ("kind", "probe", "mode", "status", "worse", "method", "png", "severity", "blocks", "fingerprint", "key")


def _poison(node: Any) -> None:
    """Replace in place every string below ``node`` that is not one of our own keywords."""
    for key, value in list(node.items()):
        if isinstance(value, str) and key not in _OURS:
            node[key] = HOSTILE
        elif isinstance(value, dict):
            _poison(value)
        elif isinstance(value, list | tuple):
            node[key] = tuple(_poisoned(v) for v in value)


def _poisoned(value: Any) -> Any:
    if isinstance(value, dict):
        _poison(value)
        return value
    if isinstance(value, list | tuple):
        return tuple(_poisoned(v) for v in value)
    return HOSTILE if isinstance(value, str) and not isinstance(value, Status) else value


def with_evidence(*items: Evidence, target: str = "m") -> ReportView:
    """The sample with this evidence in place of that of its first measured row."""
    view = sample_view()
    row = next(m for m in view.modes if m.measurement is not None)
    assert row.headline is not None
    assert row.measurement is not None
    measured = row.measurement.model_copy(update={"evidence": items})
    finding = row.headline.model_copy(update={"measurement": measured, "target": target})
    changed = row.model_copy(update={"findings": (finding,), "headline": finding})
    return view.model_copy(update={"modes": tuple(changed if m.id == row.id else m for m in view.modes)})
