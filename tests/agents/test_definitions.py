"""A worker knows what is in force as of a given moment, and keeps it while the broker is away."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from confluent_kafka import Producer

from agents.definitions import Reader
from agents.demo.broker import EmbeddedBroker
from agents.metrics import Metrics
from tests.streams.test_definitions import agent, tombstone, workflow
from tests.system.brokers import ServedBroker
from tests.system.kafka_topics import create_topics, produce


@pytest.fixture
def embedded() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker({"workflows": 1}) as broker:
        yield broker


@asynccontextmanager
async def reading(bootstrap: str, topic: str = "workflows") -> AsyncIterator[Reader]:
    """A reader that has not read anything yet."""
    options = {"bootstrap_servers": bootstrap}
    reader = Reader(options, topic, Metrics(), fetch_wait=timedelta(milliseconds=20))
    await reader.start()
    try:
        yield reader
    finally:
        await reader.stop()


async def put(bootstrap: str, *records: tuple[bytes | None, bytes | None], topic: str = "workflows") -> None:
    """Write records, acknowledged when this returns."""
    written = [(key, value, []) for key, value in records]
    await asyncio.to_thread(produce, bootstrap, topic, written)


@pytest.mark.kafka
async def test_what_was_applied_before_an_event_is_known_when_the_event_is_handled(
    kafka: ServedBroker,
) -> None:
    topic = f"workflows-{uuid4().hex[:8]}"
    create_topics(kafka.bootstrap, {topic: 1}, {"cleanup.policy": "compact"})
    async with reading(kafka.bootstrap, topic) as reader:
        await reader.started()
        for version in range(1, 9):
            await put(kafka.bootstrap, workflow(version), topic=topic)
            await reader.read_past(datetime.now(UTC))
            assert reader.in_force("support") == version


@pytest.mark.kafka
async def test_what_a_producer_took_back_is_not_in_force(kafka: ServedBroker) -> None:
    topic = f"workflows-{uuid4().hex[:8]}"
    create_topics(kafka.bootstrap, {topic: 1}, {"cleanup.policy": "compact"})
    await asyncio.to_thread(write_in_transactions, kafka.bootstrap, topic)
    async with reading(kafka.bootstrap, topic) as reader:
        async with asyncio.timeout(10):
            await reader.started()
        assert reader.in_force("support") == 1


def write_in_transactions(bootstrap: str, topic: str) -> None:
    """One that is committed, and one that is not."""
    producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": topic})
    producer.init_transactions(10)
    for version, end in ((1, producer.commit_transaction), (2, producer.abort_transaction)):
        key, value = workflow(version)
        producer.begin_transaction()
        producer.produce(topic, value, key)
        producer.flush(10)
        end(10)


async def test_a_reader_that_started_has_read_all_that_there_was(embedded: EmbeddedBroker) -> None:
    await put(embedded.bootstrap, workflow(1), agent(), workflow(2))
    async with reading(embedded.bootstrap) as reader:
        assert not reader.ready
        await reader.started()
        assert reader.ready
        assert reader.in_force("support") == 2
        assert reader.agent("bot") is not None


async def test_a_bad_record_is_counted_and_what_was_in_force_stays(embedded: EmbeddedBroker) -> None:
    await put(embedded.bootstrap, workflow(1), (workflow(1)[0], b"{"), (b"agent/x", None))
    async with reading(embedded.bootstrap) as reader:
        await reader.started()
        assert reader.workflow("support", 1) is not None
        counted = reader._metrics.exposition().decode()
        for result in ("accepted", "rejected", "removed"):
            assert f'postcall_definition_records_total{{result="{result}"}} 1.0' in counted


async def test_events_of_a_backlog_ask_the_broker_nothing(embedded: EmbeddedBroker) -> None:
    async with reading(embedded.bootstrap) as reader:
        await reader.started()
        embedded.stop_answering()
        async with asyncio.timeout(0.2):
            for minutes in range(1, 1000):
                await reader.read_past(datetime.now(UTC) - timedelta(minutes=minutes))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await reader.read_past(datetime.now(UTC))


async def test_a_moment_to_come_counts_as_now(embedded: EmbeddedBroker) -> None:
    async with reading(embedded.bootstrap) as reader:
        await reader.started()
        await put(embedded.bootstrap, agent())
        async with asyncio.timeout(5):
            await reader.read_past(datetime.now(UTC) + timedelta(hours=1))
        assert reader.agent("bot") is not None


async def test_many_who_ask_at_once_share_one_answer(embedded: EmbeddedBroker) -> None:
    async with reading(embedded.bootstrap) as reader:
        await reader.started()
        await put(embedded.bootstrap, agent(), tombstone(agent()), workflow(3))
        async with asyncio.timeout(5):
            await asyncio.gather(*(reader.read_past(datetime.now(UTC)) for _ in range(500)))
        assert (reader.agent("bot"), reader.in_force("support")) == (None, 3)


async def test_definitions_stay_in_force_while_the_broker_is_away_and_go_on_after(
    embedded: EmbeddedBroker,
) -> None:
    await put(embedded.bootstrap, workflow(1))
    async with reading(embedded.bootstrap) as reader:
        await reader.started()
        embedded.stop_answering()
        await asyncio.sleep(1.5)
        assert reader.in_force("support") == 1
        embedded.answer_again()
        await put(embedded.bootstrap, workflow(2))
        async with asyncio.timeout(20):
            await reader.read_past(datetime.now(UTC))
        assert reader.in_force("support") == 2


async def test_a_reader_waits_for_a_broker_that_is_not_there_yet(embedded: EmbeddedBroker) -> None:
    embedded.stop_answering()
    async with reading(embedded.bootstrap) as reader:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await reader.started()
        embedded.answer_again()
        async with asyncio.timeout(20):
            await reader.started()


async def test_asking_a_reader_that_does_not_read_is_a_fault_of_ours(embedded: EmbeddedBroker) -> None:
    reader = Reader({"bootstrap_servers": embedded.bootstrap}, "workflows", Metrics())
    with pytest.raises(RuntimeError, match="expected start"):
        await reader.started()
