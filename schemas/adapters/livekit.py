"""LiveKit: server webhooks. A call is a room, its session the room's sid.

Caller and callee are participants of kind SIP, or of none (a web client); the others are the agent's and the
server's. LiveKit leaves out what has its default, a participant's kind STANDARD and the reason UNKNOWN_REASON among
it, and writes times as text. A voice agent hangs up by deleting the room or removing the caller. It tells how the
line went: the voice agent's runtime has to tell of nodes and to name the agent, under the room's name.
"""

from typing import Final

from schemas.adapters.tables import Adapter, Fixed, Rule, Said, Value

_CALLERS: Final = "- STANDARD SIP CONNECTOR"
_OTHERS: Final = "AGENT EGRESS INGRESS"

LIVEKIT: Final = Adapter(
    platform="livekit",
    documented="https://docs.livekit.io/home/server/webhooks/",
    told_by=("event", "participant/kind"),
    id="id",
    call_id="room/name | egressInfo/roomName",
    session_id="room/sid | egressInfo/roomId",
    at=Value("createdAt", "seconds"),
    channel=Value("participant/kind", words={"SIP": "telephony", "STANDARD": "web"}),
    reasons={
        "PARTICIPANT_REMOVED": "agent_hangup",
        "ROOM_DELETED": "agent_hangup",
        "ROOM_CLOSED": "completed",
        "DUPLICATE_IDENTITY": "platform_error",
        "JOIN_FAILURE": "platform_error",
        "UNKNOWN_REASON": "unknown",
    },
    rules=(
        Rule({"event": "room_started"}, (Said("call.initiated"),)),
        Rule(
            {
                "event": "participant_joined",
                "participant/kind": "SIP",
                "participant/attributes/sip.callStatus": "dialing ringing",
            },
            (Said("call.ringing"),),
        ),
        Rule({"event": "participant_joined", "participant/kind": _CALLERS}, (Said("call.answered"),)),
        Rule({"event": "participant_left", "participant/disconnectReason": "MIGRATION"}),
        Rule(
            {"event": "participant_left participant_connection_aborted", "participant/kind": _CALLERS},
            (Said("call.ended", reason="participant/disconnectReason"),),
        ),
        Rule(
            {
                "event": "participant_left",
                "participant/kind": "AGENT",
                "participant/disconnectReason": "AGENT_ERROR",
            },
            (Said("agent.error"),),
        ),
        Rule({"event": "room_finished"}, (Said("call.ended", {"reason": Fixed("completed")}),)),
        Rule(
            {"event": "egress_ended", "egressInfo/fileResults/0/location": "*"},
            (Said("recording.ready", {"url": Value("egressInfo/fileResults/0/location", "text")}),),
        ),
        Rule(
            {
                "event": "participant_joined participant_left participant_connection_aborted",
                "participant/kind": _OTHERS,
            }
        ),
        Rule({"event": "track_published track_unpublished egress_* ingress_* agent_job_*"}),
    ),
)
