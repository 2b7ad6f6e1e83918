"""Reads the witnesses of a run: its topics with aiokafka from offset 0, and the receiver's file."""

import asyncio
from collections.abc import Iterable
from pathlib import Path

from aiokafka import (
    AIOKafkaConsumer,
    ConsumerRecord,
    TopicPartition,
)

from tests.system.kafka_topics import topics_seen
from tests.system.witnesses import Record, Witnesses, seen_requests

INPUT = "call-events"
OUTPUTS = ("delivery-log", "call-outcomes", "dead-letters")
_READ_SECONDS = 60.0


def read_witnesses(
    bootstrap: str,
    prefix: str,
    receiver_log: Path,
    scrapes: Iterable[dict[str, float]] = (),
    logs: Iterable[Path] = (),
    kills: Iterable[float] = (),
) -> Witnesses:
    """Return everything that was written down about the run whose topics have this prefix."""
    topics = asyncio.run(read_topics(bootstrap, [f"{prefix}{name}" for name in (INPUT, *OUTPUTS)]))
    events, deliveries, outcomes, dead_letters = topics.values()
    requests = seen_requests(receiver_log)
    return Witnesses(
        *(events, requests, deliveries, outcomes, dead_letters), tuple(scrapes), tuple(logs), tuple(kills)
    )


async def read_topics(bootstrap: str, topics: list[str]) -> dict[str, tuple[Record, ...]]:
    """Return all records of these topics, from the first to those that are there now."""
    counts = topics_seen(bootstrap)
    if missing := [topic for topic in topics if topic not in counts]:
        raise LookupError(f"found no topics {', '.join(missing)} on {bootstrap}")
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        enable_auto_commit=False,
        fetch_max_wait_ms=50,
        max_partition_fetch_bytes=1 << 24,
    )
    await consumer.start()
    try:
        found: dict[str, tuple[Record, ...]] = {}
        for topic in topics:
            found[topic] = tuple(
                await asyncio.wait_for(_read_topic(consumer, topic, counts[topic]), _READ_SECONDS)
            )
        return found
    finally:
        await consumer.stop()


async def _read_topic(consumer: AIOKafkaConsumer, topic: str, count: int) -> list[Record]:
    partitions = [TopicPartition(topic, number) for number in range(count)]
    ends = await consumer.end_offsets(partitions)
    consumer.assign(partitions)
    await consumer.seek_to_beginning(*partitions)
    records: list[Record] = []
    while [each for each in partitions if await consumer.position(each) < ends[each]]:
        fetched = await consumer.getmany(timeout_ms=200)
        records.extend(_record(message) for messages in fetched.values() for message in messages)
    return [each for each in records if each.offset < ends[TopicPartition(topic, each.partition)]]


def _record(message: ConsumerRecord) -> Record:
    headers = {name: value.decode(errors="replace") for name, value in message.headers}
    return Record(
        message.topic,
        message.partition,
        message.offset,
        message.timestamp / 1000,
        message.key,
        message.value,
        headers,
    )
