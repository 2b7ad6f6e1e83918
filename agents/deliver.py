"""The second loop: what is to be sent waits in its lane, has its turn, and its reply goes back.

Only ids wait here, and only so many. The bytes of a request are loaded when its turn comes, and what finds
its lane full stays a row of the table, so memory does not grow with a backlog.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from agents import failpoints
from agents.attempt import Outbound
from agents.errands import Errand, Load
from agents.http.errors import Withheld
from schemas.delivery import Reply, Request
from streams.lanes import Change, Lane, Lanes, Limits, Shown, Started, State, shown


class OnTheWire(NamedTuple):
    """An attempt that cannot be taken back, and until when its reply comes at the latest."""

    outbound: Outbound
    until: datetime


class _Waiting(NamedTuple):
    errand: Errand
    load: Load


def _not_watched(*_: object) -> None:
    return None


def _raise_in_loop(defect: BaseException) -> None:
    loop = asyncio.get_running_loop()
    loop.call_exception_handler({"message": "a delivery attempt broke", "exception": defect})


@dataclass(frozen=True, slots=True)
class Watch:
    """Who is told of what happens to attempts."""

    broken: Callable[[BaseException], None] = _raise_in_loop
    """Of a defect, which must end the worker."""
    waited: Callable[[float], None] = _not_watched
    """How many seconds an attempt waited for its turn."""
    showed: Callable[[Lane, Shown, Change | None], None] = _not_watched
    """What each attempt showed of its endpoint, and what that did to the lane's breaker."""
    hungry: Callable[[Lane], None] = _not_watched
    """Of a lane that refused attempts and has room again."""


class Deliver:
    """Runs the attempts of a worker.

    - `attempt` makes one attempt; it raises Withheld for one that is not ours to make any more, else
      nothing but a defect of ours;
    - `replied` takes its reply: when it started (UTC) and how many seconds it took;
    - `may_start` is asked right before an attempt is made: False forgets it here, it is still due in state;
    - `clock` gives the time in UTC.
    """

    def __init__(
        self,
        attempt: Callable[[Outbound], Awaitable[Reply]],
        replied: Callable[[Outbound, Reply, datetime, float], Awaitable[None]],
        may_start: Callable[[Outbound], Awaitable[bool]],
        clock: Callable[[], datetime],
        limits: Limits = Limits(),  # noqa: B008  frozen
        watch: Watch = Watch(),
    ) -> None:
        self._attempt = attempt
        self._replied = replied
        self._may_start = may_start
        self._clock = clock
        self._watch = watch
        self._lanes: Lanes[_Waiting] = Lanes(limits)
        self._starting: dict[Started[_Waiting], Errand] = {}
        self._wire: dict[Started[_Waiting], OnTheWire] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._stopped = False

    @property
    def in_flight(self) -> int:
        """Attempts under way, slow ones too."""
        return self._lanes.in_flight

    @property
    def queued(self) -> int:
        """Attempts that wait for their turn."""
        return self._lanes.queued

    def enter(self, errand: Errand, load: Load) -> bool:
        """Queue an attempt, which starts when its lane lets it; False if its lane has no room."""
        entered = self._lanes.enter(errand.lane, errand.rank, _Waiting(errand, load), _now())
        self._start_what_may()
        return entered

    def drop(self, unwanted: Callable[[Errand], bool]) -> list[Errand]:
        """Forget what is not on the wire yet, and say what that was."""
        dropped = self._lanes.drop(lambda waiting: unwanted(waiting.errand), _now())
        queued = [waiting.errand for waiting in dropped]
        starting = [started for started, errand in self._starting.items() if unwanted(errand)]
        return queued + [self._starting.pop(started) for started in starting]

    def on_the_wire(self, wanted: Callable[[Outbound], bool] = lambda _: True) -> list[OnTheWire]:
        """What cannot be taken back: its request may have left, its reply is not handed over yet."""
        return [one for one in self._wire.values() if wanted(one.outbound)]

    def endpoints(self, disabled: Collection[str]) -> Counter[State]:
        """How many of the endpoints that are known to this worker are in each state, without those that
        are disabled."""
        return self._lanes.states(_now(), disabled)

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
            # What an endpoint's rate is, its request says: loaded here, it holds for the very next one.
            request = started.item.load()
            if request is None:
                self._lanes.finish(started, _now())
                continue
            self._lanes.allow(started, request.rate, _now())
            self._begin(started, request)
        while self._lanes.hungry:
            self._watch.hungry(self._lanes.hungry.pop())
        self._wake_later()

    def _begin(self, started: Started[_Waiting], request: Request) -> None:
        self._watch.waited(started.waited)
        self._starting[started] = started.item.errand
        task = asyncio.create_task(self._run(started, started.item.errand.outbound(request)))
        self._tasks.add(task)
        task.add_done_callback(self._ran)

    def _wake_later(self) -> None:
        at = self._lanes.wake_at()
        if at is None or (self._timer is not None and self._timer.when() <= at):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(at, self._wake)

    def _wake(self) -> None:
        self._timer = None
        try:
            self._start_what_may()
        except Exception as defect:  # noqa: BLE001  nobody stands above a timer; the worker ends of it
            self._watch.broken(defect)

    async def _run(self, started: Started[_Waiting], outbound: Outbound) -> None:
        try:
            if await self._cleared(started, outbound):
                await self._send(started, outbound)
        finally:
            self._starting.pop(started, None)
            if self._wire.pop(started, None) is None:
                self._free(started)

    async def _cleared(self, started: Started[_Waiting], outbound: Outbound) -> bool:
        """Whether the attempt is to be made, unless it was dropped or is not ours to make any more."""
        allowed = await self._may_start(outbound)
        still_wanted = self._starting.pop(started, None) is not None
        return allowed and still_wanted and not self._stopped

    async def _send(self, started: Started[_Waiting], outbound: Outbound) -> None:
        started_at, began = self._clock(), _now()
        self._wire[started] = OnTheWire(outbound, started_at + outbound.request.timeout)
        said: Shown | None = None
        try:
            await failpoints.hit_async("attempt-begun")
            reply = await self._attempt(outbound)
            said = shown(reply, outbound.kind)
        except Withheld:
            return
        finally:
            # The endpoint is done with it; the lane does not wait until the reply is written down.
            self._free(started, said)
        seconds = _now() - began
        await self._replied(outbound, reply, started_at, seconds)

    def _free(self, started: Started[_Waiting], said: Shown | None = None) -> None:
        change = self._lanes.finish(started, _now(), said)
        if said is not None:
            self._watch.showed(started.lane, said, change)
        self._start_what_may()

    def _ran(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (defect := task.exception()) is not None:
            self._watch.broken(defect)


_now = time.monotonic
"""The clock of asyncio's loops; to ask for the running loop costs a system call each time."""
