"""What the evidence of a conversation says: one question each, for templates, records and rules.

Where several events state a thing, the first in the order of R14 is right, and of the terminals the
most specific one (R11).
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, TypeVar

from schemas.encodings.moments import utc
from schemas.events import Event
from schemas.evidence import NO_SEQ, Evidence, Order

T = TypeVar("T")

NODE_OR_TURN: Final = frozenset({"node.entered", "turn.completed", "closing.spoken"})
"""They show an answer, and do not count when they are later than the end of the call."""


def agent_id(evidence: Evidence) -> str | None:
    """The voice agent."""
    # Asked several times for every event, therefore without a generator.
    for said in evidence.statements:
        if said.agent_id is not None:
            return said.agent_id
    return None


def direction(evidence: Evidence) -> str | None:
    """Usually `inbound` or `outbound`."""
    return _first([said.direction for said in evidence.statements])


def channel(evidence: Evidence) -> str | None:
    """Such as `telephony` or `web`."""
    return _first([said.channel for said in evidence.statements])


def is_test(evidence: Evidence) -> bool:
    """A test call (R20)."""
    return bool(_first([said.is_test for said in evidence.statements]))


def attempt(evidence: Evidence) -> int | None:
    """Which attempt at reaching the callee this call is."""
    return _first([said.attempt for said in evidence.statements])


def traceparent(evidence: Evidence) -> str | None:
    """The W3C trace context of the first event that carried one."""
    return _first([said.traceparent for said in evidence.statements])


def from_number(evidence: Evidence) -> str | None:
    """`data.from` of any event."""
    return _first([said.from_number for said in evidence.statements])


def to_number(evidence: Evidence) -> str | None:
    """`data.to` of any event."""
    return _first([said.to_number for said in evidence.statements])


def pin(evidence: Evidence) -> tuple[str | None, int | None]:
    """The workflow and the version that events name: each the first that was named, and no version
    of another workflow."""
    workflow_id = _first([said.workflow_id for said in evidence.statements])
    by = next((said for said in evidence.statements if said.workflow_version is not None), None)
    if by is None or by.version_of not in (None, workflow_id):
        return workflow_id, None
    return workflow_id, by.workflow_version


def tells_of_nodes(evidence: Evidence) -> bool:
    """Whether any event names a node of the conversation: only then does its workflow say how it ended."""
    return bool(evidence.entered) or any(said.end_node_id is not None for said in evidence.terminals)


def started_at(evidence: Evidence) -> datetime | None:
    """When the earliest event of the call happened."""
    return evidence.started_at


def answered_at(evidence: Evidence) -> datetime | None:
    """When the call was answered, as call.answered or a terminal says, else since when they talked."""
    stated = [terminal.answered_at for terminal in evidence.terminals if terminal.answered_at is not None]
    if evidence.answered_at is not None:
        stated.append(evidence.answered_at)
    if stated:
        return min(stated)
    talked = [at for at in (evidence.conversed_at, evidence.talked_at) if at is not None]
    return min(talked, default=None)


def ended_at(evidence: Evidence) -> datetime | None:
    """When the call ended: the latest end stated by the terminals of the grace; by later ones when
    there was none (a lost call turned up again); None when no terminal is known."""
    of_the_grace = [terminal for terminal in evidence.terminals if not terminal.late]
    terminals = of_the_grace or evidence.terminals
    return max((terminal.ended_at or terminal.order.at for terminal in terminals), default=None)


def ended_by(evidence: Evidence) -> str | None:
    """Who ended the call, as the terminal says."""
    return _first([one.ended_by for one in evidence.terminals])


def raw_reason(evidence: Evidence) -> str | None:
    """The platform's own word for why the call ended."""
    return _first([one.raw_reason for one in evidence.terminals])


def duration_seconds(evidence: Evidence) -> float | None:
    """How long the call lasted, as a terminal says, else from the answer to the end."""
    seconds = _first([one.duration_seconds for one in evidence.terminals])
    answered, ended = answered_at(evidence), ended_at(evidence)
    if seconds is None and answered is not None and ended is not None:
        return max((ended - answered).total_seconds(), 0.0)
    return seconds


def order_of(event: Event) -> Order:
    """Where the event stands in its call by its own clock. A negative `seq` counts as none."""
    seq = event.seq
    return Order(event.occurred_at, event.source, NO_SEQ if seq is None or seq < 0 else seq, event.id)


def moment(value: Any) -> datetime | None:
    """A moment inside `data`: an RFC 3339 string with an offset, else None."""
    return utc(value) if isinstance(value, str) else None


def _first(values: Iterable[T | None]) -> T | None:
    for value in values:
        if value is not None:
            return value
    return None
