"""One lane: what waits for an endpoint, how much of it is under way, and whether more may start now."""

from collections import deque
from collections.abc import Callable
from enum import IntEnum
from typing import Final, Generic, NamedTuple, TypeVar

from msgspec import Struct

from schemas.delivery import Class, Kind, Reply, Silence
from streams.allowance import Allowance
from streams.breaker import Breaker, Change
from streams.judge import Health, judge
from streams.pace import Pace

T = TypeVar("T")

LONG_PAUSE: Final = 5.0
"""Seconds. What gathers in a longer one is a herd, and starts slowly."""

TIMED_OUT: Final = frozenset({"timeout", "connect_timeout"})
"""Errors of a `Silence` that say that the endpoint was too slow."""


class Rank(IntEnum):
    """Who goes first where an endpoint has work of several sorts."""

    LIVE = 0
    RETRY = 1
    REPLAY = 2


RANKS: Final = tuple(Rank)


class Lane(NamedTuple):
    """An endpoint: where to (scheme://host:port), for which voice agent, for which node or webhook type."""

    endpoint: str
    agent_id: str
    name: str


class Shown(Struct, frozen=True):
    """What an attempt showed of its endpoint. `pause` is for how many seconds it wants to be left alone."""

    health: Health
    timed_out: bool = False
    pause: float | None = None


def shown(reply: Reply, kind: Kind) -> Shown | None:
    """What a reply shows of the endpoint; None where the fault is ours, and nothing was asked of it."""
    judged = judge(reply, kind)
    if judged.class_ is Class.OURS:
        return None
    timed_out = isinstance(reply, Silence) and reply.error in TIMED_OUT
    return Shown(judged.health, timed_out, judged.pause)


class AgentShare(Generic[T]):
    """The slots that one voice agent has, and its lanes that have something to start."""

    __slots__ = ("in_slots", "key", "lanes", "listed", "rings")

    def __init__(self, key: str) -> None:
        self.key = key
        self.in_slots = 0
        self.lanes = 0
        self.rings: tuple[deque[LaneQueue[T]], ...] = (deque(), deque(), deque())
        self.listed = [False, False, False]
        """For each rank: whether it stands in the ring of voice agents."""


class LaneQueue(Generic[T]):
    """What waits in one lane, and how much of it is under way."""

    __slots__ = (
        "agent",
        "allowance",
        "breaker",
        "held_until",
        "in_flight",
        "key",
        "listed",
        "pace",
        "queues",
        "refused",
        "rested_at",
        "waiting",
        "wakes_at",
    )

    def __init__(self, key: Lane, agent: AgentShare[T], first_limit: int) -> None:
        self.key = key
        self.agent = agent
        self.queues: list[deque[tuple[float, T]] | None] = [None, None, None]
        """For each rank that ever came: when an item entered, and the item."""
        self.refused = False
        """It had no room for something, which is to be offered again."""
        self.waiting = 0
        self.in_flight = 0
        self.held_until = 0.0
        """By a pause, or by an open breaker."""
        self.breaker = Breaker()
        self.allowance = Allowance(first_limit)
        self.pace = Pace()
        self.listed = [False, False, False]
        """For each rank: whether it stands in its voice agent's ring."""
        self.wakes_at: float | None = None
        """When somebody looks at it again, where time alone keeps it from starting."""
        self.rested_at: float | None = None
        """Since when nothing waits or is under way."""

    @property
    def ready_at(self) -> float:
        """Before that moment nothing may start, whatever becomes free."""
        return max(self.held_until, self.pace.next_at)

    @property
    def has_room(self) -> bool:
        """Its limit admits one more; while its breaker is not closed that is one in all, the probe."""
        if self.breaker.closed:
            return self.in_flight < self.allowance.limit
        return not self.breaker.probing

    def length(self, rank: Rank) -> int:
        """How many items of a rank wait."""
        return len(self.queues[rank] or ())

    def push(self, rank: Rank, item: T, now: float) -> bool:
        """Queue an item, and say whether it is the first of its rank."""
        self.waiting += 1
        queue = self.queues[rank]
        if queue is None:
            queue = self.queues[rank] = deque()
        queue.append((now, item))
        return len(queue) == 1

    def begin(self, rank: Rank, now: float) -> tuple[float, T]:
        """Take the first item of a rank, which starts now."""
        queue = self.queues[rank]
        assert queue, "found nothing to start; expected an item of that rank"
        self.waiting -= 1
        self.in_flight += 1
        self.breaker.began()
        self.pace.started(now)
        return queue.popleft()

    def end(self, said: Shown | None, era: int, started_at: float, now: float) -> Change | None:
        """An attempt of that era is over; None says that it was not made."""
        used = self.in_flight >= self.allowance.limit
        self.in_flight -= 1
        if said is None:
            self.breaker.forgone(era)
            self.pace.forgone(now)
            return None
        if said.timed_out:
            self.allowance.timed_out(started_at, now)
        elif used and said.health == "resets":
            self.allowance.succeeded(started_at)
        change = self.breaker.heed(said.health, era, now)
        if change == "opened":
            self.held_until = max(self.held_until, self.breaker.open_until)
        elif change == "closed":
            self._restart(now)
        if said.pause:
            self._pause(said.pause, now)
        return change

    def _pause(self, seconds: float, now: float) -> None:
        """The longest pause counts."""
        self.held_until = max(self.held_until, now + seconds)
        if seconds >= LONG_PAUSE:
            self._restart(now)

    def _restart(self, now: float) -> None:
        self.allowance.restart(now)
        self.pace.restart()

    def take(self, unwanted: Callable[[T], bool]) -> list[T]:
        """Take queued items out, and return them."""
        taken: list[T] = []
        for rank, queue in enumerate(self.queues):
            if queue:
                kept: deque[tuple[float, T]] = deque()
                for entry in queue:
                    if unwanted(entry[1]):
                        taken.append(entry[1])
                    else:
                        kept.append(entry)
                self.queues[rank] = kept
        self.waiting -= len(taken)
        return taken
