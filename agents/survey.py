"""Looking through the rows for what memory has no room for, when its time has come.

However many deliveries wait, memory holds some of them: the earliest moments of a partition (agents/alarms.py)
and so many attempts a lane (streams/lanes.py). All others are rows and nothing else, and cost nothing until
there is room. Then the rows are looked through, a few at a time: from the beginning for moments, from where
the last look stopped for attempts, so that everybody's turn comes.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from agents.act import Act
from agents.kafka.changelog import Revoked
from agents.takeover import BREATH
from agents.tenure import Tenure
from agents.timers import Timers
from schemas.calls import Call

LOOK: Final = 0.1
"""Seconds between two looks at whether rows are wanted."""

LEAD: Final = timedelta(seconds=30)
"""How long before its time a moment is looked for; a million rows take some ten seconds."""


class Survey:
    """Brings back from the rows what is wanted. `tenures` gives the partitions in our hands."""

    def __init__(
        self,
        tenures: Callable[[], list[Tenure]],
        timers: Timers,
        act: Act,
        clock: Callable[[], datetime],
    ) -> None:
        self._tenures, self._timers, self._act, self._clock = tenures, timers, act, clock

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(LOOK)
            await self.look()

    async def look(self) -> None:
        """Look through those partitions of which something is wanted now."""
        for tenure in self._tenures():
            try:
                if tenure.open and not tenure.ended:
                    await self._look_through(tenure)
            except Revoked:
                pass  # the next owner begins with all of it

    async def _look_through(self, tenure: Tenure) -> None:
        by = self._clock() + LEAD
        lacking = [alarms for alarms in (tenure.plain, tenure.silent) if alarms.lacking(by)]
        if lacking:
            for alarms in lacking:
                alarms.fill()
            await self._all(tenure)
        elif not tenure.seen_through:
            await self._all(tenure)
        elif tenure.wanted:
            await self._some(tenure)

    async def _all(self, tenure: Tenure) -> None:
        """From the first row to the last."""
        tenure.seen_through = True
        tenure.crowded, tenure.wanted = set(), set()
        after = ""
        while calls := self._next(tenure, after):
            await self._act.start_again(tenure, calls)
            after = calls[-1].call_id

    async def _some(self, tenure: Tenure) -> None:
        """Once round from where the last look stopped, or until no lane that wants anything has room."""
        wanted, tenure.wanted = tenure.wanted, set()
        tenure.crowded -= wanted
        began, round_again = tenure.cursor, False
        while not wanted <= tenure.crowded:
            calls = self._next(tenure, tenure.cursor)
            if round_again and (not calls or calls[-1].call_id >= began):
                await self._act.start_again(tenure, calls)
                return
            await self._act.start_again(tenure, calls)
            round_again = round_again or not calls
            tenure.cursor = calls[-1].call_id if calls else ""

    def _next(self, tenure: Tenure, after: str) -> list[Call]:
        """The next rows; read and armed in one go, so that no step comes in between."""
        if tenure.ended:
            return []
        calls = tenure.table.live(after, BREATH)
        for call in calls:
            self._timers.arm(tenure, call)
        return calls
