"""A real tracking server: its models opened as files, and findings logged to it, read back by its own interface."""

from __future__ import annotations

import json
import pickle
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from momus.assess import Assessment, assess
from momus.assess.measuring import request_for
from momus.assess.run import Settings
from momus.card import SystemCard
from momus.card.mlflow import MlflowCard
from momus.core.errors import CardError, MomusError, TargetError, UnsafeArtifact
from momus.core.records import Status
from momus.methods.mlflow_rest import Tracking
from momus.reports import mlflow_
from momus.targets import open_files
from momus.targets.mlflow_ import fetch


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and no server in the environment."""
    for name in ("URI", "TOKEN", "USERNAME", "PASSWORD", "SERVER_CERT_PATH"):
        monkeypatch.delenv(f"MLFLOW_TRACKING_{name}", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "momus" / "mlflow"


def card(registry: Any, path: str, **more: Any) -> dict[str, Any]:
    return {
        "system": "cellar",
        "targets": [{"name": "wines", "path": path, "mlflow": {"uri": registry.server.url}, **more}],
        "data": {"test": {"path": "wines.csv", "label": "label"}},
    }


@pytest.mark.parametrize(
    ("path", "file"),
    [
        ("models:/wines@champion", "model.skops"),
        ("models:/wines/1", "model.skops"),
        ("models:/wines/latest", "model.pkl"),
        ("runs:/{run}/pickled", "model.pkl"),
    ],
)
def test_its_models_answer_as_in_their_own_environment(registry: Any, opened: Any, path: str, file: str) -> None:
    """By version, alias and run, from skops and from a pickle that the scan let through."""
    path = path.format(run=registry.run)
    target, samples = opened(card(registry, path), registry.folder)
    expected = np.load(registry.folder / "wines.npz")
    a = target.encode(samples.x)
    assert np.allclose(target.probabilities(a), expected["probabilities"], atol=1e-9)
    assert (target.predict(a) == expected["labels"]).all()
    assert target.info.adapter == "sklearn" and Path(target.info.files[0]).name == file
    note = target.info.notes[-1]
    assert path in note and "digest" in note
    assert path.startswith("runs") or "is version" in note


def test_a_version_is_fetched_once_and_again_where_a_file_of_it_is_gone(
    registry: Any, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = MlflowCard(uri=registry.server.url)
    one = fetch("models:/wines/1", server)
    loaded: list[str] = []
    real = Tracking.download
    monkeypatch.setattr(Tracking, "download", lambda self, path, to: loaded.append(path) or real(self, path, to))
    assert fetch("models:/wines@champion", server).folder == one.folder and loaded == []
    (one.folder / "model.skops").unlink()
    assert fetch("models:/wines/1", server).said == one.said and len(loaded) == 5
    assert fetch("models:/wines/2", server).folder != one.folder
    assert len(list(cache.glob("*.whole"))) == 2


def test_its_files_are_listed_and_digested_for_the_scan(registry: Any) -> None:
    system = SystemCard.from_dict(card(registry, "models:/wines/2"), base=registry.folder)
    found = {Path(f).name for f in open_files(system.targets[0], registry.folder).info.files}
    assert {"MLmodel", "model.pkl", "requirements.txt"} <= found


class Bomb:
    def __reduce__(self) -> Any:
        return (print, ("this ran",))


def hostile(registry: Any, flavour: dict[str, Any], name: str, content: bytes) -> str:
    """A model that somebody put among the artifacts of a run."""
    with Tracking(MlflowCard(uri=registry.server.url)) as server:
        uri = server.get("runs/get", run_id=registry.run)["run"]["info"]["artifact_uri"]
        root = uri.removeprefix("mlflow-artifacts:/") + "/planted"
        server.upload(f"{root}/MLmodel", json.dumps({"flavors": flavour}).encode())
        server.upload(f"{root}/{name}", content)
    return f"runs:/{registry.run}/planted"


def test_a_pickle_that_runs_code_is_refused_before_it_is_loaded(
    registry: Any, opened: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    flavour = {"sklearn": {"pickled_model": "model.pkl"}}
    path = hostile(registry, flavour, "model.pkl", pickle.dumps(Bomb()))
    with pytest.raises(UnsafeArtifact, match=r"builtins\.print"):
        opened(card(registry, path), registry.folder)
    assert "this ran" not in capsys.readouterr().out


def test_a_file_beyond_the_model_s_folder_is_no_file_of_it(registry: Any, opened: Any) -> None:
    path = hostile(registry, {"sklearn": {"pickled_model": "../../../../../etc/passwd"}}, "other", b"x")
    with pytest.raises(TargetError, match="not there"):
        opened(card(registry, path), registry.folder)


def test_a_flavour_that_is_not_opened_is_named(registry: Any, opened: Any) -> None:
    path = hostile(registry, {"prophet": {"data": "x"}, "python_function": {}}, "x", b"x")
    with pytest.raises(TargetError, match=r"\(prophet\).*serve it"):
        opened(card(registry, path), registry.folder)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("models:/wines/9", "does not have it"),
        ("models:/wines@nobody", "alias nobody not found"),
        ("models:/beers/latest", "Registered Model.*not found"),
        ("models:/wines/Production", "names no model of a registry"),
        ("models:/m-0123456789abcdef", "does not have it"),
        ("runs:/0123/model", "not found|does not have"),
        ("runs:/{run}/none", "no model 'none'"),
        ("runs:/{run}", "names no model of a run"),
    ],
)
def test_what_is_not_there_is_one_line(registry: Any, opened: Any, path: str, said: str) -> None:
    with pytest.raises(TargetError, match=said) as error:
        opened(card(registry, path.format(run=registry.run)), registry.folder)
    assert "\n" not in str(error.value)


def test_a_card_without_a_server_says_how_to_name_one(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = {"system": "s", "targets": [{"path": "models:/wines/1"}]}
    with pytest.raises(CardError, match="MLFLOW_TRACKING_URI"):
        SystemCard.from_dict(raw)
    with pytest.raises(CardError, match="no server"):
        SystemCard.from_dict({**raw, "targets": [{**raw["targets"][0], "mlflow": {"uri": "sqlite:///mlflow.db"}}]})
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://mine.example")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "secret")
    mine = SystemCard.from_dict(raw).targets[0].mlflow
    assert mine is not None and (mine.host, mine.token) == ("mine.example", "secret")
    other = SystemCard.from_dict({**raw, "targets": [{**raw["targets"][0], "mlflow": {"uri": "https://other"}}]})
    assert other.targets[0].mlflow is not None and other.targets[0].mlflow.token is None


def test_a_server_of_the_environment_must_be_named_under_network(
    registry: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry.server.url)
    raw = {"system": "s", "targets": [{"name": "wines", "path": "models:/wines/1"}]}
    for named in ((), ("127.0.0.1",)):
        system = SystemCard.from_dict({**raw, "network": list(named)}, base=registry.folder)
        request = request_for(system, "wines", Settings())
        assert request["network"] == list(named)
        assert request["target"]["mlflow"]["uri"] == registry.server.url
    own = SystemCard.from_dict({**card(registry, "models:/wines/1"), "network": ["other"]}, base=registry.folder)
    assert request_for(own, "wines", Settings())["network"] == ["other", "127.0.0.1"]


# -- logging ---------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def assessed(registry: Any) -> Assessment:
    """A short run over a registered model in confined workers, which reach the server that the card's section names."""
    raw = card(registry, "models:/wines@champion")
    only = ("supply_chain.formats", "corruption.table")
    return assess(SystemCard.from_dict(raw, base=registry.folder), only=only, store=":memory:", backend="sequential")


