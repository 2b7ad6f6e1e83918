"""What commands read from the output topics and post to the workers, on a real Kafka."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from agents.connection import kafka_config
from agents.kafka.config import KafkaConfig
from agents.kafka.topics import partitions_of
from agents.operating import tell
from agents.output_topics import values
from schemas import wire
from schemas.messages import Replay
from schemas.settings import Settings
from streams.topology import home
from tests.system.brokers import ServedBroker
from tests.system.kafka_topics import create_topics, produce

pytestmark = pytest.mark.kafka


@pytest.fixture
def topic(kafka: ServedBroker) -> str:
    """A topic with four partitions."""
    name = f"operating-{uuid.uuid4().hex}"
    create_topics(kafka.bootstrap, {name: 4})
    return name


@pytest.fixture
def config(kafka: ServedBroker) -> KafkaConfig:
    """How to reach the broker of the run."""
    return kafka_config(Settings(broker=kafka.bootstrap))


async def test_a_topic_is_read_over_all_its_partitions_up_to_where_it_ends(
    kafka: ServedBroker, config: KafkaConfig, topic: str
) -> None:
    assert [value async for value in values(config, topic)] == []
    said = [str(number).encode() for number in range(50)]
    produce(kafka.bootstrap, topic, [(each, each, []) for each in said])
    assert {value async for value in values(config, topic)} == set(said)


async def test_a_topic_is_read_from_a_time_on(kafka: ServedBroker, config: KafkaConfig, topic: str) -> None:
    produce(kafka.bootstrap, topic, [(b"k", b"v", [])])
    hour, now = timedelta(hours=1), datetime.now(UTC)
    assert [value async for value in values(config, topic, now - hour)] == [b"v"]
    assert [value async for value in values(config, topic, now + hour)] == []


async def test_only_the_wanted_partitions_are_read_and_not_if_they_hold_too_much(
    kafka: ServedBroker, config: KafkaConfig, topic: str
) -> None:
    produce(kafka.bootstrap, topic, [(key, key, []) for key in (b"a", b"b", b"c", b"d", b"e")])
    wanted = home("a", 4)
    found = [value async for value in values(config, topic, wanted=lambda one, _: one == wanted)]
    assert found == [key for key in (b"a", b"b", b"c", b"d", b"e") if home(key.decode(), 4) == wanted]
    assert [value async for value in values(config, topic, most=4)] == []


async def test_a_topic_that_is_not_there_holds_nothing_and_is_not_made_by_asking(config: KafkaConfig) -> None:
    name = f"nowhere-{uuid.uuid4().hex}"
    assert [value async for value in values(config, name)] == []
    assert await partitions_of(config, name) == 0


async def test_a_message_goes_to_the_home_partition_of_its_call(config: KafkaConfig, topic: str) -> None:
    message = Replay("c-7", ("x",))
    await tell(config, topic, [message])
    at_home = values(config, topic, wanted=lambda one, count: one == home("c-7", count))
    assert [wire.read_message(value) async for value in at_home] == [message]


async def test_workers_that_never_were_cannot_be_told(config: KafkaConfig) -> None:
    with pytest.raises(LookupError, match="found no topic nobody-internal"):
        await tell(config, "nobody-internal", [Replay("c")])
