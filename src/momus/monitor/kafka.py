"""A Kafka-compatible stream: offsets are kept in our checkpoint, and committed back only for others to see."""

from __future__ import annotations

import contextlib
import re
import time
from typing import Any
from urllib.parse import parse_qsl

from momus.core.errors import CardError, MissingExtra
from momus.monitor.decode import Decoder
from momus.monitor.log_files import LONGEST
from momus.monitor.source import TOO_LONG, Aside, Keep, Position, Taken, finish

_ADDRESS = re.compile(r"^kafka://(?P<servers>[^/?#@\s]+)/(?P<topic>[A-Za-z0-9._-]{1,249})(\?(?P<settings>\S*))?$")
_SECONDS = 10.0  # for a broker's answer
_POLL = 0.2
# Settings that name libraries or commands to run are none that a card may give.
_SETTINGS = frozenset({
    "security.protocol", "ssl.ca.location", "ssl.certificate.location", "ssl.key.location", "ssl.key.password",
    "sasl.mechanism", "sasl.mechanisms", "sasl.username", "sasl.password", "client.id", "group.id", "isolation.level",
    "socket.timeout.ms", "fetch.wait.max.ms", "fetch.message.max.bytes", "queued.max.messages.kbytes",
    "broker.address.family",
})  # fmt: skip
_LOOK = 30.0  # seconds between looks for new partitions
GONE = "gone from the stream"


