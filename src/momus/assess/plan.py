"""Card x inspections x probes -> jobs and gaps. Everything that will not be tested is named here, with its remedy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from momus import __version__
from momus.assess.abilities import REMEDIES, in_words, remedy
from momus.assess.facts import facts_for
from momus.assess.power import too_few
from momus.assess.selection import selected
from momus.card import SystemCard, Waiver
from momus.core import digest
from momus.core.capabilities import abilities
from momus.core.probe import Probe
from momus.core.records import Gap
from momus.core.registry import get_probe, probe_ids
from momus.judge import limit_for
from momus.taxonomy import load

if TYPE_CHECKING:
    from momus.assess.budgeting import Choice

# Probes that read files without loading them, and that every other probe of the same target waits for.
_FILES_ONLY = frozenset({"files", "code", "packages", "info"})
# Probes that run the user's path from bytes to an answer, and nothing else of the target.
_SERVED_ONLY = frozenset({"serving", "info"})
Face = Literal["files", "served", "model"]
DEFAULT_SECONDS = 600.0
# How data are read and put to a model. Raise it whenever a reader or an adapter may change a number between releases,
# so that results stored before are not taken for today's; the release itself is part of the key.
READING = 3
# The remedy of a gap that is none: the probe is about another kind of system.
NO_FIT = "Nothing to close: it is about another kind of system"
DEFAULT_MEMORY_MB = 8192


@dataclass(frozen=True)
class Inspection:
    """What a worker found out about one target: its info, what each probe lacks, and what its data sets hold.

    ``files`` is the info of the target seen as mere files; it is known even where opening the target failed.
    ``served`` is that of its path from bytes to an answer, and ``unserved`` why that could not be opened.
    """

    target: str
    files: Mapping[str, Any] = field(default_factory=dict)
    info: Mapping[str, Any] = field(default_factory=dict)
    lacking: Mapping[str, Sequence[str]] = field(default_factory=dict)
    data: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    failure: Mapping[str, str] | None = None
    served: Mapping[str, Any] = field(default_factory=dict)
    unserved: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Job:
    """One probe on one target: all that a worker needs, and the key under which its result is found again.

    ``digests`` are those of the served models it asks, as they were when the run began: they may change meanwhile.
    """

    key: str
    probe: str
    target: str
    modes: tuple[str, ...]
    roles: tuple[str, ...]
    options: Mapping[str, Any]
    seed: int
    queries: int | None
    seconds: float
    memory_mb: int
    face: Face = "model"
    context: Mapping[str, Any] = field(default_factory=dict)
    beside: tuple[str, ...] = ()
    digests: Mapping[str, str] = field(default_factory=dict)

    @property
    def files_only(self) -> bool:
        return self.face == "files"


@dataclass(frozen=True)
class Plan:
    """What will be measured and what will not; ``warnings`` name the jobs that cannot pass with the rows there are.

    ``choice`` says why these jobs, where they were chosen for so many minutes.
    """

    jobs: tuple[Job, ...]
    gaps: tuple[Gap, ...]
    warnings: tuple[str, ...] = ()
    choice: Choice | None = None

    def __rich__(self) -> str:
        lines = [f"[bold]{len(self.jobs)} measurements[/bold]"]
        lines += [f"  {j.probe} on {_plain(j.target)}" for j in self.jobs]
        lines += [f"[bold]{len(self.gaps)} gaps[/bold]"]
        lines += [f"  {g.probe or g.mode}: {_plain(g.detail)}. {_plain(g.how_to_close)}" for g in self.gaps]
        return "\n".join([*lines, *(f"[yellow]{_plain(w)}[/yellow]" for w in self.warnings)])


def is_static(probe: Probe) -> bool:
    """True for a probe that only reads files: it runs before anything is loaded."""
    needed = set(abilities(probe.needs))
    return needed <= _FILES_ONLY and bool(needed - {"info"})


def face_of(probe: Probe) -> Face:
    """As what a probe meets a target: mere files, the path from bytes to an answer, or the opened model."""
    needed = set(abilities(probe.needs))
    if is_static(probe):
        return "files"
    return "served" if "serving" in needed and needed <= _SERVED_ONLY else "model"


def make_plan(
    card: SystemCard,
    inspections: Mapping[str, Inspection],
    *,
    seed: int,
    only: Sequence[str] = (),
    not_applicable: Iterable[str] = (),
    holes: Sequence[Mapping[str, Any]] = (),
) -> Plan:
    """Jobs in the order of the modes, artifact scans first, and the gaps between them and the 17 modes.

    ``holes`` are what a plan without any selection could not test. ``not_applicable`` modes get neither jobs nor gaps
    unless ``only`` names their probes.
    """
    chosen, ruled_out = selected(card, only), set(() if only else not_applicable)
    jobs: list[Job] = []
    gaps: list[Gap] = []
    for identity in probe_ids():
        probe = get_probe(identity)
        if probe.mode in ruled_out:
            continue
        waiver = card.waiver(probe.mode)
        for target in card.targets:
            gap = _gap(card, probe, inspections.get(target.name), target.name, identity in chosen, waiver)
            if gap is None:
                facts = facts_for(probe.mode, card, target, holes, options=card.probes.get(identity))
                jobs.append(_job(card, probe, inspections, target.name, seed, facts))
            else:
                gaps.append(gap)
    if not only:
        jobs, left_out = _without_parts(card, jobs)
        gaps += left_out
    jobs.sort(key=lambda j: (not j.files_only, _mode_order(j.modes[0]), j.probe, j.target))
    weak = [_weakness(card, job, inspections[job.target]) for job in jobs]
    return Plan(
        tuple(jobs),
        tuple(_without_noise(gaps, jobs)) + _modes_without_probe(ruled_out),
        tuple(dict.fromkeys(w for w in weak if w)),
    )


def _without_parts(card: SystemCard, jobs: Sequence[Job]) -> tuple[list[Job], list[Gap]]:
    """Jobs less those whose harm another job of the same target finds too; what the card names stays."""
    planned = {(j.probe, j.target) for j in jobs}
    named = {*card.probes, *card.select, *card.limits}
    kept: list[Job] = []
    gaps: list[Gap] = []
    for job in jobs:
        whole = get_probe(job.probe).within
        if (whole, job.target) not in planned or job.probe in named:
            kept.append(job)
            continue
        gaps.append(
            Gap(
                mode=job.modes[0], probe=job.probe, target=job.target, why="not-selected",
                detail=f"covered by {whole}, which is measured", how_to_close=f"momus assess --only {job.probe}",
            )
        )  # fmt: skip
    return kept, gaps


def _weakness(card: SystemCard, job: Job, seen: Inspection) -> str:
    """Why this job cannot pass with the rows there are, or nothing."""
    rows = {role: int(seen.data[role]["n"]) for role in job.roles}
    return too_few(get_probe(job.probe), job.target, job.options, rows, limit_for(job.probe, card.limits))


def _plain(text: str) -> str:
    """Text as rich markup that means itself."""
    return text.replace("[", "\\[")


def _mode_order(slug: str) -> str:
    return str(load().mode(slug).id)


def _gap(
    card: SystemCard, probe: Probe, seen: Inspection | None, target: str, chosen: bool, waiver: Waiver | None
) -> Gap | None:
    """Why this probe cannot run on this target, or None when it can."""

    def gap(why: Any, detail: str, remedy: str) -> Gap:
        return Gap(mode=probe.mode, probe=probe.id, target=target, why=why, detail=detail, how_to_close=remedy)

    if waiver is not None:
        return gap("waived", f"waived by {waiver.by} until {waiver.until}: {waiver.reason}", "Remove the waiver")
    known = seen is not None and seen.failure is None and face_of(probe) == "model"
    if known and seen is not None and (unfit := _unfit(probe, seen, gap)):
        return unfit  # whether or not it was asked for
    if not chosen:
        return gap("not-selected", "not selected", f"momus assess --only {probe.id}")
    if is_static(probe):
        return _static_gap(card, probe, seen, gap)
    if face_of(probe) == "served":
        return _served_gap(seen, gap)
    if seen is None or seen.failure is not None:
        failure = (seen.failure if seen else None) or {"message": "not inspected", "hint": "", "code": ""}
        why = "unsafe" if failure["code"] == "target/unsafe-artifact" else "unopened"
        return gap(why, f"the target could not be opened: {failure['message']}", failure["hint"] or "Mend the target")
    lacking = seen.lacking.get(probe.id, ())
    if lacking:
        return gap("capability", f"the target cannot {in_words(lacking)}", remedy(lacking, seen.info))
    return _data_gap(card, probe, seen, gap)


def _static_gap(card: SystemCard, probe: Probe, seen: Inspection | None, gap: Any) -> Gap | None:
    """What a probe that only reads files has nothing to read of."""
    held = {} if seen is None else seen.files
    if "code" in abilities(probe.needs) and not held.get("code"):
        return gap("data", "no training code is named", REMEDIES["code"])  # type: ignore[no-any-return]
    if "files" in abilities(probe.needs) and not held.get("files"):
        remedy = "Name them under targets[].path or targets[].files"
        return gap("data", "the target has no artifact files", remedy)  # type: ignore[no-any-return]
    if "packages" in abilities(probe.needs) and not held.get("packages"):
        return gap("data", "no list of packages is named", REMEDIES["packages"])  # type: ignore[no-any-return]
    return _undeclared_gap(card, probe, gap)


def _served_gap(seen: Inspection | None, gap: Any) -> Gap | None:
    """Why a probe of the path from bytes to an answer cannot run."""
    if seen is None or (not seen.served and seen.unserved is None):
        remedy = REMEDIES["serving"]
        return gap("capability", f"the target cannot {in_words(['serving'])}", remedy)  # type: ignore[no-any-return]
    if seen.unserved is not None:
        why = "unsafe" if seen.unserved["code"] == "target/unsafe-artifact" else "unopened"
        said = f"the path from bytes to an answer could not be opened: {seen.unserved['message']}"
        return gap(why, said, seen.unserved["hint"] or "Mend targets[].serve")  # type: ignore[no-any-return]
    return None


def _unfit(probe: Probe, seen: Inspection, gap: Any) -> Gap | None:
    """A gap that is none: the probe is about another kind of system."""
    if probe.tasks and seen.info["task"] not in probe.tasks:
        said = f"made for: {' or '.join(probe.tasks)}; this one: {seen.info['task']}"
        if seen.info.get("adapter") == "served":
            said = "only the path from bytes to an answer is named, not the model behind it"
            return gap("capability", said, "Name the model too: targets[].path or factory")  # type: ignore[no-any-return]
        return gap("capability", said, NO_FIT)  # type: ignore[no-any-return]
    if probe.modalities and seen.info["modality"] not in probe.modalities:
        kinds = " or ".join(probe.modalities)
        said = f"made for {kinds} data, this target takes {seen.info['modality']} data"
        return gap("capability", said, NO_FIT)  # type: ignore[no-any-return]
    known = len(seen.info.get("classes") or ())
    if 0 < known < probe.classes:
        said = f"made for {probe.classes} classes and more, this target has {known}"
        return gap("capability", said, NO_FIT)  # type: ignore[no-any-return]
    return None


def _undeclared_gap(card: SystemCard, probe: Probe, gap: Any) -> Gap | None:
    """A key of the card that the probe cannot do without and that is not there."""
    key = _undeclared(card, probe)
    if key == "provenance":
        remedy = "Run: momus lock; and name where files come from under supply.files"
        return gap("data", "nobody says where the files come from", remedy)  # type: ignore[no-any-return]
    return gap("data", f"the card does not state {key}", f"Add {key} to the card") if key else None


def _undeclared(card: SystemCard, probe: Probe) -> str:
    """The first of those keys."""
    for key in probe.declares:
        found: Any = card
        for part in key.split("."):
            found = getattr(found, part)
        if not found:
            return key
    return ""


def _data_gap(card: SystemCard, probe: Probe, seen: Inspection, gap: Any) -> Gap | None:
    if undeclared := _undeclared_gap(card, probe, gap):
        return undeclared
    options = card.probes.get(probe.id, {})
    for role in probe.data:
        if role not in seen.data:
            return gap("data", f"needs a data set in the role '{role}'", f"Add data.{role} to the card")  # type: ignore[no-any-return]
        if "error" in seen.data[role]:
            # Rows that were named and do not load are a fault, as a model that does not open; not rows nobody has.
            error = seen.data[role]["error"]
            return gap("unopened", f"{error['place']}: {error['message']}", error["hint"] or f"Mend data.{role}")  # type: ignore[no-any-return]
    if probe.groups and not any(seen.data[role]["groups"] for role in probe.data):
        return gap("data", "no groups are declared", f"Name group columns under data.{probe.data[0]}.groups")  # type: ignore[no-any-return]
    if probe.times and not any(seen.data[role].get("timed", True) for role in probe.data):
        return gap("data", "no column of times is declared", f"Name one under data.{probe.data[0]}.time")  # type: ignore[no-any-return]
    if probe.contributors and not any(seen.data[role].get("contributed", True) for role in probe.data):
        remedy = f"Name the column that says who supplied a row under data.{probe.data[0]}.contributor"
        return gap("data", "who contributed the rows is not known", remedy)  # type: ignore[no-any-return]
    if probe.sensitive and not options.get("column") and not any(seen.data[r].get("sensitive") for r in probe.data):
        remedy = f"Mark one with data.{probe.data[0]}.columns.NAME.sensitive: true"
        return gap("data", "no column is marked sensitive", remedy)  # type: ignore[no-any-return]
    return None


def _job(
    card: SystemCard,
    probe: Probe,
    inspections: Mapping[str, Inspection],
    target: str,
    seed: int,
    context: Mapping[str, Any],
) -> Job:
    seen = inspections[target]
    options = dict(card.probes.get(probe.id, {}))
    probe.check_options(options)
    face = face_of(probe)
    roles = (
        ()
        if face != "model"
        else tuple(r for r in (*probe.data, *probe.optional_data) if "digest" in seen.data.get(r, {}))
    )
    budget = card.budget
    seconds = budget.seconds or DEFAULT_SECONDS
    own_context = dict(context)
    spec = next(t for t in card.targets if t.name == seen.target)
    beside = tuple(n for n in spec.beside if n in inspections and inspections[n].failure is None and face == "model")
    service = {} if spec.service is None else spec.service.model_dump(mode="json", exclude_none=True)
    own_seed = probe.seed_for(seed, seen.target)
    info = {"files": seen.files, "served": seen.served, "model": seen.info}[face]
    identity = {
        "probe": [probe.id, probe.version, READING, __version__],
        "options": {**probe.options, **options},
        "target": [seen.target, info.get("digest", "")],
        "data": {r: seen.data[r]["digest"] for r in roles},
        "seed": own_seed,
        "budget": [budget.queries, seconds],
        "context": own_context,
        **({"beside": [inspections[n].info.get("digest", "") for n in beside]} if beside else {}),
        **({"service": service} if service else {}),
    }
    return Job(
        key=digest.of_value(identity),
        probe=probe.id,
        target=seen.target,
        modes=probe.modes,
        roles=roles,
        options=options,
        seed=own_seed,
        queries=budget.queries,
        seconds=seconds,
        memory_mb=budget.memory_mb or DEFAULT_MEMORY_MB,
        face=face,
        context=own_context,
        beside=beside,
        digests={n: str(inspections[n].info.get("digest", "")) for n in _remote(card, (target, *beside))},
    )


def _remote(card: SystemCard, names: Sequence[str]) -> list[str]:
    """Those of the targets that answer over HTTP."""
    return [t.name for t in card.targets if t.name in names and t.adapter == "http"]


def _without_noise(gaps: Sequence[Gap], jobs: Sequence[Job]) -> list[Gap]:
    """Drop gaps that are none: a probe for another kind of system, where the mode is tested or has a real gap."""
    served = {mode for j in jobs for mode in j.modes} | {g.mode for g in gaps if g.how_to_close != NO_FIT}
    return [g for g in gaps if g.how_to_close != NO_FIT or g.mode not in served]


def _modes_without_probe(ruled_out: set[str]) -> tuple[Gap, ...]:
    covered = {i.split("/")[-1].split(".")[0] for i in probe_ids()}
    return tuple(
        Gap(
            mode=m.slug,
            probe="",
            target="",
            why="no-probe",
            detail="this version of Momus has no probe for the mode",
            how_to_close="Review it by hand with: momus explain " + m.id,
        )
        for m in load().modes
        if m.slug not in covered and m.slug not in ruled_out
    )
