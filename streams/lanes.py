"""Whose request goes next: one lane an endpoint, fair turns, nobody blocked by somebody else's endpoint.

A lane is first in, first out and has an in-flight limit, so that an endpoint that hangs holds its own
lane up and nothing more. Turns go round the voice agents first and then round an agent's lanes; no
agent has more than a quarter of the slots. Live attempts, retries and replays get turns as 8:3:1.
An attempt that runs for over a second leaves its slot: a waiting socket costs memory, not work.
"""

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Generic, TypeVar

from msgspec import Struct

from streams.turns import AgentShare, Lane, LaneQueue, Rank, Turns

__all__ = ["Lane", "Lanes", "Limits", "Rank", "Started"]

T = TypeVar("T")


class Limits(Struct, frozen=True):
    """How much may be under way at once.

    `slots` is for attempts that run up to `slow_after` seconds; beyond it they count against `slow`.
    """

    slots: int = 512
    lane: int = 8
    agent_share: float = 0.25
    slow: int = 4_096
    slow_after: float = 1.0

    @property
    def agent(self) -> int:
        """Slots that one voice agent may have."""
        return max(1, int(self.slots * self.agent_share))


class Started(Generic[T]):
    """An item that has its turn; hand it back with `finish`."""

    __slots__ = ("at", "item", "lane", "slow", "waited")

    def __init__(self, item: T, lane: Lane, at: float, waited: float) -> None:
        self.item = item
        self.lane = lane
        self.at = at
        self.waited = waited
        """Seconds between entering the lane and this turn."""
        self.slow = False


class Lanes(Generic[T]):
    """The lanes of one worker. `now` is seconds of a steady clock, the same one everywhere."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.queued = 0
        self.in_slots = 0
        self.slow = 0
        self._lanes: dict[Lane, LaneQueue[T]] = {}
        self._agents: dict[str, AgentShare[T]] = {}
        self._turns: Turns[T] = Turns(self.limits.agent)
        self._young: dict[Started[T], None] = {}
        self._held: list[tuple[float, Lane]] = []

    @property
    def in_flight(self) -> int:
        """Attempts under way, slow ones too."""
        return self.in_slots + self.slow

    def enter(self, key: Lane, rank: Rank, item: T, now: float) -> None:
        """Queue an item at the end of its lane."""
        lane = self._lane(key)
        lane.queues[rank].append((now, item))
        self.queued += 1
        self._turns.offer(lane, now)

    def start(self, now: float) -> Started[T] | None:
        """Whose turn it is, or None if nothing may start now."""
        self._release(now)
        if self.in_slots >= self.limits.slots:
            return None
        turn = self._turns.next(now)
        return None if turn is None else self._start(*turn, now)

    def finish(self, started: Started[T], now: float) -> None:
        """An attempt is over; its slot and its place in the lane are free."""
        lane = self._lanes[started.lane]
        lane.in_flight -= 1
        if started.slow:
            self.slow -= 1
        else:
            del self._young[started]
            self._leave_slot(lane.agent)
        self._turns.offer(lane, now)
        self._forget_if_idle(lane)

    def age(self, now: float) -> None:
        """Let attempts that run for over a second leave their slots, as far as there is room."""
        while self._young and self.slow < self.limits.slow:
            oldest = next(iter(self._young))
            if now - oldest.at < self.limits.slow_after:
                return
            del self._young[oldest]
            oldest.slow = True
            self.slow += 1
            self._leave_slot(self._lanes[oldest.lane].agent)

    def drop(self, unwanted: Callable[[T], bool]) -> list[T]:
        """Take queued items out, and return them."""
        dropped: list[T] = []
        for lane in list(self._lanes.values()):
            for queue in lane.queues:
                found = [item for _, item in queue if unwanted(item)]
                if found:
                    kept = [entry for entry in queue if not unwanted(entry[1])]
                    queue.clear()
                    queue.extend(kept)
                    dropped += found
            self._forget_if_idle(lane)
        self.queued -= len(dropped)
        return dropped

    def hold(self, key: Lane, until: float) -> None:
        """Start nothing in a lane before `until`; what is under way goes on. A longer hold stays."""
        lane = self._lane(key)
        if until > lane.held_until:
            lane.held_until = until
            heappush(self._held, (until, key))

    def limit(self, key: Lane, in_flight: int, now: float) -> None:
        """Set how many attempts of a lane may be under way; it lasts as long as the lane has work."""
        lane = self._lane(key)
        lane.limit = in_flight
        self._turns.offer(lane, now)

    def _lane(self, key: Lane) -> LaneQueue[T]:
        lane = self._lanes.get(key)
        if lane is None:
            agent = self._agents.get(key.agent_id)
            if agent is None:
                agent = self._agents[key.agent_id] = AgentShare(key.agent_id)
            agent.lanes += 1
            lane = self._lanes[key] = LaneQueue(key, agent, self.limits.lane)
        return lane

    def _start(self, lane: LaneQueue[T], rank: Rank, now: float) -> Started[T]:
        entered, item = lane.queues[rank].popleft()
        self.queued -= 1
        started = Started(item, lane.key, now, now - entered)
        lane.in_flight += 1
        lane.agent.in_slots += 1
        self.in_slots += 1
        self._young[started] = None
        self._turns.offer(lane, now)
        return started

    def _leave_slot(self, agent: AgentShare[T]) -> None:
        agent.in_slots -= 1
        self.in_slots -= 1
        self._turns.offer_agent(agent)

    def _release(self, now: float) -> None:
        while self._held and self._held[0][0] <= now:
            _, key = heappop(self._held)
            lane = self._lanes.get(key)
            if lane is not None and lane.held_until <= now:
                lane.held_until = 0.0
                self._turns.offer(lane, now)
                self._forget_if_idle(lane)

    def _forget_if_idle(self, lane: LaneQueue[T]) -> None:
        if lane.idle and self._lanes.pop(lane.key, None) is not None:
            lane.agent.lanes -= 1
            if not lane.agent.lanes:
                del self._agents[lane.agent.key]
