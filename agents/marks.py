"""Telling all workers that an endpoint fails, and that it is well again.

What disables an endpoint is a record that its call owes; this worker obeys it before that record has been round
the topic, or a burst that waits would still be sent.

Off the way of every request: what is to be written waits here until `run` writes it. If this worker dies
before, the next breaker that opens, or the next success, says it again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from agents import failpoints
from schemas.endpoints import Mark, endpoint_name
from streams import marking
from streams.lanes import Change, Lane, Shown

ROUND_THE_TOPIC: Final = timedelta(seconds=10)
"""For so long a reply that disables an endpoint holds without the mark that it leads to."""


class _Told(NamedTuple):
    """What this worker wrote, and what was in force when it did."""

    mark: Mark | None
    instead_of: Mark | None


class Marks:
    """The marks that this worker writes.

    - `in_force` gives all marks by `<agent>/<node or type>`;
    - `write` puts one into force, or takes it away;
    - `clock` gives the time in UTC.
    """

    def __init__(
        self,
        in_force: Callable[[], Mapping[str, Mark]],
        write: Callable[[str, Mark | None], Awaitable[None]],
        clock: Callable[[], datetime],
    ) -> None:
        self._in_force, self._write, self._clock = in_force, write, clock
        self._told: dict[str, _Told] = {}
        self._unwritten: dict[str, Mark | None] = {}
        self._refused_us: dict[str, datetime] = {}
        """Since when endpoints are disabled whose mark is not in force yet."""
        self._something = asyncio.Event()

    def showed(self, lane: Lane, said: Shown, change: Change | None) -> None:
        """Take what an attempt showed of its endpoint, and what that did to the lane's breaker."""
        if said.health == "disables":
            self._refused_us[endpoint_name(lane.agent_id, lane.name)] = self._clock()
        elif change == "opened":
            self._failing(endpoint_name(lane.agent_id, lane.name))
        elif (change == "closed" or said.health == "resets") and (self._told or self._in_force()):
            self._well(endpoint_name(lane.agent_id, lane.name))

    def disabled(self, name: str) -> bool:
        """Whether nothing is to be sent to an endpoint any more, `<agent>/<node or type>`."""
        mark = self._in_force().get(name)
        since = self._refused_us.get(name)
        if since is None:
            return mark is not None and mark.disabled
        if (mark is not None and mark.disabled) or self._clock() - since > ROUND_THE_TOPIC:
            del self._refused_us[name]
            return mark is not None and mark.disabled
        return True

    async def run(self) -> None:
        """Write what is to be written, until cancelled."""
        while True:
            await self._something.wait()
            self._something.clear()
            while self._unwritten:
                name = next(iter(self._unwritten))
                await failpoints.hit_async("mark-due")
                await self._write(name, self._unwritten.pop(name))
                await failpoints.hit_async("mark-written")

    def _failing(self, name: str) -> None:
        mark = marking.failing(self._known(name), self._clock())
        if mark is not None:
            self._tell(name, mark)

    def _well(self, name: str) -> None:
        if marking.ended(self._known(name)):
            self._tell(name, None)

    def _known(self, name: str) -> Mark | None:
        """What is in force, or will be once what we wrote comes back from the topic."""
        in_force, told = self._in_force().get(name), self._told.get(name)
        if told is None:
            return in_force
        if told.instead_of == in_force:
            return told.mark
        del self._told[name]
        return in_force

    def _tell(self, name: str, mark: Mark | None) -> None:
        self._told[name] = _Told(mark, self._in_force().get(name))
        self._unwritten[name] = mark
        self._something.set()
