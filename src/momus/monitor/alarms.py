"""From the p-value of each detector and window to alarms: at most one false alarm in so many windows, on the average.

Each window brings one unit of new money, shared by all detectors. A detector stakes its money on small p-values: p is
turned into ``kappa p ** (kappa - 1)``, which has a mean of at most 1 while p is super-uniform given the past. The money
of all detectors then grows by at most 1 a window on the average; an alarm, which begins when one of them holds
``one_false_alarm_in`` units, takes that much out of the game. So the expected number of false alarms in T windows is at
most ``T / one_false_alarm_in`` over all detectors together, and the mean number of windows to the first is at least
``one_false_alarm_in``, however the detectors depend on each other and whenever one is added or dropped.

The stakes are mixed over several kappa (small ones for a shift that is seen at once, large ones for one that takes many
windows) and over the window in which the change began (that is what the new money of each window does).

An alarm ends by evidence of its own: bets against "the fault is still here", which means that half or more of its
windows have p <= 0.1. In between it is one alarm, not one a window.
Source: Shin, Ramdas & Rinaldo 2022 (arXiv:2203.03532), Shiryaev-Roberts e-detectors; Vovk & Wang 2021
(arXiv:1912.06116) for p-values turned into bets.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from momus.core.samples import NumpyArray

KAPPAS = np.array([0.03, 0.1, 0.25, 0.5, 0.8])
_LEAST = 1e-300  # a p of 0 is a bet won; its logarithm must stay a number
_STILL = 0.3  # windows of a fault have P(p <= t) >= t ** 0.3, of which half lie below 0.1
_CALM = 100.0  # a fault that still is here is called ended once in so many windows at most, on the average


@dataclass(frozen=True)
class Standing:
    """Where one detector stands after a window.

    ``wealth`` is what it holds, ``needed`` what raises an alarm. ``alarm``: one is on; it began in window ``since``
    (0: none is on) and the change most likely in window ``start``. ``news``: it began or ended in this very window,
    the only two that are worth a message. ``calm``: evidence that the fault is over, which ends an alarm at 100.
    ``times`` counts the alarms so far.
    """

    wealth: float
    needed: float
    alarm: bool
    since: int = 0
    start: int = 0
    news: Literal["", "began", "ended"] = ""
    calm: float = 0.0
    times: int = 0


def stakes(p: NumpyArray) -> NumpyArray:
    """Logarithm of what a stake becomes, (..., kappas), for p-values (...)."""
    out: NumpyArray = np.log(KAPPAS) + (KAPPAS - 1) * np.log(np.clip(p, _LEAST, 1.0))[..., None]
    return out


def grown(log_money: NumpyArray, share: float, p: NumpyArray) -> NumpyArray:
    """Logarithm of the money (..., kappas) after a window with p-values (...) in which ``share`` was added."""
    fresh = math.log(share / len(KAPPAS))
    out: NumpyArray = np.logaddexp(log_money, fresh) + stakes(p)
    return out


def total(log_money: NumpyArray) -> NumpyArray:
    """Money (...) over all kappas, at most 1e300."""
    top = log_money.max(-1)
    safe = np.where(np.isfinite(top), top, 0.0)
    out: NumpyArray = np.exp(np.minimum(safe + np.log(np.exp(log_money - safe[..., None]).sum(-1) + _LEAST), 690.0))
    return out


@dataclass
class _Stand:
    """What is kept of one detector; ``began`` is where the running best guess of the change's first window stands."""

    money: NumpyArray
    looks: int = 0
    alarm: bool = False
    since: int = 0
    start: int = 0
    times: int = 0
    calm: float = 0.0  # logarithm
    run: float = 0.0  # logarithm of the largest growth since ``began``
    began: int = 0


