"""A third of UCI's handwritten digits, 8 x 8 pixels, as scikit-learn carries them."""

from __future__ import annotations

from prepare import digits

from momus.core.samples import Samples


def test() -> Samples:
    """599 digits that the model has not seen."""
    _, x, _, y = digits()
    return Samples(x=x, y=y, classes=tuple("0123456789"))
