"""The output topics as the command line reads them: from a time on, up to where they end now."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from agents.connection import client_options
from agents.kafka.config import KafkaConfig
from agents.kafka.topics import partitions_of

PATIENCE: Final = timedelta(seconds=30)
"""How long the broker may be silent."""

_FETCH_MILLISECONDS: Final = 500

_FETCH_BYTES: Final = 4 * 1024 * 1024
"""Of one partition at a time: whole topics are read, and a request each megabyte would take longer."""

Values = AsyncIterator[bytes]
Taken: TypeAlias = ConsumerRecord[bytes | None, bytes | None]
Seen = Callable[[int, int], None]
"""Told now and then how many records were read, and how many there are."""


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
    async for record in taken(config, partitions, since, most):
        if record.value is not None:
            yield record.value


async def taken(
    config: KafkaConfig,
    partitions: list[TopicPartition],
    since: datetime | None = None,
    most: int | None = None,
    last: int | None = None,
    seen: Seen = lambda done, total: None,
) -> AsyncIterator[Taken]:
    """The records of partitions, which are there, from a time on up to where they end now.

    Nothing if there are more than `most`; with `last` only so many at the end of each partition. Raises
    KafkaError, and TimeoutError when the broker stops to answer.
    """
    if not partitions:
        return
    consumer = AIOKafkaConsumer(
        group_id=None,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        max_partition_fetch_bytes=_FETCH_BYTES,
        **client_options(config),
    )
    try:
        async with asyncio.timeout(PATIENCE.total_seconds()):
            await consumer.start()
            stretches = await _stretches(consumer, partitions, since, most, last)
        async for record in _until(consumer, stretches, seen):
            yield record
    finally:
        await consumer.stop()


async def _stretches(
    consumer: AIOKafkaConsumer,
    partitions: list[TopicPartition],
    since: datetime | None,
    most: int | None,
    last: int | None,
) -> dict[TopicPartition, range]:
    """Go to where to begin; from where to where each partition goes in which anything is to be read."""
    consumer.assign(partitions)
    ends = await consumer.end_offsets(partitions)
    begins = await consumer.beginning_offsets(partitions)
    if since is not None:
        milliseconds = int(since.timestamp() * 1000)
        found = await consumer.offsets_for_times(dict.fromkeys(partitions, milliseconds))
        begins = {each: at.offset if (at := found.get(each)) else ends[each] for each in partitions}
    if last is not None:
        begins = {each: max(begins[each], ends[each] - last) for each in partitions}
    left = {each: range(begins[each], ends[each]) for each in partitions if begins[each] < ends[each]}
    if most is not None and sum(map(len, left.values())) > most:
        return {}
    for each, stretch in left.items():
        consumer.seek(each, stretch.start)
    # A second assignment, of these alone, would keep aiokafka's consumer from ever stopping.
    consumer.pause(*(each for each in partitions if each not in left))
    return left


async def _until(
    consumer: AIOKafkaConsumer, stretches: dict[TopicPartition, range], seen: Seen
) -> AsyncIterator[Taken]:
    left = dict(stretches)
    total, done = sum(map(len, stretches.values())), 0
    while left:
        async with asyncio.timeout(PATIENCE.total_seconds()):
            batches = await _some(consumer, left)
        for at, records in batches.items():
            for record in records:
                if record.offset < stretches[at].stop:
                    yield record
            done += len(records)
        seen(done, total)
        for at in list(left):
            if await consumer.position(at) >= left[at].stop:
                del left[at]


async def _some(
    consumer: AIOKafkaConsumer, left: Iterable[TopicPartition]
) -> dict[TopicPartition, list[Taken]]:
    """Records, or the news that the positions moved on without any."""
    while True:
        before = {each: await consumer.position(each) for each in left}
        batches: dict[TopicPartition, list[Taken]]
        batches = await consumer.getmany(*before, timeout_ms=_FETCH_MILLISECONDS)
        if batches or any([await consumer.position(each) > at for each, at in before.items()]):
            return batches
