"""Where a new group begins to read, decided once and written down as its first commit.

Left to the client, the beginning is decided again at each rebalance until something is committed:
with `latest`, events that came in between are never read.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import CommitFailedError, KafkaError
from aiokafka.structs import TopicPartition

from agents.kafka.config import KafkaConfig
from agents.kafka.topics import security

log = logging.getLogger(__name__)

Start = Literal["earliest", "latest"] | datetime


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where a group began."""

    start: Start
    offsets: Mapping[int, int]
    """The first offset of each partition."""
    events: int
    """How many events lie between there and the end."""


async def begin(config: KafkaConfig, start: Start) -> Beginning | None:
    """Commit the first offsets of a group that has none; None when it has begun already.

    Call it after `ensure_topics` and before the app starts. Only the first source topic begins at
    `start`; the engine's own are read whole.
    """
    consumer = AIOKafkaConsumer(
        bootstrap_servers=config.broker, group_id=config.app_id, enable_auto_commit=False, **security(config)
    )
    await consumer.start()
    try:
        partitions = [
            TopicPartition(topic, number) for topic in config.topics for number in range(config.partitions)
        ]
        consumer.assign(partitions)
        fresh = [tp for tp in partitions if await consumer.committed(tp) is None]
        return await _begin(consumer, fresh, config.topics[0], start) if fresh else None
    finally:
        await consumer.stop()


async def _begin(
    consumer: AIOKafkaConsumer, fresh: list[TopicPartition], events: str, start: Start
) -> Beginning | None:
    first, end = await consumer.beginning_offsets(fresh), await consumer.end_offsets(fresh)
    offsets = dict(first)
    chosen = [tp for tp in fresh if tp.topic == events]
    if start == "latest":
        offsets |= {tp: end[tp] for tp in chosen}
    elif isinstance(start, datetime):
        found = await consumer.offsets_for_times(dict.fromkeys(chosen, int(start.timestamp() * 1000)))
        offsets |= {tp: found[tp].offset if found.get(tp) else end[tp] for tp in chosen}
    try:
        await consumer.commit(offsets)
    except (CommitFailedError, KafkaError) as refusal:
        log.info("another worker of the group has begun: %r", refusal)
        return None
    begun = Beginning(
        start, {tp.partition: offsets[tp] for tp in chosen}, sum(end[tp] - offsets[tp] for tp in chosen)
    )
    log.info("the group begins at %s with %d events", start, begun.events)
    return begun
