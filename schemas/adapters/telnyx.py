"""Telnyx: call control webhooks.

A call is a leg (`call_leg_id`): a session has several once somebody else is dialled. They tell how the line went, not
the conversation: the voice agent's runtime has to tell of nodes and to name the agent, under the same id. A bridge is
taken for a transfer.
"""

from typing import Final

from schemas.adapters.tables import Adapter, Rule, Said, Value

_RECORDING: Final = (
    "payload/public_recording_urls/mp3 | payload/public_recording_urls/wav"
    " | payload/recording_urls/mp3 | payload/recording_urls/wav"
)

TELNYX: Final = Adapter(
    platform="telnyx",
    documented="https://developers.telnyx.com/docs/voice/programmable-voice/voice-api-webhooks",
    told_by=("event_type", "payload/result"),
    inside=("data", ""),
    id="id",
    call_id="payload/call_leg_id",
    at=Value("occurred_at", "moment"),
    direction=Value("payload/direction", words={"incoming": "inbound", "outgoing": "outbound"}),
    everywhere={"from": Value("payload/from", "text"), "to": Value("payload/to", "text")},
    rules=(
        Rule({"event_type": "call.initiated"}, (Said("call.initiated"),)),
        Rule({"event_type": "call.answered"}, (Said("call.answered"),)),
        Rule({"event_type": "call.bridged"}, (Said("transfer.bridged"),)),
        Rule(
            {"event_type": "call.machine.detection.ended", "payload/result": "machine"},
            (Said("voicemail.detected"),),
        ),
        Rule(
            {
                "event_type": "call.machine.premium.detection.ended",
                "payload/result": "machine fax_detected",
            },
            (Said("voicemail.detected"),),
        ),
        Rule(
            {"event_type": "call.hangup"},
            (
                Said(
                    "call.ended",
                    {"ended_by": Value("payload/hangup_source", "text")},
                    reason="payload/hangup_cause",
                ),
            ),
        ),
        Rule(
            {"event_type": "call.recording.saved"},
            (Said("recording.ready", {"url": Value(_RECORDING, "text")}, needs=_RECORDING),),
        ),
        Rule(
            {
                "event_type": "call.machine.* call.recording.* call.playback.* call.speak.* call.gather.* "
                "call.dtmf.* call.fork.* call.enqueued call.dequeued call.refer.* call.siprec.* call.transcription "
                "streaming.* conference.*"
            }
        ),
    ),
)
