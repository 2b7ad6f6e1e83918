"""How messages reach the engine: one at a time, unread, acknowledged by whoever handled them.

Faust acks an event when the loop asks for the next one, and also when the body raised: the failing
event is lost, and sometimes the good one behind it. Here nothing is acked but by `ack()`, and an
exception that escapes is a bug of ours: the worker stops, and the event is read again.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

from agents.kafka.inbox import Record

if TYPE_CHECKING:
    from agents.kafka.app import App

__all__ = ["Record", "Records", "consume"]

Records = AsyncIterator[Record]
Fold = Callable[[Records], Awaitable[None]]

BREATHE_AFTER: Final = 32
"""Messages after which the event loop gets a turn: some two milliseconds of work."""


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

    async def read(_: Any) -> None:
        try:
            await fold(records(app))
        except Exception as bug:
            await app.crash(bug)
            raise

    app.agent(app.topic(*app.kafka.topics, **raw), name=getattr(fold, "__name__", "fold"))(read)


async def records(app: "App") -> Records:
    """The messages while this worker may handle them.

    Without a lease it waits; a message of an older generation is left to its next owner.
    """
    count = 0
    while True:
        record = await app.inbox.next()
        await app.rows.room()
        if not (app.lease.valid() or await app.lease.held()) or app.rebalancing:
            continue
        if record.generation == app.consumer_generation_id:
            yield record
        count += 1
        if count % BREATHE_AFTER == 0:
            await asyncio.sleep(0)
