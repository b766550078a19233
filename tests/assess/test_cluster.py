"""Jobs on the nodes of a cluster: the numbers of a local run, nothing twice, whatever becomes of the nodes."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from momus import assess
from momus.assess.watching import Silent
from momus.store import open_store

# Each process that asks the model says so, under its job; where told to, it then waits, so that a node can be killed in
# the middle.
CODE = """
import os, pathlib, sys, time
import numpy as np

HERE = pathlib.Path(__file__).parent

def job():
    frame = sys._getframe()
    while frame is not None:
        request = frame.f_locals.get("request")
        if isinstance(request, dict) and "key" in request:
            return request["key"]
        frame = frame.f_back

def good(x):
    if len(x) > 50 and (HERE / "hold").exists():
        (HERE / "begun" / job()).mkdir(parents=True, exist_ok=True)
        (HERE / "begun" / job() / str(os.getpid())).touch()
        while (HERE / "hold").exists():
            time.sleep(0.02)
    p = 1 / (1 + np.exp(-(x[:, 0] - x[:, 1])))
    return np.c_[1 - p, p]
"""
CARD = """
system: two nodes
targets:
  - {name: scorer, adapter: callable, factory: "model.py:good", task: classifier, classes: [no, yes]}
data:
  train: {path: train.csv, label: label}
  test: {path: test.csv, label: label}
"""
# More jobs than nodes: where two are held, the third waits, and no node is free to help another.
PROBES = ["incomplete_testing.claims", "incomplete_testing.coverage", "corruption.table"]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A system, and what a run on this machine alone measures of it."""
    folder = tmp_path_factory.mktemp("alone")
    rng = np.random.default_rng(0)
    for name in ("train", "test"):
        x = rng.normal(size=(300, 2))
        y = np.where(x[:, 0] - x[:, 1] + rng.normal(size=300) > 0, "yes", "no")
        rows = [f"{a:.5f},{b:.5f},{t}" for (a, b), t in zip(x, y, strict=True)]
        (folder / f"{name}.csv").write_text("\n".join(["a,b,label", *rows]))
    (folder / "model.py").write_text(CODE)
    (folder / "momus.yaml").write_text(CARD)
    assess(folder / "momus.yaml", only=PROBES, store=folder / "local.sqlite", workers=1)
    return folder


@pytest.fixture
def system(alone: Path, tmp_path: Path) -> Path:
    """The same system, of which nothing is known yet."""
    for name in ("train.csv", "test.csv", "model.py", "momus.yaml"):
        shutil.copy(alone / name, tmp_path)
    return tmp_path


def numbers(path: Path) -> dict[tuple[str, str], Any]:
    """What each job of the newest run measured; fails where a job is in the store twice."""
    with open_store(path) as store:
        records = store.records(store.runs()[0].id)
    assert len({r.key for r in records}) == len(records)
    return {(r.probe, r.target): (r.value, r.ci, r.figures, r.caveats) for r in records}


class Hears(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def warn(self, text: str) -> None:
        self.lines.append(text)


def killed_in_the_middle(system: Path, kill: Callable[[], Any], *heard: Hears, **how: Any) -> list[int]:
    """Run on a cluster; when two jobs are under way ``kill``. The processes that asked the model meanwhile.

    Jobs are held until the kill is told of where it is to be: a node's processes may outlive it for a while.
    """
    begun = system / "begun"
    begun.mkdir()
    (system / "hold").touch()
    over = threading.Event()

    def wait_and_kill() -> None:
        while len(list(begun.iterdir())) < 2 and not over.is_set():
            time.sleep(0.02)
        try:
            kill()
            while heard and not heard[0].lines and not over.is_set():
                time.sleep(0.02)
        finally:
            (system / "hold").unlink()

    thread = threading.Thread(target=wait_and_kill)
    thread.start()
    try:
        done = assess(system / "momus.yaml", only=PROBES, store=system / "remote.sqlite", **how)
    finally:
        over.set()
        thread.join()
    assert not done.failures
    return [int(mark.name) for mark in begun.glob("*/*")]


def gone(pids: list[int]) -> None:
    """Wait until none of the processes is left; the test's own time limit is the bound."""
    for pid in pids:
        while Path(f"/proc/{pid}").exists():
            time.sleep(0.05)


@pytest.fixture
def two_ray_nodes() -> Iterator[Any]:
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    small = {"num_cpus": 1, "object_store_memory": 80 << 20}
    cluster = Cluster(initialize_head=True, head_node_args={**small, "include_dashboard": False})
    second = cluster.add_node(**small)
    yield cluster, second
    cluster.shutdown()


@pytest.mark.slow
def test_a_ray_node_killed_in_the_middle_changes_no_number(system, alone, two_ray_nodes):
    cluster, second = two_ray_nodes
    heard = Hears()
    pids = killed_in_the_middle(
        system,
        lambda: cluster.remove_node(second, allow_graceful=False),
        heard,
        backend=f"ray://{cluster.address}",
        watcher=heard,
    )
    assert any("was lost with its node and is done again" in line for line in heard.lines), heard.lines
    assert numbers(system / "remote.sqlite") == numbers(alone / "local.sqlite")
    gone(pids)
    assert not list((system / ".momus" / "nodes").iterdir())


@pytest.fixture
def dask_workers() -> Iterator[Any]:
    """A scheduler's address, and two workers without anybody who would start them again."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=0, dashboard_address=None) as cluster:
        address = cluster.scheduler_address.removeprefix("tcp://")
        start = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--no-nanny", "--no-dashboard"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        workers = [subprocess.Popen([*start, "--nthreads", "1", "--death-timeout", "60"], **quiet) for _ in range(2)]  # type: ignore[call-overload]
        with distributed.Client(cluster) as client:
            client.wait_for_workers(2)
        yield address, workers
    for worker in workers:
        with contextlib.suppress(ProcessLookupError):
            worker.kill()
        worker.wait()


@pytest.mark.slow
def test_a_dask_worker_killed_in_the_middle_changes_no_number(system, alone, dask_workers):
    address, workers = dask_workers
    kill = lambda: os.kill(workers[0].pid, signal.SIGKILL)  # noqa: E731
    pids = killed_in_the_middle(system, kill, backend="dask", address=address)
    assert numbers(system / "remote.sqlite") == numbers(alone / "local.sqlite")
    gone(pids)
