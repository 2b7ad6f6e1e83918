"""What two producers told is read back whole, in its order, from offset 0."""

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime

import pytest

from agents.ledger.topics import read_topics
from tests.system.brokers import ServedBroker
from tests.system.kafka_topics import create_topics
from tests.system.load import Mixture, Telling, generate


@pytest.mark.kafka
def test_everything_told_is_read_back_in_the_order_of_each_producer(kafka: ServedBroker) -> None:
    topic, unread = f"told-{uuid.uuid4().hex[:8]}", f"empty-{uuid.uuid4().hex[:8]}"
    create_topics(kafka.bootstrap, {topic: 4, unread: 2})
    load = generate(Mixture(calls=40, seed=3, seconds=1.0), datetime.now(UTC))
    Telling(kafka.bootstrap, topic, load).start().join()
    read = read_topics({"bootstrap.servers": kafka.bootstrap}, [topic, unread])
    assert read[unread] == ()
    assert sorted(record.value or b"" for record in read[topic]) == sorted(
        each.value for each in load.arrivals
    )
    for call_id in load.expected:
        key = call_id.encode()
        assert _by_orchestrator(
            record.value for record in read[topic] if record.key == key
        ) == _by_orchestrator(each.value for each in load.arrivals if each.key == key)


def _by_orchestrator(values: Iterable[bytes | None]) -> list[bytes]:
    return [value for value in values if value and b'"source":"orchestrator"' in value]
