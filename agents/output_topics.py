"""The output topics as the command line reads them: from a time on, up to where they end now."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from agents.connection import client_options
from agents.kafka.config import KafkaConfig
from agents.kafka.topics import partitions_of

PATIENCE: Final = timedelta(seconds=30)
"""How long the broker may be silent."""

_FETCH_MILLISECONDS: Final = 500

Values = AsyncIterator[bytes]


async def values(
    config: KafkaConfig,
    topic: str,
    since: datetime | None = None,
    wanted: Callable[[int, int], bool] = lambda partition, partitions: True,
    most: int | None = None,
) -> Values:
    """The values of a topic's records from a time on (by Kafka's clock), of the partitions that are wanted.

    Nothing if there is no such topic, or if there are more than `most`. Raises KafkaError, and TimeoutError
    when the broker stops to answer.
    """
    count = await partitions_of(config, topic)
    partitions = [TopicPartition(topic, each) for each in range(count) if wanted(each, count)]
    if not partitions:
        return
    options = client_options(config)
    consumer = AIOKafkaConsumer(
        group_id=None, auto_offset_reset="earliest", isolation_level="read_committed", **options
    )
    try:
        async with asyncio.timeout(PATIENCE.total_seconds()):
            await consumer.start()
            ends = await _stretch(consumer, partitions, since, most)
        async for record in _until(consumer, ends):
            if record.value is not None:
                yield record.value
    finally:
        await consumer.stop()


async def _stretch(
    consumer: AIOKafkaConsumer,
    partitions: list[TopicPartition],
    since: datetime | None,
    most: int | None,
) -> dict[TopicPartition, int]:
    """Go to where to begin; where each partition ends, of those in which anything is to be read."""
    consumer.assign(partitions)
    ends = await consumer.end_offsets(partitions)
    begins = await consumer.beginning_offsets(partitions)
    if since is not None:
        milliseconds = int(since.timestamp() * 1000)
        found = await consumer.offsets_for_times(dict.fromkeys(partitions, milliseconds))
        begins = {each: at.offset if (at := found.get(each)) else ends[each] for each in partitions}
    left = {each: ends[each] for each in partitions if begins[each] < ends[each]}
    if most is not None and sum(left[each] - begins[each] for each in left) > most:
        return {}
    for each in left:
        consumer.seek(each, begins[each])
    # A second assignment, of these alone, would keep aiokafka's consumer from ever stopping.
    consumer.pause(*(each for each in partitions if each not in left))
    return left


async def _until(
    consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int]
) -> AsyncIterator[ConsumerRecord[bytes | None, bytes | None]]:
    left = dict(ends)
    while left:
        async with asyncio.timeout(PATIENCE.total_seconds()):
            batches = await _some(consumer, left)
        for at, records in batches.items():
            for record in records:
                if record.offset < ends[at]:
                    yield record
        for at in list(left):
            if await consumer.position(at) >= left[at]:
                del left[at]


async def _some(
    consumer: AIOKafkaConsumer, left: dict[TopicPartition, int]
) -> dict[TopicPartition, list[ConsumerRecord[bytes | None, bytes | None]]]:
    """Records, or the news that the positions moved on without any."""
    while True:
        before = {each: await consumer.position(each) for each in left}
        batches: dict[TopicPartition, list[ConsumerRecord[bytes | None, bytes | None]]]
        batches = await consumer.getmany(*left, timeout_ms=_FETCH_MILLISECONDS)
        if batches or any([await consumer.position(each) > at for each, at in before.items()]):
            return batches
