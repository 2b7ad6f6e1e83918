"""The delivery loop: turns, hand-over, drain; what is not on the wire can be taken back."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from agents.attempt import Outbound
from agents.deliver import Deliver, Watch
from agents.errands import Errand
from agents.http.errors import Withheld
from schemas.delivery import Answered, Reply, Request, Silence
from schemas.workflow import Schedule
from streams.lanes import Limits

REQUEST = Request("POST", ("https://a.example/",), (), b"{}", timedelta(seconds=15), Schedule(()))


def errand(number: int = 0, name: str = "n1", attempt: int = 1) -> Errand:
    return Errand(f"call-{number}", f"id-{number}", "node", attempt, "https://a.example:443", "agent", name)


def clock() -> datetime:
    return datetime.now(UTC)


class World:
    """An endpoint that answers when it is told to, and what was handed back."""

    def __init__(self, *answers: Reply, allowed: bool = True, rate: float | None = None) -> None:
        self.answers = list(answers)
        self.request = replace(REQUEST, rate=rate)
        self.withholds = False
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
        if self.withholds:
            raise Withheld
        return self.answers.pop(0) if self.answers else Answered(200)

    async def replied(self, outbound: Outbound, reply: Reply, at: datetime, seconds: float) -> None:
        self.replies.append((outbound.call_id, reply, seconds))

    async def allow(self, outbound: Outbound) -> bool:
        await self.may_start.wait()
        return self.allowed

    def load(self) -> Request | None:
        self.loaded += 1
        return self.request

    def deliver(self, **more: Callable[..., None]) -> Deliver:
        return Deliver(self.attempt, self.replied, self.allow, clock, Limits(slots=32, lane=4), Watch(**more))


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
    await settle()  # a drain starts nothing either, and would hide it
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


async def test_an_endpoint_that_asks_for_a_pause_gets_nothing_before_its_time() -> None:
    world = World(Answered(429, retry_after=6.0), Answered(500, retry_after=0.3))
    deliver = world.deliver()
    world.may_answer.set()
    deliver.enter(errand(0), world.load)
    await settle()
    for number in (1, 2):
        deliver.enter(errand(number), world.load)
        deliver.enter(errand(number + 10, name="n2"), world.load)
    await asyncio.sleep(0.2)
    assert world.asked == ["call-0", "call-11", "call-12"]
    await deliver.close()


async def test_a_pause_that_is_over_is_noticed_at_once_and_without_looking_now_and_then() -> None:
    world = World(Answered(500, retry_after=0.3))
    deliver = world.deliver()
    world.may_answer.set()
    deliver.enter(errand(0), world.load)
    await settle()
    deliver.enter(errand(1), world.load)
    assert deliver._timer is not None
    await asyncio.sleep(0.25)
    assert world.asked == ["call-0"]
    await asyncio.sleep(0.1)
    assert world.asked == ["call-0", "call-1"]
    assert deliver._timer is None, "a worker with nothing to do has nothing to wake up for"


async def test_an_endpoint_that_fails_gets_nothing_more_and_uses_nobodys_attempts() -> None:
    world = World(*[Answered(500)] * 40)
    changes: list[tuple[str, str | None]] = []
    deliver = world.deliver(showed=lambda lane, said, change: changes.append((said.health, change)))
    for number in range(20):
        deliver.enter(errand(number), world.load)
    world.may_answer.set()
    await settle()
    assert len(world.asked) == 8, "four at first, and their followers until the fifth failed"
    assert changes[4] == ("hurts", "opened")
    assert (deliver.queued, deliver.endpoints(())) == (12, {"open": 1, "closed": 0})
    assert deliver.endpoints({"agent/n1"}) == {}
    await deliver.close()


async def opened(world: World, **more: Callable[..., None]) -> Deliver:
    """Five failures, and what is open for 15 s is open for no time."""
    deliver = world.deliver(**more)
    world.may_answer.set()
    for number in range(5):
        deliver.enter(errand(number), world.load)
    await settle()
    await settle()
    (lane,) = deliver._lanes._lanes.values()
    assert not lane.breaker.closed
    lane.held_until = lane.breaker.open_until = 0.0
    return deliver


async def test_exactly_one_probe_is_made_and_its_success_lets_others_follow() -> None:
    world = World(*[Answered(500)] * 5)
    deliver = await opened(world)
    world.may_answer.clear()
    for number in range(5, 9):
        deliver.enter(errand(number), world.load)
    await settle()
    assert world.asked[5:] == ["call-5"]
    world.may_answer.set()
    await asyncio.sleep(0.05)
    assert world.asked[5:] == ["call-5", "call-6"], "a slow start: one, and the next after 0.1 s"
    await asyncio.sleep(0.35)
    assert world.asked[5:] == [f"call-{number}" for number in range(5, 9)]
    await deliver.close()


@pytest.mark.parametrize("how", ["dropped", "withheld", "not allowed", "gone", "ours"])
async def test_a_probe_that_is_not_made_makes_way_for_another(how: str) -> None:
    world = World(*[Answered(500)] * 5, *[Silence("egress_denied", "before")] * (how == "ours"))
    deliver = await opened(world)
    world.withholds, world.allowed = how == "withheld", how != "not allowed"
    if how == "dropped":
        world.may_start.clear()
    deliver.enter(errand(5), (lambda: None) if how == "gone" else world.load)
    await settle()
    world.withholds, world.allowed = False, True
    assert len(deliver.drop(lambda _: True)) == (how == "dropped")
    world.may_start.set()
    deliver.enter(errand(6), world.load)
    await asyncio.sleep(0.15)
    assert world.asked[-1] == "call-6"
    assert deliver.endpoints(())["closed"] == 1
    await deliver.close()


async def test_a_rate_is_reached_and_not_exceeded() -> None:
    world = World(rate=50.0)
    deliver = world.deliver()
    world.may_answer.set()
    for number in range(200):
        deliver.enter(errand(number), world.load)
    await asyncio.sleep(1.0)
    assert 45 <= len(world.asked) <= 51
    assert world.loaded == len(world.asked), "what waits for its rate is not loaded"
    await deliver.close()


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

    deliver = Deliver(broken, world.replied, world.allow, clock, watch=Watch(broken=defects.append))
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
