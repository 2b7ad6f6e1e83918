"""Adding what an event says to what is known of a conversation.

Adding is commutative and idempotent: every fact is the earliest, the latest or the union of what
was said, in the order of `Order` (the producer's clock, then source, seq and id; R14). An event
that says nothing new leaves the very same value, so most events cost next to nothing.
"""

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from msgspec.structs import replace

from schemas.encodings.members import word
from schemas.events import CALL_ENDED, CONVERSATION_TYPES, SETUP_TYPES, SPECIAL_TYPES, TRANSFER_TYPES, Event
from schemas.evidence import Entered, Evidence, Order, Stage, Statement, Terminal
from schemas.reasons import SPECIFICITY, canonical
from streams.evidence import moment, order_of

MOST_NODES: Final = 256
"""Entered nodes that are remembered, the newest by the clock. Far beyond a real conversation, and
a producer in a loop must not make the row too big for its topic."""

MOST_TERMINALS: Final = 32

Changes: TypeAlias = dict[str, Any]

_STAGES: Final[dict[str, Stage]] = {
    **dict.fromkeys(CONVERSATION_TYPES | SPECIAL_TYPES | TRANSFER_TYPES, Stage.LIVE),
    **dict.fromkeys(SETUP_TYPES, Stage.DIALLED),
    "call.queued": Stage.QUEUED,
    "call.answered": Stage.LIVE,
}
"""The types without a stage (ends, what enriches, unknown ones) are no sign of a call going on."""


def add(evidence: Evidence, event: Event, *, late: bool = False) -> Evidence:
    """What is known once `event` was heard; `late` when the verdict was already there."""
    changes: Changes = {}
    _add_envelope(evidence, event, changes)
    learn = _LEARN.get(event.type)
    if learn is not None:
        learn(evidence, event, late, changes)
    return replace(evidence, **changes) if changes else evidence


def _add_envelope(evidence: Evidence, event: Event, changes: Changes) -> None:
    at = event.occurred_at
    if evidence.started_at is None or at < evidence.started_at:
        changes["started_at"] = at
    stage = _STAGES.get(event.type, Stage.NOTHING)
    if stage > evidence.stage:
        changes["stage"] = int(stage)
    if not _repeats(evidence.statements, event):
        statements = _with_statement(evidence.statements, _statement(event))
        if statements != evidence.statements:
            changes["statements"] = statements


def _repeats(statements: tuple[Statement, ...], event: Event) -> bool:
    """The first statement is earlier and has all that this event states: the usual case."""
    if not statements:
        return False
    first = statements[0]
    return (
        first.order.at < event.occurred_at
        and (event.agent_id is None or first.agent_id is not None)
        and (event.workflow_id is None or first.workflow_id is not None)
        and (event.workflow_version is None or first.workflow_version is not None)
        and (event.direction is None or first.direction is not None)
        and (event.channel is None or first.channel is not None)
        and (event.is_test is None or first.is_test is not None)
        and (event.attempt is None or first.attempt is not None)
        and (event.traceparent is None or first.traceparent is not None)
        and ("from" not in event.data or first.from_number is not None)
        and ("to" not in event.data or first.to_number is not None)
    )


_STATED: Final = tuple(name for name in Statement.__struct_fields__ if name not in {"order", "version_of"})


def _statement(event: Event) -> Statement:
    return Statement(
        order=order_of(event),
        agent_id=event.agent_id,
        workflow_id=event.workflow_id,
        workflow_version=event.workflow_version,
        version_of=event.workflow_id if event.workflow_version is not None else None,
        direction=event.direction,
        channel=event.channel,
        is_test=event.is_test,
        attempt=event.attempt,
        traceparent=event.traceparent,
        from_number=word(event.data.get("from")),
        to_number=word(event.data.get("to")),
    )


