"""The workflows topic as the command line uses it: read it whole, write a few records to it.

A worker follows it instead: `agents/definitions.py`.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from schemas.wire import json_bytes
from streams.definitions import Refused, Snapshot, fold

PATIENCE: Final = timedelta(seconds=30)
"""How long the broker may take for all of it."""

_FETCH_MILLISECONDS: Final = 500


async def read_whole(options: dict[str, Any], topic: str) -> dict[str, bytes]:
    """The last value of each key, in the order of their last records; empty if there is no such topic.

    Raises KafkaError, and TimeoutError when it takes too long.
    """
    consumer = AIOKafkaConsumer(
        group_id=None, auto_offset_reset="earliest", isolation_level="read_committed", **options
    )
    async with _started(consumer):
        if topic not in await consumer.topics():
            return {}
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        end = (await consumer.end_offsets([partition]))[partition]
        written: dict[str, bytes] = {}
        while await consumer.position(partition) < end:
            batches = await consumer.getmany(partition, timeout_ms=_FETCH_MILLISECONDS)
            for record in batches.get(partition, []):
                _follow(written, record.key, record.value)
    return written


def in_force(written: Mapping[str, bytes]) -> Snapshot:
    """What workers make of the topic; records that they refuse are not in it."""
    return read_topic(written)[0]


def read_topic(written: Mapping[str, bytes]) -> tuple[Snapshot, list[Refused]]:
    """What workers make of the topic, and the records that they refuse."""
    snapshot, read = fold(Snapshot(), [(key.encode(), value) for key, value in written.items()])
    return snapshot, [each for each in read if isinstance(each, Refused)]


def _follow(written: dict[str, bytes], key: bytes | None, value: bytes | None) -> None:
    name = (key or b"").decode("utf-8", "replace")
    written.pop(name, None)
    if value is not None:
        written[name] = value


async def write(options: dict[str, Any], topic: str, records: Iterable[tuple[str, Any]]) -> None:
    """Append records in their order, each acknowledged by all copies; the value None is a tombstone.

    Raises KafkaError, and TimeoutError when it takes too long.
    """
    producer = AIOKafkaProducer(
        acks="all", enable_idempotence=True, max_request_size=3 * 1024 * 1024, **options
    )
    async with _started(producer):
        for key, value in records:
            body = None if value is None else json_bytes(value)
            await producer.send_and_wait(topic, body, key=key.encode(), partition=0)


@asynccontextmanager
async def _started(client: AIOKafkaConsumer | AIOKafkaProducer) -> AsyncIterator[None]:
    """A client within our patience; as a context manager of its own it leaks when it cannot start."""
    try:
        async with asyncio.timeout(PATIENCE.total_seconds()):
            await client.start()
            yield
    finally:
        await client.stop()
