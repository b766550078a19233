"""Real servers, each in its own environment, started once for a module and gone after it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from momus.card import SystemCard
from momus.core.samples import Samples
from momus.data import read_data
from momus.targets import open_target
from momus.testing.servers import Environment, Missing, Server, environment, free_port

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1] / ".servers"


class Made(NamedTuple):
    """An environment and the folder with what it serves: models, rows as a table, expected answers."""

    where: Environment
    folder: Path


def made(name: str) -> Made:
    """Waits where another process is making it. Skipped only where its packages cannot be had."""
    try:
        where = environment(HERE / f"{name}.txt", ROOT)
    except Missing as why:
        pytest.skip(str(why))
    return Made(where, where.made(HERE / f"make_{name}.py"))


@pytest.fixture(scope="session")
def opened() -> Callable[[dict[str, Any], Path], tuple[Any, Samples]]:
    """The first target of a card and its test rows, as a worker opens them."""

    def open_(raw: dict[str, Any], folder: Path) -> tuple[Any, Samples]:
        card = SystemCard.from_dict(raw, base=folder)
        target, data = card.targets[0], card.data["test"]
        samples = read_data(data, folder, classes=target.classes, task="classifier")
        return open_target(target, folder, samples=samples), samples

    return open_


@pytest.fixture(scope="module")
def mlserver_made() -> Made:
    return made("mlserver")


@pytest.fixture(scope="module")
def mlserver(mlserver_made: Made) -> Iterator[Server]:
    """MLServer with two real models of scikit-learn."""
    where, folder = mlserver_made
    other = {"MLSERVER_GRPC_PORT": str(free_port()), "MLSERVER_METRICS_PORT": str(free_port())}
    alone = {"MLSERVER_PARALLEL_WORKERS": "0", "MLSERVER_HOST": "127.0.0.1", **other}
    with Server(
        where, lambda _port: [where.programs / "mlserver", "start", folder / "models"], ready="/v2/health/ready",
        folder=folder, variables=lambda port: {"MLSERVER_HTTP_PORT": str(port), **alone},
    ) as server:  # fmt: skip
        yield server


@pytest.fixture(scope="module")
def mlflow_made() -> Made:
    return made("mlflow")


@pytest.fixture(scope="module")
def scoring(mlflow_made: Made) -> Iterator[Server]:
    """``mlflow models serve`` with a real model that has a signature."""
    where, folder = mlflow_made

    def command(port: int) -> list[str | Path]:
        at = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
        return [where.programs / "mlflow", "models", "serve", "-m", folder / "model", "--env-manager", "local", *at]

    with Server(where, command, ready="/ping", folder=folder) as server:
        yield server


class Registry(NamedTuple):
    """A tracking server with a registry, and the id of the run that made its models."""

    server: Server
    folder: Path
    run: str


@pytest.fixture(scope="module")
def registry(mlflow_made: Made, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """``mlflow server`` over a copy of the registry that was made with its environment."""
    where, folder = mlflow_made
    home = tmp_path_factory.mktemp("registry") / "home"
    shutil.copytree(folder, home)

    def command(port: int) -> list[str | Path]:
        at = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
        kept = ["--backend-store-uri", f"sqlite:///{home}/mlflow.db", "--artifacts-destination", home / "artifacts"]
        return [where.programs / "mlflow", "server", *at, *kept]

    with Server(
        where, command, ready="/health", folder=home,
        variables=lambda _port: {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
    ) as server:  # fmt: skip
        yield Registry(server, home, (home / "run").read_text())
