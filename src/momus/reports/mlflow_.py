"""A run's findings in MLflow, beside the training they are about: one MLflow run for each run of Momus.

Written a second time it is the same MLflow run, brought up to what the report says now.
"""

from __future__ import annotations

import io
import json
import math
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from momus.card.mlflow import MlflowCard
from momus.core.errors import MomusError
from momus.core.records import Finding, Status
from momus.core.text import clean
from momus.methods.mlflow_rest import Absent, Tracking
from momus.reports import html
from momus.reports.view import ModeView, ReportView

PREFIX = "mlflow:"
# What a chart can draw of a finding: up is worse. Not run is no number at all.
STATUS = {Status.PASS: 0, Status.INCONCLUSIVE: 1, Status.FAIL: 2, Status.ERROR: 3}
_BATCH = 900  # metrics a call; the server takes 1,000
_KEY = re.compile(r"[^A-Za-z0-9_\-. /]")
_PROXIED = re.compile(r"mlflow-artifacts:/(?:/[^/]*/)?(.*)")


@dataclass(frozen=True)
class Logged:
    """Where a run stands in MLflow now, and whether it stood there before."""

    url: str
    run: str
    again: bool


def experiment_of(output: str) -> str | None:
    """The experiment that ``mlflow:NAME`` names; None for what is no such address."""
    return output[len(PREFIX) :].strip() if output.startswith(PREFIX) else None


def server_of_environment() -> MlflowCard:
    """The tracking server of MLflow's own environment variables. MomusError where they name none."""
    from pydantic import ValidationError

    try:
        return MlflowCard.model_validate({})
    except ValidationError as error:
        said = str(error.errors()[0]["msg"]).replace("add mlflow: {uri: https://…}", "name another output")
        raise MomusError(said, code="mlflow/no-server", hint="export MLFLOW_TRACKING_URI=https://…") from None


def log(view: ReportView, experiment: str, server: MlflowCard | None = None) -> Logged:
    """Write a report into an experiment, which is made where there is none.

    Tags say which system and run it is and the state of each of the 17 modes; each finding has its value, interval and
    state as metrics; the rows as JSON and the page are artifacts. MomusError for a server that refuses.
    """
    with Tracking(server or server_of_environment()) as tracking:
        number = _experiment(tracking, experiment)
        wanted = f"tags.`momus.run` = '{view.run.id}'"
        found = tracking.post("runs/search", experiment_ids=[number], filter=wanted, max_results=1).get("runs") or []
        made = found[0] if found else _create(tracking, number, view)
        run = str(made["info"]["run_id"])
        _tags(tracking, run, view)
        _metrics(tracking, run, view, {m["key"]: m["value"] for m in (made.get("data") or {}).get("metrics") or []})
        _artifacts(tracking, str(made["info"].get("artifact_uri", "")), view)
        ended = _milliseconds(view.run.ended.timestamp()) if view.run.ended else _milliseconds(time.time())
        tracking.post("runs/update", run_id=run, status="FINISHED", end_time=ended)
        return Logged(tracking.page(number, run), run, bool(found))


def rows_of(view: ReportView) -> list[dict[str, Any]]:
    """The 17 rows as plain values."""
    return [
        {
            "id": m.id, "mode": m.slug, "name": m.name, "status": m.status, "verdict": m.verdict, "reason": m.reason,
            "severity": None if m.severity is None else m.severity.value, "accepted": m.accepted,
            "findings": [
                {"probe": f.probe, "target": f.target, "status": f.status.value, "reason": f.reason} for f in m.findings
            ],
        }
        for m in view.modes
    ]  # fmt: skip


def metrics_of(view: ReportView) -> dict[str, float]:
    """Every number of the findings by MLflow's name for it: ``membership.loss/value``."""
    findings = [f for m in view.modes for f in m.findings]
    several = len({f.target for f in findings}) > 1
    found: dict[str, float] = {f"modes/{status}": n for status, n in view.counts.items()}
    for finding in findings:
        head = f"{finding.target}/" if several else ""
        name = _KEY.sub("_", f"{head}{finding.probe.rpartition('/')[2]}")[:220]
        found |= {f"{name}/{key}": value for key, value in _numbers(finding) if math.isfinite(value)}
    return found


