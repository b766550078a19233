"""Each sign shows on its symptom and stays silent without it."""

from __future__ import annotations

import numpy as np
import pytest

from momus.methods import masking


@pytest.mark.parametrize(
    ("sign", "code"),
    [
        (masking.flat_gradients(0.5), "zero-gradients"),
        (masking.flat_gradients(0.05), None),
        (masking.flat_gradients(float("nan")), None),
        (masking.black_box_wins(6, 20, "noise"), "black-box-beats-white-box"),
        (masking.black_box_wins(1, 3, "noise"), None),
        (masking.black_box_wins(2, 25, "noise"), None),
        (masking.large_epsilon(3, 10, 1.0), "large-epsilon-survives"),
        (masking.large_epsilon(10, 10, 1.0), None),
        (masking.large_epsilon(0, 2, 1.0), None),
        (masking.flat_loss(np.ones(9), np.ones(9)), "loss-flat"),
        (masking.flat_loss(np.ones(9), np.full(9, 0.5)), None),
        (masking.flat_loss(np.ones(9), np.full(9, np.inf)), None),
        (masking.randomised(True), "randomised-output"),
        (masking.randomised(False), None),
        (masking.constant(np.zeros((5, 3))), "constant-output"),
        (masking.constant(np.eye(3)), None),
        (masking.constant(np.zeros((1, 3))), None),
    ],
)
def test_signs(sign, code):
    assert (sign.code if sign else None) == code
    if sign:
        assert sign.blocks in ("pass", "both")


def test_only_those_present_are_kept():
    kept = masking.present([None, masking.randomised(True), None])
    assert [c.code for c in kept] == ["randomised-output"]
