"""One job over two cores, and a run over two nodes of a Ray cluster on this machine: seconds, and the same numbers.

A Ray task counts one core; the nodes are two processes on one machine, so what is shown is what sharing costs, not what
a second machine brings.

python -m benchmarks.bench_scale
"""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from momus.assess import assess
from momus.core.records import Measurement
from momus.store import open_store

ROOT = Path(__file__).parents[1]
# One job of each kind of part: rows under damage, shadow models, the user's own trainings.
JOBS = (
    ("credit-default", "corruption.table"),
    ("credit-default", "membership.lira"),
    ("credit-default", "poisoning.label_flips"),
)

# No job may come near it: where the clock ends the work, how many work decides what was done.
LIMIT = 3600


def timed(example: str, probe: str, folder: Path, **how: Any) -> tuple[float, Any]:
    """Seconds of the job itself, made anew, and its number."""
    store = folder / f"{len(list(folder.iterdir()))}.sqlite"
    os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(dir=folder)
    began = time.perf_counter()
    assess(ROOT / "examples" / example / "momus.yaml", only=[probe], store=store, fresh=True, seconds=LIMIT, **how)
    seconds = time.perf_counter() - began
    with open_store(store) as held:
        (m,) = held.records(held.runs()[0].id)
    assert isinstance(m, Measurement)
    if any(c.code == "budget-spent" for c in m.caveats):
        raise RuntimeError(f"{probe} was ended by its limit of {LIMIT} s: such numbers say nothing")
    return seconds, (m.value, m.ci, m.figures, m.caveats, m.cost.queries)


@contextlib.contextmanager
def two_nodes() -> Iterator[str]:
    """A Ray cluster of two nodes of one core each."""
    from ray.cluster_utils import Cluster

    small = {"num_cpus": 1, "object_store_memory": 80 << 20}
    with contextlib.redirect_stdout(io.StringIO()):
        cluster = Cluster(initialize_head=True, head_node_args={**small, "include_dashboard": False})
        cluster.add_node(**small)
    try:
        yield f"ray://{cluster.address}"
    finally:
        cluster.shutdown()


def rows() -> list[dict[str, Any]]:
    """One row for each job: one core, two cores, two nodes."""
    made = []
    before = os.environ.get("XDG_CACHE_HOME")
    with tempfile.TemporaryDirectory() as held, two_nodes() as address:
        for example, probe in JOBS:
            one, number = timed(example, probe, Path(held), backend="sequential")
            two, second = timed(example, probe, Path(held), workers=2)
            nodes, third = timed(example, probe, Path(held), backend=address)
            made.append(
                {
                    "job": probe, "one core s": round(one, 1), "two cores s": round(two, 1),
                    "two nodes s": round(nodes, 1), "two cores faster by": round(one / two, 2),
                    "two nodes faster by": round(one / nodes, 2), "same numbers": number == second == third,
                }
            )  # fmt: skip
    os.environ.pop("XDG_CACHE_HOME")
    if before is not None:
        os.environ["XDG_CACHE_HOME"] = before
    return made


NOTES = (
    "Seconds of a whole run with one job: opening the example twice and, for nodes, joining the cluster included. "
    "Numbers are the value, its interval, all figures, caveats and queries; no job was ended by its limit of time."
)

if __name__ == "__main__":
    from benchmarks.__main__ import table

    print(table(rows()))
    print(NOTES)
