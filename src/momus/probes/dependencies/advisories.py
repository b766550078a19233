"""dependencies.advisories: packages beneath the system for which a published advisory is open."""

from __future__ import annotations

from momus.core.capabilities import HasPackages
from momus.core.errors import ProbeError
from momus.core.evidence import Evidence
from momus.core.probe import Trial, probe
from momus.core.records import Caveat, Figure, Interval, Knowledge, Measurement
from momus.methods.advisories import Audit, Dump, Reach, audit, normal
from momus.methods.advisories.cvss import LEVELS
from momus.probes.dependencies import _advised


@probe(
    knowledge=Knowledge.NONE,
    metric="affected_packages",
    worse="higher",
    unit="packages",
    source="CWE-1395; OSV schema 1.6; MITRE ATLAS AML.M0016",
    cost="no queries; reads lock files, metadata and the advisories once",
    version=1,
)
def advisories(
    target: HasPackages,
    trial: Trial,
    *,
    stale_days: int = 30,
    severity: str = "low",
    own: str = "",
    mirrors: str = "",
    complete: bool = False,
) -> Measurement:
    """Packages beneath the system for which an advisory is published, and those that nobody could look up.

    Measures: how many packages, in the versions that the card's lock files, bills of materials and environment name,
    are affected by an advisory of at least the least ``severity``, or of none given. A package that could not be looked
    up (not pinned, built from a folder, another ecosystem, advisories too old or damaged) is *not known*: it widens
    the interval upwards, and the row is not passed.

    Why it matters: whoever can send a picture or a file reaches its decoder. A published weakness is open to everybody,
    mostly with a program that uses it, and learning does not protect the code beneath it.

    Options: ``stale_days`` age in days at which the lack of an advisory says nothing. ``severity`` the least that
    counts: low, medium, high or critical. ``own`` names of your own packages, separated by commas, that no advisory
    database can know. ``mirrors`` hosts of package indexes that hold the public packages.
    ``complete``: requirements files list everything that is installed, as ``pip freeze`` writes them; else they clear
    nobody unless they hold hashes, a tool's mark that they are whole, or the card names the environment or a bill too.

    Returns: figures by severity, ``not_known``, ``reachable`` (affected and seen imported by the serving code, by what
    it imports, or by model files), ``fix_available``, ``below`` (advisories under it) and ``age_days``.
    Evidence: a table of affected packages with identifiers, fixed versions, how they are reached and the remedy; one of
    those not known, with the reason; the list of the rest.

    Cost: about ten microseconds a record of the dump; the result is kept by the dump's digest.

    A pass means little when: weaknesses are not published yet, or native libraries inside wheels are older than the
    package around them; advisories speak of packages by name.

    Source: CWE-1395 (dependency on vulnerable component); the OSV schema; MITRE ATLAS AML.M0016.
    """
    if severity not in LEVELS:
        raise ProbeError(f"severity must be one of {', '.join(LEVELS)}, not {severity!r}", place="option 'severity'")
    today = _advised.today_of(trial)
    named = target.packages()
    packages = _advised.listed(named, [normal(n.strip()) for n in own.split(",") if n.strip()], complete)
    trial.progress(0.2, f"{len(packages.pins)} packages")
    dump, source = _advised.known(named, packages, trial, today)
    hosts = [h.strip() for h in mirrors.split(",") if h.strip()]
    found = audit(packages.pins, dump, today=today, stale_days=stale_days, least=severity, mirrors=hosts)
    trial.progress(0.8, "reading the serving code")
    how = _advised.reached(target if trial.meter is None else trial.meter.target, named, packages)
    return _measured(trial, found, how, dump, source, today)


def _measured(trial: Trial, found: Audit, how: Reach, dump: Dump, source: str, today: str) -> Measurement:
    affected, unknown = found.having("affected"), found.having("not known")
    n = len(found.packages)
    interval = Interval(low=len(affected), high=len(affected) + len(unknown), level=1.0, method="exact")
    figures = [
        Figure(name=level, value=sum(p.severity == level for p in affected), n=n, note="gravest advisory of a package")
        for level in reversed(LEVELS)
    ]
    age = _advised.days(dump.as_of, today)
    seen = sum(how.reached(p.name) for p in affected)
    figures += [
        Figure(name="severity_not_given", value=sum(not p.severity for p in affected), n=n),
        Figure(name="not_known", value=len(unknown), n=n, note="could not be looked up"),
        Figure(name="reachable", value=seen, n=n, note="affected and seen imported; a hint, never a clearance"),
        Figure(name="fix_available", value=sum(all(h.fixed for h in p.hits) for p in affected), n=n),
        Figure(name="below", value=sum(p.slight for p in found.packages), n=n, note="advisories under the severity"),
        *([Figure(name="age_days", value=age, note="of the newest change in the advisories")] if age >= 0 else []),
    ]
    evidence: list[Evidence] = [
        _advised.affected_table(found, how),
        _advised.unknown_table(found),
        _advised.rest(found, source),
    ]
    scope = {"as_of": dump.as_of or "unknown", "advisories": source}
    return trial.measurement(
        len(affected), interval, n, scope=scope, figures=figures, evidence=evidence, caveats=_caveats(found, how, dump)
    )


def _caveats(found: Audit, how: Reach, dump: Dump) -> list[Caveat]:
    caveats = []
    unknown, n = found.having("not known"), len(found.packages)
    if not n:
        message = "no package was named anywhere, so nothing was looked up"
        caveats.append(Caveat(code="too-few-samples", message=message, blocks="both"))
    if unknown:
        message = f"{len(unknown)} of {n} packages could not be looked up, for example {unknown[0].name}: "
        caveats.append(Caveat(code="not-known", message=message + unknown[0].why, blocks="pass"))
    if dump.damaged:
        message = f"{len(dump.damaged)} packages are named in records of the advisories that could not be read"
        caveats.append(Caveat(code="damaged-advisories", message=message, blocks="none"))
    if how.open:
        caveats.append(Caveat(code="reach", message=f"what is reached is not fully known: {how.open}", blocks="none"))
    return caveats
