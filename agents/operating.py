"""What an operator says to the workers: messages to the internal topic, and that an endpoint gets requests again."""

import asyncio
from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Final, Protocol

from aiokafka import AIOKafkaProducer

from agents import failpoints
from agents.connection import client_options
from agents.kafka.config import KafkaConfig
from agents.kafka.topics import partitions_of
from agents.workflows_topic import in_force, read_whole, write
from schemas import wire
from schemas.messages import Message, Sweep
from streams.definitions import ENDPOINT
from streams.topology import home

PATIENCE: Final = timedelta(seconds=30)
"""How long the broker may take for one message."""


class Paced(Protocol):
    """Waits as long as the rate wants after a message."""

    async def __call__(self, message: Message) -> None:
        """Wait, and show how far it is."""


async def tell(
    config: KafkaConfig, internal: str, messages: Iterable[Message], paced: Paced | None = None
) -> None:
    """Post messages to their calls' home partitions, one after the other.

    Raises LookupError if there is no such topic: then no worker of this app id ever was. Raises KafkaError,
    and TimeoutError when the broker does not answer.
    """
    partitions = await partitions_of(config, internal)
    if not partitions:
        raise LookupError(f"found no topic {internal}; expected the one that workers of this app id make")
    producer = AIOKafkaProducer(
        acks="all", enable_idempotence=True, max_request_size=3 * 1024 * 1024, **client_options(config)
    )
    try:
        async with asyncio.timeout(PATIENCE.total_seconds()):
            await producer.start()
        for message in messages:
            if isinstance(message, Sweep):
                raise TypeError("found a sweep; expected a message about a call")
            key = message.call_id.encode("utf-8", "surrogatepass")
            async with asyncio.timeout(PATIENCE.total_seconds()):
                await producer.send_and_wait(
                    internal, wire.message(message), key=key, partition=home(message.call_id, partitions)
                )
            await failpoints.hit_async("message-told")
            if paced is not None:
                await paced(message)
    finally:
        await producer.stop()


async def resume(endpoint: str, options: dict[str, Any], topic: str) -> None:
    """Take the mark off an endpoint, `<agent>/<node or type>`, that was disabled, by a tombstone.

    Raises LookupError if it is not disabled, KafkaError, and TimeoutError when the broker does not answer.
    """
    marks = in_force(await read_whole(options, topic)).marks
    if endpoint not in marks or not marks[endpoint].disabled:
        disabled = ", ".join(sorted(each for each, mark in marks.items() if mark.disabled))
        instead = f"expected one of: {disabled}" if disabled else "no endpoint is"
        raise LookupError(f"found {endpoint!r}, which is not disabled; {instead}")
    await write(options, topic, [(f"{ENDPOINT}{endpoint}", None)])
