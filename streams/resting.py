"""Lanes without work, remembered for what is known of their endpoints: health, limit, pace, pauses."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Final, Generic, TypeVar

from streams.lane import Lane, LaneQueue

T = TypeVar("T")

REMEMBERED_FOR: Final = 3600.0
"""Seconds: as long as the longest pause, and longer than a breaker stays open."""

REMEMBERED_AT_MOST: Final = 10_000
"""The lane that rests longest is forgotten first. One takes 2 KB."""


class Resting(Generic[T]):
    """The lanes that rest, the one longest at rest first."""

    def __init__(self) -> None:
        self._lanes: OrderedDict[Lane, LaneQueue[T]] = OrderedDict()

    def add(self, lane: LaneQueue[T], now: float) -> None:
        """A lane has nothing to do any more."""
        lane.rested_at = now
        self._lanes[lane.key] = lane

    def remove(self, lane: LaneQueue[T]) -> None:
        """A lane has work again."""
        lane.rested_at = None
        del self._lanes[lane.key]

    def forgotten(self, now: float) -> Iterator[LaneQueue[T]]:
        """Forget the lanes that rest for too long, or are too many, and say which."""
        while self._lanes:
            lane = next(iter(self._lanes.values()))
            rested = now - (lane.rested_at or 0.0)
            if rested < REMEMBERED_FOR and len(self._lanes) <= REMEMBERED_AT_MOST:
                return
            del self._lanes[lane.key]
            yield lane
