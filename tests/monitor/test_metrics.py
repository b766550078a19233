"""Metrics as Prometheus reads them, and as a collector decodes them; callers are named in neither."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.request import urlopen

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from prometheus_client.parser import text_string_to_metric_families

from momus.core.errors import MomusError
from momus.monitor import telemetry as monitor_telemetry
from momus.monitor.alarms import Standing
from momus.monitor.detector import Lacking
from momus.monitor.metrics import Metrics, address
from momus.monitor.sinks import Closed
from momus.monitor.telemetry import Telemetry

from .conftest import BEGAN, reading, window

Numbers = dict[tuple[str, str], float]


def _read(metrics: Metrics) -> Numbers:
    """Every sample by its name and the detector, or its bucket."""
    with urlopen(metrics.url, timeout=10) as answer:
        text = answer.read().decode()
    assert "secret-name" not in text
    families = text_string_to_metric_families(text)
    return {(s.name, s.labels.get("detector", s.labels.get("le", ""))): s.value for f in families for s in f.samples}


def test_a_scrape() -> None:
    standings = {name: Standing(0.0, 5000.0, False) for name in ("shift.inputs", "stealing.coverage")}
    metrics = Metrics("model", standings, "0")
    try:
        before = _read(metrics)
        assert before["momus_windows_total", ""] == 0 and before["momus_alarm", "stealing.coverage"] == 0
        lacking = {"supply_chain.version": Lacking("no version", "name one")}
        who = reading(0.4, who=("secret-name-1",))
        metrics.window(window(1, shed=10, broken=2, seconds=0.02, waiting=7, lacking=lacking))
        metrics.window(window(2, alarm=True, news="began", readings={"shift.inputs": who}))
        metrics.window(window(2, alarm=True, news="began"))  # told again after a restart
        metrics.window(window(3, alarm=True))
        found = _read(metrics)
    finally:
        metrics.close()
    expected = {
        ("momus_events_total", ""): 3000, ("momus_shed_total", ""): 10, ("momus_broken_total", ""): 2,
        ("momus_windows_total", ""): 3, ("momus_alarms_total", "shift.inputs"): 1, ("momus_lag", ""): 0,
        ("momus_alarm", "shift.inputs"): 1, ("momus_value", "shift.inputs"): 0.2, ("momus_low", "shift.inputs"): 0.15,
        ("momus_high", "shift.inputs"): 0.25, ("momus_wealth", "shift.inputs"): 6000,
        ("momus_wealth_needed", ""): 5000, ("momus_blind", "supply_chain.version"): 1,
        ("momus_window_seconds_count", ""): 3, ("momus_window_seconds_bucket", "0.03"): 3,
        ("momus_window_seconds_bucket", "0.01"): 2,
    }  # fmt: skip
    assert {k: pytest.approx(v) for k, v in expected.items()} == {k: found.get(k) for k in expected}


def test_what_nobody_saw_in_a_window_is_no_number_of_it() -> None:
    """An alarm is on before the first window of a process; a detector that failed is neither calm nor at alarm."""
    metrics = Metrics("model", {"shift.inputs": Standing(6000.0, 5000.0, True, 3, 2)}, "0")
    try:
        assert _read(metrics)["momus_alarm", "shift.inputs"] == 1
        metrics.window(window(4, alarm=True))
        metrics.window(window(5, alarm=True, readings={}))
        silent = _read(metrics)
        assert silent["momus_alarm", "shift.inputs"] == 1
        assert all(math.isnan(silent[f"momus_{name}", "shift.inputs"]) for name in ("value", "low", "high"))
        failed = Lacking("it failed", "start anew")
        metrics.window(Closed(6, BEGAN, BEGAN + 1, 1000, lacking={"shift.inputs": failed}))
        found = _read(metrics)
        assert found["momus_blind", "shift.inputs"] == 1
        assert all(math.isnan(found[f"momus_{name}", "shift.inputs"]) for name in ("alarm", "wealth", "value"))
    finally:
        metrics.close()


@pytest.mark.parametrize(
    ("text", "meant"),
    [("9464", ("127.0.0.1", 9464)), (":9464", ("127.0.0.1", 9464)), ("0.0.0.0:1", ("0.0.0.0", 1)),
     ("[::1]:9464", ("::1", 9464))],
    ids=["port", "colon", "all", "six"],
)  # fmt: skip
def test_addresses_are_local_unless_a_host_is_named(text: str, meant: tuple[str, int]) -> None:
    assert address(text) == meant


def test_an_address_that_is_none_or_taken_is_said() -> None:
    for text in ("", "here", "localhost:http", "1:70000"):
        with pytest.raises(MomusError, match="is no address for metrics"):
            address(text)
    first = Metrics("model", {}, "0")
    try:
        taken = first.url.split("/")[2]
        with pytest.raises(MomusError, match=r"metrics cannot be offered.*Name a free port"):
            Metrics("model", {}, taken)
    finally:
        first.close()


class Collector:
    """A receiver of OTLP over HTTP that decodes what it gets."""

    def __init__(self) -> None:
        self.metrics: list[ExportMetricsServiceRequest] = []
        self.logs: list[ExportLogsServiceRequest] = []
        self.strayed: list[str] = []
        self.came = threading.Event()
        self.redirect = False
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer._post(self)

            def log_message(self, *_: Any) -> None:
                """Silence."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def _post(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["Content-Length"]))
        kinds = {
            "/v1/metrics": (ExportMetricsServiceRequest, self.metrics),
            "/v1/logs": (ExportLogsServiceRequest, self.logs),
        }
        if request.path not in kinds:
            self.strayed.append(request.path)
        elif not self.redirect:
            made, kept = kinds[request.path]
            kept.append(made.FromString(body))  # type: ignore[attr-defined]
        self.came.set()
        request.send_response(307 if self.redirect else 200)
        if self.redirect:
            request.send_header("Location", f"{self.url}/elsewhere")
        request.send_header("Content-Length", "0")
        request.end_headers()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.close()


