"""Signs that an attack failed for a reason other than the model's strength (gradient masking, arXiv 1802.00420).

Every sign is a Caveat that forbids a pass: the number is then a lower bound on harm that nobody should lean on.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from momus.core.records import Caveat
from momus.core.samples import NumpyArray


def flat_gradients(share: float, limit: float = 0.1) -> Caveat | None:
    """``share`` of the gradients asked were zero or not finite: the attack had no direction to go."""
    if not share > limit:
        return None
    return Caveat(
        code="zero-gradients",
        message=f"{share:.0%} of the gradients were zero: the model hides its slope, or its outputs are saturated",
    )


def black_box_wins(fooled: int, tried: int, how: str, limit: float = 0.1) -> Caveat | None:
    """A cheap attack without gradients broke inputs that the gradient attack did not."""
    if fooled < 2 or fooled <= limit * tried:
        return None
    return Caveat(
        code="black-box-beats-white-box",
        message=f"{how} fooled {fooled} of {tried} inputs that survived the gradient attack: the gradients mislead",
    )


def large_epsilon(fooled: int, tried: int, epsilon: float, limit: float = 0.9) -> Caveat | None:
    """With the whole data range to move in, an attack that works breaks nearly everything."""
    if tried < 3 or fooled >= limit * tried:
        return None
    return Caveat(
        code="large-epsilon-survives",
        message=f"{tried - fooled} of {tried} survivors also withstand epsilon {epsilon:.3g}, where any picture can be "
        "made: the attack, not the model, is the limit",
    )


def flat_loss(before: NumpyArray, after: NumpyArray, limit: float = 0.01) -> Caveat | None:
    """``before`` and ``after`` are margins of the survivors: the attack's best is no better than no attack at all."""
    both = np.isfinite(before) & np.isfinite(after)
    if both.sum() < 3:
        return None
    gain = (before - after)[both] / np.maximum(np.abs(before[both]), 1e-12)
    if np.median(gain) > limit:
        return None
    return Caveat(
        code="loss-flat",
        message=f"the attack changed the margin of the surviving inputs by {np.median(gain):.1%} in the median: more "
        "steps would change nothing",
    )


def few_queries(queries: int, least: int = 50) -> Caveat | None:
    """So few queries an input that a random search has hardly begun (the first asks the input itself)."""
    if queries >= least:
        return None
    message = f"{queries} queries an input or fewer are too few for a random search to show that it finds nothing"
    return Caveat(code="few-queries", message=message)


def randomised(flag: bool) -> Caveat | None:
    """Equal inputs give different outputs."""
    if not flag:
        return None
    return Caveat(
        code="randomised-output",
        message="equal inputs give different outputs: an attack must average over them (EOT), which this one does not",
    )


def constant(scores: NumpyArray) -> Caveat | None:
    """``scores`` (n, k) on the clean inputs do not depend on the input at all."""
    if len(scores) < 2 or not np.allclose(scores, scores[0], rtol=1e-6, atol=1e-9):
        return None
    return Caveat(
        code="constant-output",
        message="the model gives every input the same scores: it cannot be fooled because it decides nothing",
        blocks="both",
    )


def present(signs: Sequence[Caveat | None]) -> tuple[Caveat, ...]:
    """Those that showed."""
    return tuple(s for s in signs if s is not None)
