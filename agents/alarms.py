"""The next moments of the calls of a partition, the earliest first.

Almost every event of a call moves its moment later. Only what moves earlier is put on the heap at once;
the rest is found out when the old place comes up, so that most events cost one look into a dict.

Memory is bounded: of more moments than there is room for, the latest are let go. They are in the rows, and
everything from the horizon on is looked up there again when its time comes near (agents/survey.py).
"""

import heapq
from datetime import datetime
from typing import Final

SPARE: Final = 1024
"""Outdated places that are always let be; beyond it there are never more of them than calls."""

MOST: Final = 100_000
"""Moments that are kept, some 250 bytes each."""


class Alarms:
    """One moment a call, at most; the earliest `most` of them."""

    def __init__(self, most: int = MOST) -> None:
        self.most = most
        self._horizon: tuple[datetime, str] | None = None
        """Of moments from here on, in the order of the heap, only the rows know."""
        self._armed: dict[str, datetime] = {}
        self._heap: list[tuple[datetime, str]] = []

    def __len__(self) -> int:
        return len(self._armed)

    def set(self, call_id: str, due: datetime | None) -> None:
        """Set the moment of a call; None: it wants none."""
        armed = self._armed.get(call_id)
        if due == armed:
            return
        if due is None or (self._horizon is not None and (due, call_id) >= self._horizon):
            self._armed.pop(call_id, None)
            return
        self._armed[call_id] = due
        if armed is None or due < armed:
            heapq.heappush(self._heap, (due, call_id))
            if len(self._armed) > self.most:
                self._let_go()
            elif len(self._heap) > 2 * len(self._armed) + SPARE:
                # A call that was queued has a place for a day, long after it is over.
                self._rebuild()

    @property
    def next_at(self) -> datetime | None:
        """The earliest moment; None if no call wants any."""
        while self._heap:
            due, call_id = self._heap[0]
            armed = self._armed.get(call_id)
            if armed == due:
                return due
            if armed is None or armed < due:
                heapq.heappop(self._heap)  # it has an earlier place, or wants none
            else:
                heapq.heapreplace(self._heap, (armed, call_id))
        return None

    def take(self) -> tuple[datetime, str]:
        """Take the earliest moment out, and whose it is. Raises IndexError if there is none."""
        if self.next_at is None:
            raise IndexError("found no alarm; expected one")
        due, call_id = heapq.heappop(self._heap)
        del self._armed[call_id]
        return due, call_id

    def lacking(self, by: datetime) -> bool:
        """Whether moments up to `by` are only in the rows, and here is room for them."""
        return self._horizon is not None and self._horizon[0] <= by and len(self) <= self.most // 4

    def fill(self) -> None:
        """Take in every moment again that is set from now on."""
        self._horizon = None

    def _let_go(self) -> None:
        """Keep the earlier half, so that this is seldom done."""
        moments = sorted((due, call_id) for call_id, due in self._armed.items())
        half = len(moments) // 2
        self._horizon = moments[half]
        self._armed = {call_id: due for due, call_id in moments[:half]}
        self._heap = moments[:half]

    def _rebuild(self) -> None:
        self._heap = [(due, call_id) for call_id, due in self._armed.items()]
        heapq.heapify(self._heap)