def test_a_collector_gets_numbers_and_a_record_of_each_alarm(collector: Collector) -> None:
    telemetry = Telemetry(collector.url + "/", "model", "small", every_ms=3_600_000)
    telemetry.window(window(1, shed=10))
    telemetry.window(
        window(2, alarm=True, news="began", readings={"shift.inputs": reading(0.4, who=("secret-name-1",))})
    )
    telemetry.alert(
        {"event": "alarm.began", "text": "ALARM: small", "detector": "shift.inputs", "value": 0.4, "limit": None}
    )
    telemetry.close()
    (request,) = [r for r in collector.metrics if r.resource_metrics][-1:]
    resource = {a.key: a.value.string_value for a in request.resource_metrics[0].resource.attributes}
    assert (resource["service.name"], resource["momus.system"]) == ("momus-monitor", "small")
    found: dict[str, list[float]] = {}
    for metric in request.resource_metrics[0].scope_metrics[0].metrics:
        kind = metric.WhichOneof("data")
        points = getattr(metric, str(kind)).data_points
        found[metric.name] = [p.count if kind == "histogram" else p.as_double or p.as_int for p in points]
    assert found["momus.events"] == [2000] and found["momus.shed"] == [10] and found["momus.alarms"] == [1]
    assert found["momus.value"] == [0.4] and found["momus.alarm"] == [1] and found["momus.window.seconds"] == [2]
    (record,) = [r for one in collector.logs for s in one.resource_logs[0].scope_logs for r in s.log_records]
    attributes = {a.key: a.value for a in record.attributes}
    assert (record.body.string_value, record.severity_text, record.event_name) == (
        "ALARM: small",
        "ERROR",
        "momus.alarm.began",
    )
    assert attributes["momus.detector"].string_value == "shift.inputs" and attributes["momus.value"].double_value == 0.4
    assert not any(b"secret-name" in r.SerializeToString() for r in (*collector.metrics, *collector.logs))
    assert telemetry.told == ()


def test_a_collector_that_is_silent_is_told_and_holds_up_the_end_for_moments(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes what it is sent and never answers."""
    never = threading.Event()
    monkeypatch.setattr(collector, "_post", lambda _request: never.wait(60))
    monkeypatch.setattr(monitor_telemetry, "_LAST", 0.1)
    telemetry = Telemetry(collector.url, "model", "small", every_ms=3_600_000)
    telemetry.window(window(1))
    telemetry.alert({"event": "alarm.began", "text": "ALARM", "detector": "shift.inputs"})
    telemetry.close()
    assert not never.is_set(), "the end did not wait for the collector"
    assert {f"OpenTelemetry: the last {what} were not sent in time" for what in ("numbers", "alarms")} <= {
        *telemetry.told
    }
    never.set()


def test_a_window_without_a_reading_sends_none(collector: Collector) -> None:
    telemetry = Telemetry(collector.url, "model", "small", every_ms=3_600_000)
    telemetry.window(window(1))
    telemetry.window(window(2, "stealing.coverage", readings={}))  # shift.inputs failed
    telemetry.close()
    sent = {m.name: m for m in collector.metrics[-1].resource_metrics[0].scope_metrics[0].metrics}
    assert "momus.value" not in sent
    stands = [a.value.string_value for p in sent["momus.alarm"].gauge.data_points for a in p.attributes]
    assert "stealing.coverage" in stands and "shift.inputs" not in stands


def test_a_collector_that_points_elsewhere_is_not_followed(collector: Collector) -> None:
    collector.redirect = True
    telemetry = Telemetry(collector.url, "model", "small", every_ms=3_600_000)
    telemetry.window(window(1))
    telemetry.close()
    assert collector.came.is_set() and not collector.strayed
    assert telemetry.told and all("points elsewhere (307)" in line for line in telemetry.told)
