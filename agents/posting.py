"""What a worker writes to Kafka beside its rows: internal messages, records, dead letters."""

import asyncio
from functools import partial
from typing import Any

from faust.types import TP

from agents.kafka.app import App
from agents.kafka.producer import send
from agents.kafka.topics import TopicNames
from agents.outbox import Post
from schemas import wire
from schemas.endpoints import Mark
from schemas.messages import Message, Sweep
from streams import records
from streams.definitions import ENDPOINT, jsonable


class Posting:
    """Posts to the topics of one installation, through the app's own producer.

    A refused post makes the worker unfit: it commits nothing more and stops.
    """

    def __init__(self, app: App, names: TopicNames, prefix: str) -> None:
        self._app, self._names, self._prefix = app, names, prefix
        self.post: Post = partial(send, app)

    def name(self, topic: str) -> str:
        """The broker's name of a public topic."""
        return self._prefix + topic

    async def tell(self, partition: int, message: Message) -> None:
        """Post an internal message; return when the broker has it."""
        await asyncio.shield(await self._said(partition, message))

    async def say(self, partition: int, message: Message) -> None:
        """Post an internal message that need not be waited for: a tick, an acknowledgement. If it does
        not arrive, whoever owns the partition next says it again."""
        await self._said(partition, message)

    async def bury(self, letter: records.Record) -> None:
        """Write a dead letter; return when the broker has it."""
        await asyncio.shield(await self.post(self.name(letter.topic), None, letter.value, letter.headers))

    async def mark(self, endpoint: str, mark: Mark | None) -> None:
        """Put the mark of an endpoint (`<agent>/<node or type>`) into force, or take it away; return when
        the broker has it."""
        key = f"{ENDPOINT}{endpoint}".encode("utf-8", "surrogatepass")
        value = None if mark is None else wire.json_bytes(jsonable(mark))
        await asyncio.shield(await self.post(self._names.workflows, key, value, (), 0))

    async def end_of_internal(self, partition: int) -> int:
        """The end of the internal topic's partition; 0 where all of it has expired, and nothing is there
        to be read."""
        at, consumer = TP(self._names.internal, partition), self._app.consumer
        ends, firsts = await consumer.highwaters(at), await consumer.earliest_offsets(at)
        end, first = ends.get(at) or 0, firsts.get(at) or 0
        return end if end > first else 0

    async def _said(self, partition: int, message: Message) -> "asyncio.Future[Any]":
        key = None if isinstance(message, Sweep) else message.call_id.encode("utf-8", "surrogatepass")
        return await self.post(self._names.internal, key, wire.message(message), (), partition)
