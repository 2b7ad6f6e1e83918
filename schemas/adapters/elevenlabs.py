"""ElevenLabs Agents: post-call webhooks.

Why a conversation ended is free text (`termination_reason`), empty as a rule: then its `status` is all that is said.
Its agents have no nodes; one that is started with, or sets, the dynamic variable `end_node_id` names its end.
"""

from typing import Final

from schemas.adapters.tables import Adapter, Case, Inner, Rule, Said, Sum, Together, Turns, Value

_STARTED: Final = "data/metadata/start_time_unix_secs"
_LASTED: Final = "data/metadata/call_duration_secs"
_ENDED_AT: Final = Sum((_STARTED, _LASTED), "seconds")
_PHONE: Final = "data/metadata/phone_call"

ELEVENLABS: Final = Adapter(
    platform="elevenlabs",
    documented="https://elevenlabs.io/docs/eleven-agents/workflows/post-call-webhooks",
    told_by=("type",),
    call_id="data/conversation_id",
    agent_id="data/agent_id",
    at=Value("event_timestamp", "seconds"),
    direction=Value(f"{_PHONE}/direction", words={"inbound": "inbound", "outbound": "outbound"}),
    channel=Value(
        "data/metadata/type | data/metadata/phone_call/type",
        words={"twilio": "telephony", "sip": "telephony"},
    ),
    everywhere={
        "from": Case(
            f"{_PHONE}/direction",
            {
                "inbound": Value(f"{_PHONE}/external_number", "text"),
                "outbound": Value(f"{_PHONE}/agent_number", "text"),
            },
        ),
        "to": Case(
            f"{_PHONE}/direction",
            {
                "inbound": Value(f"{_PHONE}/agent_number", "text"),
                "outbound": Value(f"{_PHONE}/external_number", "text"),
            },
        ),
    },
    reasons={"done": "completed", "failed": "platform_error"},
    rules=(
        Rule(
            {"type": "post_call_transcription"},
            (
                Said(
                    "variables.updated",
                    {"variables": Value("data/conversation_initiation_client_data/dynamic_variables")},
                    at=_ENDED_AT,
                    needs="data/conversation_initiation_client_data/dynamic_variables",
                ),
                Said(
                    "call.ended",
                    {
                        "duration_seconds": Value(_LASTED, "number"),
                        "answered_at": Value(_STARTED, "seconds"),
                        "ended_at": _ENDED_AT,
                        "end_node_id": Value(
                            "data/conversation_initiation_client_data/dynamic_variables/end_node_id", "text"
                        ),
                    },
                    at=_ENDED_AT,
                    reason="data/metadata/termination_reason | data/status",
                ),
                Said(
                    "transcript.ready",
                    {"transcript": Turns("data/transcript", content="message", at="time_in_call_secs")},
                    needs="data/transcript",
                ),
                Said(
                    "analytics.completed",
                    {
                        "summary": Value("data/analysis/transcript_summary", "text"),
                        "disposition": Value("data/analysis/call_successful", "text"),
                        "metrics": Together({}, (Inner("data/analysis/data_collection_results", "value"),)),
                    },
                    needs="data/analysis",
                ),
            ),
        ),
        Rule(
            {"type": "call_initiation_failure"},
            (Said("call.ended", reason="data/failure_reason"),),
        ),
        Rule({"type": "post_call_audio unredacted_transcript unredacted_audio"}),
    ),
)
