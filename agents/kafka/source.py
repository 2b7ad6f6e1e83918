"""How messages reach the engine: one at a time, unread, acknowledged by whoever handled them.

Faust acks an event when the loop asks for the next one, and also when the body raised: the failing
event is lost, and sometimes the good one behind it. Here nothing is acked but by `ack()`, and an
exception that escapes is a bug of ours: the worker stops, and the event is read again.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from faust.types import TP

if TYPE_CHECKING:
    from agents.kafka.app import App

Records = AsyncIterator["Record"]
Fold = Callable[[Records], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Record:
    """A message as it lies in Kafka."""

    topic: str
    partition: int
    offset: int
    timestamp: datetime
    """When the producer sent it or the broker appended it, as the topic is configured."""
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    generation: int
    """Of the consumer group, when the message was delivered."""
    _acknowledge: Callable[[TP, int, int], None] = field(repr=False, compare=False)

    def ack(self) -> None:
        """Its offset may be committed, as soon as all before it may. In an older generation: nothing."""
        self._acknowledge(TP(self.topic, self.partition), self.offset, self.generation)


def consume(app: "App", fold: Fold) -> None:
    """Let `fold` read the source topics, in order within a partition, from when the app is recovered.

    `fold` must not return and must not raise. `Revoked` from the rows of a record means: do not ack
    it, go on with the next; it is delivered again to whoever owns the partition.
    """
    raw: dict[str, Any] = {
        "key_type": bytes,
        "key_serializer": "raw",
        "value_type": bytes,
        "value_serializer": "raw",
    }

    async def read(stream: Any) -> None:
        try:
            await fold(records(app, stream))
        except Exception as bug:
            await app.crash(bug)
            raise

    app.agent(app.topic(*app.kafka.topics, **raw), name=getattr(fold, "__name__", "fold"))(read)


async def records(app: "App", stream: Any) -> Records:
    """The messages of the stream while this worker may handle them.

    Without a lease it waits; a message of an older generation is left to its next owner.
    """
    async for event in stream.noack().events():
        await app.rows.room()
        if not await app.lease.held() or app.rebalancing:
            continue
        if event.message.generation_id == app.consumer_generation_id:
            yield _record(app, event.message)


def _record(app: "App", message: Any) -> Record:
    return Record(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        timestamp=datetime.fromtimestamp(message.timestamp, UTC),
        key=message.key,
        value=message.value,
        headers=tuple(message.headers or ()),
        generation=message.generation_id,
        _acknowledge=app.consumer.acknowledge,
    )
