"""Metrics for Prometheus: counts, gauges, one histogram. Labels are detectors, modes and the target, never callers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from momus.core.errors import MissingExtra, MomusError
from momus.monitor.sinks import Closed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from momus.monitor.alarms import Standing
    from momus.monitor.detector import Reading

LOOPBACK = "127.0.0.1"
_SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)


def address(text: str) -> tuple[str, int]:
    """``9464``, ``:9464`` or ``host:9464`` as host and port; this machine alone where no host is named."""
    host, _, port = text.rpartition(":")
    if not port.isdigit() or not 0 <= int(port) < 65_536:
        raise MomusError(
            f"'{text}' is no address for metrics", code="monitor/address", hint="Say host:port, as in 127.0.0.1:9464"
        )
    return host.strip("[]") or LOOPBACK, int(port)


class Metrics:
    """The sink behind ``http://host:port/metrics``; ``serve`` false keeps the numbers without a server."""

    def __init__(self, target: str, standings: Mapping[str, Standing], where: str | None = None) -> None:
        try:
            import prometheus_client as prometheus
        except ImportError as error:
            raise MissingExtra.of("metrics for Prometheus", "monitor", "prometheus_client") from error
        prometheus.disable_created_metrics()  # a second series for each counter that nobody asks for
        self.told: tuple[str, ...] = ()
        self.registry = prometheus.CollectorRegistry()
        self._target, self._seen = target, 0
        one, each = ("target",), ("target", "detector", "mode")

        def counter(name: str, words: str, labels: tuple[str, ...] = one) -> Any:
            return prometheus.Counter(f"momus_{name}", words, labels, registry=self.registry)

        def gauge(name: str, words: str, labels: tuple[str, ...] = each) -> Any:
            return prometheus.Gauge(f"momus_{name}", words, labels, registry=self.registry)

        self._events = counter("events", "Events that were looked at.")
        self._shed = counter("shed", "Events left out by the card's policy because more came than could be read.")
        self._broken = counter("broken", "Lines of the log that are no events.")
        self._windows = counter("windows", "Windows that were judged.")
        self._alarms = counter("alarms", "Alarms that began.", each)
        self._lag = gauge("lag", "Events that wait to be read.", one)
        self._last = gauge("last_window_timestamp_seconds", "When the last window was judged.", one)
        self._value = gauge("value", "What the detector measured in the last window.")
        self._low = gauge("low", "Lower end of the interval of momus_value.")
        self._high = gauge("high", "Upper end of the interval of momus_value.")
        self._wealth = gauge("wealth", "Evidence so far; an alarm begins at momus_wealth_needed.")
        self._needed = gauge("wealth_needed", "Evidence that raises an alarm.", one)
        self._alarm = gauge("alarm", "1 while an alarm is on.")
        self._blind = gauge("blind", "1 for a detector that cannot watch this system.")
        self._took = prometheus.Histogram(
            "momus_window_seconds", "Time that a window cost.", one, registry=self.registry, buckets=_SECONDS
        )
        for metric in (self._events, self._shed, self._broken, self._windows):
            metric.labels(target)
        for name, standing in standings.items():  # an alarm may be on since before this process began
            self._alarms.labels(*self._labels(name))
            self._stand(name, standing)
        self._server: Any = None
        self.url = ""
        if where is not None:
            self._serve(prometheus, where)

    def window(self, closed: Closed) -> None:
        if closed.number <= self._seen:
            return
        self._seen, t = closed.number, self._target
        self._events.labels(t).inc(closed.events)
        self._shed.labels(t).inc(closed.shed)
        self._broken.labels(t).inc(closed.broken)
        self._windows.labels(t).inc()
        self._lag.labels(t).set(closed.waiting)
        self._last.labels(t).set_to_current_time()
        self._took.labels(t).observe(closed.seconds)
        for name in {*closed.readings, *closed.standings, *closed.lacking}:
            self._measured(name, closed.readings.get(name))
        for name, standing in closed.standings.items():
            self._stand(name, standing)
            if standing.news == "began":
                self._alarms.labels(*self._labels(name)).inc()
        for name in closed.lacking:
            self._blind.labels(*self._labels(name)).set(1)
            for metric in (self._alarm, self._wealth):  # neither calm nor at alarm: nobody looks
                metric.labels(*self._labels(name)).set(math.nan)

    def _measured(self, name: str, reading: Reading | None) -> None:
        """What a window said; NaN where it said nothing, so that nobody takes an old value for today's."""
        said = (math.nan,) * 3 if reading is None else (reading.value, reading.ci.low, reading.ci.high)
        for metric, value in zip((self._value, self._low, self._high), said, strict=True):
            metric.labels(*self._labels(name)).set(value if math.isfinite(value) else math.nan)

    def _stand(self, name: str, standing: Standing) -> None:
        self._wealth.labels(*self._labels(name)).set(standing.wealth)
        self._needed.labels(self._target).set(standing.needed)
        self._alarm.labels(*self._labels(name)).set(int(standing.alarm))

    def close(self) -> None:
        if self._server is not None:
            server, thread = self._server
            server.shutdown()
            server.server_close()
            thread.join(timeout=2.0)
            self._server = None

    def _labels(self, name: str) -> tuple[str, str, str]:
        return self._target, name, name.partition(".")[0]

    def _serve(self, prometheus: Any, where: str) -> None:
        host, port = address(where)
        try:
            self._server = prometheus.start_http_server(port, addr=host, registry=self.registry)
        except OSError as error:
            raise MomusError(
                f"metrics cannot be offered: {error.strerror or error}", code="monitor/address", place=where,
                hint="Name a free port, as in --metrics 127.0.0.1:9465",
            ) from error  # fmt: skip
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self._server[0].server_port}/metrics"
