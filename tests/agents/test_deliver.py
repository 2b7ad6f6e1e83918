"""The delivery loop: turns, hand-over, drain; what is not on the wire can be taken back."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from agents.attempt import Outbound
from agents.deliver import Deliver, Errand
from agents.http.errors import Withheld
from schemas.delivery import Answered, Reply, Request
from schemas.workflow import Schedule
from streams.lanes import Limits

REQUEST = Request("POST", ("https://a.example/",), (), b"{}", timedelta(seconds=15), Schedule(()))


def errand(number: int = 0, name: str = "n1", attempt: int = 1) -> Errand:
    return Errand(f"call-{number}", f"id-{number}", "node", attempt, "https://a.example:443", "agent", name)


def clock() -> datetime:
    return datetime.now(UTC)


class World:
    """An endpoint that answers when it is told to, and what was handed back."""

    def __init__(self, allowed: bool = True) -> None:
        self.may_answer = asyncio.Event()
        self.may_start = asyncio.Event()
        self.may_start.set()
        self.allowed = allowed
        self.asked: list[str] = []
        self.replies: list[tuple[str, Reply, float]] = []
        self.loaded = 0

    async def attempt(self, outbound: Outbound) -> Reply:
        self.asked.append(outbound.call_id)
        await self.may_answer.wait()
        return Answered(200)

    async def replied(self, outbound: Outbound, reply: Reply, at: datetime, seconds: float) -> None:
        self.replies.append((outbound.call_id, reply, seconds))

    async def allow(self, outbound: Outbound) -> bool:
        await self.may_start.wait()
        return self.allowed

    def load(self) -> Request | None:
        self.loaded += 1
        return REQUEST

    def deliver(self, **more: Callable[..., None]) -> Deliver:
        return Deliver(self.attempt, self.replied, self.allow, clock, Limits(slots=32, lane=4), **more)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_reply_is_handed_over_with_how_long_it_took() -> None:
    world = World()
    deliver = world.deliver()
    deliver.enter(errand(), world.load)
    world.may_answer.set()
    await settle()
    assert await deliver.drained(timedelta(seconds=2))
    [(call_id, reply, seconds)] = world.replies
    assert (call_id, reply) == ("call-0", Answered(200))
    assert 0 <= seconds < 1


async def test_a_request_is_loaded_only_when_its_turn_comes() -> None:
    world = World()
    deliver = world.deliver()
    for number in range(10):
        deliver.enter(errand(number), world.load)
    await settle()
    assert (world.loaded, deliver.in_flight, deliver.queued) == (4, 4, 6)
    await deliver.close()


async def test_a_place_that_becomes_free_is_taken_at_once() -> None:
    world = World()
    deliver = world.deliver()
    for number in range(10):
        deliver.enter(errand(number), world.load)
    world.may_answer.set()
    await asyncio.sleep(0.05)
    assert world.asked == [f"call-{number}" for number in range(10)]
    assert (deliver.in_flight, deliver.queued) == (0, 0)


async def test_what_may_not_start_is_never_sent_and_frees_its_place() -> None:
    world = World(allowed=False)
    deliver = world.deliver()
    for number in range(10):
        deliver.enter(errand(number), world.load)
    await settle()
    assert (world.asked, world.replies, deliver.in_flight, deliver.queued) == ([], [], 0, 0)


async def test_what_was_erased_is_never_sent() -> None:
    world = World()
    deliver = world.deliver()
    deliver.enter(errand(), lambda: None)
    assert await deliver.drained(timedelta(seconds=2))
    assert world.asked == []


async def test_dropping_takes_back_all_that_is_not_on_the_wire() -> None:
    world = World()
    deliver = world.deliver()
    deliver.enter(errand(0), world.load)
    await settle()
    world.may_start.clear()
    for number in range(1, 8):
        deliver.enter(errand(number), world.load)
    await settle()
    assert sorted(one.call_id for one in deliver.drop(lambda _: True)) == [f"call-{n}" for n in range(1, 8)]
    world.may_start.set()
    world.may_answer.set()
    assert await deliver.drained(timedelta(seconds=2))
    assert world.asked == ["call-0"]


async def test_what_is_on_the_wire_is_named_with_its_deadline() -> None:
    world = World()
    deliver = world.deliver()
    deliver.enter(errand(), world.load)
    await settle()
    [wire] = deliver.on_the_wire()
    assert wire.outbound.call_id == "call-0"
    assert timedelta(seconds=14) < wire.until - datetime.now(UTC) <= timedelta(seconds=15)
    await deliver.close()


async def test_an_attempt_is_on_the_wire_until_its_reply_is_handed_over() -> None:
    world, handed_over = World(), asyncio.Event()
    world.may_answer.set()

    async def replied(*_: object) -> None:
        await handed_over.wait()

    deliver = Deliver(world.attempt, replied, world.allow, clock)
    deliver.enter(errand(), world.load)
    await settle()
    assert (len(deliver.on_the_wire()), deliver.in_flight) == (1, 0)
    assert not await deliver.drained(timedelta(seconds=0.02))
    handed_over.set()
    assert await deliver.drained(timedelta(seconds=2))
    assert deliver.on_the_wire() == []


async def test_a_drain_starts_nothing_more_and_says_when_it_was_too_short() -> None:
    world = World()
    deliver = world.deliver()
    for number in range(10):
        deliver.enter(errand(number), world.load)
    await settle()
    assert not await deliver.drained(timedelta(seconds=0.02))
    world.may_answer.set()
    assert await deliver.drained(timedelta(seconds=2))
    assert len(world.asked) == 4
    assert deliver.queued == 6


async def test_an_endpoint_on_hold_gets_nothing_before_its_time() -> None:
    world = World()
    deliver = world.deliver()
    world.may_answer.set()
    deliver.hold(errand().lane, datetime.now(UTC) + timedelta(seconds=1))
    deliver.enter(errand(0), world.load)
    deliver.enter(errand(1, name="n2"), world.load)
    await asyncio.sleep(0.1)
    assert world.asked == ["call-1"]
    await asyncio.sleep(1.3)
    assert world.asked == ["call-1", "call-0"]


async def test_attempts_that_run_for_over_a_second_make_room_for_other_lanes() -> None:
    world = World()
    deliver = world.deliver()
    for number in range(8):
        deliver.enter(errand(number, name=f"n{number // 4}"), world.load)
    deliver.enter(errand(8, name="n2"), world.load)
    await settle()
    assert len(world.asked) == 8, "a quarter of 32 slots for one voice agent"
    await asyncio.sleep(1.2)
    assert world.asked[-1] == "call-8"
    await deliver.close()


async def test_a_defect_is_told_and_frees_its_place() -> None:
    world, defects = World(), list[BaseException]()

    async def broken(_: Outbound) -> Reply:
        raise ZeroDivisionError

    deliver = Deliver(broken, world.replied, world.allow, clock, broken=defects.append)
    deliver.enter(errand(), world.load)
    await settle()
    assert [type(defect) for defect in defects] == [ZeroDivisionError]
    assert (deliver.in_flight, deliver.on_the_wire()) == (0, [])


async def test_what_was_withheld_has_no_reply() -> None:
    world = World()

    async def withheld(_: Outbound) -> Reply:
        raise Withheld

    deliver = Deliver(withheld, world.replied, world.allow, clock)
    deliver.enter(errand(), world.load)
    await settle()
    assert (world.replies, deliver.in_flight, deliver.on_the_wire()) == ([], 0, [])


async def test_how_long_an_attempt_waited_for_its_turn_is_told() -> None:
    world, waits = World(), list[float]()
    deliver = world.deliver(waited=waits.append)
    deliver.enter(errand(), world.load)
    await deliver.close()
    assert waits == [pytest.approx(0, abs=0.05)]


@pytest.mark.parametrize(("attempt", "replay", "rank"), [(1, False, 0), (2, False, 1), (1, True, 2)])
def test_first_attempts_go_before_retries_and_those_before_replays(
    attempt: int, replay: bool, rank: int
) -> None:
    one = Errand("c", "d", "webhook", attempt, "https://a.example:443", "agent", "call.ended", replay)
    assert one.rank == rank
