"""The engine without Kafka and without a network: the very `step` of the worker on a virtual clock.

Calls do not touch each other, so one is played at a time, from its first event until nothing is left
to happen; that bounds the memory by the longest call. Everything that happens stands on one agenda,
ordered by moment and then by when it was put there. An answered attempt takes no time, a silent one
its time-out; records count as acknowledged at once. Limits of a worker as a whole (lanes, breakers,
rates) do not apply.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from typing import Final, TypeAlias

from schemas.calls import Call, Part, PartKey, Rendered
from schemas.delivery import Delivery, Reply, Silence
from schemas.events import Event
from schemas.messages import Emitted, Replied, Tick
from schemas.outcomes import Outcome, Upgrade
from streams import machine
from streams.effects import Definitions, Effect, Emit, Policy, Start, Step
from streams.evidence import NODE_OR_TURN

TIMEOUT: Final = "timeout"
"""The error of an attempt that takes all of its time-out."""

Answer: TypeAlias = Callable[[Delivery, Rendered, datetime], Reply]
"""What an endpoint replies to one attempt of a delivery, at a moment."""


@dataclass(slots=True)
class Told:
    """What one incarnation of a call came to."""

    call_id: str
    incarnation: int
    outcome: Outcome | None = None
    upgrades: tuple[Upgrade, ...] = ()
    deliveries: dict[str, Delivery] = field(default_factory=dict)
    """By delivery id, in the order of their plan."""
    requests: dict[str, Rendered] = field(default_factory=dict)
    events: dict[str, int] = field(default_factory=dict)
    """How many counted as what."""
    talked: list[tuple[datetime, str]] = field(default_factory=list)
    """When node and turn events happened that came before the verdict, and what they counted as."""


def play(
    call_id: str,
    arrivals: Iterable[tuple[datetime, Event]],
    definitions: Definitions,
    policy: Policy,
    answer: Answer,
) -> list[Told]:
    """Play one call: its events in the order of their arrival, then until nothing is left to happen."""
    game = _Game(call_id, definitions, policy, answer)
    for at, event in arrivals:
        game.until(at)
        game.take(event, at)
    game.until(None)
    for told in game.told.values():
        _recount(told, policy.durations.clock_tolerance)
    return [game.told[number] for number in sorted(game.told)]


def _recount(told: Told, tolerance: timedelta) -> None:
    """Count what came before the verdict by the end that the verdict found: in whichever order events
    come, those after the end are the ignored ones (R16)."""
    if told.outcome is None or told.outcome.ended_at is None:
        return
    limit = told.outcome.ended_at + tolerance
    for at, counted in told.talked:
        result = "applied" if at <= limit else "ignored"
        told.events[counted] -= 1
        told.events[result] = told.events.get(result, 0) + 1


class _Game:
    """One call being played. It is the `Book` of its steps."""

    def __init__(self, call_id: str, definitions: Definitions, policy: Policy, answer: Answer) -> None:
        self.told: dict[int, Told] = {}
        self._call_id = call_id
        self._definitions, self._policy, self._answer = definitions, policy, answer
        self._call: Call | None = None
        self._parts: dict[PartKey, Part] = {}
        self._agenda: list[tuple[datetime, int, Tick | Replied]] = []
        self._turn = 0
        self._now = datetime.min.replace(tzinfo=UTC)
        self._armed: list[datetime | None] = [None, None]
        """When the next ticks come: plain and silent."""

    def until(self, moment: datetime | None) -> None:
        """Let everything happen that stands before a moment; None: everything."""
        while self._agenda and (moment is None or self._agenda[0][0] < moment):
            at, _, message = heappop(self._agenda)
            if isinstance(message, Replied) or self._wanted(message):
                # What was due already when it was planned happens now: a clock does not go back.
                self.take(message, max(at, self._now))

    def take(self, message: machine.Input, now: datetime) -> None:
        """Fold a message, and everything that follows from it at the same moment."""
        self._now = now
        effects = self._fold(message, now).effects
        if effects:
            self._follow(effects, now)
        self._rearm()

    def _follow(self, effects: tuple[Effect, ...], now: datetime) -> None:
        pending, emitted = deque(effects), 0
        while pending:
            match pending.popleft():
                case Start(delivery=delivery):
                    pending.extend(self._attempt(delivery, now))
                case Emit(owed=owed):
                    emitted = max(emitted, owed.number)
        if emitted:
            self._fold(Emitted(self._call_id, emitted), now)

    def call(self, call_id: str) -> Call | None:
        """The row of the call."""
        return self._call

    def part(self, key: PartKey) -> Part:
        """A part. Raises KeyError if it is not there."""
        return self._parts[key]

    def _fold(self, message: machine.Input, now: datetime) -> Step:
        step = machine.step(self._call, message, now, self, self._definitions, self._policy)
        self._call = step.call
        self._parts.update(step.parts)
        for key in step.forgotten:
            self._parts.pop(key, None)
        self._note(step, message)
        return step

    def _attempt(self, delivery: Delivery, now: datetime) -> tuple[Effect, ...]:
        """Make an attempt; what follows from its reply, if that comes at once."""
        part = self._parts[PartKey(self._call_id, delivery.incarnation, "r", delivery.request or 0)]
        if not isinstance(part, Rendered):
            raise TypeError(f"found a {type(part).__name__}; expected the request of {delivery.id!r}")
        self._of(delivery.incarnation).requests[delivery.delivery_id] = part
        reply = self._answer(delivery, part, now)
        silent = isinstance(reply, Silence) and reply.error == TIMEOUT
        seconds = part.request.timeout.total_seconds() if silent else 0.0
        replied = Replied(self._call_id, delivery.delivery_id, delivery.attempt, reply, now, seconds)
        if silent:
            self._plan(now + timedelta(seconds=seconds), replied)
            return ()
        return self._fold(replied, now).effects

    # -- time

    def _plan(self, at: datetime, message: Tick | Replied) -> None:
        self._turn += 1
        heappush(self._agenda, (at, self._turn, message))

    def _rearm(self) -> None:
        if self._call is None:
            return
        for silent, due in enumerate(machine.due(self._call)):
            armed = self._armed[silent]
            if due is not None and (armed is None or due < armed):
                self._armed[silent] = due
                self._plan(due, Tick(self._call_id, due, bool(silent)))

    def _wanted(self, tick: Tick) -> bool:
        """Whether something is still due then: what was put off gets a later tick instead."""
        if self._armed[tick.silent] != tick.due or self._call is None:
            return False
        self._armed[tick.silent] = None
        due = machine.due(self._call)[tick.silent]
        if due is None or due > tick.due:
            self._rearm()
            return False
        return True

    # -- the report

    def _note(self, step: Step, message: machine.Input) -> None:
        for count in step.counts:
            if count.what == "events":
                self._count(self._of(count.incarnation), count.labels[0], message)
        for conversation in step.call.conversations:
            if conversation.outcome is not None:
                told = self._of(conversation.number)
                told.outcome, told.upgrades = conversation.outcome, conversation.upgrades
        for delivery in (*step.dropped, *step.call.deliveries):
            self._of(delivery.incarnation).deliveries[delivery.delivery_id] = delivery

    def _count(self, told: Told, result: str, message: machine.Input) -> None:
        told.events[result] = told.events.get(result, 0) + 1
        if result == "duplicate" or told.outcome is not None:
            return
        if isinstance(message, Event) and message.type in NODE_OR_TURN:
            told.talked.append((message.occurred_at, result))

    def _of(self, number: int) -> Told:
        told = self.told.get(number)
        if told is None:
            told = self.told[number] = Told(self._call_id, number)
        return told
