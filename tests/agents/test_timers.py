"""Ticks: oldest first, not too many at a time, silent ones only when everything before them was handled."""

from datetime import datetime

from agents.tenure import Tenure
from agents.timers import MOST_UNHANDLED, Timers
from schemas.calls import Call, Conversation
from schemas.delivery import Delivery, State
from schemas.messages import Tick
from tests.agents.partitions import Clock, Log, Rows, tenure
from tests.builders import START, second


def silent(call_id: str, due: float) -> Call:
    return Call(call_id, conversations=(Conversation(1, START, conclude_at=second(due)),))


def parked(call_id: str, due: float) -> Call:
    return Call(call_id, deliveries=(Delivery("node", "n", "d", 1, State.PARKED, START, due=second(due)),))


class Watch:
    """Timers of one partition that is read up to a moment."""

    def __init__(self) -> None:
        self.clock, self.log = Clock(), Log()
        self.read_up_to: datetime = second(1e9)
        self.timers = Timers(self.clock, lambda _, due: due < self.read_up_to, self.log.tell)
        self.tenure: Tenure = tenure(Rows())
        self.timers.begin(self.tenure)

    async def at(self, seconds: float) -> list[tuple[str, bool]]:
        """The ticks that come when the clock stands there."""
        self.clock.now = second(seconds)
        self.log.said.clear()
        await self.timers.look()
        return [(one.call_id, one.silent) for one in self.log.messages if isinstance(one, Tick)]


async def test_a_tick_comes_when_its_moment_does_and_once() -> None:
    watch = Watch()
    watch.timers.arm(watch.tenure, silent("a", 5))
    assert [await watch.at(4.9), await watch.at(5), await watch.at(6)] == [[], [("a", True)], []]


async def test_the_oldest_comes_first_whatever_its_sort() -> None:
    watch = Watch()
    for call in (silent("c", 3), parked("a", 1), silent("b", 2), parked("d", 4)):
        watch.timers.arm(watch.tenure, call)
    assert await watch.at(9) == [("a", False), ("b", True), ("c", True), ("d", False)]


async def test_a_moment_that_moves_is_followed_both_ways() -> None:
    watch = Watch()
    for due in (5, 9, 7):
        watch.timers.arm(watch.tenure, silent("a", due))
    assert [await watch.at(6), await watch.at(7), await watch.at(99)] == [[], [("a", True)], []]


async def test_a_call_that_wants_nothing_any_more_gets_no_tick() -> None:
    watch = Watch()
    watch.timers.arm(watch.tenure, silent("a", 5))
    watch.timers.arm(watch.tenure, Call("a"))
    assert await watch.at(9) == []
    assert len(watch.tenure.silent) == 0


async def test_the_guard_holds_silent_ticks_back_and_no_others() -> None:
    watch = Watch()
    watch.read_up_to = second(4)
    for call in (silent("a", 3), silent("b", 5), parked("c", 6)):
        watch.timers.arm(watch.tenure, call)
    assert await watch.at(9) == [("a", True), ("c", False)]
    watch.read_up_to = second(9)
    assert await watch.at(9) == [("b", True)]


async def test_no_more_than_a_thousand_are_under_way_at_a_time() -> None:
    watch = Watch()
    for number in range(MOST_UNHANDLED + 50):
        watch.timers.arm(watch.tenure, parked(f"c{number}", number / 1000))
    first = await watch.at(99)
    assert [name for name, _ in first] == [f"c{number}" for number in range(MOST_UNHANDLED)]
    assert await watch.at(99) == []
    watch.tenure.ticks -= 50
    assert len(await watch.at(99)) == 50


async def test_a_partition_that_was_given_away_gets_no_tick() -> None:
    watch = Watch()
    watch.timers.arm(watch.tenure, silent("a", 5))
    watch.timers.end(0)
    assert await watch.at(9) == []


async def test_a_tick_names_the_moment_that_was_armed() -> None:
    watch = Watch()
    watch.timers.arm(watch.tenure, silent("a", 5))
    await watch.at(60)
    assert watch.log.messages == [Tick("a", second(5), True)]
