"""What provider.memorised shows, and the reasons to distrust it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from momus.core.evidence import Bars, Table
from momus.core.records import Caveat
from momus.methods import traces

_FEW = 6
_SHOWN = 24
_ALIKE = 0.5


def caveats(trained: int, copies: int, out_of_time: bool, clean: Sequence[Mapping[str, float]]) -> list[Caveat]:
    """What cannot be excluded, and why a low number may mean nothing."""
    message = "a family of inputs that was not asked, or few rows from a seed nobody knows, cannot be excluded"
    found = [Caveat(code="not-asked", message=message, blocks="none")]
    if trained <= 4:
        message = f"{trained} clean copies are nothing to compare with"
        found.append(Caveat(code="few-copies", message=message, blocks="both"))
    elif trained < _FEW or out_of_time:
        message = f"only {trained} of {max(copies, _FEW)} clean copies were trained"
        found.append(Caveat(code="few-copies", message=message, blocks="pass"))
    same = [v for c in clean for k, v in c.items() if k.endswith(": agreement") and k.startswith("drawn from")]
    if same and np.mean(same) < _ALIKE:
        message = (
            f"clean copies give the same label to {np.mean(same):.0%} of the made-up inputs only, so that labels "
            "learned by heart would hardly stand out, and honest ones might"
        )
        found.append(Caveat(code="copies-disagree", message=message, blocks="both"))
    return found


def table(found: Mapping[str, float], clean: Sequence[Mapping[str, float]], stand: traces.Standing) -> Table:
    rows = []
    for k in sorted(stand.z, key=lambda k: -abs(stand.z[k]))[:_SHOWN]:
        others = float(np.mean([c[k] for c in clean]))
        z, p = round(stand.z[k], 1), float(f"{stand.p[k]:.2g}")
        family, _, what = k.rpartition(": ")
        rows.append((family, what, round(found[k], 3), round(others, 3), z, p))
    columns = ("made-up inputs", "statistic", "this model", "clean copies", "deviations", "p, corrected")
    note = f"the {len(rows)} of {len(stand.z)} statistics that differ most"
    return Table(title="Answers to made-up inputs beside clean copies", columns=columns, rows=tuple(rows), note=note)


def bars(stand: traces.Standing) -> list[Bars]:
    most: dict[str, float] = {}
    for k, z in stand.z.items():
        family = k.rpartition(": ")[0]
        if not family.startswith("drawn from seed"):
            most[family] = max(most.get(family, 0.0), abs(z))
    if not most:
        return []
    title = "Largest deviation from clean copies by kind of input"
    return [Bars(title=title, y_label="standard deviations", names=tuple(most), values=tuple(most.values()))]


def nothing() -> Table:
    return Table(title="Answers to made-up inputs beside clean copies", columns=("made-up inputs",), rows=())
