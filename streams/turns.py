"""Fair turns: round the voice agents first, then round an agent's lanes, for each rank by itself.

Every operation takes constant time. What stands in a ring is looked at when its turn comes, and falls
out if it has nothing to start then; whatever frees it puts it back.
"""

from collections import deque
from typing import Final, Generic, TypeVar

from streams.lane import RANKS, AgentShare, LaneQueue, Rank

T = TypeVar("T")

TURNS: Final = tuple({"L": Rank.LIVE, "R": Rank.RETRY, "P": Rank.REPLAY}[one] for one in "LLRLLRLLRLLP")
"""8 live, 3 retries, 1 replay; a turn that its rank cannot use goes to the highest that can."""


class Turns(Generic[T]):
    """The rings of all voice agents; `most` is how many slots one of them may have."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._rings: tuple[deque[AgentShare[T]], ...] = (deque(), deque(), deque())
        self._turn = 0

    def next(self, now: float) -> tuple[LaneQueue[T], Rank] | None:
        """The lane whose turn it is, with something to start; offer it again when that has started."""
        for rank in (TURNS[self._turn], *RANKS):
            lane = self._next_of(rank, now) if self._rings[rank] else None
            if lane is not None:
                self._turn = (self._turn + 1) % len(TURNS)
                return lane, rank
        return None

    def offer(self, lane: LaneQueue[T]) -> None:
        """Give a lane its turns, for whatever waits in it."""
        for rank in RANKS:
            if lane.queues[rank] and not lane.listed[rank]:
                lane.agent.rings[rank].append(lane)
                lane.listed[rank] = True
        self.offer_agent(lane.agent)

    def offer_agent(self, agent: AgentShare[T]) -> None:
        """Give a voice agent its turns, if its share has room."""
        if agent.in_slots >= self._most:
            return
        for rank in RANKS:
            if agent.rings[rank] and not agent.listed[rank]:
                self._rings[rank].append(agent)
                agent.listed[rank] = True

    def _next_of(self, rank: Rank, now: float) -> LaneQueue[T] | None:
        ring = self._rings[rank]
        while ring:
            agent = ring.popleft()
            agent.listed[rank] = False
            lane = None if agent.in_slots >= self._most else _first(agent, rank, now)
            if lane is not None:
                return lane
        return None


def _first(agent: AgentShare[T], rank: Rank, now: float) -> LaneQueue[T] | None:
    ring = agent.rings[rank]
    while ring:
        lane = ring.popleft()
        lane.listed[rank] = False
        if lane.queues[rank] and lane.has_room and lane.ready_at <= now:
            return lane
    return None
