"""What this worker has found out about an endpoint is told once, off the way of every request."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from agents.marks import ROUND_THE_TOPIC, Marks
from schemas.endpoints import Mark
from streams.lanes import Lane, Shown
from streams.marking import GIVEN_UP_AFTER
from tests.agents.partitions import turns
from tests.builders import START

CRM = Lane("https://crm.example:443", "bot", "crm")
WELL, ILL = Shown("resets"), Shown("hurts")


class Topic:
    """The workflows topic as a worker knows it: what is written comes back when it is `read`."""

    def __init__(self) -> None:
        self.marks: dict[str, Mark] = {}
        self.written: list[tuple[str, Mark | None]] = []
        self.now = START
        self.of_worker = Marks(lambda: self.marks, self.write, lambda: self.now)

    async def write(self, name: str, mark: Mark | None) -> None:
        self.written.append((name, mark))

    def read(self) -> None:
        for name, mark in self.written:
            self.marks.pop(name, None)
            if mark is not None:
                self.marks[name] = mark

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        running = asyncio.create_task(self.of_worker.run())
        try:
            yield
            await turns()
        finally:
            running.cancel()


async def test_a_breaker_that_opens_is_told_once() -> None:
    topic = Topic()
    async with topic.running():
        topic.of_worker.showed(CRM, ILL, "opened")
        await turns()
        topic.of_worker.showed(CRM, ILL, "opened")
        topic.read()
        topic.of_worker.showed(CRM, ILL, "opened")
    assert topic.written == [("bot/crm", Mark(failing_since=START))]


async def test_a_failure_that_opens_nothing_is_not_told() -> None:
    topic = Topic()
    async with topic.running():
        topic.of_worker.showed(CRM, ILL, None)
    assert topic.written == []


async def test_a_success_takes_the_mark_away_once_whoever_set_it() -> None:
    topic = Topic()
    topic.marks["bot/crm"] = Mark(failing_since=START)
    async with topic.running():
        for _ in range(3):
            topic.of_worker.showed(CRM, WELL, None)
            await turns()
        topic.read()
        topic.of_worker.showed(CRM, WELL, "closed")
    assert topic.written == [("bot/crm", None)]


async def test_what_fails_again_before_its_end_came_back_is_told_again() -> None:
    topic = Topic()
    topic.marks["bot/crm"] = Mark(failing_since=START)
    async with topic.running():
        topic.of_worker.showed(CRM, WELL, "closed")
        await turns()
        topic.now += timedelta(minutes=1)
        topic.of_worker.showed(CRM, ILL, "opened")
    assert topic.written == [("bot/crm", None), ("bot/crm", Mark(failing_since=topic.now))]


async def test_what_failed_for_120_hours_is_disabled_and_success_does_not_end_that() -> None:
    topic = Topic()
    topic.marks["bot/crm"] = Mark(failing_since=START)
    topic.now += GIVEN_UP_AFTER
    async with topic.running():
        topic.of_worker.showed(CRM, ILL, "opened")
        await turns()
        topic.read()
        topic.of_worker.showed(CRM, WELL, "closed")
    ((name, mark),) = topic.written
    assert (name, mark and mark.disabled) == ("bot/crm", True)


async def test_a_reply_that_disables_holds_at_once_until_its_mark_is_in_force() -> None:
    topic = Topic()
    topic.of_worker.showed(CRM, Shown("disables"), None)
    at_once = topic.of_worker.disabled("bot/crm"), topic.of_worker.disabled("bot/mail")
    topic.marks["bot/crm"] = Mark(disabled=True)
    marked = topic.of_worker.disabled("bot/crm")
    del topic.marks["bot/crm"]
    assert (at_once, marked, topic.of_worker.disabled("bot/crm")) == ((True, False), True, False)


async def test_a_reply_that_disables_does_not_hold_for_ever_without_a_mark() -> None:
    topic = Topic()
    topic.of_worker.showed(CRM, Shown("disables"), None)
    topic.now += ROUND_THE_TOPIC + timedelta(seconds=1)
    assert not topic.of_worker.disabled("bot/crm")
