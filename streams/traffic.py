"""A load played through lanes on a virtual clock: the scheduler's decisions without a network.

Everything is an argument: who arrives when, how each endpoint answers, when a failure is tried again. An
hour with 100,000 deliveries takes seconds.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from heapq import heappop, heappush
from itertools import count
from typing import NamedTuple, TypeAlias

from streams.lanes import Lane, Lanes, Rank, Shown, Started


class Arrival(NamedTuple):
    """A delivery becomes due, for an endpoint."""

    at: float
    to: Lane


class Try(NamedTuple):
    """An attempt to be made, the first of its delivery or a later one."""

    delivery: int
    to: Lane
    number: int
    arrived_at: float
    """When the delivery's first attempt became due."""


class Made(NamedTuple):
    """An attempt that was made: when it started and ended, and what it showed of its endpoint."""

    what: Try
    started_at: float
    ended_at: float
    said: Shown


Answer: TypeAlias = Callable[[Lane, float], tuple[float, Shown]]
"""How an endpoint answers an attempt that starts then: after how many seconds, and what that shows."""

Again: TypeAlias = Callable[[Try, float], float | None]
"""When a failed attempt that ended then is followed by another; None: never."""


def never(failed: Try, ended_at: float) -> float | None:
    """No retries."""
    return None


class Traffic:
    """One run. `rate` is what an endpoint's document says; `lane_of` which lane its deliveries wait in.

    Without `isolated` no lane is told what attempts showed, as in a pool that knows no endpoints.
    """

    def __init__(
        self,
        lanes: Lanes[Try],
        answer: Answer,
        again: Again = never,
        *,
        rate: Callable[[Lane], float | None] = lambda to: None,
        lane_of: Callable[[Lane], Lane] = lambda to: to,
        isolated: bool = True,
    ) -> None:
        self.lanes = lanes
        self._answer, self._again = answer, again
        self._rate, self._lane_of, self._isolated = rate, lane_of, isolated
        self._ends: list[tuple[float, int, Started[Try], Shown]] = []
        self._parked: list[tuple[float, int, Try]] = []
        self._crowded: dict[Lane, deque[Try]] = {}
        """What found its lane full, as the table keeps it in a worker."""
        self._tie = count()

    def play(self, arrivals: Iterable[Arrival]) -> Iterator[Made]:
        """Play until nothing is left to be done, and tell of each attempt when it ends."""
        waiting = iter(arrivals)
        number, arrival = 0, next(waiting, None)
        while (now := self._next_at(arrival)) is not None:
            yield from self._end(now)
            while arrival is not None and arrival.at <= now:
                self._enter(Try(number, arrival.to, 1, arrival.at), now)
                number, arrival = number + 1, next(waiting, None)
            while self._parked and self._parked[0][0] <= now:
                self._enter(heappop(self._parked)[2], now)
            self._begin(now)

    def _next_at(self, arrival: Arrival | None) -> float | None:
        moments = (
            None if arrival is None else arrival.at,
            self._ends[0][0] if self._ends else None,
            self._parked[0][0] if self._parked else None,
            self.lanes.wake_at(),
        )
        return min((each for each in moments if each is not None), default=None)

    def _enter(self, what: Try, now: float) -> None:
        lane = self._lane_of(what.to)
        if lane in self._crowded or not self._entered(lane, what, now):
            self._crowded.setdefault(lane, deque()).append(what)

    def _entered(self, lane: Lane, what: Try, now: float) -> bool:
        return self.lanes.enter(lane, Rank.LIVE if what.number == 1 else Rank.RETRY, what, now)

    def _refill(self, lane: Lane, now: float) -> None:
        left = self._crowded.get(lane, deque())
        while left and self._entered(lane, left[0], now):
            left.popleft()
        if not left:
            self._crowded.pop(lane, None)

    def _begin(self, now: float) -> None:
        while (started := self.lanes.start(now)) is not None:
            to = started.item.to
            self.lanes.allow(started, self._rate(to), now)
            seconds, said = self._answer(to, now)
            heappush(self._ends, (now + seconds, next(self._tie), started, said))
            while self.lanes.hungry:
                self._refill(self.lanes.hungry.pop(), now)

    def _end(self, now: float) -> Iterator[Made]:
        while self._ends and self._ends[0][0] <= now:
            _, _, started, said = heappop(self._ends)
            self.lanes.finish(started, now, said if self._isolated else None)
            what = started.item
            if said.health != "resets" and (again_at := self._again(what, now)) is not None:
                heappush(self._parked, (again_at, next(self._tie), what._replace(number=what.number + 1)))
            yield Made(what, started.at, now, said)
