"""A new group begins where it was told to, once."""

import asyncio
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from agents.demo.broker import EmbeddedBroker
from agents.kafka.config import KafkaConfig
from agents.kafka.start import Start, begin
from tests.system.brokers import ServedBroker
from tests.system.kafka_topics import create_topics

TOPICS = ("call-events", "demo-internal")


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    """A broker with two topics."""
    with EmbeddedBroker(topics=dict.fromkeys(TOPICS, 1)) as running:
        yield running


@pytest.fixture
def config(broker: EmbeddedBroker, tmp_path: Path) -> KafkaConfig:
    """A group that has not begun."""
    return KafkaConfig(broker.bootstrap, "demo", TOPICS, 1, tmp_path, embedded=True)


async def write(config: KafkaConfig, count: int) -> None:
    """Append so many events."""
    producer = AIOKafkaProducer(bootstrap_servers=config.broker)
    await producer.start()
    for _ in range(count):
        await producer.send_and_wait(config.topics[0], b"event")
    await producer.stop()


@pytest.mark.parametrize(("start", "events"), [("earliest", 5), ("latest", 0)])
async def test_a_new_group_begins_at_one_of_the_ends(config: KafkaConfig, start: Start, events: int) -> None:
    await write(config, 5)
    begun = await begin(config, start)
    assert begun is not None
    assert (begun.events, begun.offsets) == (events, {0: 5 - events})


async def test_a_group_that_has_begun_stays_where_it_is(config: KafkaConfig) -> None:
    await write(config, 2)
    await begin(config, "latest")
    await write(config, 3)
    assert await begin(config, "earliest") is None


@pytest.mark.kafka
async def test_a_new_group_begins_at_a_moment(kafka: ServedBroker, tmp_path: Path) -> None:
    name = uuid.uuid4().hex
    config = KafkaConfig(kafka.bootstrap, name, (f"{name}-events",), 1, tmp_path)
    create_topics(kafka.bootstrap, {f"{name}-events": 1})
    await write(config, 2)
    await asyncio.sleep(0.05)
    moment = datetime.now(UTC)
    await write(config, 3)
    begun = await begin(config, moment)
    assert begun is not None
    assert begun.events == 3
