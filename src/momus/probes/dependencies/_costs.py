"""Shared parts of ``dependencies.availability``: honest inputs, the ratio to them, and how it is shown."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from momus.core.capabilities import Serving
from momus.core.evidence import Attachment, Evidence, Line, Series, Table
from momus.core.records import Caveat, Figure, Interval
from momus.methods.fuzz import seeds
from momus.methods.fuzz.costly import FLOOR_MB, FLOOR_S, Asker, Cost, Found, Growth, rung
from momus.methods.fuzz.mutate import format_of

_HONEST, _SHOWN = 8, 12
_KEPT = 1 << 20  # bytes of the worst input that are kept as evidence
FEWEST = 50  # inputs of the search below which nobody passes
ENOUGH = 100.0  # honest inputs: whoever takes the place of so many need not be outdone
_OVER = 100.0  # what exceeds the card's own limit counts as at least this many honest inputs


@dataclass(frozen=True, slots=True)
class Honest:
    """Ordinary inputs by format, what they cost at the size of the search, and whether the user gave them."""

    inputs: dict[str, list[bytes]]
    given: bool
    seconds: float = FLOOR_S
    mb: float = FLOOR_MB
    answered: int = 0


def honest_inputs(serving: Serving) -> Honest:
    """The card's examples by format, else small valid files of each format that the service takes."""
    found: dict[str, list[bytes]] = {}
    for name, data in serving.examples:
        found.setdefault(format_of(name, data, serving.formats), []).append(data)
    if found:
        return Honest(found, True)
    return Honest({k: seeds.examples(k) for k in serving.formats or ("other",)}, False)


def size_of(honest: Honest, size: int) -> int:
    """The bytes that every input may have: as asked, else those of the largest honest one, within bounds."""
    largest = max((len(d) for rows in honest.inputs.values() for d in rows), default=0)
    return size or min(max(largest, 1024), 256 << 10)


def weighed(asker: Asker, honest: Honest, size: int) -> tuple[Honest, Cost | None]:
    """What honest inputs cost: each a few times, made larger in proportion where they are smaller than ``size``.

    The second value is an honest input that already takes more than a request may, if there is one.
    """
    rows = sorted((d for rows in honest.inputs.values() for d in rows), key=len)[-_HONEST:]
    seconds, mb = [], []
    for data in rows:
        costs = asker.repeated(data, 4)
        over = next((c for c in costs if c.over), None)
        if over is not None:
            return honest, over
        if all(c.refused for c in costs):
            continue
        scale = max(1.0, min(size / max(len(data), 1), 100.0))
        seconds.append(float(np.median([c.seconds for c in costs])) * scale)
        mb.append(float(np.median([c.mb for c in costs])))
    if not seconds:
        return honest, None
    whole = max(float(np.median(seconds)), FLOOR_S), max(float(np.median(mb)), FLOOR_MB)
    return Honest(honest.inputs, honest.given, *whole, len(seconds)), None


def ratios(worst: Found, honest: Honest) -> tuple[Interval, Interval]:
    """How many honest inputs the worst one takes the place of, in time and in memory: from the least of what was
    measured to the most, in quarters of a power of ten."""
    made = []
    for (least, _, most), base, floor in (
        (worst.seconds(), honest.seconds, FLOOR_S),
        (worst.mb(), honest.mb, FLOOR_MB),
    ):
        low, high = rung(max(least, floor) / base), rung(max(most, floor) / base, up=True)
        made.append(Interval(low=low, high=max(low, high), level=1.0, method="repeats"))
    if worst.over:
        at = 1 if worst.over == "memory" else 0
        least = max(made[at].low, _OVER)
        made[at] = Interval(low=least, high=max(least, made[at].high), level=1.0, method="repeats")
    return made[0], made[1]


