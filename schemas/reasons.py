"""Why calls end: the canonical reasons, how specific each is, and what platforms call them.

`canonical` never fails: a reason that nobody mapped is `unknown`, and the caller is told so that it
can be counted. The raw spelling is kept beside the canonical one in the evidence.

The table of raw spellings holds what the platforms document (Atoms, Vapi, Retell, Bland, Synthflow,
Voiceflow, Twilio, Telnyx, Vonage, LiveKit, Amazon Connect, Dograh). Spellings are compared in lower
case with `_` for every other separator, so `no-answer`, `no_answer` and `No Answer` are one.
"""

import re
from typing import Any, Final, NamedTuple

LOST: Final = "lost"
"""Said by the engine itself when no end ever came (R12)."""
UNKNOWN: Final = "unknown"

FAULTS: Final = frozenset({"inactivity", "max_duration", "agent_error", "platform_error", "no_audio"})
"""R8's: the call was cut; after an End Call node they do no harm (R9)."""

NEVER_CONNECTED: Final = frozenset(
    {"busy", "no_answer", "rejected", "dial_failed", "blocked", "setup_error", "cancelled", "platform_error"}
)
"""Without an answer these say that nobody was reached."""

BARE: Final = frozenset({"completed", UNKNOWN, LOST, "caller_hangup", "agent_hangup"})
"""They say nothing about an answer; without one the call was not connected (R10)."""

SPECIFICITY: Final[dict[str, int]] = {
    "busy": 4,
    "no_answer": 4,
    "rejected": 4,
    "dial_failed": 4,
    "cancelled": 4,
    "voicemail": 4,
    "transferred": 4,
    "inactivity": 4,
    "max_duration": 4,
    "agent_error": 4,
    "platform_error": 4,
    "caller_hangup": 3,
    "agent_hangup": 3,
    "end_node": 3,
    "transfer_failed": 2,
    "no_audio": 2,
    "blocked": 2,
    "setup_error": 2,
    "completed": 1,
    UNKNOWN: 0,
    LOST: -1,
}
"""Of several terminal events the most specific one gives the reason (R11)."""

REASONS: Final = frozenset(SPECIFICITY)

_RAW: Final[dict[str, str]] = {
    "end_node": "end_call_node end_node_reached assistant_ended_call assistant_ended_call_after_message_spoken "
    "assistant_ended_call_with_hangup_task assistant_said_end_call_phrase contact_flow_disconnect "
    "agent_goodbye task_completed end_trace",
    "agent_hangup": "agent_ended agent_disconnect assistant end_call_tool ended_by_agent bot_hangup twiml job_shutdown",
    "caller_hangup": "user_hangup customer_ended_call customer_ended_call_before_transfer "
    "customer_ended_call_after_transfer customer_ended_call_during_transfer customer_disconnect "
    "client_initiated user_canceled user_cancelled user_ended caller_disconnect customer_hangup "
    "participant_disconnected hangup user",
    "transferred": "call_transfer call_transferred transfer_bridged call_take_over transfer_complete "
    "transfer_completed assistant_forwarded_call forwarded third_party_disconnect",
    "transfer_failed": "transfer_cancelled transfer_canceled call_transfer_failed assistant_transfer_failed",
    "voicemail": "voicemail_reached voicemail_detected voicemail_message_left left_voicemail machine "
    "answering_machine machine_detected ivr_reached amd human_not_detected",
    "inactivity": "silence_timed_out silence_timeout user_idle user_idle_max_duration_exceeded silence idle_timeout",
    "max_duration": "exceeded_max_duration max_duration_reached call_duration_exceeded time_limit duration "
    "max_duration_exceeded",
    "agent_error": "pipeline_error error_asr error_llm_websocket_open error_llm_websocket_lost_connection "
    "error_llm_websocket_runtime error_llm_websocket_corrupt_payload assistant_error",
    "platform_error": "connection_error system_error signal_close media_failure error_retell error_unknown "
    "connection_timeout unexpected_error telecom_problem connection_lost server_shutdown state_mismatch",
    "no_audio": "error_no_audio_received did_not_receive_customer_audio "
    "customer_did_not_give_microphone_permission",
    "busy": "user_busy dial_busy telecom_busy customer_busy line_busy",
    "no_answer": "noanswer unanswered timeout dial_no_answer customer_did_not_answer telecom_unanswered "
    "telecom_timeout customer_never_arrived user_unavailable error_user_not_joined "
    "registered_call_timeout expired",
    "rejected": "call_rejected user_declined user_rejected declined reject",
    "dial_failed": "failed not_found invalid_destination telecom_number_invalid sip_routing_error "
    "telephony_provider_unavailable telephony_provider_permission_denied sip_trunk_failure dial_error "
    "invalid_number call_failed",
    "blocked": "dnc do_not_call marked_as_spam scam_detected telecom_potential_blocking spam",
    "setup_error": "concurrency_limit_reached no_concurrency_fallback no_valid_payment balance_low "
    "insufficient_balance quota_exceeded pre_queue_error queue_error call_error",
    "cancelled": "canceled manually_canceled manually_cancelled manual_stopped originator_cancel "
    "scheduled_call_deleted telecom_originator_cancel room_deleted",
    "completed": "complete normal_clearing twilio_completed_call sip_completed_call vonage_completed "
    "twilio_completed sip_completed ended done call_completed",
    UNKNOWN: "other unspecified unknown_reason none",
}

_SPELLINGS: Final[dict[str, str]] = {
    **{raw: reason for reason, spellings in _RAW.items() for raw in spellings.split()},
    **{reason: reason for reason in REASONS},
}

_FAMILIES: Final[tuple[tuple[str, str], ...]] = (
    ("call_start_error", "setup_error"),
    ("call_in_progress_error_assistant_did_not_receive_customer_audio", "no_audio"),
    ("call_in_progress_error_transfer_failed", "transfer_failed"),
    ("call_in_progress_error", "platform_error"),
    ("call_ringing_error", "dial_failed"),
    ("pipeline_error", "agent_error"),
    ("error_llm", "agent_error"),
    ("customer_ended_call", "caller_hangup"),
    ("assistant_ended_call", "end_node"),
    ("outbound_", "dial_failed"),
)
"""Platforms with hundreds of reasons build them from prefixes."""

_SEPARATORS: Final = re.compile(r"[^a-z0-9]+")


class Reason(NamedTuple):
    """A canonical reason, and whether it came from something that is mapped."""

    canonical: str
    mapped: bool


def canonical(reason: Any, raw_reason: Any = None) -> Reason:
    """The canonical reason of a terminal event's `reason`, else of its `raw_reason`.

    Neither stated is `unknown` and nothing to count; stated and unmapped is `unknown` with `mapped`
    False.
    """
    stated = [word for word in (reason, raw_reason) if word is not None and word != ""]
    for word in stated:
        found = _lookup(word) if isinstance(word, str) else None
        if found is not None:
            return Reason(found, mapped=True)
    return Reason(UNKNOWN, mapped=not stated)


def _lookup(word: str) -> str | None:
    if word in REASONS:
        return word
    plain = _SEPARATORS.sub("_", word[:200].lower()).strip("_")
    found = _SPELLINGS.get(plain)
    if found is not None:
        return found
    if plain.endswith("transfer_failed"):
        return "transfer_failed"
    return next((reason for prefix, reason in _FAMILIES if plain.startswith(prefix)), None)
