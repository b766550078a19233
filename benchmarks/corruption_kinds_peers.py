"""What the peers of bench_corruption_kinds do, run by the interpreter that has them: reads and writes one pickle."""

from __future__ import annotations

import pickle
import random
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np


def main(file: Path) -> None:
    """Work through the list of jobs in ``file``; answers and CPU seconds go to ``file`` with the ending .out."""
    warnings.simplefilter("ignore")
    work = pickle.loads(file.read_bytes())
    out: dict[str, Any] = {}
    for name, make in {**texts(), **sounds(work["rate"]), **tables()}.items():
        kind = name.split(":")[0]
        random.seed(0)
        np.random.seed(0)  # noqa: NPY002 - the peers draw from this generator
        try:
            run = make()
            run(work[kind][:2])  # imports and compilation come before the clock
            start = time.process_time()
            made = run(work[kind])
            out[name] = (made, time.process_time() - start)
        except Exception as error:  # a peer that cannot do it is a result
            out[name] = (None, f"{type(error).__name__}: {error}"[:200])
    file.with_suffix(".out").write_bytes(pickle.dumps(out))


Make = Callable[[], Callable[[Any], Any]]


def texts() -> dict[str, Make]:
    """nlpaug, one slip in a fifth of the words."""
    import nlpaug.augmenter.char as chars

    share: dict[str, Any] = {
        "aug_char_min": 1,
        "aug_char_max": 1,
        "aug_word_p": 0.2,
        "aug_word_max": None,
        "min_char": 2,
    }

    def each(augmenter: Any) -> Callable[[Any], Any]:
        return lambda x: [(augmenter.augment(t) or [t])[0] for t in x]

    return {
        "text:keyboard": lambda: each(chars.KeyboardAug(
            **share, include_upper_case=False, include_special_char=False, include_numeric=False)),
        "text:ocr": lambda: each(chars.OcrAug(**share)),
        "text:omission": lambda: each(chars.RandomCharAug(action="delete", **share)),
        "text:transposition": lambda: each(chars.RandomCharAug(action="swap", **share)),
    }  # fmt: skip


def sounds(rate: int) -> dict[str, Make]:
    """audiomentations, clip by clip as it works."""
    import audiomentations as a

    def each(change: Any) -> Callable[[Any], Any]:
        return lambda x: np.stack([change(clip, rate) for clip in x])

    return {
        "sound:white_noise": lambda: each(a.AddGaussianSNR(min_snr_db=0.0, max_snr_db=0.0, p=1.0)),
        "sound:quantisation": lambda: each(a.BitCrush(min_bit_depth=5, max_bit_depth=5, p=1.0)),
        "sound:level": lambda: each(a.Gain(min_gain_db=-45.0, max_gain_db=-45.0, p=1.0)),
        "sound:pitch": lambda: each(a.PitchShift(min_semitones=4.0, max_semitones=4.0, p=1.0)),
    }


def tables() -> dict[str, Make]:
    """tab_err, column by column as its own loops do."""
    import pandas as pd
    from tab_err.api.low_level import create_errors
    from tab_err.error_mechanism import ECAR
    from tab_err.error_type import MissingValue, WrongUnit

    def columns(kind: Any) -> Callable[[Any], Any]:
        def run(x: Any) -> Any:
            frame = pd.DataFrame(np.asarray(x), columns=[f"c{j}" for j in range(np.shape(x)[1])])
            for j, name in enumerate(frame.columns):  # one seed for all would hit the same rows in each
                frame, _ = create_errors(frame, name, 0.2, ECAR(seed=j), kind)
            return frame.to_numpy(dtype=float)

        return run

    return {
        "table:missing_random": lambda: columns(MissingValue()),
        "table:unit_scale": lambda: columns(WrongUnit({"wrong_unit_scaling": lambda v: v * 1000})),
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
