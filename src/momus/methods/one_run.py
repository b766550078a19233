"""What one training with coins tossed for every canary proves about its privacy loss (arXiv:2305.08846).

Each of m canaries went in or stayed out by a fair coin of its own. Whoever guesses r of the coins from the trained
model and is right v times has shown something: under (epsilon, delta)-differential privacy so many right guesses are
improbable, and the largest epsilon for which they are is a lower bound on the true one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import scipy

from momus.core.samples import NumpyArray
from momus.stats.intervals import clopper_pearson

MOST = 20.0  # no count of canaries that fits into memory shows more
SHARES = (1.0, 0.5, 0.2, 0.05)  # of the canaries a rule guesses at; fixed before anything is looked at
LEAST_GUESSES = 100  # by a rule that abstains: fewer prove next to nothing, whatever they hit


def p_value(m: int, guesses: int, right: int, epsilon: float, delta: float) -> float:
    """How probable ``right`` or more right guesses are at most, were the training (epsilon, delta)-private.

    Corollary 5.4: P[B >= v] + 2 m delta max_i P[v > B >= v - i] / i with B binomial(r, 1 / (1 + exp(-epsilon))).
    """
    if not 0 <= right <= guesses <= m:
        raise ValueError(f"{right} right of {guesses} guesses at {m} canaries")
    q = 1 / (1 + np.exp(-epsilon))
    tail = float(scipy.stats.binom.sf(right - 1, guesses, q))
    if delta == 0 or right == 0:
        return min(1.0, tail)
    below = np.cumsum(scipy.stats.binom.pmf(np.arange(right - 1, -1, -1), guesses, q))
    return min(1.0, tail + 2 * m * delta * float(np.max(below / np.arange(1, right + 1))))


def epsilon_lower(m: int, guesses: int, right: int, delta: float, level: float = 0.95) -> float:
    """The largest epsilon that the guesses rule out at ``level``; 0 where they rule out none."""
    error = 1 - level
    if p_value(m, guesses, right, 0.0, delta) >= error:
        return 0.0
    low, high = 0.0, MOST
    if p_value(m, guesses, right, high, delta) < error:
        return high
    for _ in range(40):
        middle = (low + high) / 2
        if p_value(m, guesses, right, middle, delta) < error:
            low = middle
        else:
            high = middle
    return low


def epsilon_upper(guesses: int, right: int, level: float = 0.95) -> float:
    """The epsilon above which these guesses would surely have been right more often: the reach of this attack.

    No bound on the training's epsilon, which no attack can bound from above. Guesses that are wrong too often count as
    right: somebody may turn them round.
    """
    share = clopper_pearson(max(right, guesses - right), guesses, 2 * level - 1).high
    return MOST if share >= 1 else float(np.clip(np.log(share) - np.log1p(-share), 0.0, MOST))


@dataclass(frozen=True)
class Rule:
    """One way to guess, fixed beforehand, and how it did. ``lower`` and ``upper`` hold for all rules at once."""

    signal: str
    sides: str
    guesses: int
    right: int
    lower: float
    upper: float


def audit(signals: Mapping[str, NumpyArray], inside: NumpyArray, *, delta: float, level: float = 0.95) -> list[Rule]:
    """Every rule of a fixed list: a signal, a share of the canaries, and whether lowest scores are guessed out.

    ``signals`` maps a name to scores (m,), higher for likelier members; ``inside`` (m,) are the coins. The error is
    shared out over the rules: the best lower bound of them holds at ``level`` although it was picked afterwards.
    """
    inside = np.asarray(inside, dtype=bool)
    m = len(inside)
    plans = sorted(
        {(name, sides, int(m * share)) for name in signals for share in SHARES for sides in ("both", "in only")}
        - {(name, "in only", m) for name in signals}
    )
    plans = [p for p in plans if p[2] > 0 and (p[2] == m or p[2] >= LEAST_GUESSES)]
    each = 1 - (1 - level) / max(1, len(plans))
    rules = []
    for name, sides, count in plans:
        order = np.argsort(-np.asarray(signals[name]), kind="stable")
        top = count if sides == "in only" else (count + 1) // 2
        right = int(inside[order[:top]].sum() + (~inside[order[m - (count - top) :]]).sum())
        low, high = epsilon_lower(m, count, right, delta, each), epsilon_upper(count, right, each)
        rules.append(Rule(name, sides, count, right, low, max(low, high)))
    return rules
