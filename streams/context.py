"""The data of a call under the names that templates and conditions use (2-calls.md).

What is not known is not there, so that the missing policy of a node decides; null is only what an
event says is null. Each name is worked out when it is first used: most templates need no transcript.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from schemas import wire
from schemas.calls import Conversation, Heard, Part, Response
from schemas.events import Event
from schemas.evidence import Evidence
from schemas.outcomes import Outcome, Verdict
from schemas.workflow import VoiceAgent, Workflow
from streams import evidence, heard
from streams.paths import MISSING

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
) -> Mapping[str, Any]:
    """What templates of one incarnation see at `now`. Parts are read once, and only if needed."""
    said = conversation.evidence
    told = _Told(parts)
    zone = _zone(agent.timezone if agent is not None else "UTC")
    known = CallData(
        {
            "call": lambda: _call(call_id, outcome, said),
            "agent": lambda: _agent(evidence.agent_id(said), agent),
            "workflow": lambda: _workflow(conversation, workflow),
            "variables": lambda: heard.merged(told.events("variables.updated"), "variables"),
            "transcript": lambda: _known(_transcript(told)),
            "transcript_text": lambda: _in_text(_transcript(told)),
            "recording": lambda: heard.merged(told.events("recording.ready")),
            "analytics": lambda: heard.merged(told.events("analytics.completed")),
            "nodes": told.responses,
            "now": lambda: wire.moment(now),
        }
    )
    known.call_alike(_aliases(known, now, zone))
    return known


def status(outcome: Outcome | None) -> str:
    """One word for how a call went: of the webhook types of its verdict the one that fits best
    (completed, premature, transferred, busy, no_answer, cancelled, failed), or in_progress."""
    if outcome is None:
        return IN_PROGRESS
    if outcome.verdict is Verdict.NOT_CONNECTED and outcome.reason in _NOT_CONNECTED:
        return outcome.reason
    return STATUSES[outcome.verdict]


Question = Callable[[], Any]


class CallData(Mapping[str, Any]):
    """Names and their values, each worked out once. A name that is none of them is a variable of the
    conversation, else what a known platform calls the same thing."""

    def __init__(self, questions: dict[str, Question]) -> None:
        self._questions = questions
        self._aliases: dict[str, Question] = {}
        self._answers: dict[str, Any] = {}

    def call_alike(self, aliases: dict[str, Question]) -> None:
        """Let names of known platforms mean something, where no variable has the name."""
        self._aliases = aliases

    def __getitem__(self, name: str) -> Any:
        answer = self.get(name, MISSING)
        if answer is MISSING:
            raise KeyError(name)
        return answer

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a name, or the default where nothing is known."""
        answer = self._answers.get(name, self)
        if answer is self:
            answer = self._answers[name] = self._ask(name)
        return default if answer is MISSING else answer

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._questions if self.get(name, MISSING) is not MISSING)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _ask(self, name: str) -> Any:
        if name in self._questions:
            return self._questions[name]()
        variables = self.get("variables", {})
        if name in variables:
            return variables[name]
        return self._aliases[name]() if name in self._aliases else MISSING


class _Told:
    """The parts of a call, read at the first question and sorted by what they are."""

    def __init__(self, parts: Iterable[Part]) -> None:
        self._parts = parts
        self._events: dict[str, list[Event]] | None = None
        self._responses: dict[str, Any] = {}

    def events(self, kind: str) -> list[Event]:
        """The heard events of one type."""
        if self._events is None:
            self._events = self._read()
        return self._events.get(kind, [])

    def responses(self) -> dict[str, Any]:
        """What was kept of the nodes' replies, by node id."""
        self.events("")
        return self._responses

    def _read(self) -> dict[str, list[Event]]:
        events: dict[str, list[Event]] = {}
        for part in self._parts:
            match part:
                case Heard(event):
                    events.setdefault(event.type, []).append(event)
                case Response():
                    self._responses[part.node_id] = {"response": _response(part)}
        return events


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


def _transcript(told: _Told) -> list[Any] | None:
    return heard.transcript(told.events("turn.completed"), told.events("transcript.ready"))


def _in_text(transcript: list[Any] | None) -> Any:
    return MISSING if transcript is None else heard.transcript_text(transcript)


def _response(part: Response) -> dict[str, Any]:
    kept = {"status": part.status, "headers": part.headers, "extracted": part.extracted}
    return kept if part.body is None else {**kept, "body": part.body}


def _aliases(known: CallData, now: datetime, zone: ZoneInfo | None) -> dict[str, Question]:
    """What known platforms call things; moments are in the voice agent's time zone."""

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
    return None if at is None else wire.moment(at.astimezone(UTC))


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo | None:
    """The time zone, None where this machine does not know it."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
