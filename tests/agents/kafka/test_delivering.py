"""What the consumer takes from Kafka: each message once after a seek, and no more than the inbox holds."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from faust.transport.consumer import ThreadDelegateConsumer
from faust.transport.utils import DefaultSchedulingStrategy
from faust.types import TP

from agents.kafka.consumer import Consumer
from agents.kafka.inbox import MOST, Inbox
from agents.kafka.lease import Lease
from agents.kafka.offsets import Offsets
from agents.kafka.progress import Progress
from agents.kafka.source import records

EVENTS, CHANGELOG = TP("call-events", 0), TP("calls-changelog", 1)

FETCH = 500
"""Messages of one fetch."""


class Log:
    """A partition of each topic, and where the consumer's thread reads next. Nothing is committed yet."""

    def __init__(self, length: int) -> None:
        self.length = length
        self.position = {EVENTS: 0, CHANGELOG: 0}

    async def records(self, active: Iterable[TP], timeout: float) -> dict[TP, list[Any]]:
        fetched = {}
        for tp in active:
            begin = self.position[tp]
            end = self.position[tp] = min(self.length, begin + FETCH)
            fetched[tp] = [self._record(tp, offset) for offset in range(begin, end)]
        return {tp: records for tp, records in fetched.items() if records}

    async def seek_back(self, sources: set[TP], standbys: Mapping[TP, int]) -> dict[TP, int | None]:
        self.position |= {**dict.fromkeys(sources, 0), **standbys}
        return dict.fromkeys(sources, 0)

    def _record(self, tp: TP, offset: int) -> Any:
        return SimpleNamespace(
            topic=tp.topic, partition=tp.partition, offset=offset, timestamp=0, key=b"", value=b"", headers=()
        )


class Delivering(Consumer):
    """A consumer whose thread reads the log above; its standby has applied the first seven rows."""

    def __init__(self, length: int) -> None:
        self.log_of_kafka = Log(length)
        self._thread = self.log_of_kafka  # type: ignore[assignment]  # what it asks of the thread
        self.inbox = Inbox(self.acknowledge)
        recovery = SimpleNamespace(standby_tps={CHANGELOG}, standby_offsets={CHANGELOG: 6})
        self.app = SimpleNamespace(  # type: ignore[assignment]  # the little of an app that it asks
            consumer_generation_id=3,
            rebalancing=False,
            lease=Lease(timedelta(hours=1)),
            rows=SimpleNamespace(
                room=self._room, partitions={0}, drops=0, refuse=lambda: None, drop=lambda: None
            ),
            inbox=self.inbox,
            kafka=SimpleNamespace(topics=(EVENTS.topic,)),
            offsets=Offsets([EVENTS.topic]),
            tables=SimpleNamespace(recovery=recovery),
            topics=SimpleNamespace(acks_enabled_for=lambda topic: topic == EVENTS.topic),
            watchdog=SimpleNamespace(polled=lambda: None, progressed=lambda: None),
        )
        self.app.lease.grant(self.app.lease.now(), 3)
        self.scheduler = DefaultSchedulingStrategy()  # type: ignore[abstract]  # as Faust makes it
        self._progress, self._held = defaultdict(Progress), object()
        self._read_offset, self._committed_offset = defaultdict(lambda: None), {}
        self._active_partitions, self._buffered_partitions = {EVENTS}, set()
        self._idle, self.can_resume_flow, self.suspend_flow = (
            asyncio.Event(),
            asyncio.Event(),
            asyncio.Event(),
        )
        self._idle.set()
        self.resume_flow()

    async def _room(self) -> None:
        """There is always room for rows."""

    def assignment(self) -> set[TP]:
        return {EVENTS, CHANGELOG}

    async def drain(self, times: int = 1) -> None:
        for _ in range(times):
            await self._drain_once()

    async def fold(self, count: int) -> list[int]:
        """Take so many messages out of the inbox; their offsets."""
        async with asyncio.timeout(5):
            return [(await self.inbox.next()).offset for _ in range(count)]


async def test_a_message_that_waited_at_a_seek_is_not_folded_twice() -> None:
    consumer = Delivering(length=10)
    await consumer.drain()
    await consumer.perform_seek()
    consumer.resume_flow()
    await consumer.drain()
    assert await consumer.fold(10) == list(range(10))
    assert not await came(consumer), "a message waits that was folded already"


async def came(consumer: Delivering) -> bool:
    """Whether another message waits."""
    another = asyncio.ensure_future(consumer.inbox.next())
    await asyncio.sleep(0)
    waits = another.done()
    another.cancel()
    return waits


async def test_nothing_is_taken_from_kafka_while_the_inbox_is_full() -> None:
    consumer = Delivering(length=10_000)
    await consumer.drain(12)
    assert consumer.log_of_kafka.position[EVENTS] <= MOST + FETCH
    await consumer.fold(FETCH)
    await consumer.drain(2)
    assert await consumer.fold(MOST) == list(range(FETCH, FETCH + MOST))


async def test_a_standby_goes_back_to_the_row_after_those_it_has_applied() -> None:
    consumer = Delivering(length=10)
    await consumer.log_of_kafka.records([CHANGELOG], 0.0)
    await consumer.perform_seek()
    assert consumer.log_of_kafka.position[CHANGELOG] == 7


async def test_a_message_of_an_older_generation_is_left_to_its_next_owner() -> None:
    consumer = Delivering(length=10)
    await consumer.drain()
    consumer.app.consumer_generation_id = 4
    consumer.log_of_kafka.length = 12
    await consumer.drain()
    async with asyncio.timeout(5):
        assert (await anext(records(consumer.app))).offset == 10, "a message of before was folded"


async def test_what_was_handled_before_a_revocation_is_not_committed_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its rows may have been dropped with the revocation. A commit between the next recovery and its seek would
    be in the name of the new generation, and the message would be lost."""

    async def nothing_of_faust(*_: object) -> None:
        return None

    monkeypatch.setattr(ThreadDelegateConsumer, "on_partitions_revoked", nothing_of_faust)
    consumer = Delivering(length=1)
    await consumer.drain()
    (await consumer.inbox.next()).ack()
    assert consumer._committable() == {EVENTS: 1}
    await consumer.on_partitions_revoked({EVENTS})
    assert consumer._committable() == {}
