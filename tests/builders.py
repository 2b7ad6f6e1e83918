"""Calls, workflows and what becomes of them, spelled with only what matters.

`call("c1").answered().node("greet").node("resolved", end=True).ended("end_node")` is a call whose events
happen a second apart, from one source with rising seqs. Every word takes `at=` (seconds after the
start), `source=`, `seq=`, `id=` and other envelope fields; what else is named goes into `data`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from schemas.calls import Conversation
from schemas.events import Event
from schemas.outcomes import Outcome
from schemas.workflow import CONVERSATION, END_CALL, Node, Workflow
from streams.lifecycle import Concluded, Durations, Turn, hear, lapse, silent_due

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
DURATIONS = Durations()
_ENVELOPE = frozenset(Event.__struct_fields__) - {"data", "occurred_at", "recorded_at"}


def second(seconds: float) -> datetime:
    """A moment, in seconds after the start of the call."""
    return START + timedelta(seconds=seconds)


@dataclass(frozen=True)
class CallStory:
    """The events of a call, told one after the other."""

    call_id: str
    events: tuple[Event, ...] = ()

    def says(self, event_type: str, *, at: float | None = None, **fields: Any) -> "CallStory":
        """One more event, of any type."""
        number = len(self.events)
        envelope: dict[str, Any] = {"id": f"e{number}", "source": "platform", "seq": number}
        envelope |= {name: value for name, value in fields.items() if name in _ENVELOPE}
        data = {name: value for name, value in fields.items() if name not in _ENVELOPE}
        happened = second(number if at is None else at)
        event = Event(
            type=event_type,
            call_id=self.call_id,
            occurred_at=happened,
            recorded_at=happened,
            data=data,
            **envelope,
        )
        return replace(self, events=(*self.events, event))

    def queued(self, **fields: Any) -> "CallStory":
        """The call was queued."""
        return self.says("call.queued", **fields)

    def ringing(self, **fields: Any) -> "CallStory":
        """It rings at the callee's."""
        return self.says("call.ringing", **fields)

    def answered(self, **fields: Any) -> "CallStory":
        """Somebody or something answered."""
        return self.says("call.answered", **fields)

    def started(self, **fields: Any) -> "CallStory":
        """The voice agent begins to talk."""
        return self.says("conversation.started", **fields)

    def node(self, node_id: str, *, end: bool = False, **fields: Any) -> "CallStory":
        """node.entered, of an End Call node when `end`."""
        node_type = "end_call" if end else "default"
        return self.says("node.entered", node_id=node_id, node_type=node_type, **fields)

    def turn(self, content: str = "hello", *, role: str = "user", **fields: Any) -> "CallStory":
        """Somebody has said something."""
        return self.says("turn.completed", role=role, content=content, **fields)

    def closing(self, node_id: str, **fields: Any) -> "CallStory":
        """The closing line of a node was spoken to its end."""
        return self.says("closing.spoken", node_id=node_id, **fields)

    def voicemail(self, **fields: Any) -> "CallStory":
        """A machine answered."""
        return self.says("voicemail.detected", **fields)

    def bridged(self, **fields: Any) -> "CallStory":
        """A human took over."""
        return self.says("transfer.bridged", **fields)

    def ended(self, reason: str | None = None, **fields: Any) -> "CallStory":
        """A source says that the call ended."""
        stated = {} if reason is None else {"reason": reason}
        return self.says("call.ended", **(stated | fields))

    def analytics(self, **fields: Any) -> "CallStory":
        """The analysis of the call is there."""
        return self.says("analytics.completed", **fields)


def call(call_id: str = "c1") -> CallStory:
    """A call of which nothing is known yet."""
    return CallStory(call_id)


def workflow(
    *, ends: Iterable[str] = ("resolved", "sorry"), others: Iterable[str] = ("greet", "ask"), **knobs: Any
) -> Workflow:
    """A workflow of these End Call nodes and other nodes of the conversation."""
    nodes = (*(Node(each, END_CALL) for each in ends), *(Node(each, CONVERSATION) for each in others))
    return Workflow(id="support", version=1, nodes=nodes, **knobs)


WORKFLOW = workflow()


class Listener:
    """Hears a call on a clock of its own, as the machine does; keeps what came of it."""

    def __init__(self, workflow: Workflow | None = WORKFLOW, durations: Durations = DURATIONS) -> None:
        self.workflow = workflow
        self.durations = durations
        self.now = START
        self.conversation = Conversation(1, opened_at=START)
        self.turns: list[Turn] = []
        self.outcomes: list[Outcome] = []
        self.notes: list[str] = []

    def hear(self, told: CallStory | Iterable[Event]) -> "Listener":
        """Hear events at the present moment, one after the other."""
        for event in told.events if isinstance(told, CallStory) else told:
            turn = hear(self.conversation, event, self.workflow, self.now, self.durations)
            self.turns.append(turn)
            self._became(turn.conversation, turn.notes, turn.concluded)
        return self

    def wait(self, seconds: float) -> "Listener":
        """Let time pass; what is due by then lapses at its time."""
        until = self.now + timedelta(seconds=seconds)
        while (due := silent_due(self.conversation)) is not None and due <= until:
            self.now = max(due, self.now)
            lapsed = lapse(self.conversation, self.workflow, due, self.now, self.durations)
            self._became(lapsed.conversation, lapsed.notes, lapsed.concluded)
        self.now = until
        return self

    @property
    def outcome(self) -> Outcome:
        """The verdict that stands."""
        assert self.conversation.outcome is not None, "no verdict yet"
        return self.conversation.outcome

    def _became(
        self, conversation: Conversation, notes: tuple[str, ...], concluded: Concluded | None
    ) -> None:
        row = msgspec.msgpack.encode(conversation)
        self.conversation = msgspec.msgpack.decode(row, type=Conversation)
        self.notes.extend(notes)
        if concluded is not None:
            self.outcomes.append(concluded.outcome)


def outcome_of(
    told: CallStory | Iterable[Event], workflow: Workflow | None = WORKFLOW, durations: Durations = DURATIONS
) -> Outcome:
    """The first verdict on a call of which all is heard within the grace; lost if no end is told."""
    listener = Listener(workflow, durations).hear(told)
    if not listener.outcomes:
        listener.wait(timedelta(days=2).total_seconds())
    return listener.outcomes[0]


ANSWERED = call().answered()
GREETED = ANSWERED.node("greet")
RESOLVED = GREETED.node("resolved", end=True)
"""Where most stories begin."""


def results(listener: Listener) -> list[str]:
    """As what each event counted."""
    return [turn.result for turn in listener.turns]
