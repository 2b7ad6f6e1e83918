"""Time, as messages: when a call's moment comes, a tick goes to its partition.

The heap holds the next moment of every live call of our partitions; it is rebuilt from the rows at
every takeover. A tick that concludes from silence is sent only when everything that Kafka held until
that moment is handled (see agents/kafka/offsets.py). Oldest first, and at most so many unhandled ones
a partition: an outage must not end in a herd.
"""

import asyncio
import heapq
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

from agents.tenure import Tenure
from schemas.calls import Call
from schemas.messages import Tick
from streams import machine

MOST_UNHANDLED: Final = 1000
"""Ticks of a partition that may be under way at a time."""

LOOK: Final = 0.02
"""Seconds between two looks at the clock."""

Alarm = tuple[datetime, int, str, bool]


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
        self._heap: list[Alarm] = []
        self._tenures: dict[int, Tenure] = {}

    def begin(self, tenure: Tenure) -> None:
        """A partition was taken over."""
        self._tenures[tenure.partition] = tenure

    def end(self, partition: int) -> None:
        """A partition was given away: its alarms lapse."""
        self._tenures.pop(partition, None)
        self._heap = [alarm for alarm in self._heap if alarm[1] != partition]
        heapq.heapify(self._heap)

    def arm(self, tenure: Tenure, call: Call) -> None:
        """Set the alarms that a call wants now."""
        for due, silent in zip(machine.due(call), (False, True), strict=True):
            key = call.call_id, silent
            armed = tenure.armed.get(key)
            if due is None:
                tenure.armed.pop(key, None)
            elif due != armed:
                tenure.armed[key] = due
                if armed is None or due < armed:
                    heapq.heappush(self._heap, (due, tenure.partition, call.call_id, silent))

    async def run(self) -> None:
        """Send ticks as their moments come, for ever."""
        while True:
            await asyncio.sleep(LOOK)
            await self.look()

    async def look(self) -> None:
        """Send what is due and may be sent now."""
        now, later = self._clock(), list[Alarm]()
        while self._heap and self._heap[0][0] <= now:
            alarm = heapq.heappop(self._heap)
            held_back = await self._ring(alarm)
            if held_back is not None:
                later.append(held_back)
        for alarm in later:
            heapq.heappush(self._heap, alarm)

    async def _ring(self, alarm: Alarm) -> Alarm | None:
        """Send an alarm's tick; an alarm that has to wait, or was moved, comes back."""
        due, partition, call_id, silent = alarm
        tenure = self._tenures.get(partition)
        armed = None if tenure is None else tenure.armed.get((call_id, silent))
        if tenure is None or armed is None or armed < due:
            return None
        if armed > due:
            return armed, partition, call_id, silent
        if tenure.ticks >= MOST_UNHANDLED or (silent and not self._caught_up(partition, due)):
            return alarm
        del tenure.armed[call_id, silent]
        tenure.ticks += 1
        await self._send(partition, Tick(call_id, due, silent))
        return None
