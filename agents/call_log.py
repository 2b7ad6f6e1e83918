"""What the topics hold of one call, read without a worker: its log, its row, its records, the documents.

Of each topic only the partition is read that the call is at home on. A record is looked at in full only if its
key is the call's, or its call id can be found in it; the others cost their way over the network.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import TypeAlias

from aiokafka import TopicPartition

from agents.call_records import CallLog, Look
from agents.connection import client_options, topic_names
from agents.kafka.config import KafkaConfig
from agents.kafka.names import TopicNames
from agents.kafka.topics import admin, counts
from agents.output_topics import Taken, taken
from agents.workflows_topic import read_whole
from schemas import keys, wire
from schemas.settings import Settings
from streams.definitions import Snapshot, fold
from streams.topology import home

Show: TypeAlias = Callable[[int, int], None]
"""Told now and then how many records were read, and how many there are."""


class Watched:
    """How far all readings are, of how much. Told to `show` after every batch."""

    def __init__(self, show: Show) -> None:
        self._show = show
        self._read: dict[str, tuple[int, int]] = {}

    def of(self, name: str) -> Show:
        """Where one reading tells how far it is."""

        def seen(done: int, total: int) -> None:
            self._read[name] = (done, total)
            self._show(sum(one for one, _ in self._read.values()), sum(one for _, one in self._read.values()))

        return seen


async def read_call(
    call_id: str, settings: Settings, config: KafkaConfig, since: datetime | None, show: Show
) -> CallLog:
    """Read everything about a call; of the topics that only grow, from `since` on.

    Raises KafkaError, and TimeoutError when the broker stops to answer.
    """
    names, log, watched = topic_names(settings), CallLog(call_id), Watched(show)
    async with admin(config) as kafka:
        there = set(await kafka.list_topics())
        found = await counts(kafka, sorted(there.intersection(_read_of(names))))
    log.partition = home(call_id, found.get(names.call_events, 1))
    at = {topic: TopicPartition(topic, home(call_id, count)) for topic, count in found.items()}
    grown = [at[topic] for topic in _read_of(names) if topic in at and topic != names.changelog]
    written, *_ = await asyncio.gather(
        read_whole(client_options(config), names.workflows),
        _follow(log, names, taken(config, grown, since, seen=watched.of("log")), since),
        _rows(
            log,
            taken(config, [at[names.changelog]] if names.changelog in at else [], seen=watched.of("rows")),
        ),
    )
    log.documents = fold(Snapshot(), [(key.encode(), value) for key, value in written.items()])[0]
    return log


def _read_of(names: TopicNames) -> tuple[str, ...]:
    outputs = (names.call_outcomes, names.delivery_log, names.dead_letters)
    return (names.call_events, names.internal, names.changelog, *outputs)


# -- the row


async def _rows(log: CallLog, records: AsyncIterator[Taken]) -> None:
    """The last row of the call: a live one goes before a settled one, of which a worker leaves one."""
    wanted = {keys.live(log.call_id), keys.settled(log.call_id)}
    rows: dict[bytes, bytes | None] = {}
    async for record in records:
        if record.key in wanted:
            rows[record.key] = record.value
    value = rows.get(keys.live(log.call_id)) or rows.get(keys.settled(log.call_id))
    log.row = None if value is None else wire.read_call(value)


# -- the log and the records


async def _follow(
    log: CallLog, names: TopicNames, records: AsyncIterator[Taken], since: datetime | None
) -> None:
    look = Look(log, names)
    async for record in records:
        look.at(record)
    if since is not None or look.begins_late:
        log.since = max(filter(None, (since, look.first_at)), default=None)
