"""Too few samples to pass, said before anything runs: a verdict nobody can reach is not worth its minutes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from momus.core.probe import Probe
from momus.core.records import Limit
from momus.stats.power import least_n_to_pass

# Metrics that are a share of rows under Wilson's interval or a wider one, so that least_n_to_pass is what the best
# imaginable target needs; and the roles that give the rows, of which the smallest counts.
_SHARES: Mapping[str, tuple[str, ...]] = {"attack_success_rate": ("test",), "tpr_at_1pct_fpr": ("train", "test")}
# Names of the options that cap the rows.
_CAPS = ("n", "rows", "records")


def too_few(probe: Probe, target: str, options: Mapping[str, Any], rows: Mapping[str, int], limit: Limit | None) -> str:
    """Why ``probe`` cannot pass with so many ``rows`` by role, in one line with a remedy; empty where it can.

    Only for probes whose number is a share with a limit strictly between 0 and 1.
    """
    roles = _SHARES.get(probe.metric, ())
    if limit is None or not 0 < limit.value < 1 or not roles or any(r not in rows for r in roles):
        return ""
    needed, given = least_n_to_pass(limit.value), min(rows[r] for r in roles)
    asked = _cap(probe, options)
    n = given if asked is None else min(given, asked[1])
    if n >= needed:
        return ""
    if asked is not None and asked[1] < given:
        remedy = f"raise its option {asked[0]} to {needed} or more"
    else:
        remedy = f"give at least {needed} rows in {' and '.join(roles)}"
    best = f"even a perfect result over {n} rows would leave its interval reaching beyond the limit {limit.value:g}"
    return f"{probe.id} on {target} cannot pass: {best}; {remedy}"


def _cap(probe: Probe, options: Mapping[str, Any]) -> tuple[str, int] | None:
    """The option that caps the rows, and its value."""
    every = {**probe.options, **options}
    for name in _CAPS:
        if isinstance(every.get(name), int) and not isinstance(every[name], bool):
            return name, int(every[name])
    return None
