"""Where a new consumer group begins: said once, before the first worker joins, and then never again.

Left to Kafka's `auto.offset.reset`, a partition without a committed offset would begin at its end
again at every restart, and the internal topic would lose what lies in it. So the beginning is
committed for the group while it is still empty; a group that has begun is left alone.
"""

import logging
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalGenerationError, UnknownMemberIdError
from aiokafka.structs import OffsetAndMetadata

log = logging.getLogger(__name__)

Start: TypeAlias = Literal["earliest", "latest"] | datetime

BEGUN_MEANWHILE: Final = (CommitFailedError, IllegalGenerationError, UnknownMemberIdError)
"""What the broker answers when the group has members: another worker was quicker."""


async def begin(options: dict[str, Any], group: str, topic: str, partitions: int, start: Start) -> None:
    """Commit where `group` begins to read `topic`, if it has not begun, and say from where and how much."""
    consumer = AIOKafkaConsumer(group_id=group, enable_auto_commit=False, **options)
    await consumer.start()
    try:
        all_of_it = [TopicPartition(topic, number) for number in range(partitions)]
        consumer.assign(all_of_it)
        committed = [await consumer.committed(one) for one in all_of_it]
        if any(offset is not None for offset in committed):
            return
        ends = await consumer.end_offsets(all_of_it)
        offsets = await _offsets(consumer, all_of_it, start, ends)
        events = sum(ends[one] - offsets[one] for one in all_of_it)
        await _commit(consumer, offsets)
        log.info("a new group %r begins at %s of %s: %d events wait", group, _words(start), topic, events)
    finally:
        await consumer.stop()


async def _offsets(
    consumer: AIOKafkaConsumer,
    all_of_it: list[TopicPartition],
    start: Start,
    ends: dict[TopicPartition, int],
) -> dict[TopicPartition, int]:
    match start:
        case "earliest":
            earliest: dict[TopicPartition, int] = await consumer.beginning_offsets(all_of_it)
            return earliest
        case "latest":
            return ends
        case moment:
            since = int(moment.timestamp() * 1000)
            found = await consumer.offsets_for_times(dict.fromkeys(all_of_it, since))
            return {one: at.offset if (at := found[one]) is not None else ends[one] for one in all_of_it}


async def _commit(consumer: AIOKafkaConsumer, offsets: dict[TopicPartition, int]) -> None:
    try:
        await consumer.commit({one: OffsetAndMetadata(offset, "") for one, offset in offsets.items()})
    except BEGUN_MEANWHILE:
        log.info("another worker of the group began meanwhile")


def _words(start: Start) -> str:
    return start if isinstance(start, str) else start.isoformat()
