"""Whether this worker is stuck: alive, connected, and doing nothing.

Faust's own detector compares a monotonic clock with an epoch and never fires.
"""

from collections.abc import Callable
from datetime import timedelta

from agents.kafka.lease import boot_clock


class Watchdog:
    """When the worker last polled, was heard by the broker, and got something done."""

    def __init__(self, limit: timedelta, clock: Callable[[], float] = boot_clock) -> None:
        self._limit = limit.total_seconds()
        self._clock = clock
        now = clock()
        self._polled_at = self._heard_at = self._progressed_at = now

    def now(self) -> float:
        """The watchdog's own clock, in seconds."""
        return self._clock()

    def polled(self) -> None:
        """The consumer asked for records and got an answer, if only that there are none."""
        self._polled_at = self._clock()

    def heard(self, at: float) -> None:
        """A heartbeat sent at `at` was answered."""
        self._heard_at = max(self._heard_at, at)

    def progressed(self) -> None:
        """A message was handled."""
        self._progressed_at = self._clock()

    def stalled(self, now: float, lag: int) -> str | None:
        """What has not happened for longer than the limit, or None.

        Args:
            now: from `now()`.
            lag: messages that wait; without any, standing still is no fault.
        """
        marks = [("poll", self._polled_at), ("heartbeat", self._heard_at)]
        if lag > 0:
            marks.append(("progress", self._progressed_at))
        for what, at in marks:
            if now - at > self._limit:
                return f"no {what} for {now - at:.0f} s, expected one every {self._limit:.0f} s"
        return None
