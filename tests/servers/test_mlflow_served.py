"""A real ``mlflow models serve``: the same answers as the model asked directly, and its schema errors in one line."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from momus.core.errors import TargetError
from momus.testing.servers import Server


def card(server: Server, **http: Any) -> dict[str, Any]:
    asked = {"url": f"{server.url}/invocations", "protocol": "mlflow", **http}
    return {
        "system": "served cellar",
        "targets": [{"name": "wines", "adapter": "http", "http": asked}],
        "data": {"test": {"path": "wines.csv", "label": "label"}},
        "network": ["127.0.0.1"],
        "budget": {"seconds": 60, "queries": 300},
    }


@pytest.mark.parametrize("form", ["dataframe_split", "dataframe_records"])
def test_it_answers_as_the_model_does_in_its_own_environment(
    scoring: Server, mlflow_made: Any, opened: Any, form: str
) -> None:
    target, samples = opened(card(scoring, input=form), mlflow_made.folder)
    expected = np.load(mlflow_made.folder / "wines.npz")["labels"]
    assert (target.predict(target.encode(samples.x)) == expected).all()


def test_a_schema_that_does_not_fit_is_one_line(scoring: Server, mlflow_made: Any, opened: Any, tmp_path: Path) -> None:
    text = (mlflow_made.folder / "wines.csv").read_text()
    (tmp_path / "wines.csv").write_text(text.replace("proline", "praline", 1))
    with pytest.raises(TargetError) as error:
        opened(card(scoring), tmp_path)
    assert "missing inputs ['proline']" in str(error.value) and "\n" not in str(error.value)
    assert len(str(error.value)) < 1200


@pytest.mark.soak  # how a run goes through workers does not depend on the server: tests/targets/test_http_run.py
def test_a_whole_assessment_over_it(scoring: Server, mlflow_made: Any, tmp_path: Path) -> None:
    shutil.copy(mlflow_made.folder / "wines.csv", tmp_path)
    (tmp_path / "momus.yaml").write_text(yaml.safe_dump(card(scoring)))
    words = ["assess", "--only", "incomplete_testing.metamorphic", "--only", "corruption.table", "-o", "report.md"]
    done = subprocess.run(
        [sys.executable, "-m", "momus", *words], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 1), done.stderr
    assert "asked wines" in done.stdout and "M16 corruption" in done.stdout
    assert "corruption" in (tmp_path / "report.md").read_text()
