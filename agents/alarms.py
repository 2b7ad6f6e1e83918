"""The next moment of each call of a partition, the earliest first.

Almost every event of a call moves its moment later. Only what moves earlier is put on the heap at once;
the rest is found out when the old place comes up, so that most events cost one look into a dict.
"""

import heapq
from datetime import datetime
from typing import Final

SPARE: Final = 1024
"""Outdated places that are always let be; beyond it there are never more of them than calls."""


class Alarms:
    """One moment a call, at most."""

    def __init__(self) -> None:
        self._armed: dict[str, datetime] = {}
        self._heap: list[tuple[datetime, str]] = []

    def __len__(self) -> int:
        return len(self._armed)

    def set(self, call_id: str, due: datetime | None) -> None:
        """Set the moment of a call; None: it wants none."""
        armed = self._armed.get(call_id)
        if due == armed:
            return
        if due is None:
            del self._armed[call_id]
            return
        self._armed[call_id] = due
        if armed is None or due < armed:
            heapq.heappush(self._heap, (due, call_id))
            if len(self._heap) > 2 * len(self._armed) + SPARE:
                # A call that was queued has a place for a day, long after it is over.
                self._heap = [(at, one) for one, at in self._armed.items()]
                heapq.heapify(self._heap)

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
