"""Partitions come and go: what is rebuilt when one is ours, what is told before one is given away.

Nothing is repeated in clean operations because of two things here. A new owner reads the replies that
wait in the internal topic before it starts what the rows say is due. An old owner announces what it has
on the wire, so that the new one waits for that reply; the old one still posts it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from faust.types import TP

from agents import failpoints
from agents.act import Act
from agents.alarms import MOST as MOST_ALARMS
from agents.alarms import Alarms
from agents.kafka.changelog import Revoked
from agents.kafka.offsets import Offsets
from agents.kafka.rows import Rows
from agents.metrics import Metrics
from agents.table import Table
from agents.tenure import Tenure
from agents.timers import Timers
from schemas.calls import Call
from streams import machine

log = logging.getLogger(__name__)

LOOK: Final = 0.05
"""Seconds between two looks at how far the internal topic was read."""

BREATH: Final = 500
"""Rows after which a look through a partition lets others run."""

LEAST_ALARMS: Final = 1_000
"""Moments of a partition that are kept in memory, however many partitions there are."""

MOST_RESTING: Final = 10_000
"""Calls of a partition that are remembered to be started when it opens; of more, the rows tell then. Those
that owe a record are always remembered: they are few, and a record is not to be written twice."""


class Takeover:
    """Begins and ends tenures. `end_of(partition)` is the end of the internal topic's partition."""

    def __init__(
        self,
        rows: Rows,
        offsets: Offsets,
        internal: str,
        end_of: Callable[[int], Awaitable[int]],
        timers: Timers,
        act: Act,
        metrics: Metrics,
    ) -> None:
        self._rows, self._offsets, self._internal, self._end_of = rows, offsets, internal, end_of
        self._timers, self._act, self._metrics = timers, act, metrics
        self.tenures: dict[int, Tenure] = {}
        self.begun = False
        """Whether partitions (maybe none) were assigned and are not being given away."""

    async def begin(self, partitions: frozenset[int]) -> None:
        """These partitions are recovered: rebuild what is in memory for them.

        A rebalance may come in between; then there will be another recovery, and this one is void.
        """
        self._forget_all()
        self._metrics.rebalanced()
        try:
            most = max(LEAST_ALARMS, MOST_ALARMS // max(1, len(partitions)))
            for partition in sorted(partitions):
                table, end = Table(self._rows, partition), await self._end_of(partition)
                tenure = Tenure(partition, table, end, plain=Alarms(most), silent=Alarms(most))
                self.tenures[partition] = tenure
                self._timers.begin(tenure)
                self._act.begin(tenure)
                await failpoints.hit_async("tenure-begun")
                await self._rebuild(tenure)
                if tenure.ended:
                    return
        except Revoked:
            return
        await failpoints.hit_async("tenures-rebuilt")
        for tenure in self.tenures.values():
            tenure.rebuilt = True
            self.open(tenure)
        self.begun = True
        log.info("took over %d partitions: %s", len(partitions), sorted(partitions))

    async def end(self, partitions: frozenset[int]) -> None:
        """All partitions are being given away (a rebalance always takes all of them)."""
        self.begun = False
        await self._act.let_go()
        self._forget_all()

    async def run(self) -> None:
        """Open what waits for nothing any more, for ever: where the last reply is committed already, no
        message will come that could tell."""
        while True:
            await asyncio.sleep(LOOK)
            for tenure in list(self.tenures.values()):
                self.open(tenure)

    def open(self, tenure: Tenure) -> None:
        """Open a tenure once the internal topic is read up to its end at the takeover."""
        if tenure.open or tenure.ended or not tenure.rebuilt:
            return
        read = self._offsets.processed(TP(self._internal, tenure.partition)) or 0
        if read >= tenure.barrier:
            failpoints.hit("tenure-opening")
            self._act.resume(tenure)

    async def _rebuild(self, tenure: Tenure) -> None:
        after = ""
        while calls := tenure.table.live(after, BREATH):
            for call in calls:
                self._timers.arm(tenure, call)
                tenure.changed(None, call)
                self._let_rest(tenure, call)
            after = calls[-1].call_id
            await asyncio.sleep(0)

    def _let_rest(self, tenure: Tenure, call: Call) -> None:
        if not machine.resumed(call):
            return
        if call.owed or len(tenure.resting) < MOST_RESTING:
            tenure.resting.add(call.call_id)
        else:
            tenure.seen_through = False

    def _forget_all(self) -> None:
        for tenure in self.tenures.values():
            tenure.ended = True
            self._timers.end(tenure.partition)
        self.tenures.clear()
