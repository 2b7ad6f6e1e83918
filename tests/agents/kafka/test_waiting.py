"""How old what waits is: the oldest event that was fetched and is not handled yet, on whichever partition."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from agents.doors import age
from agents.kafka.inbox import Inbox

START = datetime(2026, 5, 1, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A record as the client hands it over; its time in milliseconds."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None = None
    value: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


def fetched(seconds: float, partition: int = 0, topic: str = "call-events") -> Fetched:
    """A record that was sent so many seconds after the start."""
    return Fetched(topic, partition, 0, int((START + timedelta(seconds=seconds)).timestamp() * 1000))


def inbox(*records: Fetched) -> Inbox:
    """An inbox with these in it."""
    waiting = Inbox(lambda tp, offset, generation: None)
    waiting.put(records, 1)
    return waiting


async def test_the_oldest_of_all_partitions_counts_until_the_next_one_is_asked_for() -> None:
    waiting = inbox(fetched(50), fetched(10, partition=1), fetched(70))
    await waiting.next()
    assert waiting.oldest("call-events") == START + timedelta(seconds=10)
    await waiting.next()
    assert waiting.oldest("call-events") == START + timedelta(seconds=10)
    await waiting.next()
    assert waiting.oldest("call-events") == START + timedelta(seconds=70)
    asking = asyncio.create_task(waiting.next())
    await asyncio.sleep(0)
    assert waiting.oldest("call-events") is None
    asking.cancel()


async def test_what_the_engine_says_to_itself_is_no_event_that_waits() -> None:
    assert inbox(fetched(1, topic="internal")).oldest("call-events") is None


async def test_what_is_read_again_does_not_wait_here() -> None:
    waiting = inbox(fetched(1), fetched(2))
    await waiting.next()
    waiting.clear()
    assert waiting.oldest("call-events") is None


def test_nothing_that_waits_is_of_age_0_and_a_time_to_come_too() -> None:
    assert age(START, None, None) == 0
    assert age(START, START + timedelta(hours=1)) == 0
    assert age(START, None, START - timedelta(seconds=7)) == 7
