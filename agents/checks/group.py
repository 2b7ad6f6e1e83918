"""The workers as Kafka sees them: who is a member, and how much waits for them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from agents.checks.finding import Finding, fail, ok, warn
from agents.connection import client_options
from agents.kafka.config import KafkaConfig

OLD: Final = timedelta(minutes=1)
"""How long an event may wait before it is a fault: lag is 0 within 60 s of one's end (6-reliability.md)."""

_FETCH_MILLISECONDS: Final = 2000


async def look_at_group(
    kafka: AIOKafkaAdminClient, config: KafkaConfig, topics: list[str], partitions: int
) -> Iterator[Finding]:
    """Look at the consumer group of the workers."""
    state, members = await _described(kafka, config.app_id)
    waits, oldest = await _lag(kafka, config, topics, partitions)
    found = []
    if members:
        found.append(ok("workers", config.app_id, f"{members} in the group, which is {state}"))
    elif waits:
        asked = f"at least one: {waits} messages wait"
        found.append(fail("workers", config.app_id, "no worker in the group", asked, "postcall worker"))
    else:
        asked = "at least one, once there are events"
        found.append(warn("workers", config.app_id, "no worker in the group", asked, "postcall worker"))
    age = None if oldest is None else datetime.now(UTC) - oldest
    told = f"{waits} messages wait" + ("" if age is None else f", the oldest for {age.total_seconds():.0f} s")
    if members and age is not None and age > OLD:
        asked = f"none for longer than {OLD.total_seconds():.0f} s"
        mend = "add workers: postcall worker --processes N; see their logs and /readyz"
        found.append(warn("workers", "lag", told, asked, mend))
    else:
        found.append(ok("workers", "lag", told))
    return iter(found)


async def _described(kafka: AIOKafkaAdminClient, group: str) -> tuple[str, int]:
    (answer,) = await kafka.describe_consumer_groups([group])
    _, _, state, _, _, members, *_ = answer.groups[0]
    return state, len(members)


async def _lag(
    kafka: AIOKafkaAdminClient, config: KafkaConfig, topics: list[str], partitions: int
) -> tuple[int, datetime | None]:
    """How many messages wait, and Kafka's time of the oldest event among them."""
    every = [TopicPartition(topic, each) for topic in topics for each in range(partitions)]
    committed = await kafka.list_consumer_group_offsets(config.app_id, partitions=every)
    options: dict[str, Any] = client_options(config)
    consumer = AIOKafkaConsumer(group_id=None, auto_offset_reset="earliest", **options)
    await consumer.start()
    try:
        consumer.assign(every)
        ends = await consumer.end_offsets(every)
        begins = await consumer.beginning_offsets(every)
        starts = {at: max(begins[at], committed[at].offset if at in committed else 0) for at in every}
        behind = [at for at in every if starts[at] < ends[at]]
        for at in behind:
            consumer.seek(at, starts[at])
        consumer.pause(*(at for at in every if at not in behind))
        batches = await consumer.getmany(*behind, timeout_ms=_FETCH_MILLISECONDS) if behind else {}
        times = [records[0].timestamp for at, records in batches.items() if records]
    finally:
        await consumer.stop()
    oldest = datetime.fromtimestamp(min(times) / 1000, UTC) if times else None
    return sum(ends[at] - starts[at] for at in behind), oldest