def _numbers(finding: Finding) -> Iterator[tuple[str, float]]:
    yield "status", STATUS[finding.status]
    measured = finding.measurement
    if measured is not None:
        yield from (("value", measured.value), ("ci_low", measured.ci.low), ("ci_high", measured.ci.high))


def _experiment(tracking: Tracking, name: str) -> str:
    try:
        found: Mapping[str, Any] = tracking.get("experiments/get-by-name", experiment_name=name)
        return str(found["experiment"]["experiment_id"])
    except Absent:
        return str(tracking.post("experiments/create", name=name)["experiment_id"])


def _create(tracking: Tracking, experiment: str, view: ReportView) -> Mapping[str, Any]:
    # The tag by which it is found again goes with it: what is interrupted after this is taken up, not made twice.
    begun = _milliseconds(view.run.created.timestamp())
    tags = [{"key": "momus.run", "value": view.run.id}]
    name = clean(f"momus {view.run.system}", 200)
    made = tracking.post("runs/create", experiment_id=experiment, run_name=name, start_time=begun, tags=tags)
    return made["run"]  # type: ignore[no-any-return]


def _tags(tracking: Tracking, run: str, view: ReportView) -> None:
    tags = {
        "momus.run": view.run.id,
        "momus.system": view.run.system,
        "momus.worst": "none" if view.worst is None else view.worst.value,
        "momus.seed": str(view.run.seed),
        "momus.card": view.run.card_digest,
        "momus.version": view.run.versions.get("momus", ""),
        "mlflow.note.content": _note(view),
        **{f"momus.{m.id}": _state(m) for m in view.modes},
    }
    content = [{"key": k, "value": clean(v, 4000) if k != "mlflow.note.content" else v} for k, v in tags.items()]
    tracking.post("runs/log-batch", run_id=run, tags=content)


def _state(mode: ModeView) -> str:
    return " ".join([mode.status, *([] if mode.severity is None or mode.status != "fail" else [mode.severity.value])])


def _note(view: ReportView) -> str:
    """What MLflow shows as the run's description: the rows that say something, worst first."""
    first = {m.id for m in view.priorities(17)}
    shown = [*view.priorities(17), *(m for m in view.modes if m.id not in first and m.status == "pass")]
    why = {m.id: _cell(m.headline.reason if m.headline else m.reason) for m in shown}
    lines = [f"| {m.id} {m.slug} | {_state(m)} | {why[m.id]} |" for m in shown]
    untested = view.counts["not_tested"]
    table = ["| mode | state | reason |", "| --- | --- | --- |", *lines] if lines else []
    return "\n".join([f"{_cell(view.run.system)}, run {view.run.id}. Not tested: {untested} of 17 modes.", "", *table])


def _cell(text: str) -> str:
    """Plain words in a table of Markdown: nothing that was read from a file or a service becomes a link or a tag."""
    return re.sub(r"([\\`*_{}\[\]<>()#!|])", r"\\\1", clean(text, 200))


def _metrics(tracking: Tracking, run: str, view: ReportView, before: Mapping[str, float]) -> None:
    """Numbers that are new or changed; MLflow takes the latest as the one that holds."""
    now = _milliseconds(time.time())
    new = [
        {"key": key, "value": value, "timestamp": now, "step": 0}
        for key, value in metrics_of(view).items()
        if before.get(key) != value
    ]
    for start in range(0, len(new), _BATCH):
        tracking.post("runs/log-batch", run_id=run, metrics=new[start : start + _BATCH])


def _artifacts(tracking: Tracking, uri: str, view: ReportView) -> None:
    where = _PROXIED.fullmatch(uri)
    if where is None:
        raise MomusError(
            f"tags and metrics are logged, files are not: those of this experiment lie at {clean(uri, 100)}",
            code="mlflow/artifacts", place=tracking.place,
            hint="Start the server with --serve-artifacts, its default, and log to a new experiment",
        )  # fmt: skip
    page = io.StringIO()
    html.render(view, page)
    rows = json.dumps({"run": view.run.id, "system": view.run.system, "rows": rows_of(view)}, indent=1)
    folder = where[1].strip("/")
    tracking.upload(f"{folder}/momus/rows.json", rows.encode())
    tracking.upload(f"{folder}/momus/report.html", page.getvalue().encode())


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)
