"""Messages between fetcher and fold: in order, bounded, forgotten when they are read again."""

import asyncio
from dataclasses import dataclass

from agents.kafka.inbox import MOST, MOST_BYTES, Inbox


@dataclass
class Fetched:
    """A record as aiokafka gives it."""

    offset: int
    value: bytes | None = b"{}"
    topic: str = "call-events"
    partition: int = 3
    timestamp: int = 1_700_000_000_000
    key: bytes | None = b"c1"
    headers: tuple[tuple[str, bytes], ...] = ()


def inbox() -> tuple[Inbox, list[tuple[str, int, int, int]]]:
    acked: list[tuple[str, int, int, int]] = []
    return Inbox(lambda tp, offset, generation: acked.append((*tp, offset, generation))), acked


async def test_messages_come_out_as_they_were_put_down_and_are_acknowledged_where_they_lay() -> None:
    waiting, acked = inbox()
    waiting.put([Fetched(7), Fetched(8, None)], generation=5)
    first, second = await waiting.next(), await waiting.next()
    assert [(one.offset, one.value, one.timestamp.timestamp()) for one in (first, second)] == [
        (7, b"{}", 1_700_000_000),
        (8, None, 1_700_000_000),
    ]
    second.ack()
    assert acked == [("call-events", 3, 8, 5)]


async def test_whoever_asks_waits_for_the_next_message() -> None:
    waiting, _ = inbox()
    asked = asyncio.create_task(waiting.next())
    await asyncio.sleep(0.01)
    assert not asked.done()
    waiting.put([Fetched(1)], generation=1)
    assert (await asked).offset == 1


async def test_there_is_room_until_there_are_too_many() -> None:
    waiting, _ = inbox()
    waiting.put([Fetched(number) for number in range(MOST - 1)], generation=1)
    assert await waiting.room(0.01)
    waiting.put([Fetched(MOST)], generation=1)
    assert not await waiting.room(0.01)
    await waiting.next()
    assert await waiting.room(0.01)


async def test_there_is_room_until_they_are_too_large_together() -> None:
    waiting, _ = inbox()
    waiting.put([Fetched(1, b"x" * (MOST_BYTES // 2)), Fetched(2, b"x" * (MOST_BYTES // 2))], generation=1)
    assert not await waiting.room(0.01)
    await waiting.next()
    assert await waiting.room(0.01)


async def test_who_waits_for_room_goes_on_when_one_is_taken() -> None:
    waiting, _ = inbox()
    waiting.put([Fetched(number) for number in range(MOST)], generation=1)
    asked = asyncio.create_task(waiting.room(5))
    await asyncio.sleep(0.01)
    await waiting.next()
    assert await asyncio.wait_for(asked, 1)


async def test_what_is_read_again_is_forgotten() -> None:
    waiting, _ = inbox()
    waiting.put([Fetched(1, b"x" * MOST_BYTES)], generation=1)
    waiting.clear()
    assert await waiting.room(0.01)
    waiting.put([Fetched(1)], generation=2)
    assert (await waiting.next()).generation == 2
