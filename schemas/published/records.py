"""What postcall writes to its output topics, as types for people who read them.

`schemas/published/jsonschemas.py` makes JSON Schemas of them, against which tests hold the records that
`streams/records.py` writes. Fields may be added, and none is renamed. Moments are RFC 3339 in UTC.
"""

from datetime import datetime
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

from schemas.delivery import Class, Kind
from schemas.outcomes import Verdict
from schemas.reasons import REASONS

CanonicalReason: TypeAlias = Annotated[str, Meta(extra_json_schema={"enum": sorted(REASONS)})]
Count: TypeAlias = Annotated[int, Meta(ge=0)]
Nth: TypeAlias = Annotated[int, Meta(ge=1)]
DeadReason: TypeAlias = Literal[
    "unreadable", "rejected", "exhausted", "auth", "gone", "disabled", "aborted", "ours"
]


class _CallOutcome(Struct, kw_only=True, tag_field="type"):
    call_id: str
    incarnation: Nth
    agent_id: str | None
    workflow_id: str | None
    workflow_version: int | None
    verdict: Verdict
    end_node_id: str | None
    reason: CanonicalReason
    rule: Annotated[str, Meta(pattern="^R[0-9]+$")]
    flags: list[str]
    synthetic: bool
    decided_at: datetime | None
    ended_at: datetime | None


class CallOutcome(_CallOutcome, kw_only=True, tag="call.outcome"):
    """How a call ended: its first verdict."""


class CallOutcomeUpgraded(_CallOutcome, kw_only=True, tag="call.outcome_upgraded"):
    """Late evidence raised the verdict."""

    upgraded_from: Verdict


class SettledDelivery(Struct, kw_only=True, rename={"class_": "class"}):
    """What became of one delivery."""

    kind: Kind
    id: str
    delivery_id: str
    result: Literal["done", "dead", "skipped"]
    attempts: Count
    class_: Class | None
    why: str | None


class CallSettled(_CallOutcome, kw_only=True, tag="call.settled"):
    """The call's actions are final; once more, with `upgraded`, after those of an upgrade."""

    deliveries: list[SettledDelivery]
    upgraded: bool = False


OutcomeRecord: TypeAlias = CallOutcome | CallOutcomeUpgraded | CallSettled


class DeliveryAttempt(Struct, kw_only=True, rename={"class_": "class"}):
    """One attempt at a delivery: a record of `delivery-log`."""

    call_id: str
    incarnation: Nth
    agent_id: str
    kind: Kind
    id: str
    name: str
    delivery_id: Annotated[str, Meta(description="The request's `webhook-id`, the same on every attempt.")]
    attempt: Nth
    endpoint: str
    method: str
    status: int | None
    class_: Class
    error: str | None
    started_at: datetime
    seconds: Annotated[float, Meta(ge=0)]
    next_at: Annotated[datetime | None, Meta(description="null when there is no next attempt.")]


class Position(Struct):
    """Where a record lies."""

    topic: str
    partition: Count
    offset: Count


class PastAttempt(Struct, kw_only=True, rename={"class_": "class"}):
    """An attempt at a delivery that was given up."""

    at: datetime
    seconds: Annotated[float, Meta(ge=0)]
    status: int | None
    error: str | None
    class_: Class


class DeadLetter(Struct, kw_only=True, omit_defaults=True):
    """An event that cannot be read, or a delivery that will not be tried again by itself."""

    reason: DeadReason
    source: Position
    attempts: list[PastAttempt]
    at: datetime
    call_id: str | None = None
    incarnation: Nth | None = None
    agent_id: str | None = None
    delivery_id: str | None = None
    kind: Kind | None = None
    id: str | None = None
    endpoint: str | None = None
    why: str | None = None
