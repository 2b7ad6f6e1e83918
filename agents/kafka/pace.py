"""How long to gather before the next request to a broker: the busier the process, the longer.

A request costs about as much for one record as for fifty. With time to spare the first record leaves at once;
short of time, waiting a few milliseconds is what keeps the queue from growing.
"""

import time
from collections.abc import Callable
from typing import Final

LOOK: Final = 0.1
"""Seconds between two looks at how busy the process is."""

CALM: Final = 0.15
BUSY: Final = 0.65
"""Seconds of CPU a second at which a cycle is shortest and longest. One Python process has little more than 1."""

SHORT: Final = 0.002
LONG: Final = 0.010
"""Seconds of the shortest and of the longest cycle."""


class Pace:
    """The length of a cycle now. Asked from every thread; a race costs a look."""

    def __init__(
        self, worked: Callable[[], float] = time.process_time, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._worked, self._now = worked, now
        self._looked_at, self._had_worked = now(), worked()
        self._cycle = SHORT

    @property
    def cycle(self) -> float:
        """Seconds from the beginning of one request of a kind to the beginning of the next."""
        now = self._now()
        passed = now - self._looked_at
        if passed > LOOK:
            worked = self._worked()
            busy = (worked - self._had_worked) / passed
            self._looked_at, self._had_worked = now, worked
            share = min(1.0, max(0.0, (busy - CALM) / (BUSY - CALM)))
            self._cycle = SHORT + share * (LONG - SHORT)
        return self._cycle
