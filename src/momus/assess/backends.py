"""Where jobs run: a backend by name or by address. The numbers do not depend on it, only the waiting does."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from momus.core.errors import MissingExtra, MomusError

if TYPE_CHECKING:
    from momus.assess.cluster import Nodes

T = TypeVar("T")
R = TypeVar("R")

BACKENDS = ("sequential", "threading", "loky", "dask", "ray")
REMOTE = ("dask", "ray")
_CONNECT = 5.0
# How an address may begin, and whose it is.
SCHEMES = {"ray": "ray", "dask": "dask", "tcp": "dask", "tls": "dask"}


@dataclass(frozen=True)
class Place:
    """A backend by name, and the cluster it is to join: empty starts one on this machine, or needs none."""

    name: str
    address: str = ""

    @property
    def remote(self) -> bool:
        """Whether its jobs run in processes that this one does not start itself."""
        return self.name in REMOTE


def place_of(backend: str, address: str = "") -> Place:
    """``ray``, ``ray://HOST:PORT``, ``dask://HOST:PORT``, ``tls://HOST:PORT`` ... as a place. MomusError for others."""
    scheme, found, rest = backend.partition("://")
    if found and scheme in SCHEMES:
        if address:
            message = f"two addresses: {backend} and {address}"
            raise MomusError(message, code="assess/backend", hint="Leave --address out")
        backend, address = SCHEMES[scheme], f"tls://{rest}" if scheme == "tls" else rest
    if backend not in BACKENDS:
        ways = f"{', '.join(BACKENDS)}, ray://HOST:PORT, dask://HOST:PORT, tcp://HOST:PORT, tls://HOST:PORT"
        raise MomusError(f"no backend '{backend}'", code="assess/backend", hint=f"Choose one of {ways}")
    if address and backend not in REMOTE:
        message = f"the backend '{backend}' is on this machine and has no address"
        raise MomusError(message, code="assess/backend", hint="Name ray or dask, or leave --address out")
    if address and address != "auto":
        _check_address(backend, address)
    return Place(backend, address)


def _check_address(backend: str, address: str) -> None:
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        message = f"'{address}' is no address of a cluster"
        raise MomusError(
            message, code="assess/backend", hint=f"Write {backend}://HOST:PORT, as in {backend}://10.0.0.7:6379"
        )


def run_all(
    work: Callable[[T], R], items: Sequence[T], *, backend: str = "threading", workers: int | None = None
) -> Iterator[R]:
    """Results of ``work`` over ``items`` as they are finished, in any order, on this machine.

    ``threading`` (default) suits local runs: each job lives in a confined process of its own, so a thread only waits.
    ``loky`` starts those processes from its own workers. Jobs for a cluster go through :mod:`momus.assess.cluster`.
    """
    if backend == "sequential" or len(items) < 2:
        yield from map(work, items)
        return
    import joblib

    with joblib.parallel_config(backend=backend, n_jobs=workers or os.cpu_count() or 1):
        pool = joblib.Parallel(return_as="generator_unordered", batch_size=1, pre_dispatch="all")
        yield from pool(joblib.delayed(work)(item) for item in items)


def join(place: Place, workers: int | None) -> Nodes:
    """The cluster of a place, joined, or started on this machine where it has no address.

    Closing it stops what was started here and nothing else. MissingExtra where the library is not installed,
    MomusError where nothing answers at the address.
    """
    try:
        if place.name == "dask":
            from momus.assess.backends_dask import DaskNodes

            return DaskNodes(place.address, workers)
        from momus.assess.backends_ray import RayNodes

        return RayNodes(place.address, workers)
    except ModuleNotFoundError as error:
        raise MissingExtra.of(f"the backend '{place.name}'", "dist", str(error.name)) from error


def reach(name: str, address: str) -> None:
    """Raise where nobody listens at all: the libraries themselves would try for minutes."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT).close()
    except OSError as error:
        raise unreachable(name, address, (error.strerror or str(error)).lower()) from error


def unreachable(name: str, address: str, why: str) -> MomusError:
    """The one line for a cluster that does not answer."""
    hint = f"See that it runs and that this machine reaches it; {name}:// takes HOST:PORT"
    return MomusError(f"no {name.capitalize()} cluster answers at {address}: {why}", code="assess/cluster", hint=hint)
