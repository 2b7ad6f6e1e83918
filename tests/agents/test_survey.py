"""However much waits, memory holds a part of it; the rest is found in the rows when it is wanted."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from agents.act import Act, MayStart, TakeReply
from agents.alarms import Alarms
from agents.attempt import Outbound
from agents.deliver import Deliver, Watch
from agents.outbox import Outbox
from agents.survey import LEAD, Survey
from agents.timers import Timers
from schemas.calls import Call
from schemas.delivery import Answered, Delivery, Reply, State
from schemas.messages import Replied, Tick
from streams import machine
from streams.lanes import Lane, Limits
from tests.agents.partitions import Clock, Lease, Log, Posts, Rows, tenure, turns
from tests.builders import START, call, second
from tests.streams.tales import POLICY, api, documents, flow

DOCUMENTS = documents(flow((api("crm"),), "resolved>crm"))


class Backlog:
    """One partition whose calls all want the same endpoint, which answers when it is let."""

    def __init__(self, limits: Limits, most_alarms: int = 1_000) -> None:
        self.rows, self.log, self.clock = Rows(), Log(), Clock()
        self.asked: list[str] = []
        self.may_answer = asyncio.Event()
        self.tenure = tenure(
            self.rows, open=True, rebuilt=True, plain=Alarms(most_alarms), silent=Alarms(most_alarms)
        )

        def deliver(replied: TakeReply, may_start: MayStart) -> Deliver:
            self.deliver = Deliver(
                self.attempt,
                replied,
                may_start,
                self.clock,
                limits,
                Watch(hungry=self.full_no_more),
            )
            return self.deliver

        outbox = Outbox(Posts(), str, self.log.tell)
        self.act = Act(self.rows, outbox, self.tell, Lease(), pytest.fail, deliver)  # type: ignore[arg-type]  # rows in a dict, a lease in our hands
        self.timers = Timers(self.clock, lambda *_: True, self.log.tell)
        self.survey = Survey(lambda: [self.tenure], self.timers, self.act, self.clock)
        self.act.begin(self.tenure)
        self.timers.begin(self.tenure)

    def full_no_more(self, lane: Lane) -> None:
        self.act.has_room(lane)

    async def attempt(self, outbound: Outbound) -> Reply:
        self.asked.append(outbound.call_id)
        await self.may_answer.wait()
        return Answered(200)

    async def tell(self, partition: int, message: Any) -> None:
        """The internal topic, read back at once."""
        self.fold(message)

    def fold(self, message: machine.Input) -> None:
        before = self.tenure.table.call(message.call_id)
        step = machine.step(before, message, START, self.tenure.table, DOCUMENTS, POLICY)
        self.tenure.table.write(before, step)
        if isinstance(message, Replied):
            self.act.landed(message)
        self.act.after(self.tenure, step)

    async def ended(self, calls: int) -> None:
        """So many calls come to their proper end."""
        for number in range(calls):
            ended = call(f"c{number:03d}").answered(agent_id="bot").ended("end_node", end_node_id="resolved")
            for event in ended.events:
                self.fold(event)
        await turns(50)

    async def until(self, sent: int) -> None:
        """Let the endpoint answer until so many requests have come, looking for more in between."""
        self.may_answer.set()
        async with asyncio.timeout(5):
            while len(self.asked) < sent:
                await turns()
                await self.survey.look()


@pytest.fixture
async def made() -> AsyncIterator[Callable[..., Backlog]]:
    """Makes backlogs, and gives up what is still under way in them."""
    backlogs: list[Backlog] = []

    def make(*arguments: Any, **more: Any) -> Backlog:
        backlogs.append(Backlog(*arguments, **more))
        return backlogs[-1]

    yield make
    for one in backlogs:
        await one.deliver.close()


Made = Callable[..., Backlog]


async def test_a_backlog_is_sent_whole_and_once_with_room_for_a_few(made: Made) -> None:
    backlog = made(Limits(lane=1, waiting=4))
    await backlog.ended(60)
    waiting = backlog.deliver.queued
    await backlog.until(60)
    await turns(50)
    assert waiting == 4
    assert sorted(backlog.asked) == [f"c{number:03d}" for number in range(60)]


async def test_with_more_rows_than_one_look_reads_everybodys_turn_comes(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.survey.BREATH", 3)
    backlog = made(Limits(lane=1, waiting=8))
    await backlog.ended(20)
    await backlog.until(10)
    await backlog.ended(40)
    await backlog.until(40)
    assert sorted(backlog.asked) == [f"c{number:03d}" for number in range(40)]


async def test_nothing_is_looked_for_while_the_lane_is_full(made: Made) -> None:
    backlog = made(Limits(lane=1, waiting=4))
    await backlog.ended(10)
    before = backlog.rows.scans
    await backlog.survey.look()
    assert (backlog.deliver.queued, backlog.rows.scans) == (4, before)


async def test_what_was_too_much_to_remember_at_a_takeover_is_started_from_the_rows(made: Made) -> None:
    former = made(Limits(slots=0))
    await former.ended(30)
    backlog = made(Limits())
    backlog.rows.kept = former.rows.kept
    backlog.tenure.seen_through = False
    await backlog.until(30)
    assert sorted(backlog.asked) == [f"c{number:03d}" for number in range(30)]


async def test_moments_that_were_let_go_ring_at_their_time(made: Made) -> None:
    backlog = made(Limits(), most_alarms=8)
    for number in range(40):
        parked = Delivery("node", "n", f"d{number}", 1, State.PARKED, START, due=second(number))
        one = Call(f"p{number:02d}", deliveries=(parked,))
        backlog.tenure.table.write(None, machine.Step(one, (), (), (), (), ()))
        backlog.timers.arm(backlog.tenure, one)
    held = len(backlog.tenure.plain)
    rung: list[tuple[str, datetime]] = []
    for now in range(45):
        backlog.clock.now = second(now)
        await backlog.survey.look()
        await backlog.timers.look()
        rung += [(one.call_id, one.due) for one in backlog.log.messages if isinstance(one, Tick)]
        for call_id, _ in rung:
            backlog.rows.kept.pop(b"l" + call_id.encode(), None)
        backlog.log.said.clear()
    assert held <= 8
    assert rung == [(f"p{number:02d}", second(number)) for number in range(40)]


async def test_rows_are_looked_through_only_when_their_moments_are_near(made: Made) -> None:
    backlog = made(Limits(), most_alarms=8)
    for number in range(40):
        backlog.tenure.plain.set(f"p{number}", second(3600 + number))
    for _ in range(len(backlog.tenure.plain)):
        backlog.tenure.plain.take()
    backlog.clock.now = second(3600) - LEAD - timedelta(seconds=1)
    await backlog.survey.look()
    scans = backlog.rows.scans
    backlog.clock.now = second(3600 + 40)
    await backlog.survey.look()
    assert (scans, backlog.rows.scans) == (0, 1)