class Control:
    """Sequential control over the detectors ``names``; ``one_false_alarm_in`` windows on the average.

    Cost of a look: microseconds. Memory: a few numbers a detector.
    """

    def __init__(self, names: Iterable[str], one_false_alarm_in: float) -> None:
        if not one_false_alarm_in > 1:
            raise ValueError("the mean number of windows to a false alarm must exceed 1")
        self.needed = float(one_false_alarm_in)
        self._of = {name: _Stand(np.full(len(KAPPAS), -math.inf)) for name in sorted(set(names))}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._of)

    def look(self, name: str, p: float | None, number: int | None = None) -> Standing:
        """Take in the p-value of one detector's window ``number`` (its own count of looks where none is given).

        None or NaN: the window says nothing, and nothing changes. ValueError for a name it was not made for.
        """
        if name not in self._of:
            raise ValueError(f"no detector '{name}' under this control")
        of = self._of[name]
        of.looks = of.looks + 1 if number is None else number
        if p is None or math.isnan(p):
            return self._standing(of, "")
        if not 0 <= p <= 1:
            raise ValueError(f"{p} is no p-value")
        if of.alarm:
            return self._standing(of, self._end(of, p))
        return self._standing(of, self._bet(of, p))

    def standing(self, name: str) -> Standing:
        """Where a detector stands now; nothing changes."""
        return self._standing(self._of[name], "")

    def _bet(self, of: _Stand, p: float) -> Literal["", "began"]:
        value = np.asarray(p)
        of.money = grown(of.money, 1 / len(self._of), value)
        if of.run <= 0:  # nothing gained since: the change, if there is one, has not begun before this window
            of.run, of.began = 0.0, of.looks
        of.run += float(np.log(np.exp(np.minimum(stakes(value), 690.0)).mean()))
        if float(total(of.money)) < self.needed:
            return ""
        of.alarm, of.since, of.start, of.calm = True, of.looks, of.began or of.looks, 0.0
        of.times += 1
        return "began"

    def _end(self, of: _Stand, p: float) -> Literal["", "ended"]:
        # The likelihood of p in calm (uniform) over that under the weakest fault: at most 1 on the average under any.
        of.calm = max(of.calm, 0.0) + (1 - _STILL) * math.log(max(p, _LEAST)) - math.log(_STILL)
        if of.calm < math.log(_CALM):
            return ""
        of.money = np.full(len(KAPPAS), -math.inf)
        of.alarm, of.since, of.start, of.calm, of.run = False, 0, 0, 0.0, 0.0
        return "ended"

    def _standing(self, of: _Stand, news: Literal["", "began", "ended"]) -> Standing:
        wealth = float(total(of.money)) if np.isfinite(of.money).any() else 0.0
        calm = math.exp(max(of.calm, 0.0)) if of.alarm else 0.0
        return Standing(wealth, self.needed, of.alarm, of.since, of.start, news, calm, of.times)

    def state(self) -> Mapping[str, NumpyArray]:
        """Plain arrays: all there is."""
        of = list(self._of.values())
        return {
            "names": np.array(list(self._of), dtype=np.str_),
            "money": np.array([s.money for s in of]).reshape(len(of), len(KAPPAS)),
            "counts": np.array(
                [[s.looks, s.alarm, s.since, s.start, s.times, s.began] for s in of], dtype=np.int64
            ).reshape(len(of), 6),
            "logs": np.array([[s.calm, s.run] for s in of]).reshape(len(of), 2),
        }

    def restore(self, state: Mapping[str, NumpyArray]) -> None:
        """Go on from a state. Detectors that it does not know begin anew; those that are gone are dropped."""
        try:
            names, money, counts, logs = (state[k] for k in ("names", "money", "counts", "logs"))
        except KeyError as e:
            raise ValueError(f"no state of a control: {e} is missing") from None
        if money.shape != (len(names), len(KAPPAS)) or counts.shape != (len(names), 6) or logs.shape != (len(names), 2):
            raise ValueError("no state of a control: its arrays do not fit together")
        for i, name in enumerate(names):
            if str(name) in self._of:
                looks, alarm, since, start, times, began = (int(v) for v in counts[i])
                self._of[str(name)] = _Stand(
                    money[i].copy(),
                    looks,
                    bool(alarm),
                    since,
                    start,
                    times,
                    float(logs[i, 0]),
                    float(logs[i, 1]),
                    began,
                )
