"""Dask: a scheduler that is joined by its address, or one with workers on this machine, started and stopped again."""

from __future__ import annotations

import logging
import queue
from collections.abc import Callable, Mapping
from typing import Any

from distributed import Client, KilledWorker

from momus.assess.backends import reach, unreachable
from momus.assess.cluster import Ended

_CONNECT = "10s"


class DaskNodes:
    """Jobs as Dask tasks of one thread each. A job whose worker is lost is given to another by Dask's scheduler, which
    gives up after as many lost workers as it is set to (``distributed.scheduler.allowed-failures``, 3)."""

    def __init__(self, address: str, workers: int | None) -> None:
        logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what it would say is said here, in one line
        if address:
            reach("dask", address)
        try:
            self._client = (
                Client(address, timeout=_CONNECT)
                if address
                else Client(n_workers=workers, threads_per_worker=1, dashboard_address=None)
            )
        except (OSError, TimeoutError, ValueError) as error:
            raise unreachable("dask", address, (str(error).splitlines() or ["no answer"])[0][:200]) from error
        self._done: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._under_way: set[Any] = set()

    def size(self) -> int:
        """Threads of the workers that live."""
        return max(1, sum(int(n) for n in self._client.nthreads().values()))

    def everywhere(self, work: Callable[..., Any], *args: Any) -> Mapping[str, Any]:
        """What a function answers on every worker; an exception where it gave none."""
        return dict(self._client.run(work, *args, on_error="return"))

    def submit(self, work: Callable[..., Any], *args: Any) -> Any:
        """Begin a job; the handle is what :meth:`ended` names it by."""
        future = self._client.submit(work, *args, pure=False)
        self._under_way.add(future)
        future.add_done_callback(self._done.put)
        return future

    def ended(self, seconds: float) -> list[Ended]:
        """Jobs that have ended meanwhile; waits so many seconds for the first."""
        try:
            future = self._done.get(timeout=seconds)
        except queue.Empty:
            if self._client.status not in ("running", "connecting"):
                raise unreachable("dask", str(self._client.scheduler), "it went away during the run") from None
            return []
        if future not in self._under_way:
            return []
        self._under_way.discard(future)
        return [_outcome(future)]

    def cancel(self, handle: Any) -> None:
        """Forget a job; one that runs already is stopped through the board."""
        self._under_way.discard(handle)
        self._client.cancel([handle])

    def close(self) -> None:
        """Forget what is under way, and leave the scheduler; one that was started here ends."""
        if self._under_way and self._client.status == "running":
            self._client.cancel(list(self._under_way))
        self._client.close()


def _outcome(future: Any) -> Ended:
    if future.status == "finished":
        return Ended(future, value=future.result())
    if future.status != "error":
        return Ended(future, lost=f"the scheduler calls it {future.status}")
    error = future.exception()
    if isinstance(error, KilledWorker):
        return Ended(future, lost=f"{error.allowed_failures + 1} workers were lost while it ran", final=True)
    return Ended(future, error=error)
