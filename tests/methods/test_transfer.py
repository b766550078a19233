from __future__ import annotations

import math

import numpy as np
import pytest

from momus.methods import transfer


def test_a_drop_by_hand() -> None:
    hard = transfer.side(np.arange(100) < 20, np.full(100, 0.9))
    easy = transfer.side(np.arange(100) < 90, np.full(100, 0.9))
    gap, ci = transfer.drop(hard, easy)
    assert gap == pytest.approx(0.7) and ci.low < 0.7 < ci.high and ci.low > 0.55 and ci.high < 0.8
    assert hard.calibration == pytest.approx(0.7) and easy.calibration == pytest.approx(0.0, abs=1e-9)
    assert hard.aurra == pytest.approx(0.2)


def test_no_confidence_and_no_rows() -> None:
    bare = transfer.side(np.ones(5, dtype=bool), None)
    assert math.isnan(bare.calibration) and math.isnan(bare.aurra) and bare.accuracy == 1
    none = transfer.side(np.zeros(0, dtype=bool), None)
    assert transfer.drop(none, bare)[1].low == -1
