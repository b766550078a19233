"""A table of candidates beside a model's own data: it is read, and never taken for the model's input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from momus.assess import assess
from momus.card import SystemCard
from momus.core.records import Status


@pytest.mark.parametrize("first", ["test", "candidates"])
def test_candidates_are_no_inputs(first: str, tmp_path: Path) -> None:
    import joblib
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3))
    y = (x[:, 0] > 0).astype(int)
    joblib.dump(LogisticRegression().fit(x, y), tmp_path / "m.joblib")
    rows = "\n".join(f"{a:.3f},{b:.3f},{c:.3f},{k}" for (a, b, c), k in zip(x, y, strict=True))
    (tmp_path / "test.csv").write_text(f"a,b,c,y\n{rows}\n")
    (tmp_path / "ads.csv").write_text("proxy,goal\n" + "\n".join(f"{i},{i % 7}" for i in range(60)) + "\n")
    sets = {"test": {"path": "test.csv", "label": "y"}, "candidates": {"path": "ads.csv"}}
    card = SystemCard.from_dict(
        {
            "system": "ads",
            "targets": [{"path": "m.joblib", "classes": ["no", "yes"]}],
            "data": {first: sets.pop(first), **sets},
            "select": ["reward_hacking.candidates"],
        },
        tmp_path,
    )
    result = assess(card, store=f"sqlite:///{tmp_path}/runs.db")
    found = next(f for f in result.findings if f.probe == "reward_hacking.candidates")
    assert found.status is Status.FAIL and found.measurement is not None and found.measurement.n == 60
