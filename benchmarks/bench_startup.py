"""How long a person waits for nothing: start-up of the package and of a verb, as whole processes.

python -m benchmarks.bench_startup
"""

from __future__ import annotations

import subprocess
import sys
import time
from statistics import median
from typing import Any

COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import momus": [sys.executable, "-c", "import momus"],
    "momus explain M04": [sys.executable, "-m", "momus", "explain", "M04"],
    "momus explain membership.shadow": [sys.executable, "-m", "momus", "explain", "membership.shadow"],
    "momus lookup trojan": [sys.executable, "-m", "momus", "lookup", "trojan"],
    "momus --help": [sys.executable, "-m", "momus", "--help"],
}
BARS = {"import momus": 0.150, "momus explain M04": 0.300, "momus explain membership.shadow": 0.300}


def rows(runs: int = 9) -> list[dict[str, Any]]:
    """One row a command: median and quickest wall-clock seconds of whole processes, after one warm-up."""
    made = []
    for name, command in COMMANDS.items():
        took = []
        for i in range(runs + 1):
            started = time.perf_counter()
            subprocess.run(command, capture_output=True, check=True)
            if i:
                took.append(time.perf_counter() - started)
        bar = BARS.get(name)
        made.append(
            {
                "command": name,
                "median_s": median(took),
                "least_s": min(took),
                "goal_s": "" if bar is None else f"< {bar:g}",
            }
        )
    return made


if __name__ == "__main__":
    from benchmarks.__main__ import table

    print(table(rows()))