def caveats(honest: Honest, sent: int, answered: int, short: bool) -> list[Caveat]:
    """Why a small ratio may mean little: ``answered`` of the ``sent`` inputs of the search got behind the door."""
    out = []
    if not honest.given:
        message = "the card gives no examples: small files of our own stood for honest inputs"
        out.append(Caveat(code="no-examples", message=message, blocks="none"))
    if short:
        message = "the budget was spent before the search was done"
        out.append(Caveat(code="budget-spent", message=message, blocks="pass"))
    if sent < FEWEST:
        message = f"{sent} inputs were tried, of {FEWEST} that a pass needs"
        out.append(Caveat(code="too-few-samples", message=message, blocks="pass"))
    elif answered < 0.02 * sent:
        message = f"{answered} of {sent} inputs were answered: hardly any got behind the door"
        out.append(Caveat(code="hardly-decoded", message=message, blocks="pass"))
    return out


def figures(time: Interval, memory: Interval, growth: Growth, honest: Honest, unfolds: float, n: int) -> list[Figure]:
    found = [
        Figure(name="time_ratio", value=time.low, ci=time, n=n, note="processor time, in honest inputs"),
        Figure(name="memory_ratio", value=memory.low, ci=memory, n=n, note="peak of memory, in honest inputs"),
        Figure(name="honest_ms", value=rounded(honest.seconds * 1000), n=honest.answered, note="at the same size"),
    ]
    if growth.slope is not None:
        low, high = _halves(growth.low), _halves(growth.high)
        value = _halves(growth.slope) or 0.0
        note = "power of the size by which the cost grows" + ("" if growth.high is not None else ", at least")
        ends = [value, *(x for x in (low, high) if x is not None)]
        interval = Interval(low=min(ends), high=max(ends), method="least squares")
        found.append(Figure(name="growth", value=value, ci=interval, n=len(growth.sizes), note=note))
    if unfolds > 0:
        found.append(Figure(name="unfolding", value=rounded(unfolds), note="decoded bytes for each byte sent"))
    return found


def evidence(serving: Serving, worst: Found, best: Sequence[Found], growth: Growth, honest: Honest) -> list[Evidence]:
    name = f"costliest-{hashlib.sha256(worst.data).hexdigest()[:12]}.bin"
    rows = [(f.name, len(f.data), *_told(f)) for f in [worst, *(b for b in best if b.name != worst.name)][:_SHOWN]]
    note = f"An honest input of this size takes {_ms(honest.seconds)} and {honest.mb:.0f} MB, or less."
    parts: list[Evidence] = [
        Table(title="Costliest inputs", columns=("input", "bytes", "time", "memory"), rows=tuple(rows), note=note)
    ]
    if len(growth.sizes) > 1:
        timed = growth.by == "seconds"
        y = tuple(rounded(c * 1000 if timed else c) for c in growth.costs)
        label = "milliseconds" if timed else "MB"
        note = "The last point is more than a request may take." if growth.over else ""
        line = Line(name=growth.name, x=growth.sizes, y=y)
        parts.append(Series(title="Cost against size", x_label="bytes", y_label=label, log_x=True, log_y=True,
                            lines=(line,), note=note))  # fmt: skip
    if len(worst.data) <= _KEPT:
        address = serving.address or "serve.py:answer"
        file, _, function = address.partition(":")
        module = file.removesuffix(".py").replace("/", ".")
        told = f'python -c "from pathlib import Path; from {module} import {function}; '
        told += f"{function}(Path('{name}').read_bytes())\""
        parts.append(
            Attachment(title="The costliest input found", name=name, media="application/octet-stream", data=worst.data,
                       note=f"{worst.name}. Reproduce in the card's folder: {told}")
        )  # fmt: skip
    return parts


def _told(found: Found) -> tuple[str, str]:
    if found.over == "hung":
        return f"more than {_ms(found.seconds()[1])}", ""
    if found.over == "memory":
        return "", f"more than {found.mb()[1]:.0f} MB"
    return _ms(max(found.seconds()[0], FLOOR_S)), f"{max(found.mb()[0], FLOOR_MB):.0f} MB"


def _ms(seconds: float) -> str:
    return f"{rounded(seconds * 1000):g} ms"


def rounded(value: float) -> float:
    """To one figure: timings are not worth more."""
    return float(f"{value:.1g}")


def _halves(value: float | None) -> float | None:
    return None if value is None else round(value * 2) / 2
