"""A stream over the real wire protocol: the broker is librdkafka's own, on loopback."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from watched_traffic import Heard, event, reference, watch

from momus.card.monitor import FieldsCard
from momus.core.errors import CardError
from momus.monitor import kafka
from momus.monitor.decode import Decoder
from momus.monitor.source import Position, Source, open_source

confluent_kafka = pytest.importorskip("confluent_kafka")


class Broker:
    """One broker with four partitions a topic."""

    def __init__(self) -> None:
        self.producer = confluent_kafka.Producer({"test.mock.num.brokers": 1, "linger.ms": 0})
        brokers = self.producer.list_topics(timeout=60).brokers
        self.address = ",".join(f"{b.host}:{b.port}" for b in brokers.values())

    def send(self, topic: str, *values: bytes | None, partition: int = 0) -> None:
        for value in values:
            self.producer.produce(topic, value, partition=partition)
        assert self.producer.flush(60) == 0


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    yield Broker()


def events(low: int, high: int) -> list[bytes]:
    return [json.dumps(event(i)).encode() for i in range(low, high)]


def opened(broker: Broker, topic: str) -> Source:
    return open_source(f"kafka://{broker.address}/{topic}?fetch.wait.max.ms=10", Decoder(FieldsCard(), reference()))


def read(source: Source, at: Position, n: int, most: int = 1000) -> tuple[list[int], Position, dict[str, int]]:
    """Read until ``n`` events came; the broker answers when it answers."""
    found: list[int] = []
    odd: dict[str, int] = {}
    while True:
        taken = source.read(at, most)
        at = json.loads(json.dumps(taken.position))
        found += [int(v) for v in np.rint((taken.batch.time - 1_700_000_000) / 0.5)]
        for kind, many in taken.aside.upto(1 << 40).items():
            odd[kind] = odd.get(kind, 0) + many
        if len(found) >= n and source.done(at):
            return found, at, odd


def test_partitions_are_read_from_their_own_offsets(broker: Broker) -> None:
    broker.send("parts", *events(0, 20), partition=0)
    broker.send("parts", *events(20, 30), partition=2)
    source = opened(broker, "parts")
    found, at, odd = read(source, {}, 30)
    assert sorted(found) == list(range(30))
    assert [i for i in found if i < 20] == list(range(20))
    assert odd == {}
    assert at == {"offsets": {"0": 20, "2": 10}}
    broker.send("parts", b"{oops", None, b"x" * 10, *events(30, 33), partition=1)
    assert read(source, at, 3)[::2] == ([30, 31, 32], {"broken line": 2})
    source.passed(at)  # commits; nothing depends on it
    source.close()
    again = opened(broker, "parts")
    assert sorted(read(again, at, 3)[0]) == [30, 31, 32]  # by our place, whatever was committed
    middle = {"offsets": {"0": 15, "2": 10, "1": 6}}
    assert read(again, middle, 5)[0] == [15, 16, 17, 18, 19]
    assert read(again, middle, 5, most=2)[0] == [15, 16, 17, 18, 19]
    assert again.waiting(middle) == 5
    again.close()


def test_a_watch_of_a_stream_goes_on_after_a_restart(broker: Broker, tmp_path: Path) -> None:
    source = f"kafka://{broker.address}/watched?fetch.wait.max.ms=10"
    values = []
    for low, high in ((0, 150), (150, 260), (260, 420)):
        broker.send("watched", *events(low, high))
        heard = Heard()
        watch(tmp_path, source, sinks=[heard]).run(once=True)
        values += [(w.number, w.readings["test.sums"].value) for w in heard.windows]
    assert values == [(n + 1, float(sum(range(100 * n, 100 * n + 100)))) for n in range(4)]


def test_messages_that_are_too_long_and_offsets_that_are_gone(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka, "LONGEST", 2000)
    broker.send("long", *events(0, 2), b"[" * 5000, *events(2, 3))
    source = opened(broker, "long")
    assert read(source, {}, 3)[::2] == ([0, 1, 2], {"line too long": 1})
    source.close()


def test_what_retention_took_is_counted() -> None:
    """By a consumer that answers from a later offset than it was asked for, as after a reset to the earliest."""

    class Message:
        def __init__(self, offset: int) -> None:
            self._offset = offset

        def error(self) -> None: ...
        def partition(self) -> int:
            return 0

        def offset(self) -> int:
            return self._offset

        def value(self) -> bytes:
            return events(self._offset, self._offset + 1)[0]

    class Consumer:
        def __init__(self) -> None:
            self.ready = [Message(40), Message(41), Message(44)]

        def list_topics(self, *_: Any) -> Any:
            raise confluent_kafka.KafkaException(confluent_kafka.KafkaError(confluent_kafka.KafkaError._TRANSPORT))

        def assign(self, places: Any) -> None:
            assert [p.offset for p in places] == [12]

        def consume(self, most: int, wait: float) -> list[Message]:
            some, self.ready = self.ready, []
            return some

        def close(self) -> None: ...

    source = kafka.Stream("kafka://127.0.0.1:1/gone", Decoder(FieldsCard(), reference()))
    source._consumer.close()
    source._consumer = Consumer()
    taken = source.read({"offsets": {"0": 12}}, 10)
    assert taken.position == {"offsets": {"0": 45}}
    assert taken.aside.upto(1 << 40) == {"gone from the stream": 28}  # a gap later on is no loss
    assert any("does not answer" in line for line in source.told)


@pytest.mark.parametrize(
    "text",
    ["kafka://host:1/topic?plugin.library.paths=/tmp/x.so", "kafka://host:1/topic?sasl.kerberos.kinit.cmd=id",
     "kafka://host:1/topic?ssl.ca.location=/nowhere&security.protocol=ssl", "kafka://host:1/a/b", "kafka://host:1/"],
)  # fmt: skip
def test_settings_that_could_run_something_and_addresses_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(CardError, match="monitor/source"):
        kafka.Stream(text, Decoder(FieldsCard(), reference()))


def test_a_broker_that_is_away_is_waited_for(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka, "_SECONDS", 0.2)
    source = open_source("kafka://127.0.0.1:9/absent", Decoder(FieldsCard(), reference()))
    taken = source.read({"offsets": {"0": 3}}, 10)
    assert taken.records == 0
    assert taken.position == {"offsets": {"0": 3}}
    assert source.waiting(taken.position) == 0
    source.close()
