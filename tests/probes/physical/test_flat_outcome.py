"""Views that plain grey paper loses anyway are not credited to what is printed on it."""

from __future__ import annotations

import numpy as np

from momus.probes.physical._flat_outcome import Tried


def test_what_plain_paper_turns_is_not_credited() -> None:
    n = np.arange(4)
    label, plain = np.array([0, 0, 1, 1]), np.array([0, 2, 1, 2])
    printed = np.array([1, 1, 1, 0])
    tried = Tried(n, n, label, np.full(4, -1), plain, printed, plain, np.ones(4))
    assert tried.counted.tolist() == [True, False, True, False]
    assert tried.won(printed).tolist() == [True, False, False, False]
    aimed = Tried(n, n, label, np.full(4, 2), plain, np.full(4, 2), plain, np.ones(4))
    assert aimed.counted.tolist() == [True, False, True, False]
    assert aimed.won(np.full(4, 2)).tolist() == [True, False, True, False]
