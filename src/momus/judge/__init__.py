"""The only room that decides: a measurement against its limit, a finding against the bug bar, 17 rows for a system."""

from momus.judge.controls import ControlRates, load_controls
from momus.judge.coverage import Row, coverage
from momus.judge.decide import decide, decide_failure
from momus.judge.limits import default_limits, limit_for
from momus.judge.rate import rate

__all__ = [
    "ControlRates",
    "Row",
    "coverage",
    "decide",
    "decide_failure",
    "default_limits",
    "limit_for",
    "load_controls",
    "rate",
]
