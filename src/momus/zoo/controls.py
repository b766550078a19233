"""Measures the control rates of every probe on its twins over several seeds and writes judge/controls.toml.

python -m momus.zoo.controls [--seeds N] [PROBE ...]
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import momus.judge
from momus.core import digest
from momus.core.records import Status
from momus.core.registry import get_probe, probe_ids
from momus.judge import decide, default_limits
from momus.zoo import cases

HOME = Path(momus.judge.__file__).with_name("controls.toml")
_HEAD = """# Measured on the zoo by `make controls`; do not edit.
# hits: planted systems that failed; passed and false_alarms: clean twins that passed and failed; the rest was
# inconclusive; held_out of all these systems nobody looked at while tuning.
"""


def measure(probe_id: str, seeds: int) -> dict[str, int | str]:
    """The rates of one probe at its default limit, over ``seeds`` builds of every case."""
    probe, limit = get_probe(probe_id), default_limits()[probe_id]
    counts = {"planted": 0, "hits": 0, "clean": 0, "false_alarms": 0, "passed": 0, "held_out": 0}
    met: set[str] = set()
    for seed in range(seeds):
        for case in cases(probe_id, seed):
            # Some systems are the same for every seed; a second look at one of them is no second system.
            data = [s.digest for s in case.data.values()]
            # A planted file differs by its marker only from one seed to the next: its name says which plant it is.
            plant = case.faulty and hasattr(case.target, "files")
            identity = digest.of_value([case.name, "" if plant else case.target.info.digest, data, dict(case.options)])
            if identity in met:
                continue
            met.add(identity)
            given: dict[str, Any] = {**case.data, **case.options}
            m = probe(case.target, seed=seed, context=case.context, others=case.others, **given)
            status = decide(m, limit).status
            counts["held_out"] += case.held_out
            counts["planted" if case.faulty else "clean"] += 1
            counts["hits"] += case.faulty and status is Status.FAIL
            counts["false_alarms"] += not case.faulty and status is Status.FAIL
            counts["passed"] += not case.faulty and status is Status.PASS
            if status is (Status.PASS if case.faulty else Status.FAIL):
                print(f"  wrong: {probe_id} {case.name} seed {seed}: {status.value} at {m.value:.4g}", file=sys.stderr)
    return {**counts, "date": f"{datetime.now(UTC):%Y-%m-%d}"}


def main() -> None:
    """Measure the named probes (default: all) and write the table; others keep their rates."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else "")
    parser.add_argument("probes", nargs="*", default=[])
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    for probe_id in given.probes or probe_ids():
        row = measure(probe_id, given.seeds)
        # Read only now: measuring takes long, and somebody else may have written meanwhile.
        table = tomllib.loads(HOME.read_text("utf-8")) if HOME.is_file() else {}
        table[probe_id] = row
        print(
            f"{probe_id}: noticed {row['hits']} of {row['planted']}, "
            f"cried wolf on {row['false_alarms']} of {row['clean']}, passed {row['passed']}"
        )
        HOME.write_text(_HEAD + "".join(_section(p, r) for p, r in sorted(table.items())), "utf-8")


def _section(probe_id: str, row: dict[str, int | str]) -> str:
    lines = "".join(f'{k} = "{v}"\n' if isinstance(v, str) else f"{k} = {v}\n" for k, v in row.items())
    return f'\n["{probe_id}"]\n{lines}'


if __name__ == "__main__":
    main()
