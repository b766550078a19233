"""OpenTelemetry: the same numbers over OTLP/HTTP, and a log record when an alarm begins or ends."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from momus.core.errors import MissingExtra
from momus.monitor.sinks import Closed

if TYPE_CHECKING:
    from momus.monitor.messages import Message

EVERY_MS = 10_000
_SECONDS = 2.0  # of one sending, all tries together
_LAST = 3.0  # seconds that what is still to be sent when the watch ends gets, all of it together


class Telemetry:
    """A sink for a collector at ``url``. It sends from threads of its own: a collector that is dead delays nothing."""

    def __init__(self, url: str, target: str, system: str, *, every_ms: int = EVERY_MS) -> None:
        self.told: tuple[str, ...] = ()
        self._target, self._seen = target, 0
        self._values: dict[str, dict[str, float]] = {}
        self._lag = 0
        self._trouble = _Trouble()
        logging.getLogger("opentelemetry").addHandler(self._trouble)
        logging.getLogger("opentelemetry").propagate = False  # its warnings are ours to tell, in one line
        try:
            self._open(url.rstrip("/"), system, every_ms)
        except ImportError as error:
            raise MissingExtra.of("OpenTelemetry", "monitor", error.name or "opentelemetry") from error

    def window(self, closed: Closed) -> None:
        if closed.number <= self._seen:
            return
        self._seen, here = closed.number, {"target": self._target}
        self._counts["events"].add(closed.events, here)
        self._counts["shed"].add(closed.shed, here)
        self._counts["broken"].add(closed.broken, here)
        self._counts["windows"].add(1, here)
        self._took.record(closed.seconds, here)
        self._lag = closed.waiting
        values: dict[str, dict[str, float]] = {}  # of this window alone: an old value is none
        for name, reading in closed.readings.items():
            numbers = {"value": reading.value, "low": reading.ci.low, "high": reading.ci.high}
            values[name] = {k: v for k, v in numbers.items() if math.isfinite(v)}
        for name, standing in closed.standings.items():
            values.setdefault(name, {}).update(wealth=standing.wealth, alarm=float(standing.alarm))
            if standing.news == "began":
                self._counts["alarms"].add(1, _of(self._target, name))
        self._values = values
        self.told = self._trouble.lines()

    def alert(self, message: Message) -> None:
        """A log record of an alarm that began or ended: what a webhook is told, without the names of callers."""
        from opentelemetry._logs import SeverityNumber

        began = message["event"] == "alarm.began"
        self._log.emit(
            severity_number=SeverityNumber.ERROR if began else SeverityNumber.INFO,
            severity_text="ERROR" if began else "INFO",
            body=message["text"],
            event_name=f"momus.{message['event']}",
            attributes={f"momus.{k}": v for k, v in _flat(message).items()},
        )

    def close(self) -> None:
        """Send what is left. A collector that does not answer gets a few seconds, and what it did not get is told."""
        parts: dict[str, Callable[[], None]] = {
            "numbers": lambda: self._meters.shutdown(20_000 * _LAST),  # a reader that gives up first says nothing
            "alarms": self._logs.shutdown,
        }
        threads = {k: threading.Thread(target=self._end, args=(end,), daemon=True) for k, end in parts.items()}
        until = time.monotonic() + _LAST
        for thread in threads.values():
            thread.start()
        for thread in threads.values():
            thread.join(max(0.0, until - time.monotonic()))
        late = [f"OpenTelemetry: the last {what} were not sent in time" for what, t in threads.items() if t.is_alive()]
        self.told = (*self._trouble.lines(), *late)
        logging.getLogger("opentelemetry").removeHandler(self._trouble)

    def _end(self, shutdown: Callable[[], None]) -> None:
        try:
            shutdown()
        except Exception as error:  # whatever the library raises: it is told, and the watch ends
            logging.getLogger("opentelemetry").warning("%s: %s", type(error).__name__, error)

    def _open(self, url: str, system: str, every_ms: int) -> None:
        from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.sdk._logs import LoggerProvider
        from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
        from opentelemetry.sdk.resources import Resource

        from momus import __version__

        known = {"service.name": "momus-monitor", "service.version": __version__, "momus.system": system}
        resource = Resource.create({**known, "momus.target": self._target})
        numbers = OTLPMetricExporter(endpoint=f"{url}/v1/metrics", timeout=_SECONDS, session=straight())
        reader = PeriodicExportingMetricReader(numbers, every_ms, export_timeout_millis=5_000)
        self._meters = MeterProvider([reader], resource, shutdown_on_exit=False)
        self._logs = LoggerProvider(resource, shutdown_on_exit=False)
        lines = OTLPLogExporter(endpoint=f"{url}/v1/logs", timeout=_SECONDS, session=straight())
        self._logs.add_log_record_processor(BatchLogRecordProcessor(lines, schedule_delay_millis=1_000))
        self._log = self._logs.get_logger("momus.monitor", __version__)
        meter = self._meters.get_meter("momus.monitor", __version__)
        units = {"events": "{event}", "shed": "{event}", "broken": "{line}", "windows": "{window}",
                 "alarms": "{alarm}"}  # fmt: skip
        self._counts: Mapping[str, Any] = {k: meter.create_counter(f"momus.{k}", unit) for k, unit in units.items()}
        self._took = meter.create_histogram("momus.window.seconds", "s")
        meter.create_observable_gauge("momus.lag", [self._waiting], "{event}")
        for name in ("value", "low", "high", "wealth", "alarm"):
            meter.create_observable_gauge(f"momus.{name}", [self._observed(name)])

    def _waiting(self, _options: Any) -> Iterable[Any]:
        from opentelemetry.metrics import Observation

        return [Observation(self._lag, {"target": self._target})]

    def _observed(self, kind: str) -> Any:
        from opentelemetry.metrics import Observation

        def read(_options: Any) -> Iterable[Any]:
            return [Observation(v[kind], _of(self._target, n)) for n, v in list(self._values.items()) if kind in v]

        return read


def straight() -> Any:
    """A session that goes nowhere but where it was sent: an answer that points elsewhere is the answer."""
    import requests

    class Straight(requests.Session):
        def get_redirect_target(self, resp: requests.Response) -> str | None:
            return None

        def send(self, request: requests.PreparedRequest, **more: Any) -> requests.Response:
            answer = super().send(request, **more)
            if 300 <= answer.status_code < 400:  # the exporter would take it for a yes
                answer.reason = f"it points elsewhere ({answer.status_code}), which is not followed"
                answer.status_code = 400
            return answer

    return Straight()


def _of(target: str, name: str) -> dict[str, str]:
    return {"target": target, "detector": name, "mode": name.partition(".")[0]}


def _flat(message: Mapping[str, Any]) -> dict[str, str | int | float | bool]:
    """The plain values of a message; what is nested or unknown is left out."""
    return {k: v for k, v in message.items() if isinstance(v, str | int | float | bool) and k != "text"}


class _Trouble(logging.Handler):
    """What the exporters complain about, the last of each kind, instead of lines between the user's own."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._last: dict[str, str] = {}

    def emit(self, record: logging.LogRecord) -> None:
        self._last[record.name] = " ".join(record.getMessage().split())[:200]

    def lines(self) -> tuple[str, ...]:
        """One line a part that fails."""
        return tuple(f"OpenTelemetry: {text}" for text in self._last.values())
