"""`-o mlflow:EXPERIMENT`: refused before anything is measured where it could lead nowhere."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from momus.cli.options import check_outputs


def test_an_experiment_and_a_server_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(click.BadParameter, match="MLFLOW_TRACKING_URI"):
        check_outputs((Path("mlflow:quality"),))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db")
    with pytest.raises(click.BadParameter, match="no server"):
        check_outputs((Path("mlflow:quality"),))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    with pytest.raises(click.BadParameter, match="names no experiment"):
        check_outputs((Path("mlflow:"),))
    assert check_outputs((Path("mlflow:Team a/quality"),)) == (Path("mlflow:Team a/quality"),)
