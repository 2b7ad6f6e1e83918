"""What goes to the output topics, in the shapes of the published interface.

Every record carries CloudEvents attributes in its headers; `ce_id` is a hash of what the record is
about, so that one which a crash writes twice is recognised.
"""

from datetime import datetime
from typing import Any, Final, Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from schemas import wire
from schemas.calls import Conversation
from schemas.delivery import Attempted, Class, Delivery
from schemas.endpoints import DISABLED, Mark
from schemas.events import short_hash
from schemas.outcomes import Outcome, Verdict
from streams import definitions, evidence, ids
from streams.effects import Position
from streams.judge import Judgement
from streams.topology import CALL_OUTCOMES, DEAD_LETTERS, DELIVERY_LOG, WORKFLOWS

SOURCE: Final = "postcall"


class Record(Struct, frozen=True):
    """A record for a topic: JSON value, CloudEvents attributes as headers; `key` None is the call's id."""

    topic: str
    value: bytes
    headers: tuple[tuple[str, bytes], ...]
    key: str | None = None


Reason: TypeAlias = Literal[
    "unreadable", "rejected", "exhausted", "auth", "gone", "disabled", "aborted", "ours"
]
"""Why a dead letter is one."""

DEAD_LETTER_REASON: Final[dict[Class, Reason]] = {
    Class.REJECTED: "rejected",
    Class.AUTH: "auth",
    Class.GONE: "gone",
    Class.ABORTED: "aborted",
    Class.OURS: "ours",
}
"""Why a delivery that may not be tried again is dead; any other class is `exhausted`."""


def reason(judgement: Judgement) -> Reason:
    """Why a delivery is dead of which this attempt was the last."""
    if judgement.error == DISABLED:
        return "disabled"
    return (
        "exhausted" if judgement.after == "retry" else DEAD_LETTER_REASON.get(judgement.class_, "exhausted")
    )


def outcome(
    call_id: str, conversation: Conversation, result: Outcome, upgraded_from: Verdict | None, at: datetime
) -> Record:
    """`call.outcome`, or `call.outcome_upgraded` when late evidence raised an earlier verdict."""
    kind = "call.outcome" if upgraded_from is None else "call.outcome_upgraded"
    value = outcome_fields(call_id, conversation, result)
    if upgraded_from is not None:
        value["upgraded_from"] = upgraded_from.value
    return _record(
        CALL_OUTCOMES, kind, call_id, value, wire.moment(at), (conversation.number, conversation.verdicts)
    )


def settled(
    call_id: str, conversation: Conversation, deliveries: list[Delivery], upgraded: bool, at: datetime
) -> Record:
    """`call.settled`: the call's actions are final."""
    value = settled_fields(call_id, conversation, deliveries, upgraded)
    about = conversation.number, conversation.verdicts, *_replays(conversation)
    return _record(CALL_OUTCOMES, "call.settled", call_id, value, wire.moment(at), about)


def attempted(
    call_id: str, delivery: Delivery, attempt: int, one: Attempted, next_at: datetime | None
) -> Record:
    """One line of `delivery-log`; `next_at` is None when the delivery is final."""
    started_at = wire.moment(one.at)
    value = {
        "call_id": call_id,
        "incarnation": delivery.incarnation,
        "agent_id": delivery.agent_id,
        "kind": delivery.kind,
        "id": delivery.id,
        "name": delivery.name,
        "delivery_id": delivery.delivery_id,
        "attempt": attempt,
        "endpoint": delivery.endpoint,
        "method": delivery.method,
        "status": one.status,
        "class": str(one.class_),
        "error": one.error,
        "started_at": started_at,
        "seconds": round(one.seconds, 6),
        "next_at": None if next_at is None else wire.moment(next_at),
    }
    about = (delivery.delivery_id, attempt, started_at)
    return _record(DELIVERY_LOG, "delivery.attempted", call_id, value, started_at, about)


def dead_delivery(call_id: str, delivery: Delivery, reason: Reason, source: Position, at: datetime) -> Record:
    """A delivery that will not be tried again by itself: ids and attempts, never a body or a secret."""
    value = {
        "reason": reason,
        "call_id": call_id,
        "incarnation": delivery.incarnation,
        "agent_id": delivery.agent_id,
        "delivery_id": delivery.delivery_id,
        "kind": delivery.kind,
        "id": delivery.id,
        "endpoint": delivery.endpoint,
        "why": delivery.fault,
        "source": _position(source),
        "attempts": [_attempt(one) for one in delivery.attempts],
        "at": wire.moment(at),
    }
    # A replay that is given up for the same reason is another letter.
    about = (delivery.delivery_id, reason, *((delivery.attempt,) if delivery.replay else ()))
    return _record(DEAD_LETTERS, "delivery.dead", call_id, value, wire.moment(at), about)


