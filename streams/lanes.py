"""Whose request goes next: one lane an endpoint, fair turns, nobody blocked by somebody else's endpoint.

A lane is first in, first out and has an in-flight limit, so that an endpoint that hangs holds its own
lane up and nothing more. Turns go round the voice agents first and then round an agent's lanes; no
agent has more than a quarter of the slots. Live attempts, retries and replays get turns as 8:3:1.
An attempt that runs for over a second leaves its slot: a waiting socket costs memory, not work.

A lane that only time keeps from starting (a pause, an open breaker, its rate) sleeps: it is in no ring,
and costs nothing until `wake_at`. One that has nothing to do is remembered for a while, for what is
known of its endpoint.

What waits here is memory, so there is only so much room, however long an endpoint is down: an item that
finds none is refused, and the lane says when it has room again. Whoever offers it has it in the table.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Collection
from typing import Generic, TypeVar

from msgspec import Struct

from schemas.endpoints import endpoint_name
from streams.breaker import Change, State
from streams.lane import AgentShare, Lane, LaneQueue, Rank, Shown, shown
from streams.resting import Resting
from streams.sleepers import Sleepers
from streams.turns import Turns

__all__ = ["Change", "Lane", "Lanes", "Limits", "Rank", "Shown", "Started", "State", "shown"]

T = TypeVar("T")


class Limits(Struct, frozen=True):
    """How much may be under way at once.

    `slots` is for attempts that run up to `slow_after` seconds; beyond it they count against `slow`.
    `lane` is where a lane's own limit begins.
    """

    slots: int = 512
    lane: int = 8
    agent_share: float = 0.25
    slow: int = 4_096
    slow_after: float = 1.0
    waiting: int = 1_000
    """Items of each rank that may wait in a lane."""
    queued: int = 50_000
    """Items that may wait in all lanes together before each has only the room of `waiting_least`."""
    waiting_least: int = 16

    @property
    def agent(self) -> int:
        """Slots that one voice agent may have."""
        return max(1, int(self.slots * self.agent_share))


class Started(Generic[T]):
    """An item that has its turn; hand it back with `finish`."""

    __slots__ = ("at", "era", "item", "queue", "slow", "waited")

    def __init__(self, item: T, queue: LaneQueue[T], at: float, waited: float) -> None:
        self.item = item
        self.queue = queue
        self.at = at
        self.waited = waited
        """Seconds between entering the lane and this turn."""
        self.era = queue.breaker.era
        self.slow = False

    @property
    def lane(self) -> Lane:
        """The lane that it came from."""
        return self.queue.key


class Lanes(Generic[T]):
    """The lanes of one worker. `now` is seconds of a steady clock, the same one everywhere."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.queued = 0
        self.in_slots = 0
        self.slow = 0
        self.hungry: list[Lane] = []
        """Lanes that refused something and have room again; whoever looks empties it."""
        self._lanes: dict[Lane, LaneQueue[T]] = {}
        self._agents: dict[str, AgentShare[T]] = {}
        self._turns: Turns[T] = Turns(self.limits.agent)
        self._young: OrderedDict[Started[T], None] = OrderedDict()
        self._sleepers: Sleepers[T] = Sleepers()
        self._resting: Resting[T] = Resting()
        self._ill: dict[Lane, LaneQueue[T]] = {}

    @property
    def in_flight(self) -> int:
        """Attempts under way, slow ones too."""
        return self.in_slots + self.slow

    def enter(self, key: Lane, rank: Rank, item: T, now: float) -> bool:
        """Queue an item at the end of its lane; False if there is no room for it."""
        lane = self._lanes.get(key) or self._made(key)
        if lane.length(rank) >= self._room:
            lane.refused = True
            return False
        if lane.rested_at is not None:
            self._resting.remove(lane)
        self.queued += 1
        if lane.push(rank, item, now):
            self._offer(lane, now)
        return True

    def start(self, now: float) -> Started[T] | None:
        """Whose turn it is, or None if nothing may start now."""
        self._age(now)
        for lane in self._sleepers.due(now):
            self._offer(lane, now)
        if self.in_slots >= self.limits.slots:
            return None
        turn = self._turns.next(now)
        return None if turn is None else self._start(*turn, now)

    def allow(self, started: Started[T], rate: float | None, now: float) -> None:
        """Keep a lane to so many attempts a second, counted from one that has just started."""
        if started.queue.pace.rate != rate:
            started.queue.pace.allow(rate, started.at)
            self._offer(started.queue, now)

    def finish(self, started: Started[T], now: float, said: Shown | None = None) -> Change | None:
        """An attempt is over; its slot and its place in the lane are free.

        `said` is what it showed of its endpoint, None if it was not made. The answer is what that did
        to the lane's breaker.
        """
        lane = started.queue
        change = lane.end(said, started.era, started.at, now)
        if change == "opened":
            self._ill[lane.key] = lane
        elif change == "closed":
            self._ill.pop(lane.key, None)
        if started.slow:
            self.slow -= 1
        else:
            del self._young[started]
            self._leave_slot(lane.agent)
        self._offer(lane, now)
        self._rest_if_idle(lane, now)
        return change

    def wake_at(self) -> float | None:
        """When to ask for a start again, if nothing enters or finishes before; None: never."""
        at = self._sleepers.next_at()
        if self.queued and self._young and self.slow < self.limits.slow:
            ages_at = next(iter(self._young)).at + self.limits.slow_after
            return ages_at if at is None else min(at, ages_at)
        return at

    def drop(self, unwanted: Callable[[T], bool], now: float) -> list[T]:
        """Take queued items out, and return them."""
        dropped: list[T] = []
        for lane in [each for each in self._lanes.values() if each.waiting]:
            taken = lane.take(unwanted)
            self.queued -= len(taken)
            dropped += taken
            self._ask_for_more(lane)
            self._rest_if_idle(lane, now)
        return dropped

    def states(self, now: float, disabled: Collection[str] = ()) -> Counter[State]:
        """How many of the lanes that are known are in each state, but for those of endpoints that are
        disabled, which get nothing whatever their state."""
        self._forget(now)
        if disabled:
            lanes = [lane for key, lane in self._lanes.items() if _name(key) not in disabled]
            return Counter(lane.breaker.state(now) for lane in lanes)
        states: Counter[State] = Counter(lane.breaker.state(now) for lane in self._ill.values())
        states["closed"] = len(self._lanes) - len(self._ill)
        return states

    @property
    def _room(self) -> int:
        """How many items of a rank may wait in a lane now."""
        return self.limits.waiting if self.queued < self.limits.queued else self.limits.waiting_least

    def _made(self, key: Lane) -> LaneQueue[T]:
        agent = self._agents.get(key.agent_id)
        if agent is None:
            agent = self._agents[key.agent_id] = AgentShare(key.agent_id)
        agent.lanes += 1
        lane = self._lanes[key] = LaneQueue(key, agent, self.limits.lane)
        return lane

    def _offer(self, lane: LaneQueue[T], now: float) -> None:
        """Let a lane have its turns, as soon as it may."""
        if lane.waiting and lane.has_room:
            ready_at = lane.ready_at
            if ready_at <= now:
                self._turns.offer(lane)
            else:
                self._sleepers.add(lane, ready_at)

    def _start(self, lane: LaneQueue[T], rank: Rank, now: float) -> Started[T]:
        entered, item = lane.begin(rank, now)
        self.queued -= 1
        started = Started(item, lane, now, now - entered)
        lane.agent.in_slots += 1
        self.in_slots += 1
        self._young[started] = None
        self._offer(lane, now)
        self._turns.offer_agent(lane.agent)
        self._ask_for_more(lane)
        return started

    def _ask_for_more(self, lane: LaneQueue[T]) -> None:
        if lane.refused and max(map(lane.length, Rank)) <= self._room // 2:
            lane.refused = False
            self.hungry.append(lane.key)

    def _age(self, now: float) -> None:
        """Let attempts that run for over a second leave their slots, as far as there is room."""
        while self._young and self.slow < self.limits.slow:
            oldest = next(iter(self._young))
            if oldest.at + self.limits.slow_after > now:
                return
            del self._young[oldest]
            oldest.slow = True
            self.slow += 1
            self._leave_slot(oldest.queue.agent)

    def _leave_slot(self, agent: AgentShare[T]) -> None:
        agent.in_slots -= 1
        self.in_slots -= 1
        self._turns.offer_agent(agent)

    def _rest_if_idle(self, lane: LaneQueue[T], now: float) -> None:
        if not lane.waiting and not lane.in_flight:
            self._resting.add(lane, now)
            self._forget(now)

    def _forget(self, now: float) -> None:
        for lane in self._resting.forgotten(now):
            del self._lanes[lane.key]
            self._ill.pop(lane.key, None)
            lane.agent.lanes -= 1
            if not lane.agent.lanes:
                del self._agents[lane.agent.key]


def _name(key: Lane) -> str:
    return endpoint_name(key.agent_id, key.name)
