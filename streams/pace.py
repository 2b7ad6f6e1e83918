"""How quickly attempts at one endpoint may follow each other: the rate it asks for, and the slow start.

Where the time of the next start is known there is nothing to count and nothing to wake up for (GCRA, the
generic cell rate algorithm): each start moves that time on by one interval.
"""

from typing import Final

LATENESS: Final = 0.02
"""Seconds. A wake-up may be late by so much, and the rate is still reached; so much of a rate may also
come at once."""

START_RATE: Final = 10.0
DOUBLES_EVERY: Final = 5.0
STARTS_FOR: Final = 60.0
"""Of a slow start: attempts a second at first, seconds until twice as many may be made, and seconds until
it is over. An endpoint that comes back is still warming up, while 100,000 deliveries may wait for it: it
gets 50 of them in the first five seconds, 750 in the first 20, and all in a minute, if it can."""


class Pace:
    """When the next attempt of one lane may start. `now` is seconds of a steady clock."""

    __slots__ = ("_began_at", "_fresh", "_interval", "next_at", "rate")

    def __init__(self) -> None:
        self.next_at = 0.0
        self.rate: float | None = None
        """Attempts a second that the endpoint's document allows; None if it does not say."""
        self._interval = 0.0
        self._fresh = False
        self._began_at: float | None = None

    def started(self, now: float) -> None:
        """An attempt started."""
        if self._fresh:
            self._fresh, self._began_at = False, now
        interval = self._interval_at(now)
        if interval:
            self.next_at = max(self.next_at, now - LATENESS) + interval

    def forgone(self, now: float) -> None:
        """An attempt that had started was not made; another may take its place."""
        self.next_at -= self._interval_at(now)

    def restart(self) -> None:
        """Begin slowly, with the next attempt."""
        self._fresh = True

    def allow(self, rate: float | None, started_at: float) -> None:
        """Keep to another rate from the attempt on that started then."""
        self.rate = rate
        self._interval = 0.0 if rate is None else 1.0 / rate
        self.next_at = started_at + self._interval_at(started_at)

    def _interval_at(self, now: float) -> float:
        if self._began_at is None:
            return self._interval
        age = now - self._began_at
        if age >= STARTS_FOR:
            self._began_at = None
            return self._interval
        return float(max(self._interval, 1.0 / (START_RATE * 2 ** int(age / DOUBLES_EVERY))))
