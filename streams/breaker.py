"""Whether an endpoint is well enough to be tried: closed, open, half open.

It opens after five failures in a row, or when half of twenty and more attempts within a minute failed;
then it stays open for 15 s, twice as long after each probe that failed, ten minutes at most. Half open
it admits exactly one probe, and what that shows decides.

A verdict counts only in the era in which its attempt started: an attempt that was under way when the
breaker opened says nothing about the endpoint after that.
"""

from typing import Final, Literal, TypeAlias

from streams.judge import Health

State: TypeAlias = Literal["closed", "open", "half_open"]
Change: TypeAlias = Literal["opened", "closed"]
"""What a verdict did to a breaker; a probe that failed opens it again."""

IN_A_ROW: Final = 5
"""So many failures, one after another, open it."""

ENOUGH: Final = 20
FAILED_SHARE: Final = 0.5
"""Of `ENOUGH` and more attempts within the last minute, this share of failures opens it."""

FIRST_OPEN: Final = 15.0
LONGEST_OPEN: Final = 600.0
"""Seconds."""

_BUCKETS: Final = 12
_BUCKET: Final = 5.0
"""Seconds: a minute in twelve pieces costs the same at ten attempts a minute and at ten thousand."""


class Breaker:
    """The breaker of one lane. `now` is seconds of a steady clock."""

    __slots__ = ("_bad", "_bucket", "_failures", "_good", "_span", "closed", "era", "open_until", "probing")

    def __init__(self) -> None:
        self.closed = True
        self.open_until = 0.0
        self.probing = False
        """The probe is under way; nothing else may start."""
        self.era = 0
        """Counts the openings; an attempt belongs to the era in which it started."""
        self._failures = 0
        self._span = 0.0
        self._bucket = 0
        self._good = [0] * _BUCKETS
        self._bad = [0] * _BUCKETS

    def state(self, now: float) -> State:
        """Its state; an open one whose time is over waits for its probe, half open."""
        if self.closed:
            return "closed"
        return "open" if now < self.open_until else "half_open"

    def began(self) -> None:
        """An attempt started; while the breaker is not closed it is the probe."""
        self.probing = not self.closed

    def forgone(self, era: int) -> None:
        """An attempt that had started showed nothing: it was not made. Another may be the probe."""
        if era == self.era:
            self.probing = False

    def heed(self, health: Health, era: int, now: float) -> Change | None:
        """Take what an attempt of `era` showed, and say what that changed.

        Any answer of a probe that does not hurt closes: also who refuses a request is there.
        """
        if era != self.era:
            return None
        if self.closed:
            return self._opened(now) if self._fails(health, now) else None
        if health == "hurts":
            return self._opened(now)
        return self._closed()

    def _fails(self, health: Health, now: float) -> bool:
        if health == "resets":
            self._failures = 0
            self._good[self._turned_over(now)] += 1
        elif health == "hurts":
            self._failures += 1
            self._bad[self._turned_over(now)] += 1
            return self._failures >= IN_A_ROW or self._failed_mostly()
        return False

    def _failed_mostly(self) -> bool:
        bad = sum(self._bad)
        total = bad + sum(self._good)
        return total >= ENOUGH and bad >= FAILED_SHARE * total

    def _turned_over(self, now: float) -> int:
        """The bucket of this moment; those that are over a minute old are empty again."""
        bucket = int(now // _BUCKET)
        for old in range(max(self._bucket, bucket - _BUCKETS) + 1, bucket + 1):
            self._good[old % _BUCKETS] = self._bad[old % _BUCKETS] = 0
        self._bucket = bucket
        return bucket % _BUCKETS

    def _opened(self, now: float) -> Change:
        self._span = min(LONGEST_OPEN, 2 * self._span) if self._span else FIRST_OPEN
        self.closed, self.probing = False, False
        self.open_until = now + self._span
        self.era += 1
        return "opened"

    def _closed(self) -> Change:
        self.closed, self.probing = True, False
        self._span, self._failures = 0.0, 0
        self._good, self._bad = [0] * _BUCKETS, [0] * _BUCKETS
        return "closed"
