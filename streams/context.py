"""The data of a call under the names that templates and conditions use (2-calls.md).

What is not known is not there, so that the missing policy of a node decides; null is only what an
event says is null. Each name is worked out when it is first used: most templates need no transcript.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from schemas import wire
from schemas.calls import Conversation, Part
from schemas.evidence import Evidence
from schemas.outcomes import Outcome, Verdict
from schemas.workflow import VoiceAgent, Workflow
from streams import evidence
from streams.templates import heard
from streams.templates.call_data import CallData, Question, Told
from streams.templates.paths import MISSING

IN_PROGRESS: Final = "in_progress"
"""The status of a call before its verdict."""

STATUSES: Final = {
    Verdict.PROPER: "completed",
    Verdict.PREMATURE: "premature",
    Verdict.TRANSFERRED: "transferred",
    Verdict.NOT_CONNECTED: "failed",
}
_NOT_CONNECTED: Final = frozenset({"busy", "no_answer", "cancelled"})


def build(
    conversation: Conversation,
    outcome: Outcome | None,
    parts: Iterable[Part],
    workflow: Workflow | None,
    agent: VoiceAgent | None,
    now: datetime,
    *,
    call_id: str,
    tolerance: timedelta | None = None,
) -> Mapping[str, Any]:
    """What templates of one incarnation see at `now`. Parts are read once, and only if needed. Turns
    count until the end of the call and the clock `tolerance` (R16); None: all do."""
    said = conversation.evidence
    told = Told(parts)
    ended_at = outcome.ended_at if outcome else evidence.ended_at(said)
    until = None if ended_at is None or tolerance is None else ended_at + tolerance
    known = CallData(
        {
            "call": lambda: _call(call_id, outcome, said),
            "agent": lambda: _agent(evidence.agent_id(said), agent),
            "workflow": lambda: _workflow(conversation, workflow),
            "variables": lambda: heard.merged(told.events("variables.updated"), "variables"),
            "transcript": lambda: _known(_transcript(told, until)),
            "transcript_text": lambda: _in_text(_transcript(told, until)),
            "recording": lambda: heard.merged(told.events("recording.ready")),
            "analytics": lambda: heard.merged(told.events("analytics.completed")),
            "nodes": told.responses,
            "now": lambda: wire.moment(now),
        }
    )
    known.call_alike(lambda data: _aliases(data, now, agent.timezone if agent is not None else "UTC"))
    return known


def reads_alike(one: Conversation, other: Conversation) -> bool:
    """Whether templates read the same of a conversation as of itself before: of what a step changes,
    nothing but this goes into a context."""
    return (
        one.evidence is other.evidence
        and one.outcome is other.outcome
        and one.heard == other.heard
        and one.responses == other.responses
        and one.workflow_id == other.workflow_id
        and one.workflow_version == other.workflow_version
    )


def status(outcome: Outcome | None) -> str:
    """One word for how a call went: of the webhook types of its verdict the one that fits best
    (completed, premature, transferred, busy, no_answer, cancelled, failed), or in_progress."""
    if outcome is None:
        return IN_PROGRESS
    if outcome.verdict is Verdict.NOT_CONNECTED and outcome.reason in _NOT_CONNECTED:
        return outcome.reason
    return STATUSES[outcome.verdict]


def _call(call_id: str, outcome: Outcome | None, said: Evidence) -> dict[str, Any]:
    seconds = evidence.duration_seconds(said)
    known = {
        "id": call_id,
        "status": status(outcome),
        "verdict": outcome.verdict.value if outcome else None,
        "end_reason": outcome.reason if outcome else None,
        "ended_by": evidence.ended_by(said),
        "direction": evidence.direction(said),
        "channel": evidence.channel(said),
        "from": evidence.from_number(said),
        "to": evidence.to_number(said),
        "started_at": _moment(evidence.started_at(said)),
        "answered_at": _moment(evidence.answered_at(said)),
        "ended_at": _moment(outcome.ended_at if outcome else evidence.ended_at(said)),
        "duration_seconds": int(seconds) if seconds is not None and seconds.is_integer() else seconds,
        "end_node_id": outcome.end_node_id if outcome else None,
        "is_test": evidence.is_test(said),
        "attempt": evidence.attempt(said),
    }
    return {name: value for name, value in known.items() if value is not None}


def _agent(agent_id: str | None, agent: VoiceAgent | None) -> dict[str, Any]:
    known = {"id": agent_id, "name": agent.name if agent is not None else None}
    return {name: value for name, value in known.items() if value}


def _workflow(conversation: Conversation, workflow: Workflow | None) -> dict[str, Any]:
    known = {
        "id": workflow.id if workflow is not None else conversation.workflow_id,
        "version": workflow.version if workflow is not None else conversation.workflow_version,
    }
    return {name: value for name, value in known.items() if value is not None}


def _transcript(told: Told, until: datetime | None) -> list[Any] | None:
    turns = [one for one in told.events("turn.completed") if until is None or one.occurred_at <= until]
    return heard.transcript(turns, told.events("transcript.ready"))


def _in_text(transcript: list[Any] | None) -> Any:
    if transcript is None or not any(isinstance(turn, dict) and "content" in turn for turn in transcript):
        return MISSING
    return heard.transcript_text(transcript)


def _aliases(known: CallData, now: datetime, timezone: str) -> dict[str, Question]:
    """What known platforms call things; moments are in the voice agent's time zone."""
    zone = _zone(timezone)

    def of(root: str, name: str) -> Question:
        return lambda: known.get(root, {}).get(name, MISSING)

    def there(form: str) -> Question:
        return lambda: MISSING if zone is None else now.astimezone(zone).strftime(form)

    def number(inbound: str, outbound: str) -> Question:
        ends = {"inbound": inbound, "outbound": outbound}
        return lambda: _number(known.get("call", {}), ends)

    return {
        "call_id": of("call", "id"),
        "caller_phone": number("from", "to"),
        "user_number": number("from", "to"),
        "agent_number": number("to", "from"),
        "call_duration": of("call", "duration_seconds"),
        "call_direction": of("call", "direction"),
        "call_summary": of("analytics", "summary"),
        "disposition": of("analytics", "disposition"),
        "current_date": there("%Y-%m-%d"),
        "current_time": there("%H:%M:%S"),
        "current_day": there("%A"),
        "timezone": lambda: MISSING if zone is None else zone.key,
    }


def _number(call: dict[str, Any], ends: dict[str, str]) -> Any:
    return call.get(ends.get(call.get("direction", ""), ""), MISSING)


def _known(value: Any) -> Any:
    return MISSING if value is None else value


def _moment(at: datetime | None) -> str | None:
    return None if at is None else wire.moment(at)


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo | None:
    """The time zone, None where this machine does not know it."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
