"""Fair turns: round the voice agents first, then round an agent's lanes, for each rank by itself.

Every operation takes constant time. What stands in a ring is looked at when its turn comes, and falls
out if it has nothing to start then; whatever frees it puts it back.
"""

from collections import deque
from enum import IntEnum
from typing import Final, Generic, NamedTuple, TypeVar

T = TypeVar("T")


class Rank(IntEnum):
    """Who goes first where an endpoint has work of several sorts."""

    LIVE = 0
    RETRY = 1
    REPLAY = 2


TURNS: Final = tuple({"L": Rank.LIVE, "R": Rank.RETRY, "P": Rank.REPLAY}[one] for one in "LLRLLRLLRLLP")
"""8 live, 3 retries, 1 replay; a turn that its rank cannot use goes to the highest that can."""


class Lane(NamedTuple):
    """An endpoint: where to (scheme://host:port), for which voice agent, for which node or webhook type."""

    endpoint: str
    agent_id: str
    name: str


class LaneQueue(Generic[T]):
    """What waits in one lane, and how much of it is under way."""

    __slots__ = ("agent", "held_until", "in_flight", "key", "limit", "listed", "queues")

    def __init__(self, key: Lane, agent: "AgentShare[T]", limit: int) -> None:
        self.key = key
        self.agent = agent
        self.limit = limit
        self.in_flight = 0
        self.held_until = 0.0
        self.queues: tuple[deque[tuple[float, T]], ...] = (deque(), deque(), deque())
        """For each rank: when an item entered, and the item."""
        self.listed: set[Rank] = set()

    def may_start(self, now: float) -> bool:
        """It has room, and nobody holds it."""
        return self.in_flight < self.limit and self.held_until <= now

    @property
    def idle(self) -> bool:
        """Nothing is waiting, under way or held."""
        return not (self.in_flight or self.held_until or any(self.queues))


class AgentShare(Generic[T]):
    """The slots that one voice agent has, and its lanes that have something to start."""

    __slots__ = ("in_slots", "key", "lanes", "listed", "rings")

    def __init__(self, key: str) -> None:
        self.key = key
        self.in_slots = 0
        self.lanes = 0
        self.rings: tuple[deque[LaneQueue[T]], ...] = (deque(), deque(), deque())
        self.listed: set[Rank] = set()


class Turns(Generic[T]):
    """The rings of all voice agents; `most` is how many slots one of them may have."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._rings: tuple[deque[AgentShare[T]], ...] = (deque(), deque(), deque())
        self._turn = 0

    def next(self, now: float) -> tuple[LaneQueue[T], Rank] | None:
        """The lane whose turn it is, with something to start; offer it again when that has started."""
        for rank in (TURNS[self._turn], *Rank):
            lane = self._next_of(rank, now)
            if lane is not None:
                self._turn = (self._turn + 1) % len(TURNS)
                return lane, rank
        return None

    def offer(self, lane: LaneQueue[T], now: float) -> None:
        """Give a lane its turns, for whatever it may start now."""
        if lane.may_start(now):
            for rank in Rank:
                if lane.queues[rank] and rank not in lane.listed:
                    lane.agent.rings[rank].append(lane)
                    lane.listed.add(rank)
        self.offer_agent(lane.agent)

    def offer_agent(self, agent: AgentShare[T]) -> None:
        """Give a voice agent its turns, if its share has room."""
        if agent.in_slots >= self._most:
            return
        for rank in Rank:
            if agent.rings[rank] and rank not in agent.listed:
                self._rings[rank].append(agent)
                agent.listed.add(rank)

    def _next_of(self, rank: Rank, now: float) -> LaneQueue[T] | None:
        ring = self._rings[rank]
        while ring:
            agent = ring.popleft()
            agent.listed.discard(rank)
            lane = None if agent.in_slots >= self._most else _first(agent, rank, now)
            if lane is not None:
                return lane
        return None


def _first(agent: AgentShare[T], rank: Rank, now: float) -> LaneQueue[T] | None:
    ring = agent.rings[rank]
    while ring:
        lane = ring.popleft()
        lane.listed.discard(rank)
        if lane.queues[rank] and lane.may_start(now):
            return lane
    return None
