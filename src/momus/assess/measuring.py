"""One job: what its worker is told, the process it runs in, and what came of it as a record."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from momus.assess.plan import DEFAULT_MEMORY_MB, Job
from momus.assess.supervise import Bounds, Outcome, run_confined
from momus.card import SystemCard, TargetCard
from momus.core.cache import default_folder
from momus.core.records import Cost, Failure, Measurement

if TYPE_CHECKING:
    from momus.assess.run import Settings


def measure_one(
    item: tuple[Job, Mapping[str, Any]],
    *,
    patience: float,
    threads: int,
    listener: Any = None,
    stopped: Callable[[], bool] | None = None,
    most: float = math.inf,
) -> tuple[Job, Measurement | Failure | None]:
    """One job's record; None where it was stopped because the run's time, ``most`` seconds, was over."""
    job, request = item
    own = job.seconds * 1.25 + patience
    bounds = Bounds(min(own, most), job.memory_mb, threads)
    heard = None if listener is None else partial(listener, job.key)
    outcome = run_confined(request, bounds, heard, stopped)
    over = most < own and outcome.failure is not None and outcome.failure["code"] == "worker/timeout"
    return job, None if over else to_record(job, outcome)


def to_record(job: Job, outcome: Outcome) -> Measurement | Failure:
    """A worker's outcome as a record; a result that does not fit the schema is a failure like any other."""
    failure = outcome.failure
    if failure is None:
        try:
            return Measurement.model_validate_json(outcome.body)
        except ValueError as error:
            first = str(error).splitlines()[0]
            failure = {"code": "probe/bad-result", "message": f"the probe returned no valid measurement: {first}"}
    return Failure(
        probe=job.probe,
        target=job.target,
        code=failure["code"],
        message=failure["message"],
        place=failure.get("place", ""),
        hint=failure.get("hint", ""),
        key=job.key,
        modes=job.modes,
        cost=Cost(seconds=round(outcome.seconds, 3)),
    )


def probe_request(
    card: SystemCard, job: Job, settings: Settings, slots: dict[str, Any] | None, ledger: str | None = None
) -> dict[str, Any]:
    """What the worker of a job is told; ``slots`` are the cores that costly work may find free.

    ``ledger`` is the folder in which all workers of the run count what they ask of served models.
    """
    return request_for(
        card,
        job.target,
        settings,
        action="probe",
        probe=job.probe,
        key=job.key,
        roles=list(job.roles),
        options=dict(job.options),
        seed=job.seed,
        run_seed=settings.seed,
        digests=dict(job.digests),
        budget={"queries": job.queries, "seconds": job.seconds},
        slots=slots,
        ledger=ledger,
        face=job.face,
        context=dict(job.context),
        beside=[t.model_dump(mode="json") for t in card.targets if t.name in job.beside],
    )


def request_for(card: SystemCard, target: str, settings: Settings, **more: Any) -> dict[str, Any]:
    """What a worker is told. Secrets travel through its standard input, never through arguments or files."""
    spec = next(t for t in card.targets if t.name == target)
    # All sets of the card travel along, not only those the probe reads: categories and classes are collected over them.
    # A target's own come first, since the first settles its shape, and those that belong to others last.
    named = {name for t in card.targets for name in t.data.values()}
    rest = sorted((name for name in card.data if name not in spec.data), key=lambda name: name in named)
    roles = {**spec.data, **{name: name for name in rest}}
    return {
        # Absolute: a worker starts elsewhere, and a card may be named from anywhere.
        "base": str(card.base.resolve()),
        "target": spec.model_dump(mode="json"),
        "data": {role: card.data[name].model_dump(mode="json") for role, name in roles.items()},
        "allow_unsafe": settings.allow_unsafe,
        "network": [*card.network, *_registry_of(card, spec), *_served_at(spec, more)],
        "memory_mb": card.budget.memory_mb or DEFAULT_MEMORY_MB,
        "face": "model",
        "cache": {"folder": str(default_folder()), "reads": not settings.fresh},
        "ledger": None,
        **more,
    }


def _registry_of(card: SystemCard, spec: TargetCard) -> list[str]:
    """The host of the registry that the target's section names: one of the environment stands under ``network``."""
    written = card.stored()["targets"][card.targets.index(spec)].get("mlflow") or {}
    return [spec.mlflow.host] if spec.mlflow is not None and written.get("uri") else []


def _served_at(spec: TargetCard, more: Mapping[str, Any]) -> list[str]:
    """Hosts that this worker asks as models: its target's, and those of the targets beside it. Files need none."""
    if more.get("face", "model") != "model":
        return []
    beside = [TargetCard.model_validate(t) for t in more.get("beside", ())]
    return [t.http.host for t in (spec, *beside) if t.adapter == "http" and t.http is not None]
