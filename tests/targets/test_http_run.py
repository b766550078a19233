"""A whole assessment of a served model: confined workers, a token from the environment, rows asked once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from momus.assess import assess
from momus.core.records import Measurement
from momus.testing.asgi import serving
from momus.testing.served_models import ServedModels

TOKEN = "not-to-be-kept-anywhere"
RNG = np.random.default_rng(3)
X = RNG.normal(size=(700, 3)).round(6)
Y = (X @ [1.0, -1.0, 0.5] + RNG.normal(size=700) > 0).astype(int)
INSPECTED = 80  # rows that the inspection asks: canaries twice and at its end, and the look at labelled rows
CHECKS = 5 * 16  # canaries of a run whose first are kept: inspection and job, begin and end; and answers of the other
MODEL = """
import numpy as np

def ask(x):
    z = 1 / (1 + np.exp(-(x @ [1.0, -1.0, 0.5])))
    return np.stack([1 - z, z], axis=1)
"""


class Scorer:
    """The logistic function of a sum. From the row on that ``until`` says, another model."""

    def __init__(self) -> None:
        self.until, self.rows = 10**9, 0
        self.distinct: set[bytes] = set()

    def __call__(self, x: np.ndarray) -> np.ndarray:
        x = np.asarray(x)
        turned = self.rows >= self.until
        self.rows += len(x)
        self.distinct |= {r.tobytes() for r in x}
        z = 1 / (1 + np.exp(-(x @ [1.0, -1.0, 0.5])))
        z = 0.9 * z if turned else z
        return np.stack([1 - z, z], axis=1)


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[str, ServedModels]]:
    app = ServedModels({}, tensors={"scorer": ("FP64", [-1, 3])}, token=TOKEN)
    with serving(app) as url:
        yield url.replace("127.0.0.1", "localhost"), app


@pytest.fixture
def scorer(served: tuple[str, ServedModels]) -> Scorer:
    made = Scorer()
    served[1].answers["scorer"] = made
    return made


@pytest.fixture
def card(tmp_path: Path, served: tuple[str, ServedModels], monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SCORER_TOKEN", TOKEN)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "system"
    folder.mkdir()
    for name, part in (("train", slice(0, 350)), ("test", slice(350, 700))):
        rows = [",".join(map(str, [*x, y])) for x, y in zip(X[part], Y[part], strict=True)]
        (folder / f"{name}.csv").write_text("\n".join(["a,b,c,label", *rows]))
    (folder / "model.py").write_text(MODEL)
    (folder / "momus.yaml").write_text(
        f"""
system: served
targets:
  - name: scorer
    http: {{url: "{served[0]}", model: scorer, token: "${{SCORER_TOKEN}}", rows: 64}}
    classes: ["0", "1"]
data: {{train: train.csv, test: test.csv, label: label}}
facts: {{model.output: scores}}
budget: {{seconds: 120}}
"""
    )
    return folder / "momus.yaml"


def measured(found: Any) -> Measurement:
    only: Measurement
    (only,) = [r for r in found.measurements if r.probe.endswith("membership.loss")]
    return only


def run(card: Path, **more: Any) -> Any:
    return assess(card, only=("membership.loss",), backend="sequential", **more)


def test_numbers_are_those_of_the_model_itself_and_no_row_is_asked_twice(
    card: Path, scorer: Scorer, tmp_path: Path
) -> None:
    found = measured(run(card))
    here = tmp_path / "here"
    card.parent.rename(here)
    text = (here / "momus.yaml").read_text()
    start, end = text.index("    http:"), text.index("    classes:")
    (here / "momus.yaml").write_text(f"{text[:start]}    adapter: callable\n    factory: model.py:ask\n{text[end:]}")
    assert measured(run(here / "momus.yaml")).value == pytest.approx(found.value)
    assert [c.code for c in found.caveats if c.code in ("service", "model-changed")] == []
    assert found.cost.queries == 700  # what the probe asked, answered from memory or not
    assert scorer.rows == len(scorer.distinct) + CHECKS + 16  # canaries that are new are asked twice
    assert len(scorer.distinct) == 700
    # The token is nowhere on the disk: not in the store, the answers, the canaries or the ledger.
    files = [f for f in tmp_path.rglob("*") if f.is_file()]
    assert any(f.suffix == ".sqlite" for f in files)
    assert [f for f in files if TOKEN.encode() in f.read_bytes()] == []


def test_another_run_asks_nothing_again_unless_fresh(card: Path, scorer: Scorer) -> None:
    run(card)
    first = scorer.rows
    (card.parent / ".momus" / "runs.sqlite").unlink()
    run(card)
    assert scorer.rows - first == CHECKS + 16  # the inspection, too, takes answers that it must check
    again = scorer.rows
    run(card, fresh=True)
    assert scorer.rows - again == 700 + CHECKS


def test_a_model_that_changes_meanwhile_makes_no_verdict(card: Path, scorer: Scorer) -> None:
    scorer.until = INSPECTED + 300
    done = run(card)
    (caveat,) = [c for c in measured(done).caveats if c.code == "model-changed"]
    assert caveat.blocks == "both"
    assert "changed while it was measured" in caveat.message
    (finding,) = [f for f in done.findings if f.probe.endswith("membership.loss")]
    assert finding.status == "inconclusive"
    # Once the first model is back, nothing that was answered under its name is taken from memory.
    (card.parent / ".momus" / "runs.sqlite").unlink()
    before, scorer.until = scorer.rows, 10**9
    run(card)
    assert scorer.rows - before == 700 + CHECKS


def test_without_the_token_the_target_is_a_gap_that_says_so(
    card: Path, scorer: Scorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCORER_TOKEN", "something-else")
    done = run(card)
    assert scorer.rows == 0
    (gap,) = [g for g in done.gaps if g.probe.endswith("membership.loss")]
    assert "status 401" in gap.detail
    assert "token" in gap.how_to_close
    assert "something-else" not in str(done.gaps)
