"""What a person would call the conditions of a picture or a clip: light, contrast, sharpness; level, silence, pitch."""

from __future__ import annotations

import numpy as np

from momus.core.samples import NumpyArray, Samples
from momus.methods.describe import Description, describe


def traits(samples: Samples) -> Description:
    """Columns whose bins can be read as conditions.

    Pictures: light, contrast, sharpness and, in colour, warmth (red less blue) and saturation. Sound: duration, level,
    peak, zero crossings, clipped share, share of silence, and pitch, the mean band by energy. Tables and texts: all
    that :func:`momus.methods.describe.describe` says of them.
    """
    seen = describe(samples)
    if samples.is_image:
        return _picture(seen)
    if samples.is_sound:
        return _sound(seen)
    return seen


def _picture(seen: Description) -> Description:
    def of(start: str) -> NumpyArray:
        return seen.values[:, [n.startswith(start) for n in seen.names]]

    columns = {
        "light": of("mean ").mean(axis=1),
        "contrast": of("contrast ").mean(axis=1),
        "sharpness": of("sharpness")[:, 0],
    }
    if "saturation" in seen.names:
        columns["warmth"] = of("mean red")[:, 0] - of("mean blue")[:, 0]
        columns["saturation"] = of("saturation")[:, 0]
    return _made(columns)


def _sound(seen: Description) -> Description:
    means = [j for j, n in enumerate(seen.names) if n.startswith("band ") and n.endswith("mean")]
    if not means:
        return seen
    plain = [j for j, n in enumerate(seen.names) if not n.startswith("band ")]
    energy = seen.values[:, means]
    weight = np.exp(energy - energy.max(axis=1, keepdims=True))
    columns = {seen.names[j]: seen.values[:, j] for j in plain}
    columns["pitch (band)"] = (weight * np.arange(1, len(means) + 1)).sum(axis=1) / weight.sum(axis=1)
    return _made(columns)


def _made(columns: dict[str, NumpyArray]) -> Description:
    return Description(np.column_stack(list(columns.values())), tuple(columns), (None,) * len(columns))
