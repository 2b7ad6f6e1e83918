"""A new group begins where it was told to, and a group that has begun is left alone."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from agents.beginning import Start, begin
from tests.system.brokers import ServedBroker
from tests.system.kafka_topics import create_topics

pytestmark = pytest.mark.kafka

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "offset"), [("earliest", 0), ("latest", 3), (NOON + timedelta(seconds=1), 1)]
)
async def test_a_new_group_begins_where_it_was_told_to(
    kafka: ServedBroker, start: Start, offset: int
) -> None:
    options, topic = {"bootstrap_servers": kafka.bootstrap}, await _three_events(kafka.bootstrap)

    await begin(options, topic, topic, 1, start)

    assert await _committed(options, topic) == offset


async def test_a_group_that_has_begun_is_left_alone(kafka: ServedBroker) -> None:
    options, topic = {"bootstrap_servers": kafka.bootstrap}, await _three_events(kafka.bootstrap)
    await begin(options, topic, topic, 1, "latest")

    await begin(options, topic, topic, 1, "earliest")

    assert await _committed(options, topic) == 3


async def _three_events(bootstrap: str) -> str:
    topic = f"beginning-{uuid4().hex}"
    create_topics(bootstrap, {topic: 1})
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        for second in range(3):
            moment = int((NOON + timedelta(seconds=second)).timestamp() * 1000)
            await producer.send_and_wait(topic, b"{}", timestamp_ms=moment)
    return topic


async def _committed(options: dict[str, Any], topic: str) -> int | None:
    consumer = AIOKafkaConsumer(group_id=topic, enable_auto_commit=False, **options)
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, 0)])
        return await consumer.committed(TopicPartition(topic, 0))
    finally:
        await consumer.stop()
