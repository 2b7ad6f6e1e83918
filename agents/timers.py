"""Time, as messages: when a call's moment comes, a tick goes to its partition.

The alarms hold the next moments of every live call of our partitions; they are rebuilt from the rows at
every takeover. A tick that concludes from silence is sent only when everything that Kafka held until
that moment is handled (see agents/kafka/offsets.py). Oldest first, and at most so many unhandled ones
a partition: an outage must not end in a herd.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

from agents import failpoints
from agents.alarms import Alarms
from agents.tenure import Tenure
from schemas.calls import Call
from schemas.messages import Tick
from streams import machine

MOST_UNHANDLED: Final = 1000
"""Ticks of a partition that may be under way at a time."""

LOOK: Final = 0.02
"""Seconds between two looks at the clock."""


class Timers:
    """The next moments of all live calls that this worker holds.

    `caught_up(partition, due)` is the watermark guard, `send(partition, tick)` posts a tick.
    """

    def __init__(
        self,
        clock: Callable[[], datetime],
        caught_up: Callable[[int, datetime], bool],
        send: Callable[[int, Tick], Awaitable[None]],
    ) -> None:
        self._clock, self._caught_up, self._send = clock, caught_up, send
        self._tenures: dict[int, Tenure] = {}

    def begin(self, tenure: Tenure) -> None:
        """A partition was taken over."""
        self._tenures[tenure.partition] = tenure

    def end(self, partition: int) -> None:
        """A partition was given away: its alarms lapse."""
        self._tenures.pop(partition, None)

    def arm(self, tenure: Tenure, call: Call) -> None:
        """Set the alarms that a call wants now."""
        plain, silent = machine.due(call)
        tenure.plain.set(call.call_id, plain)
        tenure.silent.set(call.call_id, silent)

    async def run(self) -> None:
        """Send ticks as their moments come, for ever."""
        while True:
            await asyncio.sleep(LOOK)
            await self.look()

    async def look(self) -> None:
        """Send what is due and may be sent now."""
        now = self._clock()
        for tenure in list(self._tenures.values()):
            while not tenure.ended and tenure.ticks < MOST_UNHANDLED:
                alarms = self._next(tenure, now)
                if alarms is None:
                    break
                due, call_id = alarms.take()
                tenure.ticks += 1
                await failpoints.hit_async("tick-due")
                await self._send(tenure.partition, Tick(call_id, due, alarms is tenure.silent))
                await failpoints.hit_async("tick-posted")

    def _next(self, tenure: Tenure, now: datetime) -> Alarms | None:
        """Where the oldest alarm lies that may ring. If the guard holds one back, it does all later ones."""
        plain, silent = tenure.plain.next_at, tenure.silent.next_at
        if silent is not None and (silent > now or not self._caught_up(tenure.partition, silent)):
            silent = None
        if plain is not None and plain <= now and (silent is None or plain <= silent):
            return tenure.plain
        return None if silent is None else tenure.silent