def read_back(registry: Any, run: str) -> dict[str, Any]:
    """What the server says of a run, by plain HTTP."""
    with urllib.request.urlopen(f"{registry.server.url}/api/2.0/mlflow/runs/get?run_id={run}") as reply:
        found = json.load(reply)["run"]
    data = found["data"]
    return {
        "status": found["info"]["status"],
        "tags": {t["key"]: t["value"] for t in data["tags"]},
        "metrics": {m["key"]: m["value"] for m in data["metrics"]},
        "uri": found["info"]["artifact_uri"],
    }


def test_findings_are_read_back_from_the_server(registry: Any, assessed: Assessment) -> None:
    view = assessed.view()
    logged = mlflow_.log(view, "quality", MlflowCard(uri=registry.server.url))
    found = read_back(registry, logged.run)
    assert found["status"] == "FINISHED" and not logged.again and logged.run in logged.url
    assert found["tags"]["momus.run"] == view.run.id and found["tags"]["momus.system"] == "cellar"
    assert {m.id: found["tags"][f"momus.{m.id}"].split()[0] for m in view.modes} == {m.id: m.status for m in view.modes}
    measured = next(f.measurement for f in assessed.findings if f.probe.endswith("corruption.table"))
    assert measured is not None
    assert found["metrics"]["corruption.table/value"] == measured.value
    assert found["metrics"]["corruption.table/ci_low"] == measured.ci.low
    assert found["metrics"]["modes/not_tested"] == view.counts["not_tested"]
    base = f"{registry.server.url}/api/2.0/mlflow-artifacts/artifacts/{found['uri'].removeprefix('mlflow-artifacts:/')}"
    with urllib.request.urlopen(f"{base}/momus/rows.json") as reply:
        rows = json.load(reply)["rows"]
    assert [r["id"] for r in rows] == [m.id for m in view.modes]
    with urllib.request.urlopen(f"{base}/momus/report.html") as reply:
        assert b"cellar" in reply.read()


def test_a_second_time_it_is_the_same_run_brought_up_to_date(registry: Any, assessed: Assessment) -> None:
    server, view = MlflowCard(uri=registry.server.url), assessed.view()
    first = mlflow_.log(view, "again", server)
    before = read_back(registry, first.run)
    changed = tuple(
        m.model_copy(update={"findings": tuple(f.model_copy(update={"status": Status.FAIL}) for f in m.findings)})
        for m in view.modes
    )
    second = mlflow_.log(view.model_copy(update={"modes": changed}), "again", server)
    after = read_back(registry, second.run)
    assert second.again and second.run == first.run
    assert (
        before["metrics"]["supply_chain.formats/status"] == 0 and after["metrics"]["supply_chain.formats/status"] == 2
    )
    assert mlflow_.log(view, "again", server).run == first.run
    assert read_back(registry, first.run)["metrics"] == before["metrics"]


def test_a_server_that_is_gone_is_one_line(assessed: Assessment) -> None:
    with pytest.raises(MomusError, match="does not answer") as error:
        mlflow_.log(assessed.view(), "x", MlflowCard(uri="http://127.0.0.1:9"))
    assert "\n" not in str(error.value)
