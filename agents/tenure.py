"""The time for which this worker holds a partition: from its recovery to its revocation.

What is in memory for a partition lives and dies with its tenure. A request is started only in an
open tenure: it opens when the replies that lay in the internal topic at the takeover are read, so
that nothing is sent again whose answer is already in the log.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

from agents.alarms import Alarms
from agents.table import Table
from schemas.calls import Call
from schemas.delivery import State
from streams.effects import Effect
from streams.lanes import Lane


@dataclass(slots=True)
class Tenure:
    """One partition in our hands."""

    partition: int
    table: Table
    barrier: int
    """The end of the internal topic's partition at the takeover; read up to there before starting."""
    rebuilt: bool = False
    """Its rows were looked through."""
    open: bool = False
    ended: bool = False
    resting: set[str] = field(default_factory=set)
    """Calls that have something to start once the tenure is open."""
    crowded: set[Lane] = field(default_factory=set)
    """Lanes that had no room for all attempts of this partition: some are only rows."""
    wanted: set[Lane] = field(default_factory=set)
    """Those of them that have room again."""
    seen_through: bool = True
    """False: there may be attempts to start that nobody has looked for yet."""
    cursor: str = ""
    """The call at which the last look for attempts stopped."""
    effects: list[Effect] = field(default_factory=list)
    """What waits for its rows to be durable."""
    runner: "asyncio.Task[None] | None" = None
    calls: int = 0
    """Live calls."""
    parked: int = 0
    """Deliveries that wait for their next attempt."""
    due: int = 0
    """Deliveries of which an attempt is to be made or under way."""
    last_event: float = 0.0
    """Kafka's time of the last event that was handled, in seconds since 1970; 0 before the first."""
    ticks: int = 0
    """Ticks sent and not handled yet."""
    plain: Alarms = field(default_factory=Alarms)
    """When calls want a tick for a retry or an announced attempt."""
    silent: Alarms = field(default_factory=Alarms)
    """When calls want a tick that may conclude from silence."""

    def changed(self, before: Call | None, after: Call | None) -> None:
        """Keep count of live calls, and of deliveries that are parked or due."""
        self.calls += _live(after) - _live(before)
        self.parked += _parked(after) - _parked(before)
        self.due += _due(after) - _due(before)


def waiting(tenures: Iterable[Tenure], in_flight: int) -> int:
    """How many deliveries are due and not on the wire; a revoked one may still be there."""
    return max(0, sum(one.due for one in tenures) - in_flight)


def _live(call: Call | None) -> bool:
    return call is not None and not call.settled


def _parked(call: Call | None) -> int:
    return 0 if call is None else sum(one.state is State.PARKED for one in call.deliveries)


def _due(call: Call | None) -> int:
    """One that a former owner has on the wire is not: it has the time until when it is waited for."""
    if call is None:
        return 0
    return sum(one.state is State.STARTED and one.due is None for one in call.deliveries)
