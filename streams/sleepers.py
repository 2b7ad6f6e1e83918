"""Lanes that only time keeps from starting, by when they may: nobody looks at them before."""

from collections.abc import Iterator
from heapq import heappop, heappush
from itertools import count
from typing import Generic, TypeVar

from streams.lane import LaneQueue

T = TypeVar("T")


class Sleepers(Generic[T]):
    """A heap of lanes. Each stands in it once; an entry that a nearer one replaced is passed over."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, LaneQueue[T]]] = []
        self._tie = count()

    def add(self, lane: LaneQueue[T], at: float) -> None:
        """Wake a lane then, if not before."""
        if lane.wakes_at is None or at < lane.wakes_at:
            lane.wakes_at = at
            heappush(self._heap, (at, next(self._tie), lane))

    def due(self, now: float) -> Iterator[LaneQueue[T]]:
        """The lanes whose moment has come; they sleep no more."""
        while self._heap and self._heap[0][0] <= now:
            at, _, lane = heappop(self._heap)
            if lane.wakes_at == at:
                lane.wakes_at = None
                yield lane

    def next_at(self) -> float | None:
        """When the next lane wakes."""
        while self._heap and self._heap[0][2].wakes_at != self._heap[0][0]:
            heappop(self._heap)
        return self._heap[0][0] if self._heap else None
