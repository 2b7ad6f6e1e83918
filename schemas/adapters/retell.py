"""Retell AI: webhooks.

A call of a conversation flow says in its transcript which nodes it entered, in their order and without a time: they
are told as of the call's end, by their number. Other agents can keep their end in the variable `end_node_id`.
"""

from typing import Final

from schemas.adapters.tables import Adapter, Rule, Said, Together, Turns, Value

_ENDED_AT: Final = Value("call/end_timestamp", "milliseconds")

RETELL: Final = Adapter(
    platform="retell",
    documented="https://docs.retellai.com/features/webhook-overview",
    told_by=("event",),
    call_id="call/call_id",
    agent_id="call/agent_id",
    direction=Value("call/direction", words={"inbound": "inbound", "outbound": "outbound"}),
    channel=Value("call/call_type", words={"phone_call": "telephony", "web_call": "web"}),
    everywhere={
        "from": Value("call/from_number", "text"),
        "to": Value("call/to_number", "text"),
    },
    rules=(
        Rule(
            {"event": "call_started"},
            (Said("conversation.started", at=Value("call/start_timestamp", "milliseconds")),),
        ),
        Rule(
            {"event": "call_ended"},
            (
                Said(
                    "node.entered",
                    {
                        "node_id": Value("new_node_id", "text"),
                        "from_node_id": Value("former_node_id", "text"),
                    },
                    at=_ENDED_AT,
                    each="call/transcript_with_tool_calls",
                    where={"role": "node_transition", "new_node_id": "*"},
                ),
                Said(
                    "variables.updated",
                    {
                        "variables": Together(
                            {},
                            (
                                Value("call/retell_llm_dynamic_variables"),
                                Value("call/collected_dynamic_variables"),
                            ),
                        )
                    },
                    at=_ENDED_AT,
                    needs="call/retell_llm_dynamic_variables | call/collected_dynamic_variables",
                ),
                Said(
                    "call.ended",
                    {
                        "duration_seconds": Value("call/duration_ms", "number", per=1000),
                        "answered_at": Value("call/start_timestamp", "milliseconds"),
                        "ended_at": _ENDED_AT,
                        "end_node_id": Value("call/collected_dynamic_variables/end_node_id", "text"),
                    },
                    at=_ENDED_AT,
                    reason="call/disconnection_reason",
                ),
                Said(
                    "transcript.ready",
                    {
                        "transcript": Turns(
                            "call/transcript_object",
                            content="content",
                            roles={"agent": "agent", "user": "user", "transfer_target": "transfer_target"},
                        )
                    },
                    needs="call/transcript_object",
                ),
                Said(
                    "recording.ready",
                    {"url": Value("call/recording_url", "text")},
                    needs="call/recording_url",
                ),
            ),
        ),
        Rule(
            {"event": "call_analyzed"},
            (
                Said(
                    "analytics.completed",
                    {
                        "summary": Value("call/call_analysis/call_summary", "text"),
                        "metrics": Together(
                            {
                                "user_sentiment": Value("call/call_analysis/user_sentiment"),
                                "call_successful": Value("call/call_analysis/call_successful"),
                                "in_voicemail": Value("call/call_analysis/in_voicemail"),
                            },
                            (Value("call/call_analysis/custom_analysis_data"),),
                        ),
                    },
                ),
            ),
        ),
        Rule({"event": "transfer_started"}, (Said("transfer.started"),)),
        Rule({"event": "transfer_bridged"}, (Said("transfer.bridged"),)),
        Rule({"event": "transfer_cancelled"}, (Said("transfer.failed"),)),
        Rule({"event": "transfer_ended"}, (Said("transfer.ended"),)),
        Rule({"event": "transcript_updated chat_started chat_ended chat_analyzed"}),
    ),
)
