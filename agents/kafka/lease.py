"""Whether this worker may still act for its partitions.

The broker takes a worker's partitions away when it has not heard from it for a session. The worker
must stop acting before that, and it cannot know the broker's clock: so it counts from the moment it
*sent* the last heartbeat that was answered, for a part of the session. The clock runs on while the
machine or the process is suspended, so a worker that wakes up late knows it.

A lease that ran out is no reason to exit: a broker that is away for a while knows the same generation
when it is back, and the worker goes on where it stood. Only an expelled worker has lost what it held.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta

LOOK_AGAIN = 0.02
"""Seconds between two looks at a lease that has run out."""


def boot_clock() -> float:
    """Seconds on a clock that does not stop while the machine is suspended."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


class Lease:
    """Renewed by heartbeats in the consumer's thread, asked by everything that acts."""

    def __init__(self, span: timedelta, clock: Callable[[], float] = boot_clock) -> None:
        self._span = span.total_seconds()
        self._clock = clock
        self._generation = -1
        self._renewed_at = float("-inf")
        self._expelled = False
        self.paused: Callable[[], None] = lambda: None
        """Told when somebody has to wait because the lease ran out."""

    def now(self) -> float:
        """The lease's own clock, in seconds."""
        return self._clock()

    def grant(self, sent_at: float, generation: int) -> None:
        """The group let us in: `sent_at` is when we asked."""
        self._generation, self._renewed_at, self._expelled = generation, sent_at, False

    def renew(self, sent_at: float, generation: int) -> None:
        """A heartbeat of this generation, sent at `sent_at`, was answered."""
        if generation == self._generation and not self._expelled:
            self._renewed_at = max(self._renewed_at, sent_at)

    def expel(self) -> None:
        """The group does not know us any more."""
        self._expelled = True

    @property
    def expelled(self) -> bool:
        """True from the moment the group forgot us until it lets us in again."""
        return self._expelled

    @property
    def renewed_at(self) -> float:
        """When the last good heartbeat was sent, on the lease's clock."""
        return self._renewed_at

    @property
    def generation(self) -> int:
        """The generation of the group that the lease was granted in."""
        return self._generation

    def valid(self) -> bool:
        """True while this worker may act."""
        return not self._expelled and self._clock() - self._renewed_at < self._span

    def lapse(self) -> str | None:
        """Why this worker may not act now, for people; None while it may."""
        if self.valid():
            return None
        if self._expelled:
            return "expelled from the group, or not let in yet"
        silent = self._clock() - self._renewed_at
        return f"no heartbeat was answered for {silent:.0f} s, and the lease of {self._span:.1f} s ran out"

    async def held(self) -> bool:
        """Wait while the lease has run out; True when it is still (or again) ours, False when we were
        expelled or the group went on without us."""
        generation = self._generation
        if not self.valid() and not self._expelled:
            self.paused()
        while not self.valid():
            if self._expelled or self._generation != generation:
                return False
            await asyncio.sleep(LOOK_AGAIN)
        return self._generation == generation
