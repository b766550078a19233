"""Ray: a cluster that is joined by its address, or one that is started on this machine and stopped again."""

from __future__ import annotations

import importlib
import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from momus.assess.backends import reach, unreachable
from momus.assess.cluster import Ended
from momus.core.errors import MissingExtra, MomusError

# A cluster's own store of states answers within a second; asking an address of another kind takes Ray minutes, and its
# library then ends the process. So it is asked by a process that may be ended.
_ASK = """
import sys
from ray._raylet import GcsClient
from ray.exceptions import AuthenticationError
try:
    GcsClient(address=sys.argv[1])
except AuthenticationError:
    sys.exit(3)
"""
_ASKS_FOR_A_TOKEN = 3
_ASKING = 20.0


class RayNodes:
    """Jobs as Ray tasks of one core each. Ray's own repeats are off: who does a lost job again is decided here."""

    def __init__(self, address: str, workers: int | None) -> None:
        self._ours = not ray.is_initialized()
        if self._ours:
            quiet = {"log_to_driver": False, "logging_level": "ERROR", "configure_logging": False}
            if address:
                _join(address, quiet)
            else:
                # "local": without it Ray joins whatever cluster somebody else runs on this machine.
                ray.init(address="local", num_cpus=workers, include_dashboard=False, **quiet)
        self._under_way: list[Any] = []
        self._known: dict[Callable[..., Any], Any] = {}

    def size(self) -> int:
        """Cores of the nodes that live."""
        return max(1, int(ray.cluster_resources().get("CPU", 1)))

    def everywhere(self, work: Callable[..., Any], *args: Any) -> Mapping[str, Any]:
        """What a function answers on every node; an exception where it gave none."""
        call = ray.remote(num_cpus=0, max_retries=0)(work)
        asked = {
            str(node["NodeManagerAddress"] + " " + node["NodeID"][:8]): call.options(
                scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            ).remote(*args)
            for node in ray.nodes()
            if node["Alive"]
        }
        found: dict[str, Any] = {}
        for name, ref in asked.items():
            try:
                found[name] = ray.get(ref, timeout=120)
            except ray.exceptions.RayError as error:
                found[name] = error
        return found

    def submit(self, work: Callable[..., Any], *args: Any) -> Any:
        """Begin a job; the handle is what :meth:`ended` names it by."""
        if work not in self._known:  # a function is sent to the cluster once
            self._known[work] = ray.remote(num_cpus=1, max_retries=0)(work)
        ref = self._known[work].remote(*args)
        self._under_way.append(ref)
        return ref

    def ended(self, seconds: float) -> list[Ended]:
        """Jobs that have ended meanwhile; waits so many seconds for the first."""
        if not self._under_way:
            return []
        done, self._under_way = ray.wait(self._under_way, num_returns=1, timeout=seconds)
        return [_outcome(ref) for ref in done]

    def cancel(self, handle: Any) -> None:
        """Stop a job, by force."""
        self._under_way = [ref for ref in self._under_way if ref is not handle]
        ray.cancel(handle, force=True)

    def close(self) -> None:
        """Stop what is under way, and leave the cluster; one that was started here ends."""
        for ref in self._under_way:
            ray.cancel(ref, force=True)
        if self._ours:
            ray.shutdown()


def _outcome(ref: Any) -> Ended:
    try:
        return Ended(ref, value=ray.get(ref))
    except ray.exceptions.RayTaskError as error:
        return Ended(ref, error=error.cause if isinstance(error.cause, BaseException) else error)
    except ray.exceptions.RayError as error:  # its process, its node or its memory
        return Ended(ref, lost=f"{type(error).__name__}: {str(error).splitlines()[0]}"[:200])


def _join(address: str, quiet: Mapping[str, Any]) -> None:
    """Join as a node does where the address is the cluster's own, else as a client of ``ray.util.client.server``."""
    if address == "auto":
        try:
            ray.init(address="auto", **quiet)
        except ConnectionError as error:
            raise unreachable("ray", "this machine", str(error).splitlines()[0]) from error
        return
    reach("ray", address)
    try:
        if _is_cluster(address):
            ray.init(address=address, **quiet)
            return
        if importlib.util.find_spec("grpc") is None:
            raise _without_client()
        _ask_client_server(address)
        ray.init(address=f"ray://{address}", **quiet)
    except MomusError:
        raise
    except Exception as error:
        # What a server could not do stands at the end of what it tells.
        told = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        raise unreachable("ray", address, told[-1][:200]) from error


def _without_client() -> MissingExtra:
    hint = "Run: pip install 'ray[client]', or start the run on one of the cluster's nodes with the head's port, 6379"
    return MissingExtra("joining Ray from outside its nodes needs the module 'grpc', which is not installed", hint=hint)


def _ask_client_server(address: str) -> None:
    """Ray's client waits minutes for a server that does not speak, or that wants a token: that is asked first."""
    grpc = importlib.import_module("grpc")
    with grpc.insecure_channel(address) as channel:
        grpc.channel_ready_future(channel).result(timeout=_ASKING)
        if os.environ.get("RAY_AUTH_MODE") == "token":
            return  # Ray sends it
        try:
            channel.unary_unary("/ray.rpc.RayletDriver/ClusterInfo")(b"", timeout=_ASKING)
        except grpc.RpcError as error:
            if error.code() == grpc.StatusCode.UNAUTHENTICATED:
                raise _token(address) from error


def _is_cluster(address: str) -> bool:
    asking = [sys.executable, "-c", _ASK, address]
    try:
        code = subprocess.run(asking, capture_output=True, timeout=_ASKING, check=False).returncode
    except subprocess.TimeoutExpired:
        return False
    if code == _ASKS_FOR_A_TOKEN:
        raise _token(address)
    return code == 0


def _token(address: str) -> MomusError:
    hint = "Set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN or ~/.ray/auth_token to the cluster's own"
    return MomusError(
        f"the Ray cluster at {address} asks for a token and takes none of ours", code="assess/cluster", hint=hint
    )
