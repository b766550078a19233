"""Ten short recordings of people and what they say: five sentences read for LibriVox, five spoken names of cards.

``python examples/fetch.py speech`` brings them out of Debian's package pocketsphinx-testdata, digest checked.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from momus.core.errors import DataError
from momus.core.samples import Samples
from momus.data.sound import clips

FOLDER = Path(__file__).resolve().parent.parent / ".data" / "speech"
RATE = 16_000


def load() -> Samples:
    """(10, t) float32 clips with their texts, filled up with silence to the longest."""
    texts: dict[str, str] = {}
    for path in (FOLDER / "librivox" / "transcription", FOLDER / "cards" / "cards.transcription"):
        if not path.is_file():
            raise DataError("the recordings are not there", place=str(path), hint="python examples/fetch.py speech")
        for line in path.read_text("utf-8").splitlines():
            found = re.match(r"<s>\s*(.*?)\s*</s>\s*\((.+)\)", line)
            if found:
                texts[f"{path.parent.name}/{found.group(2)}.wav"] = found.group(1)
    names = sorted(texts)
    x, rate = clips([FOLDER / n for n in names], RATE)
    y = np.empty(len(names), dtype=object)
    y[:] = [texts[n] for n in names]
    group = np.array([n.split("/")[0] for n in names])
    return Samples(x, y, name="human clips", rate=rate, groups={"kind": group})