def _with_statement(statements: tuple[Statement, ...], new: Statement) -> tuple[Statement, ...]:
    """Each field as the earliest event states it, by event."""
    missing = set(_STATED)
    kept = []
    for statement in sorted((*statements, new), key=_by_order):
        first = [name for name in missing if getattr(statement, name) is not None]
        missing.difference_update(first)
        if first:
            values: Changes = {name: getattr(statement, name) for name in first}
            version_of = statement.version_of if "workflow_version" in values else None
            kept.append(Statement(order=statement.order, version_of=version_of, **values))
    return tuple(kept)


def _by_order(said: Statement | Entered) -> Order:
    return said.order


def _learn_earliest(field: str) -> "Learn":
    def learn(evidence: Evidence, event: Event, _late: bool, changes: Changes) -> None:
        known = getattr(evidence, field)
        if known is None or event.occurred_at < known:
            changes[field] = event.occurred_at

    return learn


_learn_talk: Final = _learn_earliest("talked_at")


def _learn_node(evidence: Evidence, event: Event, late: bool, changes: Changes) -> None:
    _learn_talk(evidence, event, late, changes)
    node_id = word(event.data.get("node_id"))
    if node_id is None:
        return
    entered = Entered(order_of(event), node_id, word(event.data.get("node_type")))
    if evidence.entered and entered.order <= evidence.entered[-1].order:
        ordered = {node.order: node for node in (*evidence.entered, entered)}
        changes["entered"] = tuple(sorted(ordered.values(), key=_by_order))[-MOST_NODES:]
    else:
        changes["entered"] = (*evidence.entered, entered)[-MOST_NODES:]


def _learn_closing(evidence: Evidence, event: Event, late: bool, changes: Changes) -> None:
    _learn_talk(evidence, event, late, changes)
    node_id = word(event.data.get("node_id"))
    if node_id is None:
        return
    known = evidence.spoken.get(node_id)
    if known is None or event.occurred_at < known:
        spoken = sorted({**evidence.spoken, node_id: event.occurred_at}.items())
        changes["spoken"] = dict(spoken[:MOST_NODES])


def _learn_bridge(evidence: Evidence, event: Event, _late: bool, changes: Changes) -> None:
    changes["bridged"] = tuple(sorted({*evidence.bridged, order_of(event)}))[:MOST_TERMINALS]


def _learn_end(evidence: Evidence, event: Event, late: bool, changes: Changes) -> None:
    known = {terminal.order: terminal for terminal in evidence.terminals}
    terminal = _terminal(event, late)
    known.setdefault(terminal.order, terminal)
    changes["terminals"] = tuple(sorted(known.values(), key=_by_specificity))[:MOST_TERMINALS]


def _terminal(event: Event, late: bool) -> Terminal:
    data = event.data
    raw = data.get("raw_reason")
    return Terminal(
        order=order_of(event),
        reason=canonical(data.get("reason"), raw).canonical,
        late=late,
        end_node_id=word(data.get("end_node_id")),
        ended_at=moment(data.get("ended_at")),
        answered_at=moment(data.get("answered_at")),
        ended_by=word(data.get("ended_by")),
        duration_seconds=_seconds(data.get("duration_seconds")),
        raw_reason=word(raw if raw is not None else data.get("reason")),
    )


def _seconds(value: Any) -> float | None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if number and value >= 0 else None


def _by_specificity(terminal: Terminal) -> tuple[int, Order]:
    return -SPECIFICITY[terminal.reason], terminal.order


Learn: TypeAlias = Callable[[Evidence, Event, bool, Changes], None]

_LEARN: Final[dict[str, Learn]] = {
    "call.answered": _learn_earliest("answered_at"),
    "conversation.started": _learn_earliest("conversed_at"),
    "node.entered": _learn_node,
    "turn.completed": _learn_talk,
    "closing.spoken": _learn_closing,
    "voicemail.detected": _learn_earliest("voicemail_at"),
    "transfer.bridged": _learn_bridge,
    CALL_ENDED: _learn_end,
}
