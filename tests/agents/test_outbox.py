"""Records stay owed until the broker has them; a call is told once for many, and nothing after the tenure."""

import asyncio
from collections.abc import Sequence
from typing import Any

from agents.outbox import Outbox
from schemas.calls import Owed
from schemas.messages import Emitted
from tests.agents.partitions import Log, turns


class Broker:
    """Takes records and acknowledges them when it is told to."""

    def __init__(self) -> None:
        self.posted: list[tuple[str, bytes | None, bytes | None]] = []
        self.futures: list[asyncio.Future[Any]] = []
        self.log = Log()
        self.outbox = Outbox(self.post, lambda topic: f"eu.{topic}", self.log.tell)

    async def post(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]] = (),
        partition: int | None = None,
    ) -> "asyncio.Future[Any]":
        self.posted.append((topic, key, value))
        self.futures.append(asyncio.get_running_loop().create_future())
        return self.futures[-1]

    async def emit(self, number: int, call_id: str = "a") -> None:
        await self.outbox.emit(0, call_id, Owed(number, "call-outcomes", b"%d" % number, ()))

    async def acknowledge(self, *places: int) -> None:
        for place in places:
            self.futures[place].set_result(None)
        await turns()
        await self.outbox.settle()


async def test_a_record_goes_to_its_topic_under_the_calls_key() -> None:
    broker = Broker()
    await broker.emit(1)
    assert broker.posted == [("eu.call-outcomes", b"a", b"1")]


async def test_a_record_with_a_key_of_its_own_goes_under_that() -> None:
    broker = Broker()
    await broker.outbox.emit(0, "a", Owed(1, "workflows", b"{}", (), "endpoint/bot/crm"))
    assert broker.posted == [("eu.workflows", b"endpoint/bot/crm", b"{}")]


async def test_one_message_tells_of_several_records() -> None:
    broker = Broker()
    for number in (1, 2, 3):
        await broker.emit(number)
    await broker.acknowledge(0, 1, 2)
    assert broker.log.said == [(0, Emitted("a", 3))]


async def test_nothing_is_told_while_a_record_is_under_way() -> None:
    broker = Broker()
    await broker.emit(1)
    await broker.emit(2)
    await broker.acknowledge(1)
    assert broker.log.said == []
    await broker.acknowledge(0)
    assert broker.log.said == [(0, Emitted("a", 2))]


async def test_a_record_that_follows_before_the_call_was_told_is_waited_for_too() -> None:
    broker = Broker()
    await broker.emit(1)
    broker.futures[0].set_result(None)
    await turns()
    await broker.emit(2)
    await broker.outbox.settle()
    assert broker.log.said == []
    await broker.acknowledge(1)
    assert broker.log.said == [(0, Emitted("a", 2))]


async def test_a_hand_over_waits_for_what_is_on_its_way_and_tells_of_it() -> None:
    broker = Broker()
    await broker.emit(1)
    handing = asyncio.create_task(broker.outbox.hand_over())
    await turns()
    assert not handing.done()
    broker.futures[0].set_result(None)
    await handing
    assert broker.log.said == [(0, Emitted("a", 1))]


async def test_a_hand_over_does_not_wait_for_a_broker_that_is_away() -> None:
    broker = Broker()
    await broker.emit(1)
    await broker.outbox.hand_over(limit=0.01)
    assert broker.log.said == []


async def test_a_record_that_is_under_way_is_not_written_again() -> None:
    broker = Broker()
    await broker.emit(1)
    await broker.emit(1)
    assert len(broker.posted) == 1


async def test_a_record_that_was_acknowledged_and_not_told_is_not_written_again() -> None:
    broker = Broker()
    await broker.emit(1)
    broker.futures[0].set_result(None)
    await turns()
    await broker.emit(1)
    await broker.acknowledge()
    assert (len(broker.posted), broker.log.said) == (1, [(0, Emitted("a", 1))])


async def test_a_refused_record_is_still_owed() -> None:
    broker = Broker()
    await broker.emit(1)
    broker.futures[0].set_exception(RuntimeError("refused"))
    await turns()
    await broker.outbox.settle()
    assert broker.log.said == []


async def test_nothing_is_told_after_the_end_of_the_tenure() -> None:
    broker = Broker()
    await broker.emit(1)
    await broker.emit(1, "b")
    broker.futures[0].set_result(None)
    await turns()
    broker.outbox.end(0)
    await broker.acknowledge(1)
    assert broker.log.said == []


async def test_an_account_is_closed_when_the_call_was_told() -> None:
    broker = Broker()
    for number in range(1, 50):
        await broker.emit(number, f"c{number}")
    await broker.acknowledge(*range(49))
    assert len(broker.log.said) == 49
    assert (broker.outbox._accounts, broker.outbox._done) == ({}, set())
