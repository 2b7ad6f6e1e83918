"""What an operator says to the workers from the command line: messages to the internal topic."""

import asyncio
from collections.abc import Iterable
from datetime import timedelta
from typing import Final, Protocol

from aiokafka import AIOKafkaProducer

from agents import failpoints
from agents.connection import client_options
from agents.kafka.config import KafkaConfig
from agents.kafka.topics import partitions_of
from schemas import wire
from schemas.messages import Message, Sweep
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
