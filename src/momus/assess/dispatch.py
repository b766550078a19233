"""From jobs to results: on this machine's cores, or over the nodes of a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from momus.assess.backends import join, place_of, reach, run_all
from momus.assess.board import Board
from momus.assess.budgeting import Clock, in_time
from momus.assess.cluster import Cluster, Item
from momus.assess.fan_out import DIVIDES
from momus.assess.measuring import measure_one, to_record
from momus.assess.supervise import Outcome
from momus.card import SystemCard
from momus.core.errors import MomusError
from momus.core.records import Failure, Measurement

if TYPE_CHECKING:
    from momus.assess.plan import Job
    from momus.assess.run import Settings
    from momus.assess.watching import Watcher

Result = Measurement | Failure | None


def check(card: SystemCard, settings: Settings) -> None:
    """Say at once, before a model is opened, what this card and this backend have against each other."""
    place = place_of(settings.backend, settings.address)
    served = [t.name for t in card.targets if t.http is not None]
    if place.remote and served:
        message = f"'{served[0]}' is served over HTTP, and its limits are counted on one machine"
        hint = "Leave --backend out: waiting for answers needs no other cores"
        raise MomusError(message, code="assess/backend", hint=hint)
    if place.address not in ("", "auto"):
        reach(place.name, place.address)


def results(
    todo: Sequence[Item], *, card: SystemCard, settings: Settings, run: str, clock: Clock | None, watcher: Watcher
) -> Iterator[tuple[Job, Result]]:
    """Each job with its result, as they come; None where the run's time was over first."""
    place = place_of(settings.backend, settings.address)
    work = partial(measure_one, patience=settings.patience, threads=settings.threads)
    if not place.remote:
        heard = watcher.update if place.name in ("threading", "sequential") else None  # a pipe to us, or none
        timed: Callable[..., Any] = partial(in_time, clock=clock, work=partial(work, listener=heard))
        yield from run_all(timed, todo, backend=place.name, workers=settings.workers)
        return
    if not todo:
        return
    board = Board.beside(card.base, run)
    with board.living():
        nodes = join(place, settings.workers)
        try:
            cluster = Cluster(
                nodes, board, _card_file(card), _lost, watcher.update, _helped, _good, settings.workers, watcher.warn
            )
            shared = [(job, {**request, "cache": _cache(card, board, settings), "mate": 0}) for job, request in todo]
            yield from cluster.run(partial(in_time, clock=clock, work=work), shared)
        finally:
            nodes.close()


def _card_file(card: SystemCard) -> Path:
    """The file by which a node knows the card's folder: a card made in memory is known by its folder alone."""
    return (card.base / "momus.yaml").resolve()


def _cache(card: SystemCard, board: Board, settings: Settings) -> dict[str, Any]:
    """What all nodes can read: beside the card; for a run that is to make all anew, gone with the run."""
    folder = board.folder if settings.fresh else card.base.resolve() / ".momus"
    return {"folder": str(folder / "arrays"), "reads": True}


def _lost(item: Item, why: str) -> tuple[Job, Failure]:
    """The row of a job whose node was lost every time."""
    job = item[0]
    failure = {
        "code": "worker/node-lost", "message": f"the node that did the job was lost: {why}", "place": "the cluster",
        "hint": "Often it ran out of memory; give nodes more, or run this one alone: momus assess --only " + job.probe,
    }  # fmt: skip
    record = to_record(job, Outcome(failure=failure))
    assert isinstance(record, Failure)
    return job, record


def _good(value: tuple[Job, Result]) -> bool:
    return isinstance(value[1], Measurement)


def _helped(job: Job) -> bool:
    """Whether nodes that have nothing else to do may join in: they would find parts of the job to take over."""
    return job.probe in DIVIDES
