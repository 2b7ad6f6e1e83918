"""A call's log folded once more, by the `step` that the workers ran: what each message did.

The rows and records say what was decided; this says how it came about. It is a reconstruction: the log holds
the order within call-events and within the internal topic, and only Kafka's times tell how the two went
together. Where the workers' records say when a verdict was reached, and of which workflow version, they
are believed: a silent tick that led to a verdict leads to it here as well.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from heapq import merge
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from schemas.calls import Call, Part, PartKey
from schemas.delivery import Delivery
from schemas.endpoints import Mark
from schemas.events import CALL_ENDED, Event
from schemas.messages import Tick
from schemas.workflow import VoiceAgent, Workflow
from streams import machine
from streams.effects import Count, Definitions, Policy, Position

NOT_COUNTED: Final = "kept"
"""An event that waits for the next incarnation (R17) is counted when that begins."""


class Entry(Struct, frozen=True):
    """One message of a call's log. `at` is Kafka's time of its record, `place` where it was read first."""

    at: datetime
    message: machine.Input
    place: Position


class Pin(Struct, frozen=True):
    """What the workers recorded of a verdict: when, and the workflow version that it was pinned to."""

    decided_at: datetime
    workflow_id: str | None
    version: int | None
    synthetic: bool = False


@dataclass(slots=True)
class Beat:
    """What one message did. `counted` and `incarnation` are of an event: as what it counted, and whose."""

    entry: Entry
    now: datetime
    before: Call | None
    after: Call
    dropped: tuple[Delivery, ...] = ()
    counted: str | None = None
    incarnation: int = 0
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class Retold:
    """A log that was folded: its beats, and what the call came to."""

    beats: list[Beat] = field(default_factory=list)
    call: Call | None = None
    parts: dict[PartKey, Part] = field(default_factory=dict)


def retell(
    events: Sequence[Entry],
    internal: Sequence[Entry],
    pins: Sequence[Pin],
    definitions: Definitions,
    policy: Policy,
) -> Retold:
    """Fold a call's events and internal messages, each in the order of its topic."""
    told = _Retelling(pins, definitions, policy, _conclusive(internal, pins))
    for entry in _ordered(_in_step(events, pins, policy), internal):
        told.take(entry)
    return told.retold


class _Retelling:
    """A log being folded. It is the `Book` of its steps."""

    def __init__(
        self, pins: Sequence[Pin], definitions: Definitions, policy: Policy, conclusive: frozenset[int]
    ) -> None:
        self.retold = Retold()
        self._definitions, self._policy, self._conclusive = _Pinned(pins, definitions), policy, conclusive
        self._now: datetime | None = None
        self._kept: list[Beat] = []

    def call(self, call_id: str) -> Call | None:
        """The row of the call."""
        return self.retold.call

    def part(self, key: PartKey) -> Part:
        """A part. Raises KeyError if it is not there."""
        return self.retold.parts[key]

    def take(self, entry: Entry) -> None:
        """Fold one message."""
        retold = self.retold
        before = retold.call
        now = self._now = entry.at if self._now is None else max(self._now, entry.at)
        self._definitions.now = now
        message = self._believed(entry.message, before)
        step = machine.step(before, message, now, self, self._definitions, self._policy, entry.place)
        retold.call = step.call
        retold.parts.update(step.parts)
        for key in step.forgotten:
            retold.parts.pop(key, None)
        beat = Beat(entry, now, before, step.call, step.dropped)
        retold.beats.append(beat)
        self._count(beat, step.counts)

    def _believed(self, message: machine.Input, call: Call | None) -> machine.Input:
        """A tick of which the records say that it led to a verdict is due when the timer here is."""
        if not isinstance(message, Tick) or id(message) not in self._conclusive or call is None:
            return message
        due = machine.due(call)[1]
        return message if due is None else replace(message, due=max(message.due, due))

    def _count(self, beat: Beat, counts: tuple[Count, ...]) -> None:
        """An event counts once: the message itself at once, those that were kept when they are heard."""
        beat.notes = tuple(one.labels[0] for one in counts if one.what == "notes")
        results = [one for one in counts if one.what == "events"]
        if isinstance(beat.entry.message, Event):
            if beat.before is not None and beat.after.keeps > beat.before.keeps:
                beat.counted = NOT_COUNTED
                beat.incarnation = _newest(beat.after) + 1
                self._kept.append(beat)
            elif results:
                beat.counted, beat.incarnation = results[0].labels[0], results[0].incarnation
                results = results[1:]
        for one in results[: len(self._kept)]:
            heard = self._kept.pop(0)
            heard.counted, heard.incarnation = one.labels[0], one.incarnation


class _Pinned:
    """The documents in force now, but for the workflow version, which is the one that the workers recorded."""

    def __init__(self, pins: Sequence[Pin], definitions: Definitions) -> None:
        self.now: datetime | None = None
        self._pins, self._definitions = sorted(pins, key=lambda pin: pin.decided_at), definitions

    def workflow(self, workflow_id: str, version: int) -> Workflow | None:
        """That version of a workflow."""
        return self._definitions.workflow(workflow_id, version)

    def in_force(self, workflow_id: str) -> int | None:
        """The version that the next verdict of the records is pinned to, else the one in force now."""
        ahead = [pin for pin in self._pins if self.now is None or pin.decided_at >= self.now]
        pin = next(iter(ahead or self._pins[-1:]), None)
        if pin is not None and pin.workflow_id in (None, workflow_id):
            return pin.version
        return self._definitions.in_force(workflow_id)

    def agent(self, agent_id: str) -> VoiceAgent | None:
        """A voice agent."""
        return self._definitions.agent(agent_id)

    def mark(self, endpoint: str) -> Mark | None:
        """What is known of an endpoint."""
        return self._definitions.mark(endpoint)


def _newest(call: Call) -> int:
    numbers = [one.number for one in call.conversations]
    return max([*numbers, *(one.number for one in call.past)], default=0)


def _conclusive(internal: Sequence[Entry], pins: Sequence[Pin]) -> frozenset[int]:
    """The silent ticks that came last before each verdict."""
    ticks = [one for one in internal if isinstance(one.message, Tick) and one.message.silent]
    last = ([one for one in ticks if one.at <= pin.decided_at][-1:] for pin in pins)
    return frozenset(id(one.message) for found in last for one in found)


def _in_step(events: Sequence[Entry], pins: Sequence[Pin], policy: Policy) -> Iterable[Entry]:
    """The events in the time of the workers: where their end is recorded after the verdict that it led to,
    the producers' clocks are ahead by at least that."""
    ends = [one.at for one in events if isinstance(one.message, Event) and one.message.type == CALL_ENDED]
    decided_at = min((pin.decided_at for pin in pins if not pin.synthetic), default=None)
    if not ends or decided_at is None or ends[0] <= decided_at:
        return events
    ahead = ends[0] - (decided_at - policy.durations.grace)
    return [replace(one, at=one.at - ahead) for one in events]


def _ordered(events: Iterable[Entry], internal: Iterable[Entry]) -> Iterable[Entry]:
    """Both in one order: each keeps its own, whatever its clocks say."""
    return (entry for _, _, entry in merge(_rising(events, 0), _rising(internal, 1), key=lambda one: one[:2]))


def _rising(entries: Iterable[Entry], rank: int) -> Iterable[tuple[datetime, int, Entry]]:
    latest: datetime | None = None
    for entry in entries:
        latest = entry.at if latest is None else max(latest, entry.at)
        yield latest, rank, entry
