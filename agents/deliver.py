"""The second loop: what is to be sent waits in its lane, has its turn, and its reply goes back.

Only ids wait here. The bytes of a request are loaded when its turn comes, so memory does not grow with
the queue.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final, NamedTuple, TypeAlias

from msgspec import Struct

from agents.attempt import Outbound
from agents.http.errors import Withheld
from schemas.delivery import Kind, Reply, Request
from streams.lanes import Lane, Lanes, Limits, Rank, Started

TICK: Final = 0.1
"""Seconds between two looks at what became slow and whose hold is over."""


class Errand(Struct, frozen=True):
    """An attempt to be made, by its ids. `name` is the node id or the webhook event type, `endpoint`
    scheme://host:port; together with the voice agent they are the lane."""

    call_id: str
    delivery_id: str
    kind: Kind
    attempt: int
    endpoint: str
    agent_id: str
    name: str
    replay: bool = False

    @property
    def lane(self) -> Lane:
        """The lane it waits in."""
        return Lane(self.endpoint, self.agent_id, self.name)

    @property
    def rank(self) -> Rank:
        """Live before retries before replays."""
        if self.replay:
            return Rank.REPLAY
        return Rank.LIVE if self.attempt == 1 else Rank.RETRY

    def outbound(self, request: Request) -> Outbound:
        """The attempt, with its request."""
        return Outbound(
            call_id=self.call_id,
            delivery_id=self.delivery_id,
            kind=self.kind,
            attempt=self.attempt,
            endpoint=self.endpoint,
            request=request,
            agent_id=self.agent_id,
            replay=self.replay,
        )


Load: TypeAlias = Callable[[], Request | None]
"""The rendered request of an errand; None when it is not to be sent any more (its call was erased)."""


class OnTheWire(NamedTuple):
    """An attempt that cannot be taken back, and until when its reply comes at the latest."""

    outbound: Outbound
    until: datetime


class _Waiting(NamedTuple):
    errand: Errand
    load: Load


def _not_watched(_: float) -> None:
    return None


class Deliver:
    """Runs the attempts of a worker.

    - `attempt` makes one attempt; it raises Withheld for one that is not ours to make any more, else
      nothing but a defect of ours;
    - `replied` takes its reply: when it started (UTC) and how many seconds it took;
    - `may_start` is asked right before an attempt is made: False forgets it here, it is still due in state;
    - `clock` gives the time in UTC;
    - `broken` is told of a defect, which must end the worker;
    - `waited` is told how many seconds an attempt waited for its turn.
    """

    def __init__(
        self,
        attempt: Callable[[Outbound], Awaitable[Reply]],
        replied: Callable[[Outbound, Reply, datetime, float], Awaitable[None]],
        may_start: Callable[[Outbound], Awaitable[bool]],
        clock: Callable[[], datetime],
        limits: Limits = Limits(),  # noqa: B008  frozen
        *,
        broken: Callable[[BaseException], None] | None = None,
        waited: Callable[[float], None] = _not_watched,
    ) -> None:
        self._attempt = attempt
        self._replied = replied
        self._may_start = may_start
        self._clock = clock
        self._broken = broken or _raise_in_loop
        self._waited = waited
        self._lanes: Lanes[_Waiting] = Lanes(limits)
        self._starting: dict[Started[_Waiting], Errand] = {}
        self._wire: dict[Started[_Waiting], OnTheWire] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.Handle | None = None
        self._stopped = False

    @property
    def in_flight(self) -> int:
        """Attempts under way, slow ones too."""
        return self._lanes.in_flight

    @property
    def queued(self) -> int:
        """Attempts that wait for their turn."""
        return self._lanes.queued

    def enter(self, errand: Errand, load: Load) -> None:
        """Queue an attempt; it starts when its lane lets it."""
        self._lanes.enter(errand.lane, errand.rank, _Waiting(errand, load), _now())
        self._start_what_may()

    def drop(self, unwanted: Callable[[Errand], bool]) -> list[Errand]:
        """Forget what is not on the wire yet, and say what that was."""
        queued = [waiting.errand for waiting in self._lanes.drop(lambda waiting: unwanted(waiting.errand))]
        starting = [started for started, errand in self._starting.items() if unwanted(errand)]
        return queued + [self._starting.pop(started) for started in starting]

    def on_the_wire(self, wanted: Callable[[Outbound], bool] = lambda _: True) -> list[OnTheWire]:
        """What cannot be taken back: its request may have left, its reply is not handed over yet."""
        return [one for one in self._wire.values() if wanted(one.outbound)]

    def hold(self, lane: Lane, until: datetime) -> None:
        """Leave an endpoint alone until then: it asked for it, or is overloaded."""
        self._lanes.hold(lane, _now() + (until - self._clock()).total_seconds())

    def limit(self, lane: Lane, in_flight: int) -> None:
        """Set how many attempts at an endpoint may be under way."""
        self._lanes.limit(lane, in_flight, _now())
        self._start_what_may()

    def stop(self) -> None:
        """Start nothing more; what is under way goes on."""
        self._stopped = True

    async def drained(self, limit: timedelta) -> bool:
        """Stop, and wait until every reply was handed over; False if some were not within the limit."""
        self.stop()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=limit.total_seconds())
        return not self._tasks

    async def close(self) -> None:
        """Give up what is still under way."""
        self.stop()
        if self._timer is not None:
            self._timer.cancel()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start_what_may(self) -> None:
        if self._stopped:
            return
        while (started := self._lanes.start(_now())) is not None:
            self._waited(started.waited)
            self._starting[started] = started.item.errand
            task = asyncio.create_task(self._run(started))
            self._tasks.add(task)
            task.add_done_callback(self._ran)
        if self._timer is None and (self._lanes.queued or self._lanes.in_flight):
            self._timer = asyncio.get_running_loop().call_later(TICK, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._lanes.age(_now())
        self._start_what_may()

    async def _run(self, started: Started[_Waiting]) -> None:
        try:
            outbound = await self._cleared(started)
            if outbound is None:
                return
            await self._send(started, outbound)
        finally:
            self._starting.pop(started, None)
            if self._wire.pop(started, None) is None:
                self._free(started)

    async def _cleared(self, started: Started[_Waiting]) -> Outbound | None:
        """The attempt, unless it was dropped, erased or is not ours to make any more."""
        request = started.item.load()
        if request is None:
            return None
        outbound = started.item.errand.outbound(request)
        allowed = await self._may_start(outbound)
        still_wanted = self._starting.pop(started, None) is not None
        return outbound if allowed and still_wanted and not self._stopped else None

    async def _send(self, started: Started[_Waiting], outbound: Outbound) -> None:
        started_at, began = self._clock(), _now()
        self._wire[started] = OnTheWire(outbound, started_at + outbound.request.timeout)
        try:
            reply = await self._attempt(outbound)
        except Withheld:
            return
        finally:
            # The endpoint is done with it; the lane does not wait until the reply is written down.
            self._free(started)
        seconds = _now() - began
        await self._replied(outbound, reply, started_at, seconds)

    def _free(self, started: Started[_Waiting]) -> None:
        self._lanes.finish(started, _now())
        self._start_what_may()

    def _ran(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (defect := task.exception()) is not None:
            self._broken(defect)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _raise_in_loop(defect: BaseException) -> None:
    loop = asyncio.get_running_loop()
    loop.call_exception_handler({"message": "a delivery attempt broke", "exception": defect})
