"""Vapi: server messages.

Its assistants have no nodes: `assistant-ended-call` says that an end was reached, and not which. An assistant that
keeps it in its variable `end_node_id` says so.
"""

from typing import Final

from schemas.adapters.tables import Adapter, Case, Rule, Said, Together, Turns, Value

_ENDED: Final = "message/endedReason | message/call/endedReason"
_END_NODE: Final = Value("message/artifact/variableValues/end_node_id", "text")

VAPI: Final = Adapter(
    platform="vapi",
    documented="https://docs.vapi.ai/server-url/events",
    told_by=("message/type", "message/status"),
    call_id="message/call/id",
    agent_id="message/call/assistantId | message/assistant/id",
    at=Value("message/timestamp", "milliseconds"),
    direction=Value(
        "message/call/type", words={"inboundPhoneCall": "inbound", "outboundPhoneCall": "outbound"}
    ),
    channel=Value(
        "message/call/type",
        words={"inboundPhoneCall": "telephony", "outboundPhoneCall": "telephony", "webCall": "web"},
    ),
    everywhere={
        "from": Case(
            "message/call/type",
            {
                "inboundPhoneCall": Value("message/customer/number | message/call/customer/number", "text"),
                "outboundPhoneCall": Value(
                    "message/phoneNumber/number | message/call/phoneNumber/number", "text"
                ),
            },
        ),
        "to": Case(
            "message/call/type",
            {
                "inboundPhoneCall": Value(
                    "message/phoneNumber/number | message/call/phoneNumber/number", "text"
                ),
                "outboundPhoneCall": Value("message/customer/number | message/call/customer/number", "text"),
            },
        ),
    },
    rules=(
        Rule({"message/type": "status-update", "message/status": "scheduled queued"}, (Said("call.queued"),)),
        Rule({"message/type": "status-update", "message/status": "ringing"}, (Said("call.ringing"),)),
        Rule({"message/type": "status-update", "message/status": "in-progress"}, (Said("call.answered"),)),
        Rule({"message/type": "status-update", "message/status": "forwarding"}, (Said("transfer.started"),)),
        Rule(
            {"message/type": "status-update", "message/status": "ended"},
            (Said("call.ended", {"end_node_id": _END_NODE}, reason=_ENDED),),
        ),
        Rule(
            {"message/type": "end-of-call-report"},
            (
                Said(
                    "variables.updated",
                    {"variables": Value("message/artifact/variableValues")},
                    at=Value("message/endedAt | message/call/endedAt", "moment"),
                    needs="message/artifact/variableValues",
                ),
                Said(
                    "call.ended",
                    {
                        "duration_seconds": Value("message/durationSeconds", "number"),
                        "answered_at": Value("message/startedAt | message/call/startedAt", "moment"),
                        "ended_at": Value("message/endedAt | message/call/endedAt", "moment"),
                        "end_node_id": _END_NODE,
                    },
                    at=Value("message/endedAt | message/call/endedAt", "moment"),
                    reason=_ENDED,
                ),
                Said(
                    "transcript.ready",
                    {
                        "transcript": Turns(
                            "message/artifact/messages | message/messages",
                            content="message",
                            at="secondsFromStart",
                            roles={"assistant": "agent", "bot": "agent", "user": "user"},
                        )
                    },
                    needs="message/artifact/messages | message/messages",
                ),
                Said(
                    "recording.ready",
                    {
                        "url": Value(
                            "message/artifact/recordingUrl | message/recordingUrl"
                            " | message/artifact/recording/mono/combinedUrl",
                            "text",
                        )
                    },
                    needs="message/artifact/recordingUrl | message/recordingUrl"
                    " | message/artifact/recording/mono/combinedUrl",
                ),
                Said(
                    "analytics.completed",
                    {
                        "summary": Value("message/analysis/summary", "text"),
                        "disposition": Value("message/analysis/successEvaluation", "text"),
                        "metrics": Together({}, (Value("message/analysis/structuredData"),)),
                    },
                    needs="message/analysis",
                ),
            ),
        ),
        Rule(
            {
                "message/type": 'transcript transcript[transcriptType="final"]',
                "message/transcriptType": "- final",
            },
            (
                Said(
                    "turn.completed",
                    {
                        "role": Value(
                            "message/role", words={"assistant": "agent", "bot": "agent", "user": "user"}
                        ),
                        "content": Value("message/transcript", "text"),
                    },
                ),
            ),
        ),
        Rule({"message/type": "transfer-update"}, (Said("transfer.started"),)),
        Rule(
            {
                "message/type": "transcript assistant-request tool-calls function-call transfer-destination-request "
                "knowledge-base-request hang conversation-update speech-update model-output user-interrupted "
                "language-change-detected language-changed phone-call-control voice-input voice-request "
                "call.endpointing.request chat.* session.* assistant.*"
            }
        ),
    ),
)
