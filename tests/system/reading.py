"""A second reading of how a call ended, written from the rules alone and for the generated situations alone.

It shares no line with the engine's own. Given everything that was told of a call it says which verdict must
come out in the end, and, when something was told late, which verdict may have come first.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tests.system.witnesses import Record

GRACE_SECONDS = 3.0
_PACING_SECONDS = 0.5
"""An event this near the end of the grace may be handled on either side of it."""
_TOLERANCE = timedelta(seconds=2)

_SPELLINGS = {"no-answer": "no_answer", "canceled": "cancelled", "agent-error": "agent_error"}
_SPECIFIC = {
    **dict.fromkeys(("busy", "no_answer", "rejected", "dial_failed", "cancelled", "voicemail"), 4),
    **dict.fromkeys(("transferred", "inactivity", "max_duration", "agent_error", "platform_error"), 4),
    **dict.fromkeys(("caller_hangup", "agent_hangup", "end_node"), 3),
    "completed": 1,
    "unknown": 0,
}
_BROKEN = {"inactivity", "max_duration", "agent_error", "platform_error", "no_audio"}
_NEVER_UP = {"busy", "no_answer", "rejected", "dial_failed", "blocked", "setup_error", "cancelled"}
_WEAK = {"completed", "unknown", "lost", "caller_hangup", "agent_hangup", "platform_error"}
_ANSWER = {"call.answered", "conversation.started", "node.entered", "turn.completed"}
RANKS = {"NOT_CONNECTED": 0, "PREMATURE": 1, "TRANSFERRED": 2, "PROPER": 3}


@dataclass(frozen=True, slots=True)
class Reading:
    """How a call ended: `rules` are those that may stand beside the verdict."""

    verdict: str
    rules: frozenset[str]
    reason: str
    end_node_id: str | None = None


def read_call(records: list[Record]) -> tuple[Reading, Reading | None]:
    """Return the reading of everything told, and that of what was told in time where it ranks lower."""
    events = [(record.at, record.json) for record in records]
    final = read_events([event for _, event in events])
    first_end = min((at for at, event in events if event["type"] == "call.ended"), default=None)
    if first_end is None:
        return final, None
    limit = first_end + GRACE_SECONDS - _PACING_SECONDS
    in_time = read_events([event for at, event in events if at <= limit])
    return final, in_time if RANKS[in_time.verdict] < RANKS[final.verdict] else None


def read_events(events: list[dict[str, Any]]) -> Reading:
    """Return how a call ended that these events, in any order and with repetitions, tell of."""
    known = list({(event["source"], event["id"]): event for event in events}.values())
    ends = [event for event in known if event["type"] == "call.ended"]
    reason, named = _reason(ends), _named(ends)
    nodes = _nodes_in_order(known, _ended_at(ends))
    reached = named or (nodes[-1]["data"]["node_id"] if nodes and _is_end(nodes[-1]) else None)
    types = {event["type"] for event in known}
    if reason == "voicemail" or "voicemail.detected" in types:
        return Reading("PREMATURE", frozenset({"R7"}), "voicemail")
    if reached is None and (reason == "transferred" or "transfer.bridged" in types):
        return Reading("TRANSFERRED", frozenset({"R6"}), "transferred")
    if reached is not None:
        rules = frozenset({"R1", "R2", "R3"}) if named else frozenset({_proper_rule(reason, reached, known)})
        return Reading("PROPER", rules if ends else frozenset({"R12"}), reason, reached)
    if not types & _ANSWER and reason in _NEVER_UP | _WEAK:
        return Reading("NOT_CONNECTED", frozenset({"R10" if ends else "R12"}), reason)
    return Reading("PREMATURE", frozenset({_premature_rule(reason, nodes) if ends else "R12"}), reason)


def _reason(ends: list[dict[str, Any]]) -> str:
    reasons = [
        (_SPELLINGS.get(end["data"]["reason"], end["data"]["reason"]), end["occurred_at"]) for end in ends
    ]
    reasons.sort(key=lambda each: (-_SPECIFIC.get(each[0], 2), each[1]))
    return str(reasons[0][0]) if reasons else "lost"


def _named(ends: list[dict[str, Any]]) -> str | None:
    return next((end["data"]["end_node_id"] for end in ends if end["data"].get("end_node_id")), None)


def _ended_at(ends: list[dict[str, Any]]) -> datetime | None:
    return max((_moment(end["data"].get("ended_at") or end["occurred_at"]) for end in ends), default=None)


def _nodes_in_order(known: list[dict[str, Any]], ended_at: datetime | None) -> list[dict[str, Any]]:
    nodes = [event for event in known if event["type"] == "node.entered"]
    counted = [
        node for node in nodes if ended_at is None or _moment(node["occurred_at"]) <= ended_at + _TOLERANCE
    ]
    return sorted(
        counted, key=lambda node: (_effective(node, nodes), node["source"], node["seq"], node["id"])
    )


def _effective(node: dict[str, Any], nodes: list[dict[str, Any]]) -> datetime:
    before = [n for n in nodes if n["source"] == node["source"] and n["seq"] <= node["seq"]]
    return max(_moment(each["occurred_at"]) for each in before)


def _is_end(node: dict[str, Any]) -> bool:
    return bool(node["data"]["node_type"] == "end_call")


def _proper_rule(reason: str, reached: str, known: list[dict[str, Any]]) -> str:
    if reason in _BROKEN:
        return "R9"
    spoken = any(e["type"] == "closing.spoken" and e["data"]["node_id"] == reached for e in known)
    return "R3" if reason == "caller_hangup" and not spoken else "R1"


def _premature_rule(reason: str, nodes: list[dict[str, Any]]) -> str:
    if any(_is_end(node) for node in nodes):
        return "R5"
    return "R8" if reason in _BROKEN | {"transfer_failed"} else "R4"


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
