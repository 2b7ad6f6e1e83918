"""What comes of an event or a tick: the conversation as it is then, what it counts as, what to note."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Literal

from msgspec import Struct

from schemas.calls import Conversation
from schemas.encodings.members import word
from schemas.events import CALL_ENDED, ENRICHING_TYPES, EVENT_TYPES, Event
from schemas.evidence import Evidence
from schemas.outcomes import Outcome, Verdict
from schemas.reasons import canonical
from schemas.workflow import Workflow
from streams.evidence import NODE_OR_TURN, ended_at, moment
from streams.verdicts.verdict import refuses_end_node

NOTES: Final = frozenset(
    {
        "after_end",
        "clock_skew",
        "conflict",
        "end_node_id_refused",
        "end_unreadable",
        "ended_without_end_node",
        "lost",
        "outcome_upgraded",
        "several_terminals",
        "unknown_node",
        "unknown_type",
        "unmapped_reason",
    }
)
"""What is counted besides results: an event after the end (R16) · nodes heard before the end by clocks that
say after it (R14) · evidence that would change a verdict but not raise it (R15) · an `end_node_id` that the
workflow says is none · an end whose `end_node_id`, `ended_at` or `answered_at` cannot be read, and is as good
as not said · R4 · R12 · R15 · R11 · a node that the workflow does not know · a type that nobody knows · a
reason that nobody mapped."""


@dataclass(frozen=True, slots=True)
class Durations:
    """How long the timers of a call run, and how far producers' clocks may differ."""

    grace: timedelta = timedelta(seconds=3)
    clock_tolerance: timedelta = timedelta(seconds=2)
    lost_queued: timedelta = timedelta(hours=24)
    lost_ringing: timedelta = timedelta(seconds=120)
    lost_live: timedelta = timedelta(seconds=3660)
    lost_after_end_node: timedelta = timedelta(seconds=60)
    upgrade_window: timedelta = timedelta(minutes=10)


class Concluded(Struct, frozen=True):
    """A verdict was reached: the first one (`upgraded_from` None), or one raised by late evidence."""

    outcome: Outcome
    upgraded_from: Verdict | None = None


class Turn(Struct, frozen=True):
    """What one event did to a conversation, and as what it counts."""

    conversation: Conversation
    result: Literal["applied", "ignored", "late"]
    concluded: Concluded | None = None
    notes: tuple[str, ...] = ()
    """Out of NOTES."""


class Lapse(Struct, frozen=True):
    """What a silent tick did to a conversation; when nothing was due, it is the same one."""

    conversation: Conversation
    concluded: Concluded | None = None
    notes: tuple[str, ...] = ()


def after_end(event: Event, evidence: Evidence, durations: Durations) -> bool:
    """A node or turn event after the end of the call, beyond what clocks may differ (R16)."""
    if event.type not in NODE_OR_TURN:
        return False
    end = ended_at(evidence)
    return end is not None and event.occurred_at > end + durations.clock_tolerance


def tells_of_the_call(event: Event) -> bool:
    """Whether an event is evidence. What only enriches, or what nobody knows, is none (R16)."""
    return event.type in EVENT_TYPES and event.type not in ENRICHING_TYPES


def notes_of(event: Event, workflow: Workflow | None) -> tuple[str, ...]:
    """What is worth counting about an event by itself."""
    if event.type == CALL_ENDED:
        return _notes_of_end(event, workflow)
    return () if event.type in EVENT_TYPES else ("unknown_type",)


def _notes_of_end(event: Event, workflow: Workflow | None) -> tuple[str, ...]:
    data = event.data
    end_node_id = word(data.get("end_node_id"))
    facts = {
        "unmapped_reason": not canonical(data.get("reason"), data.get("raw_reason")).mapped,
        "end_node_id_refused": end_node_id is not None and refuses_end_node(end_node_id, workflow),
        "end_unreadable": any(_misread(data.get(name), read) for name, read in _READ.items()),
    }
    return tuple(note for note, holds in facts.items() if holds)


_READ: Final[dict[str, Callable[[Any], object]]] = {
    "end_node_id": word,
    "ended_at": moment,
    "answered_at": moment,
}
"""How the members of an end are read that a verdict looks at, beside its reason."""


def _misread(stated: Any, read: Callable[[Any], object]) -> bool:
    """It says something, and nothing that can be read. Null and an empty text are how some say nothing."""
    return stated is not None and stated != "" and read(stated) is None
