"""The `monitor` section: how a served model is watched while real callers use it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, FiniteFloat, JsonValue, model_validator
from pydantic_core import PydanticCustomError

from momus.card.section import Positive, Section, Words


class FieldsCard(Section):
    """Where each part of an event stands in a log line: dotted names. An empty one is not in the log."""

    time: str = "time"
    caller: str = "caller"
    input: str = "input"
    output: str = "output"
    label: str = "label"
    contributor: str = "contributor"
    learned: str = "learned"
    seconds: str = "seconds"
    size: str = "size"
    memory: str = "memory"
    status: str = "status"
    reward: str = "reward"
    goal: str = "goal"
    version: str = "version"


class WindowCard(Section):
    """How much traffic is judged together: a number of events, or a spell of their own time in seconds."""

    events: Annotated[int, Field(ge=50)] | None = None
    seconds: Annotated[FiniteFloat, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _one(self) -> WindowCard:
        if self.events is not None and self.seconds is not None:
            raise PydanticCustomError("card/window", "a window has events or seconds, not both")
        return self

    @property
    def size(self) -> int:
        """Events of a window; 0 where it is a spell of time."""
        return 0 if self.seconds is not None else self.events or 2000


class AlertCard(Section):
    """A webhook: JSON by POST when an alarm begins and when it ends. ``secret`` signs it (HMAC-SHA256)."""

    url: Annotated[str, Field(pattern=r"^https?://[^\s@]+$")]
    headers: dict[str, str] = Field(default_factory=dict)
    secret: str | None = None


class MonitorCard(Section):
    """Watching a target in production.

    ``source`` is a log of JSON lines or Parquet files (a path or pattern), a spool folder that the middleware writes
    (``spool:folder``), or a stream (``kafka://host:port/topic``). ``reference`` names the data set that shows how
    inputs look while nothing is wrong, ``members`` the one that the model was trained on. ``one_false_alarm_in`` is
    the mean number of windows until the first false alarm of any detector, at least. ``detectors`` and ``skip`` choose
    among them by name or mode. ``shed`` says what is left out under a load above what one core can take: a random
    share of the events (``sample``), the dear detectors first (``dear``), or nothing, however late (``never``); it
    begins when ``behind`` events wait. ``versions`` are those that were approved.
    """

    target: str | None = None
    source: str
    reference: str = "test"
    members: str | None = None
    fields: FieldsCard = FieldsCard()
    window: WindowCard = WindowCard()
    one_false_alarm_in: Annotated[int, Field(ge=10)] = 5000
    detectors: Words = ()
    skip: Words = ()
    options: dict[str, dict[str, JsonValue]] = Field(default_factory=dict, description="detector -> its settings")
    shed: Literal["sample", "dear", "never"] = "sample"
    behind: Positive = 100_000
    versions: Words = ()
    alerts: tuple[AlertCard, ...] = ()
    metrics: str | None = Field(default=None, description="host:port where Prometheus finds the metrics")
    otlp: str | None = Field(default=None, description="address of an OpenTelemetry collector (OTLP over HTTP)")
    run: Literal["day", "week"] = Field(default="day", description="how much traffic one run of the store covers")
