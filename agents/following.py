"""The output topics as they grow: what the command line shows live."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from agents.connection import client_options
from agents.kafka.config import KafkaConfig
from agents.kafka.topics import admin, counts
from agents.output_topics import PATIENCE, Taken

FETCH_MILLISECONDS: Final = 200

BEFORE: Final = 500
"""Records of each partition before the end that `postcall tail` reads first, to know the calls that are under way."""


async def follow(
    config: KafkaConfig,
    topics: tuple[str, ...],
    stop: asyncio.Event,
    ready: Callable[[], None],
    before: int = BEFORE,
    caught_up: Callable[[], None] = lambda: None,
) -> AsyncGenerator[tuple[Taken, bool], None]:
    """Records of all partitions of these topics until somebody wants it to stop: some that were there already
    (False; `before` of each partition), then what is new (True); `ready` is told from when on nothing is missed.
    A lost broker is waited for. `caught_up` is told when all that was there was read.

    Raises LookupError for topics that are not there, KafkaError, and TimeoutError when nobody answers at first.
    """
    partitions = await _partitions(config, topics)
    consumer = AIOKafkaConsumer(
        group_id=None,
        auto_offset_reset="latest",
        isolation_level="read_committed",
        fetch_max_wait_ms=FETCH_MILLISECONDS,
        **client_options(config),
    )
    try:
        async with asyncio.timeout(PATIENCE.total_seconds()):
            await consumer.start()
            consumer.assign(partitions)
            ends = await consumer.end_offsets(partitions)
            begins = await consumer.beginning_offsets(partitions)
            for each in partitions:
                consumer.seek(each, max(begins[each], ends[each] - before))
        ready()
        behind = True
        while not stop.is_set():
            if behind:
                behind = any([await consumer.position(each) < ends[each] for each in partitions])
                if not behind:
                    caught_up()
            batches = await consumer.getmany(timeout_ms=FETCH_MILLISECONDS)
            for at, records in batches.items():
                for record in records:
                    yield record, record.offset >= ends[at]
    finally:
        await consumer.stop()


async def _partitions(config: KafkaConfig, topics: tuple[str, ...]) -> list[TopicPartition]:
    async with admin(config) as kafka:
        there = set(await kafka.list_topics())
        missing = [topic for topic in topics if topic not in there]
        if missing:
            raise LookupError(
                f"found no topic {', '.join(missing)}; expected those that the first worker makes"
            )
        found = await counts(kafka, topics)
    return [TopicPartition(topic, each) for topic, count in found.items() for each in range(count)]
