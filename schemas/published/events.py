"""What producers write to `call-events`, as types for people who write producers.

`schemas/published/jsonschemas.py` makes JSON Schemas of them. The engine reads more leniently: what it needs of
`data` it looks up, and a member of a wrong type is as good as absent. Only a node event without a readable
`node_id` is refused.
"""

from datetime import datetime
from typing import Annotated, Any, Final, TypeAlias

from msgspec import Meta, Struct

from schemas.reasons import REASONS

CallId: TypeAlias = Annotated[str, Meta(min_length=1, max_length=256, description="At most 256 bytes.")]
Text: TypeAlias = Annotated[str, Meta(max_length=1024)]
NodeId: TypeAlias = Annotated[str, Meta(min_length=1, max_length=256)]


def _says(text: str) -> Meta:
    return Meta(description=text)


class CallEvent(Struct, kw_only=True, omit_defaults=True):
    """One thing that a producer says about a call; the record's key is `call_id`.

    Unknown types and unknown fields are kept.
    """

    type: Annotated[str, Meta(min_length=1, max_length=1024)]
    call_id: CallId
    id: Annotated[Text | None, _says("Unique per call and source; absent: a hash of the event.")] = None
    agent_id: Text | None = None
    occurred_at: Annotated[datetime | None, _says("The producer's clock; absent: the record's time.")] = None
    source: Text | None = None
    seq: Annotated[int | None, _says("Rising per call and source; gaps are allowed.")] = None
    workflow_id: Text | None = None
    workflow_version: int | None = None
    direction: Annotated[Text | None, _says("`inbound` or `outbound`.")] = None
    channel: Text | None = None
    is_test: bool | None = None
    attempt: int | None = None
    session_id: Annotated[Text | None, _says("Tells apart the calls of an id that is used again.")] = None
    data: dict[str, Any] | None = None


class CallData(Struct, kw_only=True, omit_defaults=True, rename={"from_number": "from", "to_number": "to"}):
    """What `data` of any event may say of the call."""

    from_number: str | None = None
    to_number: str | None = None


class NodeEntered(CallData, kw_only=True):
    """The conversation entered a node."""

    node_id: NodeId
    node_type: Annotated[
        str | None, _says("`end_call` for an End Call node; believed where the workflow does not know it.")
    ] = None
    from_node_id: str | None = None


class VariablesUpdated(CallData, kw_only=True):
    """The values of variables; of each name the latest counts."""

    variables: dict[str, Any]


class TurnCompleted(CallData, kw_only=True):
    """Somebody has finished saying something."""

    role: str
    content: str
    at: Any = None


class ClosingSpoken(CallData, kw_only=True):
    """The closing line of an End Call node was spoken to its end."""

    node_id: NodeId


class CallEnded(CallData, kw_only=True):
    """The call is over, as far as its source knows."""

    reason: Annotated[
        str | None,
        Meta(
            description="A canonical reason; platforms' own words are mapped to one, or become `unknown`.",
            examples=sorted(REASONS),
        ),
    ] = None
    raw_reason: str | None = None
    ended_by: str | None = None
    end_node_id: Annotated[
        str | None, _says("The End Call node that was reached; decides at once (the recommended contract).")
    ] = None
    duration_seconds: float | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None


class Turn(Struct):
    """A line of a transcript."""

    role: str
    content: str
    at: Any = None


class TranscriptReady(CallData, kw_only=True):
    """The whole transcript."""

    transcript: list[Turn]


class RecordingReady(CallData, kw_only=True):
    """Where the recording is."""

    url: str


class AnalyticsCompleted(CallData, kw_only=True):
    """What the analysis of the call found."""

    summary: str | None = None
    disposition: str | None = None
    metrics: dict[str, Any] = {}


DATA: Final[dict[str, type[CallData]]] = {
    "node.entered": NodeEntered,
    "variables.updated": VariablesUpdated,
    "turn.completed": TurnCompleted,
    "closing.spoken": ClosingSpoken,
    "call.ended": CallEnded,
    "transcript.ready": TranscriptReady,
    "recording.ready": RecordingReady,
    "analytics.completed": AnalyticsCompleted,
}
"""`data` by event type; of every other type it is CallData."""
