"""Atoms (smallest.ai): three webhooks a call.

`pre-conversation` comes before the agent speaks, and stands for the start of the conversation as its name does in
`schemas/documents/subscriptions.py`. Which End Call node was reached no payload says; an agent that keeps it in its
variable `end_node_id` does.
"""

from typing import Final

from schemas.adapters.tables import Adapter, Named, Rule, Said, Together, Turns, Value

ATOMS: Final = Adapter(
    platform="atoms",
    documented="https://docs.smallest.ai/atoms/atoms-platform/features/webhooks",
    told_by=("metadata/eventType",),
    id="id",
    call_id="metadata/callId",
    agent_id="metadata/agentId",
    direction=Value(
        "metadata/conversationType",
        words={"telephonyInbound": "inbound", "telephonyOutbound": "outbound"},
    ),
    channel=Value(
        "metadata/conversationType",
        words={"telephonyInbound": "telephony", "telephonyOutbound": "telephony"},
    ),
    everywhere={
        "from": Value("metadata/callData/fromNumber | metadata/fromPhone", "text"),
        "to": Value("metadata/callData/toNumber | metadata/toPhone", "text"),
    },
    rules=(
        Rule({"metadata/eventType": "pre-conversation"}, (Said("conversation.started"),)),
        Rule(
            {"metadata/eventType": "post-conversation"},
            (
                Said(
                    "variables.updated",
                    {"variables": Value("metadata/variables")},
                    at=Value("metadata/callData/endTime", "moment"),
                    needs="metadata/variables",
                ),
                Said(
                    "call.ended",
                    {
                        "duration_seconds": Value("metadata/callData/callDuration", "number"),
                        "answered_at": Value("metadata/callData/answerTime", "moment"),
                        "ended_at": Value("metadata/callData/endTime", "moment"),
                        "end_node_id": Value("metadata/variables/end_node_id", "text"),
                    },
                    at=Value("metadata/callData/endTime", "moment"),
                    reason="metadata/callData/callStatus",
                ),
                Said(
                    "transcript.ready",
                    {"transcript": Turns("metadata/transcript", content="content", at="timestamp")},
                    needs="metadata/transcript",
                ),
                Said(
                    "recording.ready",
                    {"url": Value("metadata/recordingUrl", "text")},
                    needs="metadata/recordingUrl",
                ),
            ),
        ),
        Rule(
            {"metadata/eventType": "analytics-completed"},
            (
                Said(
                    "analytics.completed",
                    {
                        "summary": Value("metadata/analytics/summary", "text"),
                        "metrics": Together(
                            {},
                            (
                                Named("metadata/analytics/dispositionMetrics", "identifier", "value"),
                                Named("metadata/analytics/successMetrics", "identifier", "value"),
                            ),
                        ),
                    },
                ),
            ),
        ),
    ),
)