class Stream:
    """``kafka://host:port[,host:port]/topic?setting=value``; settings are librdkafka's (``security.protocol=SSL``).

    All partitions are read by this one consumer; no group decides who reads what, so that a watch and its checkpoint
    stay one thing. A broker that is away is waited for. Offsets that the stream no longer holds are counted as gone.
    """

    def __init__(self, text: str, decoder: Decoder) -> None:
        found = _ADDRESS.match(text)
        if found is None:
            raise CardError(
                "not the address of a stream", code="monitor/source", place="monitor.source",
                hint="Write kafka://host:port/topic; user and password are settings: ?sasl.username=...",
            )  # fmt: skip
        try:
            import confluent_kafka
        except ModuleNotFoundError as error:
            raise MissingExtra.of("reading a Kafka stream", "kafka", "confluent_kafka") from error
        self._kafka = confluent_kafka
        self._decoder = decoder
        self._topic = found["topic"]
        settings: dict[str, Any] = {
            "group.id": f"momus-{self._topic}", "enable.partition.eof": False,
            "socket.timeout.ms": int(_SECONDS * 1000), "queued.max.messages.kbytes": 32 << 10,
        }  # fmt: skip
        given = dict(parse_qsl(found["settings"] or "", keep_blank_values=True))
        strange = sorted(given.keys() - _SETTINGS)
        if strange:
            raise CardError(
                f"'{strange[0]}' is no setting that a stream may have here", code="monitor/source",
                place="monitor.source", hint=f"It may have {', '.join(sorted(_SETTINGS))}",
            )  # fmt: skip
        settings |= given
        settings |= {
            "bootstrap.servers": found["servers"], "enable.auto.commit": False, "enable.auto.offset.store": False,
            "auto.offset.reset": "earliest", "error_cb": self._error,
        }  # fmt: skip
        try:
            self._consumer = confluent_kafka.Consumer(settings)
        except (confluent_kafka.KafkaException, ValueError, TypeError) as error:
            first = error.args[0] if error.args else error
            message = first.str() if isinstance(first, confluent_kafka.KafkaError) else str(first)
            raise CardError(
                f"the stream's settings are refused: {message}", code="monitor/source", place="monitor.source",
                hint="Settings are those of librdkafka",
            ) from error  # fmt: skip
        self._next: dict[int, int] = {}  # what is asked for, of each assigned partition
        self._sought: set[int] = set()  # partitions that were asked for from an offset and have not answered
        self._exact = False
        self._looked = -_LOOK
        self.told: tuple[str, ...] = ()

    def read(self, after: Position, most: int, keep: Keep | None = None) -> Taken:
        """The next messages of all partitions."""
        offsets = {int(k): int(v) for k, v in after.get("offsets", {}).items()}
        self._stand(offsets)
        aside = Aside()
        lines: list[bytes] = []
        messages = self._consumer.consume(most, _POLL) if self._next else []
        for message in messages:
            if message.error() is not None:
                self._error(message.error())
                continue
            part, offset, value = message.partition(), message.offset(), message.value()
            wanted = offsets.get(part, 0)
            if offset < wanted:
                continue
            # a gap later on is no loss: a compacted topic and transactions have them
            if offset > wanted and part in offsets and part in self._sought:
                aside.before(len(lines), GONE, offset - wanted)
            self._sought.discard(part)
            offsets[part] = offset + 1
            if value is None:
                continue  # a mark that a key was deleted
            if len(value) > LONGEST:
                aside.before(len(lines), TOO_LONG)
            else:
                lines.append(value)
        self._next = dict(offsets) | {p: 0 for p in self._next if p not in offsets}
        return finish(self._decoder, lines, {"offsets": {str(k): v for k, v in sorted(offsets.items())}}, aside, keep)

    def _stand(self, offsets: dict[int, int]) -> None:
        """Be assigned to every partition, at the offsets of the position."""
        now = time.monotonic()
        if now - self._looked >= _LOOK or not self._next:
            parts = self._partitions()
            self._looked = now
        else:
            parts = set(self._next)
        wanted = {p: offsets.get(p, 0) for p in parts | set(offsets)}
        if wanted != self._next and wanted:
            self._sought = set(wanted)
            beginning = self._kafka.OFFSET_BEGINNING
            self._consumer.assign(
                [self._kafka.TopicPartition(self._topic, p, offsets.get(p, beginning)) for p in sorted(wanted)]
            )
        self._next = wanted

    def _partitions(self) -> set[int]:
        try:
            found = self._consumer.list_topics(self._topic, _SECONDS).topics[self._topic]
        except (self._kafka.KafkaException, KeyError) as error:
            self._say(f"the stream does not answer: {error}")
            return set(self._next)
        if found.error is not None and not found.partitions:
            self._say(f"topic {self._topic}: {found.error.str()}")
        return set(found.partitions)

    def waiting(self, after: Position) -> int:
        """Messages up to the end of every partition, as the brokers said last."""
        offsets = {int(k): int(v) for k, v in after.get("offsets", {}).items()}
        left = 0
        for part in sorted(set(self._next) | set(offsets)):
            low, high = self._ends(part)
            left += max(0, high - max(low, offsets.get(part, 0)))
        return left

    def _ends(self, part: int) -> tuple[int, int]:
        place = self._kafka.TopicPartition(self._topic, part)
        with contextlib.suppress(self._kafka.KafkaException):
            if self._exact:
                low, high = self._consumer.get_watermark_offsets(place, _SECONDS) or (0, 0)
            else:
                low, high = self._consumer.get_watermark_offsets(place, cached=True) or (0, 0)
            if high >= 0:
                return max(0, low), high
        return 0, 0

    def passed(self, position: Position) -> None:
        """Tell the brokers how far the watch is, for those who look there. Nothing depends on it."""
        places = [
            self._kafka.TopicPartition(self._topic, int(k), int(v)) for k, v in position.get("offsets", {}).items()
        ]
        with contextlib.suppress(self._kafka.KafkaException):
            if places:
                self._consumer.commit(offsets=places, asynchronous=True)

    def done(self, after: Position) -> bool:
        """Whether the brokers, asked now, hold nothing more."""
        self._exact = True
        try:
            return self.waiting(after) == 0
        finally:
            self._exact = False

    def final(self) -> None:
        """Messages are whole."""

    def _error(self, error: Any) -> None:
        self._say(f"stream: {error.str()}")

    def _say(self, line: str) -> None:
        if line not in self.told:
            self.told = (*self.told[-9:], line)

    def close(self) -> None:
        self._consumer.close()
