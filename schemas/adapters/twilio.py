"""Twilio: status callbacks of calls, also as Event Streams bring them, and of TeXML, which speaks like them.

They tell how the line went, not the conversation: the voice agent's runtime has to tell of nodes and to name the
agent, under the same `CallSid`. A leg that `<Dial>` opened is a call of its own: what it is for, nobody says.
"""

from typing import Final

from schemas.adapters.tables import Adapter, Rule, Said, Value

TWILIO: Final = Adapter(
    platform="twilio",
    documented="https://www.twilio.com/docs/voice/api/call-resource#statuscallback",
    told_by=("CallStatus", "AnsweredBy", "RecordingStatus"),
    inside=("data/request/parameters", ""),
    call_id="CallSid",
    at=Value("Timestamp", "moment"),
    seq=Value("SequenceNumber", "whole"),
    direction=Value(
        "Direction",
        words={"inbound": "inbound", "outbound-api": "outbound", "outbound-dial": "outbound"},
    ),
    everywhere={"from": Value("From", "text"), "to": Value("To", "text")},
    rules=(
        Rule(
            {"RecordingStatus": "completed", "RecordingUrl": "*"},
            (Said("recording.ready", {"url": Value("RecordingUrl", "text")}),),
        ),
        Rule({"RecordingStatus": "in-progress absent failed"}),
        Rule(
            {"AnsweredBy": "machine_* fax", "CallStatus": "- in-progress"},
            (Said("voicemail.detected"),),
        ),
        Rule({"CallStatus": "queued"}, (Said("call.queued"),)),
        Rule({"CallStatus": "initiated"}, (Said("call.initiated"),)),
        Rule({"CallStatus": "ringing"}, (Said("call.ringing"),)),
        Rule({"CallStatus": "in-progress answered"}, (Said("call.answered"),)),
        Rule(
            {"CallStatus": "completed busy no-answer failed canceled", "AnsweredBy": "machine_* fax"},
            (
                Said("voicemail.detected"),
                Said(
                    "call.ended",
                    {"duration_seconds": Value("CallDuration", "number")},
                    reason="CallStatus",
                ),
            ),
        ),
        Rule(
            {"CallStatus": "completed busy no-answer failed canceled"},
            (
                Said(
                    "call.ended",
                    {"duration_seconds": Value("CallDuration", "number")},
                    reason="CallStatus",
                ),
            ),
        ),
        Rule({"AnsweredBy": "human unknown", "CallStatus": "-"}),
    ),
)
