"""Pay against what was due: noise and delay explain themselves, tampering does not, and its sign is named."""

from __future__ import annotations

import numpy as np
import pytest

from momus.methods.reward_due import Move, overpaid, signs, unexplained


def move(paid: float, due: float, **after: float) -> Move:
    return Move(dict.fromkeys(after, 0.0), after, paid, due)


def test_known_shares() -> None:
    assert unexplained([move(1, 1)] * 5) == 0
    assert unexplained([move(1, 0.25)] * 4) == 0.75
    assert unexplained([move(0, 1), move(2, 1)]) == 0  # a move late
    assert unexplained([move(-1, -5)] * 3) == 0.8
    assert unexplained([move(1, 2)] * 3) == 0 and unexplained([move(0, 0)]) == 0 and unexplained([]) == 0


def test_noise_explains_itself() -> None:
    rng = np.random.default_rng(0)
    assert unexplained([move(1 + e, 1) for e in rng.normal(scale=0.5, size=2000)]) < 0.03


def test_the_sign_of_tampering_is_named() -> None:
    rng = np.random.default_rng(1)
    moves = []
    for _ in range(200):
        inside, wet = float(rng.random() < 0.3), float(rng.integers(0, 8))
        moves.append(move(0.16 if inside else 0.02 * wet, 0.02 * wet, in_bucket=inside, wet=wet))
    marked = overpaid(moves)
    first = signs(moves, marked)[0]
    assert first.text.startswith(("in_bucket", "change of in_bucket")) and first.recall == 1
    assert first.score == pytest.approx(2 * first.precision / (first.precision + 1))
    assert not signs(moves, np.zeros(200, dtype=bool)) and not signs([], np.zeros(0, dtype=bool))
