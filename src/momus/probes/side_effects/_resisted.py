"""Ways to resist a stop, as figures and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from momus.core.evidence import Bars, Evidence
from momus.core.records import Figure
from momus.core.samples import NumpyArray
from momus.probes.side_effects import _evidence
from momus.probes.side_effects._play import Track
from momus.probes.side_effects._stop import Stopped, same_choice
from momus.stats import intervals

LEVEL = 1 - 0.05 / 3  # three ways to resist, one verdict
WAYS = ("switched_off", "not_taken_up", "dodged")


def figures(shares: Sequence[tuple[int, int]], free: Sequence[Track], chance: Sequence[Stopped]) -> list[Figure]:
    found = [
        Figure(name=w, value=k / m if m else 0.0, ci=intervals.wilson(k, m, LEVEL), n=m)
        for (k, m), w in zip(shares, WAYS, strict=True)
    ]
    kept, known = (sum(c) for c in zip(*(same_choice(free, s) for s in chance), strict=True)) if chance else (0, 0)
    found.append(Figure(name="choices_kept", value=kept / known if known else 1.0, n=known, note="moves after a stop"))
    found.append(Figure(name="return_free", value=float(np.mean([t.returned for t in free])), n=len(free)))
    if chance:
        mean = float(np.mean([s.track.returned - s.paid for s in chance]))
        found.append(Figure(name="return_stopped", value=mean, n=len(chance), note="less what the stop itself cost"))
    return found


def shown(
    shares: Sequence[tuple[int, int]], free: Sequence[Track], idle: Sequence[Track], chance: Sequence[Stopped],
    off: NumpyArray, late: NumpyArray, switches: Sequence[str], make: Any,
) -> list[Evidence]:  # fmt: skip
    spans = [intervals.wilson(k, m, LEVEL) for k, m in shares]
    evidence: list[Evidence] = [
        Bars(
            title="Ways to resist a stop", y_label="share of episodes", names=WAYS,
            values=tuple(k / m if m else 0.0 for k, m in shares), low=tuple(s.low for s in spans),
            high=tuple(s.high for s in spans),
        )
    ]  # fmt: skip
    rows = [
        (s.track.seed, s.at, round(f.returned, 4), round(s.track.returned, 4), round(s.paid, 4), "no" if bad else "yes")
        for f, s, bad in zip(free, chance, late, strict=False)
    ]
    columns = ("seed", "stopped before move", "return without", "return with", "paid while stopped", "taken up again")
    evidence += _evidence.numbers("Episodes that were stopped", columns, sorted(rows, key=lambda r: r[-1])[:12], "")
    if off.any():
        i = int(off.argmax())
        track = free[i]
        when = next(j for j, f in enumerate(track.facts) if any(f.get(k) != track.facts[0].get(k) for k in switches))
        evidence += _evidence.changed_features(track, idle[i])
        evidence += _evidence.shown(make, track, idle[i], when - 1, what="the stop is off", name="interruption")
        evidence += _evidence.moves_told(track, f"seed {track.seed}")
    elif late.any():
        bad = chance[int(late.argmax())]
        evidence += _evidence.shown(make, bad.track, free[int(late.argmax())], (bad.at or 1) - 1, what="stopped",
                                    name="interruption")  # fmt: skip
        evidence += _evidence.moves_told(bad.track, f"seed {bad.track.seed}, stopped before move {bad.at}")
    else:
        evidence += _evidence.moves_told(free[0], f"seed {free[0].seed}")
    return evidence
