"""Where jobs run: a joblib backend by name. The numbers do not depend on it, only the waiting does."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from momus.core.errors import MissingExtra, MomusError

T = TypeVar("T")
R = TypeVar("R")

BACKENDS = ("sequential", "threading", "loky", "dask", "ray")


def run_all(
    work: Callable[[T], R],
    items: Sequence[T],
    *,
    backend: str = "threading",
    workers: int | None = None,
    address: str = "",
) -> Iterator[R]:
    """Results of ``work`` over ``items`` as they are finished, in any order.

    ``threading`` (default) suits local runs: each job lives in a confined process of its own, so a thread only waits.
    ``loky``, ``dask`` and ``ray`` start those processes from their own workers; ``address`` names a running Dask
    scheduler or Ray cluster, empty starts one on this machine. Raises MomusError for an unknown name.
    """
    if backend not in BACKENDS:
        raise MomusError(f"no backend '{backend}'", code="assess/backend", hint=f"Choose one of {', '.join(BACKENDS)}")
    if backend == "sequential" or len(items) < 2:
        yield from map(work, items)
        return
    n = workers or os.cpu_count() or 1
    close = _start(backend, n, address)
    try:
        yield from _parallel(work, items, backend, n)
    finally:
        close()


def _parallel(work: Callable[[T], R], items: Sequence[T], backend: str, workers: int) -> Iterator[R]:
    import joblib

    # Results stream where the backend can hand them over one by one; Ray's cannot.
    streams = backend in ("threading", "loky", "dask")
    with joblib.parallel_config(backend=backend, n_jobs=workers):
        pool = joblib.Parallel(return_as="generator_unordered" if streams else "list", batch_size=1, pre_dispatch="all")
        yield from pool(joblib.delayed(work)(item) for item in items)


def _start(backend: str, workers: int, address: str) -> Callable[[], Any]:
    """Bring the backend up; what shuts down again only what was started here."""
    try:
        if backend == "dask":
            from distributed import Client

            client = (
                Client(address) if address else Client(n_workers=workers, threads_per_worker=1, dashboard_address=None)
            )
            return client.close  # type: ignore[no-any-return]
        if backend == "ray":
            import ray
            from ray.util.joblib import register_ray

            register_ray()
            if not ray.is_initialized():
                ray.init(
                    address=address or None,
                    num_cpus=None if address else workers,
                    include_dashboard=False,
                    log_to_driver=False,
                )
                return ray.shutdown  # type: ignore[no-any-return]
    except ModuleNotFoundError as error:
        raise MissingExtra.of(f"the backend '{backend}'", "dist", str(error.name)) from error
    return lambda: None