def disabled(call_id: str, endpoint: str, mark: Mark, attempt: tuple[str, int], at: datetime) -> Record:
    """What tells all workers that an endpoint is disabled, said by the call whose `attempt` (delivery id,
    number) it answered so."""
    value, about = definitions.jsonable(mark), (endpoint, *attempt)
    record = _record(WORKFLOWS, "endpoint.disabled", call_id, value, wire.moment(at), about)
    return replace(record, key=f"{definitions.ENDPOINT}{endpoint}")


def unreadable(source: Position, why: str, at: datetime) -> Record:
    """An event that could not be read: where it lies, and what was found there; not its bytes."""
    value = {
        "reason": "unreadable",
        "source": _position(source),
        "why": why,
        "attempts": [],
        "at": wire.moment(at),
    }
    about = (source.topic, source.partition, source.offset)
    return _record(DEAD_LETTERS, "event.unreadable", "", value, wire.moment(at), about)


def outcome_fields(call_id: str, conversation: Conversation, result: Outcome) -> dict[str, Any]:
    """The fields of a `call-outcomes` record, which outcome webhooks carry as well."""
    decided_at, ended_at = conversation.decided_at, result.ended_at
    return {
        "call_id": call_id,
        "incarnation": conversation.number,
        "agent_id": evidence.agent_id(conversation.evidence),
        "workflow_id": conversation.workflow_id,
        "workflow_version": conversation.workflow_version,
        "verdict": str(result.verdict),
        "end_node_id": result.end_node_id,
        "reason": result.reason,
        "rule": result.rule,
        "flags": list(result.flags),
        "synthetic": result.synthetic,
        "decided_at": None if decided_at is None else wire.moment(decided_at),
        "ended_at": None if ended_at is None else wire.moment(ended_at),
    }


def settled_fields(
    call_id: str, conversation: Conversation, deliveries: list[Delivery], upgraded: bool
) -> dict[str, Any]:
    """The fields of `call.settled`, in the record and in the webhook."""
    result = conversation.outcome
    value = {} if result is None else outcome_fields(call_id, conversation, result)
    value["deliveries"] = [
        {
            "kind": delivery.kind,
            "id": delivery.id,
            "delivery_id": delivery.delivery_id,
            "result": str(delivery.state),
            "attempts": len(delivery.attempts),
            "class": str(delivery.attempts[-1].class_) if delivery.attempts else None,
            "why": delivery.why,
        }
        for delivery in deliveries
        if delivery.settled
    ]
    if upgraded:
        value["upgraded"] = True
    return value


def _replays(conversation: Conversation) -> tuple[int, ...]:
    """What tells the `call.settled` of a replay from the one before it."""
    return (conversation.replays,) if conversation.replays else ()


_SPECVERSION: Final = ("ce_specversion", b"1.0")
_SOURCE: Final = ("ce_source", SOURCE.encode())
_JSON: Final = ("content-type", b"application/json")


def _record(
    topic: str, kind: str, call_id: str, value: dict[str, Any], at: str, about: tuple[object, ...]
) -> Record:
    ce_id = short_hash(kind, call_id, *map(str, about), size=16).hex()
    headers = (
        _SPECVERSION,
        ("ce_id", ce_id.encode()),
        ("ce_type", kind.encode()),
        _SOURCE,
        ("ce_subject", ids.in_header(call_id).encode()),
        ("ce_time", at.encode()),
        _JSON,
    )
    typed = {"type": kind, **value} if topic == CALL_OUTCOMES else value
    return Record(topic, wire.json_bytes(typed), headers)


def _attempt(one: Attempted) -> dict[str, Any]:
    return {
        "at": wire.moment(one.at),
        "seconds": round(one.seconds, 6),
        "status": one.status,
        "error": one.error,
        "class": str(one.class_),
    }


def _position(source: Position) -> dict[str, Any]:
    return {"topic": source.topic, "partition": source.partition, "offset": source.offset}
